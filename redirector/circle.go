package redirector

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"fairlead/redirector/links"
	"fairlead/redirector/params"
)

// The directory lets nothing lead to the redirector's own address. Where that address was given to it later, or
// was never told, a browser would be sent from here to here until it gives up. So the host that a request was
// made to, which needs no configuration, is looked for in its answer.

// isOurs reports whether a destination is on the host that the request was made to.
func (h *hit) isOurs(to links.Destination) bool {
	host, rest := h.ctx.Request.Header.Host(), afterScheme(to.URL)
	if len(host) == 0 || len(rest) < len(host) || !bytes.EqualFold(rest[:len(host)], host) {
		return false
	}
	return len(rest) == len(host) || bytes.IndexByte([]byte("/?#"), rest[len(host)]) >= 0
}

// afterScheme takes https:// or http:// off a compiled address, which begins with one of them.
func afterScheme(url []byte) []byte {
	if url[len("http")] == ':' {
		return url[len("http://"):]
	}
	return url[len("https://"):]
}

// isHere reports whether a destination is the very address that was asked for, whatever its query.
func (h *hit) isHere(to links.Destination) bool {
	if !h.isOurs(to) {
		return false
	}
	path := afterScheme(to.Path())
	if i := bytes.IndexByte(path, '/'); i >= 0 {
		path = path[i:]
	} else {
		path = nil
	}
	h.location = params.AppendDecoded(h.location[:0], path, false)
	return bytes.EqualFold(trimSlashes(h.location), h.click.Slug)
}

// straighten sends a link that leads to itself to the homepage.
func (h *hit) straighten() {
	if h.isHere(h.to) {
		h.to = h.view.Program.Homepage
		h.circular = h.isHere(h.to)
	}
}

// nowhere answers a request for the homepage where that is here: any redirect would be to itself.
func (h *hit) nowhere() outcome {
	h.ctx.Response.Header.SetCanonical(headerCacheControl, privateNoStore)
	h.ctx.Response.Header.SetCanonical(headerRobots, noindexNofollow)
	h.plain(fasthttp.StatusNotFound, "There is nothing at this address.\n")
	if h.head {
		return outcomeHead
	}
	return outcomeOf(h.click.Verdict)
}

package redirector

import (
	"github.com/valyala/fasthttp"

	"fairlead/schema"
)

// robots lets everybody in, so that link previews work; X-Robots-Tag keeps the links out of indexes.
const robots = "User-agent: *\nAllow: /\n"

// favicon is our mark: the ring that a line runs through.
const favicon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><g fill="none" stroke="#0f6e84" stroke-width="2"><circle cx="8" cy="8" r="4.5"/><path d="M0 13 16 3"/></g></svg>`

// serveOwn answers what no link does: methods other than GET and HEAD.
func (s *Server) serveOwn(h *hit) outcome {
	if out, own := s.own(h); own {
		return out
	}
	h.ctx.Response.Header.Set("Allow", "GET, HEAD")
	h.plain(fasthttp.StatusMethodNotAllowed, "This address answers GET and HEAD.\n")
	return outcomeBadMethod
}

// own answers the paths that the edge keeps for itself. They cannot be slugs; own is false for all
// others.
func (s *Server) own(h *hit) (out outcome, own bool) {
	if !reserved(h.path) {
		return 0, false
	}
	h.text = append(h.text[:0], h.path...)
	foldASCII(h.text)
	if r, ok := s.routes[string(h.text)]; ok {
		return s.serveRoute(h, r.answer), true
	}
	get := h.head || h.ctx.IsGet()
	switch {
	case get && equalFold(h.path, "robots.txt"):
		h.ctx.Response.Header.SetCanonical(headerCacheControl, publicDay)
		h.plain(fasthttp.StatusOK, robots)
		return outcomeOwn, true
	case get && equalFold(h.path, "favicon.ico"):
		h.ctx.Response.Header.SetCanonical(headerCacheControl, publicDay)
		h.ctx.SetContentType("image/svg+xml")
		h.ctx.SetBodyString(favicon)
		return outcomeOwn, true
	}
	h.refuse(fasthttp.StatusNotFound, "not_found", "There is nothing at this address.")
	return outcomeNotFound, true
}

// reserved reports whether a path begins with a part that the edge keeps for itself.
func reserved(path []byte) bool {
	for i, b := range path {
		if b == '/' {
			path = path[:i]
			break
		}
	}
	return schema.Reserved(path)
}

var publicDay = []byte("public, max-age=86400")

func (h *hit) plain(status int, text string) {
	h.ctx.SetStatusCode(status)
	h.ctx.SetContentType("text/plain; charset=utf-8")
	h.ctx.SetBodyString(text)
}

func equalFold(b []byte, word string) bool { return len(b) == len(word) && containsFold(b, word) }

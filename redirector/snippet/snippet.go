// Package snippet serves /fairlead.js: the script that a merchant puts on their pages, so that the click id outlives the
// page that a partner's link leads to.
//
// The script is served as it is written, with the program's settings put in. It takes the click id from the address, or asks
// for one where the address names a partner (?via=), keeps it in a first-party cookie, and offers it to the page, to
// forms and to Stripe's payment links. It sends nothing anywhere without being asked to, and changes no address.
package snippet

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"fairlead/redirector/links"
)

//go:embed fairlead.js
var source []byte

// Directory is where the program's settings are looked up; see links.Directory.
type Directory interface{ View() *links.View }

// Snippet serves the script. It is safe for concurrent use.
type Snippet struct {
	links Directory
	made  atomic.Pointer[made] // the last one
}

// made is the script of a program's settings.
type made struct {
	program       *links.Program
	plain, packed form
}

// form is the script as it is sent.
type form struct {
	text []byte
	etag string
}

// New makes the script's server.
func New(links Directory) *Snippet { return &Snippet{links: links} }

// settings are what the script has to know of a program.
type settings struct {
	Params []string `json:"params"` // that carry a click id
	Days   int      `json:"days"`   // for which a click is credited: the cookie lasts as long; the server decides
	First  bool     `json:"first"`  // a click that is kept is not replaced while it is credited
	GPC    bool     `json:"gpc"`    // who asks for privacy is asked for consent
}

// Script returns the script with a program's settings.
func Script(p *links.Program) []byte {
	s := settings{Params: []string{string(p.Param)}, Days: p.WindowDays, First: p.FirstTouch, GPC: p.RespectGPC}
	if len(p.AlsoParam) > 0 {
		s.Params = append(s.Params, string(p.AlsoParam))
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic("BUG: settings are not to be marshalled: " + err.Error())
	}
	return bytes.Replace(source, []byte("FAIRLEAD_PROGRAM"), text, 1)
}

// script makes the script once for each change of the settings.
func (s *Snippet) script(p *links.Program) *made {
	if m := s.made.Load(); m != nil && m.program == p {
		return m
	}
	text := Script(p)
	h := fnv.New64a()
	h.Write(text)
	tag := hex.EncodeToString(h.Sum(nil))
	m := &made{
		program: p,
		plain:   form{text, `"` + tag + `"`},
		packed:  form{fasthttp.AppendGzipBytesLevel(nil, text, fasthttp.CompressBestCompression), `"` + tag + `-gzip"`},
	}
	s.made.Store(m)
	return m
}

// Serve answers a request for the script. Browsers keep it for an hour and then ask whether it changed.
func (s *Snippet) Serve(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	if !ctx.IsGet() && !ctx.IsHead() {
		ctx.Error("This address answers GET and HEAD.\n", fasthttp.StatusMethodNotAllowed) // empties the headers
		h.Set("Allow", "GET, HEAD")
		return
	}
	view := s.links.View()
	if view == nil {
		h.Set("Retry-After", "1")
		h.Set("Cache-Control", "no-store")
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		return
	}
	m := s.script(view.Program)
	f := m.plain
	if ctx.Request.Header.HasAcceptEncoding("gzip") {
		f = m.packed
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("ETag", f.etag)
	h.Set("Access-Control-Allow-Origin", "*") // so that pages may load it with integrity checks and see its errors
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if string(ctx.Request.Header.Peek("If-None-Match")) == f.etag {
		ctx.SetStatusCode(fasthttp.StatusNotModified)
		return
	}
	ctx.SetContentType("text/javascript; charset=utf-8")
	ctx.SetBody(f.text)
}

package redirector

import (
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"fairlead/schema"
)

// Call is a request for a path that the edge keeps for itself.
type Call struct {
	Ctx  *fasthttp.RequestCtx
	Now  time.Time
	From netip.Addr // whose request it is; zero: not known
}

// Route answers a Call. It may wait for a disk, never for a store.
type Route func(Call)

// route is a Route and the bound of what is sent to it, in bytes.
type route struct {
	answer Route
	bodies int
}

// Route makes r answer a path, whatever the method: "track/lead", in lower case. Its first part has to be one that
// slugs cannot begin with. All routes are named before Serve.
func (s *Server) Route(path string, r Route) { s.RouteBodies(path, s.opt.Limits.BodyBytes, r) }

// RouteBodies is Route for a path whose requests' bodies have a bound of their own, in bytes.
func (s *Server) RouteBodies(path string, most int, r Route) {
	first, _, _ := strings.Cut(path, "/")
	if !schema.Reserved([]byte(first)) {
		panic("BUG: the path " + path + " may be a link's")
	}
	if s.routes == nil {
		s.routes = map[string]route{}
	}
	s.routes[path] = route{r, most}
}

// bounds tells fasthttp how long a body may be, once the headers have come. Links have none, and are most of what comes. Where
// the request ends is doubtful when it has two lengths: it is the last of its connection then.
func (s *Server) bounds(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
	if ambiguous(h) {
		h.SetConnectionClose()
	}
	if !h.IsGet() {
		c.MaxRequestBodySize = s.bodyBound(h)
	}
	return c
}

// bodyBound is how long the body of a request may be, in bytes.
func (s *Server) bodyBound(h *fasthttp.RequestHeader) int {
	path, _, _ := split(h.RequestURI())
	if r, ok := s.routes[strings.ToLower(string(trimSlashes(path)))]; ok {
		return r.bodies
	}
	return s.opt.Limits.BodyBytes
}

// serveRoute answers a path that somebody has a Route for. A bug there must not look like success.
func (s *Server) serveRoute(h *hit, r Route) (out outcome) {
	if s.closed.Load() {
		return h.unavailable()
	}
	out, h.apart = outcomeRoute, true
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("BUG: a request was not answered", "path", string(h.path), "panic", p, "stack", string(debug.Stack()))
			h.ctx.Response.Reset()
			h.refuse(fasthttp.StatusInternalServerError, "internal_server_error", "This request could not be answered. Send it again.")
			out = outcomePanic
		}
	}()
	h.facts.read(h.ctx)
	from, _ := s.client(h)
	r(Call{Ctx: h.ctx, Now: h.now, From: from})
	return out
}

// refuse answers with an error in the form of the track API.
func (h *hit) refuse(status int, code, message string) {
	h.ctx.Response.Header.SetCanonical(headerCacheControl, noStore)
	h.ctx.SetStatusCode(status)
	h.ctx.SetContentType("application/json")
	h.ctx.SetBodyString(`{"error":{"code":"` + code + `","message":"` + message + `","doc_url":"/openapi.json"}}`)
}

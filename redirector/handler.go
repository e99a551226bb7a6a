package redirector

import (
	"errors"
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"

	"fairlead/redirector/journal"
	"fairlead/redirector/links"
	"fairlead/redirector/params"
	"fairlead/schema"
)

// hit is one request on its way through the steps. It is reused: nothing of it outlives the request.
type hit struct {
	ctx  *fasthttp.RequestCtx
	now  time.Time
	path []byte // decoded, without the slashes around it
	raw  []byte // the query as it came
	head bool   // HEAD: answered, not counted

	circular bool // the homepage is the very address that was asked for
	apart    bool // a Route answered: its time is not a redirect's

	facts  facts
	params params.Reader
	view   *links.View
	link   links.Link
	to     links.Destination
	click  schema.Click

	text, location, record, scratch []byte
	count                           *counters // of this hit's share of the metrics
}

// Handle answers one request.
func (s *Server) Handle(ctx *fasthttp.RequestCtx) {
	if s.leaving.Load() {
		ctx.SetConnectionClose() // whose request comes as an idle connection is closed would be recorded and not answered
	}
	h := s.hits.Get().(*hit)
	h.ctx, h.now = ctx, s.timeOf(ctx)
	defer s.done(h)
	h.count.add(s.serve(h))
}

// serve takes a request through its steps and tells how it ended.
func (s *Server) serve(h *hit) outcome {
	if !h.route() {
		return s.serveOwn(h)
	}
	if !s.lookUp(h) {
		if out, own := s.own(h); own {
			return out
		}
		if h.view == nil {
			return h.unavailable()
		}
	}
	if s.closed.Load() {
		return h.unavailable()
	}
	h.facts.read(h.ctx)
	h.params.Read(h.raw, &h.click, h.view.Program.Param, h.view.Program.AlsoParam)
	h.judge()
	s.identify(h)
	h.locate()
	if !s.keep(h) {
		return h.unavailable()
	}
	return h.answer()
}

// route reads the request line. It returns false for what no link answers: other methods than GET and
// HEAD.
func (h *hit) route() bool {
	r := &h.ctx.Request.Header
	h.head = r.IsHead()
	var path []byte
	var escaped bool
	path, h.raw, escaped = split(r.RequestURI())
	if escaped {
		h.scratch = params.AppendDecoded(h.scratch[:0], path, false)
		path = h.scratch
	}
	h.path = trimSlashes(path)
	return h.head || r.IsGet()
}

// lookUp finds the link, and the destination that it leads to when all is well.
func (s *Server) lookUp(h *hit) bool {
	h.view = s.opt.Links.View()
	if h.view == nil {
		return false
	}
	h.to = h.view.Program.Homepage
	var ok bool
	if h.link, ok = h.view.Lookup(h.path); !ok {
		h.text = params.AppendText(h.text[:0], h.path, schema.MaxSlug)
		foldASCII(h.text)
		h.click.Slug = h.text
		return false
	}
	h.click.Link, h.click.Partner, h.click.Slug = h.link.ID, h.link.Partner, h.link.Slug
	return true
}

// judge gives the verdict as far as the request and the link tell. How it was asked for comes before
// what was asked for: a prefetch is no visit whatever the link.
func (h *hit) judge() {
	verdict, reason := h.facts.purpose()
	if verdict != schema.VerdictPrefetch {
		switch {
		case h.link.ID == 0:
			verdict, reason = schema.VerdictUnknownLink, nil
		default:
			if v := h.link.Verdict(h.now.UnixMilli()); v != schema.VerdictValid {
				verdict, reason = v, nil
			}
		}
	}
	h.click.Verdict, h.click.Reason = verdict, reason
}

// identify gives the click its time, its id, and what stays of the one who made it.
func (s *Server) identify(h *hit) {
	c, f := &h.click, &h.facts
	c.At = h.now.UnixMilli()
	key := h.view.Program.Key
	if h.head {
		key = s.nobodys
	}
	id := s.ids.New(key, c.At, c.Link)
	c.Nonce, c.Tag = id.Nonce, id.Tag
	c.Hints = f.hints
	c.UserAgent = clip(f.userAgent, schema.MaxUserAgent)
	c.Referrer = clip(f.referrer, schema.MaxReferrer)
	c.Language = clip(f.language, schema.MaxLanguage)
	addr, secure := s.client(h)
	if secure {
		c.Hints |= schema.HintTLS
	}
	if !addr.IsValid() {
		return
	}
	c.Network = Network(addr)
	if !h.view.Program.RespectGPC || c.Hints&schema.HintGPC == 0 {
		c.Visitor, h.scratch = s.opt.Salt.visitor(h.now, h.view.Program.Zone, addr, c.UserAgent, h.scratch[:0])
	}
}

// locate decides where to, and merges the request's parameters into it. Only a click that can earn
// carries its id there: an iframe's must not replace the one that a shop already holds. HEAD gets one too,
// to be the same answer, which is recorded nowhere and can never be redeemed: its tag is under a key that
// nobody has.
func (h *hit) locate() {
	p := h.view.Program
	if h.leads() {
		if len(h.link.To.URL) > 0 {
			h.to = h.link.To
		}
		if deep := h.params.DeepLink(); len(deep) > 0 {
			if to, ok := p.DeepLink(string(deep)); ok && !h.isOurs(to) {
				h.to = to
			}
		}
	}
	h.straighten()
	h.click.Destination = clip(h.to.URL, schema.MaxDestination)
	if h.click.Verdict == schema.VerdictValid {
		id := h.click.ID()
		h.location = h.params.AppendLocation(h.location[:0], h.to, &id, p.Param, p.AlsoParam)
	} else {
		h.location = h.params.AppendLocation(h.location[:0], h.to, nil, nil, nil)
	}
}

// leads reports whether the request may go where the link leads, rather than to the homepage.
func (h *hit) leads() bool {
	switch h.click.Verdict {
	case schema.VerdictValid, schema.VerdictEmbedded, schema.VerdictPrefetch:
		return h.link.ID != 0
	}
	return false
}

// keep puts the click into the journal. It returns false when the request must not be answered with a
// redirect: the journal is closed, and nobody would count it.
func (s *Server) keep(h *hit) bool {
	if h.head {
		return true
	}
	h.record = schema.AppendClick(h.record[:0], &h.click)
	_, err := s.opt.Journal.Append(h.record)
	if err == nil {
		return true
	}
	if errors.Is(err, journal.ErrClosed) {
		return false
	}
	s.unrecorded(err)
	return true
}

var (
	headerLocation     = []byte("Location")
	headerCacheControl = []byte("Cache-Control")
	headerRobots       = []byte("X-Robots-Tag")
	privateNoStore     = []byte("private, no-store")
	noStore            = []byte("no-store")
	noindexNofollow    = []byte("noindex, nofollow")
)

// answer sets the response.
func (h *hit) answer() outcome {
	r := &h.ctx.Response
	if h.click.Verdict == schema.VerdictPrefetch {
		// The browser asks again when the link is really clicked.
		r.SetStatusCode(fasthttp.StatusServiceUnavailable)
		r.Header.SetCanonical(headerCacheControl, noStore)
		r.Header.SetCanonical(headerRobots, noindexNofollow)
		return outcomeOf(h.click.Verdict)
	}
	if h.circular {
		return h.nowhere()
	}
	r.SetStatusCode(fasthttp.StatusFound)
	r.Header.SetCanonical(headerLocation, h.location)
	r.Header.SetCanonical(headerCacheControl, privateNoStore)
	r.Header.SetCanonical(headerRobots, noindexNofollow)
	if h.head {
		return outcomeHead
	}
	return outcomeOf(h.click.Verdict)
}

// unavailable answers a request that this node cannot take.
func (h *hit) unavailable() outcome {
	r := &h.ctx.Response
	r.ResetBody()
	r.SetStatusCode(fasthttp.StatusServiceUnavailable)
	r.Header.SetCanonical(headerCacheControl, noStore)
	r.Header.Set("Retry-After", "1")
	h.ctx.SetConnectionClose()
	return outcomeUnavailable
}

// done ends a request: it survives a bug in the steps, which must not cost the shopper the redirect nor
// the other requests the process.
func (s *Server) done(h *hit) {
	if p := recover(); p != nil {
		s.log.Error("BUG: a request was redirected to the homepage and not recorded", "panic", p, "stack", string(debug.Stack()))
		h.count.add(s.rescue(h))
	}
	if !h.apart {
		h.count.took(s.since(h.now))
	}
	h.reset()
	s.hits.Put(h)
}

func (s *Server) rescue(h *hit) outcome {
	h.ctx.Response.Reset()
	v := s.opt.Links.View()
	if v == nil {
		return h.unavailable()
	}
	s.count.unrecorded[reasonPanic].Add(1)
	r := &h.ctx.Response
	r.SetStatusCode(fasthttp.StatusFound)
	r.Header.SetCanonical(headerLocation, v.Program.Homepage.URL)
	r.Header.SetCanonical(headerCacheControl, privateNoStore)
	return outcomePanic
}

// reset drops everything that belongs to the request.
func (h *hit) reset() {
	h.ctx, h.path, h.raw, h.view, h.head, h.circular, h.apart = nil, nil, nil, nil, false, false, false
	h.link, h.to = links.Link{}, links.Destination{}
	h.click = schema.Click{}
	h.facts.reset()
}

package redirector

import (
	"strings"

	"github.com/valyala/fasthttp"

	"fairlead/redirector/snippet"
	"fairlead/redirector/track"
	"fairlead/schema"
)

// serveScript serves the script by which pages ask for clicks.
func (s *Server) serveScript() {
	script := snippet.New(s.opt.Links)
	s.Route("fairlead.js", func(c Call) { script.Serve(c.Ctx) })
}

// trackClick records a click that a page of the program's domains tells of: somebody came by a partner's key in the
// page's address, and not by a redirect. It goes through the same steps and into the same journal.
func (s *Server) trackClick(api *track.API, c Call) {
	api.Cross(c.Ctx)
	if c.Ctx.IsOptions() {
		c.Ctx.SetStatusCode(fasthttp.StatusNoContent)
		return
	}
	var told track.Click
	err := api.Page(c.Ctx, c.Now, c.From)
	if err == nil {
		told, err = track.ReadClick(c.Ctx)
	}
	if err != nil {
		api.Refuse(c.Ctx, err)
		return
	}
	h := s.hits.Get().(*hit)
	defer func() {
		h.reset()
		s.hits.Put(h)
	}()
	h.ctx, h.now, h.path = c.Ctx, c.Now, []byte(told.Key)
	if s.lookUp(h); h.view == nil {
		api.Refuse(c.Ctx, track.ErrUnavailable)
		return
	}
	h.facts.read(c.Ctx)
	h.facts.dest = nil // a script asks, by the nature of the thing
	h.facts.referrer = []byte(told.Referrer)
	page, _, _ := strings.Cut(told.URL, "#")
	_, query, _ := strings.Cut(page, "?")
	h.params.Read([]byte(query), &h.click, h.view.Program.Param, h.view.Program.AlsoParam)
	h.judge()
	s.identify(h)
	h.land(told.URL)
	if !s.keep(h) || h.click.Verdict == schema.VerdictPrefetch {
		api.Refuse(c.Ctx, track.ErrUnavailable) // a page that is shown later tells it again
		return
	}
	if h.click.Verdict != schema.VerdictValid {
		api.RefuseClick(c.Ctx, told.Key, h.click.Verdict)
		return
	}
	api.SayClick(c.Ctx, h.view, h.click.ID(), h.link)
}

// land notes where the visitor is: on the page that was told, where that is one of the program's, otherwise where the
// link leads. What stands in a page's query may be about the visitor: it is not kept.
func (h *hit) land(page string) {
	at := h.to.URL
	if to, ok := h.view.Program.DeepLink(page); ok {
		at = to.Path()
	} else if len(h.link.To.URL) > 0 {
		at = h.link.To.URL
	}
	h.click.Destination = clip(at, schema.MaxDestination)
}

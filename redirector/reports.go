package redirector

import (
	"fairlead/redirector/door"
	"fairlead/redirector/track"
)

// ServeTrack answers the track API, and serves the script of pages that report by it. Call it before Serve.
func (s *Server) ServeTrack(api *track.API) {
	for path, answer := range api.Paths() {
		s.Route(path, func(c Call) { answer(c.Ctx, c.Now, c.From) })
	}
	s.Route("track/click", func(c Call) { s.trackClick(api, c) })
	s.serveScript()
}

// ServeDoors answers the postbacks of trackers, and the webhooks of Stripe and Shopify. Call it before Serve.
func (s *Server) ServeDoors(d *door.Doors) {
	for _, r := range d.Routes() {
		s.RouteBodies(r.Path, max(r.Bodies, s.opt.Limits.BodyBytes), func(c Call) { r.Answer(c.Ctx, c.Now, c.From) })
	}
}

package track

import (
	"mime"
	"strings"

	"github.com/valyala/fasthttp"

	"fairlead/redirector/links"
	"fairlead/schema"
)

// Click is what a page tells of a visit that came by a partner's key instead of a redirect: ?via=ada.
type Click struct {
	Key      string // the link's slug
	URL      string // the page; empty: not told
	Referrer string // where the visitor came from; empty: not told
}

// ReadClick reads the body of POST /track/click. Pages may send it as text, which spares them a question beforehand.
func ReadClick(ctx *fasthttp.RequestCtx) (Click, error) {
	if !ctx.IsPost() {
		return Click{}, Methods("POST")
	}
	kind, _, err := mime.ParseMediaType(string(ctx.Request.Header.ContentType()))
	if err != nil || kind != "application/json" && kind != "text/plain" {
		return Click{}, refuse(BadRequest, "Content-Type", "is %q, and has to be application/json or text/plain", ctx.Request.Header.ContentType())
	}
	f := readFields(ctx.PostBody())
	c := Click{Key: strings.Trim(f.needed("key"), "/"), URL: f.text("url"), Referrer: f.text("referrer")}
	f.text("domain") // Dub's links have one of several; ours have the one that was asked
	if len(c.Key) > schema.MaxSlug {
		f.refuse("key", "has %d bytes, at most %d are taken", len(c.Key), schema.MaxSlug)
	}
	if f.err != nil {
		return Click{}, f.err
	}
	return c, nil
}

// clickTold is the answer to a click, in the shape that Dub's script reads.
type clickTold struct {
	ClickID  string       `json:"clickId"`
	Partner  partnerShort `json:"partner"`
	Link     *LinkAnswer  `json:"link"`
	Discount *struct{}    `json:"discount"` // null: links carry none
}

// partnerShort is what everybody may know of a partner. Dub's script keeps the name in a cookie of the shop's: it is the
// key by which the visitor came, and not what the partner is called.
type partnerShort struct {
	ID    string  `json:"id"`
	Name  string  `json:"name"`
	Image *string `json:"image"` // null: there is none
}

// SayClick answers that a click was recorded.
func (a *API) SayClick(ctx *fasthttp.RequestCtx, view *links.View, id schema.ClickID, l links.Link) {
	a.Say(ctx, clickTold{
		ClickID: id.String(), Partner: partnerShort{ID: l.Partner.String(), Name: string(l.Spelled)}, Link: a.Link(view, l),
	})
}

// RefuseClick answers that a click earns nothing: its link is not there, or does not work.
func (a *API) RefuseClick(ctx *fasthttp.RequestCtx, key string, verdict schema.Verdict) {
	what := "There is no link"
	if verdict != schema.VerdictUnknownLink {
		what = "No link works"
	}
	a.Refuse(ctx, refuse(NotFound, "key", "%s under the key %q.", what, shortened(key)))
}

package track

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"mime"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"fairlead/redirector/links"
	"fairlead/schema"
)

// The limits of what is asked for, each within a window. An API key is a shop's server; an address is a household.
const (
	window         = 10 * time.Second
	mostOfKey      = 200_000
	mostOfAddress  = 300 // clicks told by pages, and leads told by them
	mostOfFailures = 100 // wrong keys
)

// API answers the track API over HTTP: Dub's shapes, so that its SDK and its users' code work unchanged, and refunds.
type API struct {
	desk *Desk
	base string // the redirector's public URL, without a slash at its end
	host string

	ofKey      *limiter[uint32]
	ofAddress  *limiter[netip.Prefix]
	ofFailures *limiter[netip.Prefix]
}

// NewAPI makes the API of a redirector whose links begin with a URL.
func NewAPI(desk *Desk, publicURL string) (*API, error) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the redirector's public URL %q is not a web address", publicURL)
	}
	return &API{
		desk: desk, base: strings.TrimSuffix(publicURL, "/"), host: u.Host,
		ofKey:      newLimiter[uint32](mostOfKey, window),
		ofAddress:  newLimiter[netip.Prefix](mostOfAddress, window),
		ofFailures: newLimiter[netip.Prefix](mostOfFailures, window),
	}, nil
}

// Answer answers a request that came at a time from an address, which is zero where it is not known.
type Answer func(ctx *fasthttp.RequestCtx, now time.Time, from netip.Addr)

// Paths are the paths that the API answers.
func (a *API) Paths() map[string]Answer {
	return map[string]Answer{
		"track/lead":   a.reporting(lead, schema.ScopeTrack, schema.ScopeBrowser),
		"track/sale":   a.reporting(sale, schema.ScopeTrack),
		"track/refund": a.reporting(refund, schema.ScopeTrack),
		"openapi.json": a.document,
	}
}

// report is one call on its way.
type report struct {
	a      *API
	view   *links.View
	now    time.Time
	fields *fields
	c      schema.Conversion
	once   string // the Idempotency-Key; empty for none
}

// reporting answers a path to which conversions are reported. read fills in the conversion and returns what is answered once
// it is recorded.
func (a *API) reporting(read func(*report) (answer any), scopes ...schema.Scope) Answer {
	return func(ctx *fasthttp.RequestCtx, now time.Time, from netip.Addr) {
		if slices.Contains(scopes, schema.ScopeBrowser) {
			a.Cross(ctx)
		}
		if ctx.IsOptions() {
			ctx.SetStatusCode(fasthttp.StatusNoContent)
			return
		}
		answer, err := a.take(ctx, now, from, read, scopes)
		if err != nil {
			a.Refuse(ctx, err)
			return
		}
		a.Say(ctx, answer)
	}
}

func (a *API) take(ctx *fasthttp.RequestCtx, now time.Time, from netip.Addr, read func(*report) any, scopes []schema.Scope) (any, error) {
	key, err := a.authorize(ctx, now, from, scopes)
	if err != nil {
		return nil, err
	}
	if err := CheckJSON(ctx); err != nil {
		return nil, err
	}
	r := &report{a: a, view: a.desk.opt.Links.View(), now: now, once: string(ctx.Request.Header.Peek("Idempotency-Key"))}
	if err := checkText("Idempotency-Key", r.once); err != nil {
		return nil, err
	}
	r.fields = readFields(ctx.PostBody())
	r.c = schema.Conversion{Source: schema.SourceAPI, KeyID: key.ID, Test: key.Test}
	if key.May(schema.ScopeBrowser) {
		r.c.Source = schema.SourceBrowser
	}
	answer := read(r)
	if r.c.Source == schema.SourceBrowser {
		r.fields.none("is not taken from pages: their key is there for everybody to read", "occurredAt", "coupon", "shopDomain")
	}
	if r.fields.err != nil {
		return nil, r.fields.err
	}
	once := r.once
	if once != "" {
		once = strconv.FormatUint(uint64(key.ID), 10) + ":" + once
	}
	receipt, err := a.desk.Record(context.Background(), &r.c, once)
	if err != nil {
		return nil, inOurWords(err)
	}
	if receipt.Conflict {
		return nil, conflict(&r.c)
	}
	return answer, nil
}

// authorize finds the key that a request carries.
func (a *API) authorize(ctx *fasthttp.RequestCtx, now time.Time, from netip.Addr, scopes []schema.Scope) (schema.APIKey, error) {
	key, err := a.desk.Key(bearer(ctx), scopes...)
	switch {
	case CodeOf(err) == Unauthorized:
		if late := a.Stranger(now, from); late != nil {
			return key, late
		}
		return key, err
	case err != nil:
		return key, err
	}
	if key.May(schema.ScopeBrowser) {
		if err := a.Page(ctx, now, from); err != nil {
			return key, err
		}
		if len(ctx.Request.Header.Peek("Origin")) == 0 {
			return key, refuse(Forbidden, "Origin", "is missing: a key of scope browser is for pages of the program's domains")
		}
	}
	if wait, ok := a.ofKey.allow(key.ID, now); !ok {
		return key, tooMany(wait, "Too many requests came with this API key.")
	}
	return key, nil
}

// Stranger counts a request of somebody who showed no key that works. The error says that too many came from there.
func (a *API) Stranger(now time.Time, from netip.Addr) error {
	if wait, ok := a.ofFailures.allow(household(from), now); !ok {
		return tooMany(wait, "Too many requests without a key or signature that works came from this address.")
	}
	return nil
}

// bearer returns the key that stands in the Authorization header; empty for none, and for another scheme.
func bearer(ctx *fasthttp.RequestCtx) string {
	scheme, token, _ := strings.Cut(string(ctx.Request.Header.Peek("Authorization")), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// Key returns the API key of a text that has one of the scopes. It is looked up by its hash, so that the time that it takes
// says nothing of other keys. The error is an *Error, or wraps ErrUnavailable.
func (d *Desk) Key(text string, scopes ...schema.Scope) (schema.APIKey, error) {
	if text == "" {
		return schema.APIKey{}, refuse(Unauthorized, "Authorization", "An API key is missing: Authorization: Bearer fl_live_…")
	}
	view := d.opt.Links.View()
	if view == nil {
		return schema.APIKey{}, fmt.Errorf("%w: the directory is not loaded", ErrUnavailable)
	}
	var hash links.KeyHash
	if _, err := hex.Decode(hash[:], []byte(schema.HashAPIKey(text))); err != nil {
		panic("BUG: " + err.Error())
	}
	key, ok := view.APIKey(hash)
	if !ok || !key.Works(d.opt.Now()) {
		return schema.APIKey{}, refuse(Unauthorized, "Authorization", "This API key is not known, has expired, or was revoked.")
	}
	if !slices.ContainsFunc(scopes, key.May) {
		return schema.APIKey{}, refuse(Forbidden, "Authorization", "This API key may not do this: it needs the scope %s.", scopes[0])
	}
	return key, nil
}

// Page reports whether a page may ask: one of the program's domains, and not too often. A request without an origin is not
// a page's.
func (a *API) Page(ctx *fasthttp.RequestCtx, now time.Time, from netip.Addr) error {
	view := a.desk.opt.Links.View()
	if view == nil {
		return fmt.Errorf("%w: the directory is not loaded", ErrUnavailable)
	}
	if origin := ctx.Request.Header.Peek("Origin"); len(origin) > 0 && !view.Program.AllowsOrigin(string(origin)) {
		return refuse(Forbidden, "Origin", "is not of the program's allowed domains")
	}
	if wait, ok := a.ofAddress.allow(household(from), now); !ok {
		return tooMany(wait, "Too many requests came from this address.")
	}
	return nil
}

// Cross lets pages of the program's domains read the answer, and tells them so beforehand.
func (a *API) Cross(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Add("Vary", "Origin")
	origin := string(ctx.Request.Header.Peek("Origin"))
	view := a.desk.opt.Links.View()
	if origin == "" || view == nil || !view.Program.AllowsOrigin(origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if ctx.IsOptions() {
		h.Set("Access-Control-Allow-Methods", "POST")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key")
		h.Set("Access-Control-Max-Age", "86400")
	}
}

// CheckJSON reports whether a request is a POST of JSON.
func CheckJSON(ctx *fasthttp.RequestCtx) error {
	if !ctx.IsPost() {
		return Methods("POST")
	}
	kind, _, err := mime.ParseMediaType(string(ctx.Request.Header.ContentType()))
	if err != nil || kind != "application/json" {
		return refuse(BadRequest, "Content-Type", "is %q, and has to be application/json", ctx.Request.Header.ContentType())
	}
	return nil
}

// special is an Error that is answered with another status than its code's, and with a header.
type special struct {
	err         *Error
	status      int
	name, value string // of the header
}

func (s *special) Error() string { return s.err.Error() }
func (s *special) Unwrap() error { return s.err }

// Methods says that an address answers other methods: "GET, POST".
func Methods(allowed string) error {
	return &special{refuse(BadRequest, "", "This address answers %s.", allowed), fasthttp.StatusMethodNotAllowed, "Allow", allowed}
}

func tooMany(wait time.Duration, message string) error {
	seconds := int(math.Ceil(max(wait.Seconds(), 1)))
	return &special{refuse(RateLimited, "", "%s", message), fasthttp.StatusTooManyRequests, "Retry-After", strconv.Itoa(seconds)}
}

// conflict is the answer to a repeat that differs.
func conflict(c *schema.Conversion) error {
	switch {
	case c.Kind == schema.Refund:
		return refuse(Conflict, "refundId", "This refund was reported before with other content. The first report stands; nothing was changed.")
	case c.Kind == schema.Sale && c.Invoice != "":
		return refuse(Conflict, "invoiceId", "This sale was reported before with other content. The first report stands; nothing was changed.")
	case c.Kind == schema.Sale:
		return refuse(Conflict, "Idempotency-Key", "A sale was reported before under this key with other content. The first report stands; nothing was changed.")
	}
	return refuse(Conflict, "eventName", "This event of this customer was reported before with other content. The first report stands; nothing was changed.")
}

// ours are the API's words for a conversion's fields, where they differ.
var ours = map[string]string{
	"customer": "customerExternalId", "event": "eventName", "click": "clickId", "invoice": "invoiceId", "refund": "refundId",
	"processor": "paymentProcessor", "lead_event": "leadEventName", "coupons": "coupon", "aliases": "shopDomain",
	"occurred_at": "occurredAt", "payments": "invoiceId",
}

func inOurWords(err error) error {
	var e *Error
	if errors.As(err, &e) {
		if word, ok := ours[e.Field]; ok {
			return &Error{Code: e.Code, Field: word, Message: e.Message}
		}
	}
	return err
}

package door

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/valyala/fasthttp"

	"fairlead/redirector/links"
	"fairlead/redirector/track"
	"fairlead/schema"
)

// Desk takes what the doors read; see track.Desk.
type Desk interface {
	Record(ctx context.Context, c *schema.Conversion, once string) (track.Receipt, error)
}

// Directory is where keys and the program's settings are looked up; see links.Directory.
type Directory interface{ View() *links.View }

// Options are what Doors are made of. Desk and Links have to be given.
type Options struct {
	Desk  Desk
	Links Directory
	// Stripe, Shopify and Postbacks are the secrets that each kind of message is signed with; several while one is
	// replaced by another. Without any, webhooks are not taken.
	Stripe, Shopify, Postbacks []string

	Metrics *metrics.Set // nil: none
	Logger  *slog.Logger // nil: slog.Default
}

// Doors answer the requests of trackers and payment processors. They are safe for concurrent use.
type Doors struct {
	opt Options
	log *slog.Logger
	set *metrics.Set
}

// New makes doors.
func New(opt Options) *Doors {
	d := &Doors{opt: opt, log: opt.Logger, set: opt.Metrics}
	if d.log == nil {
		d.log = slog.Default()
	}
	if d.set == nil {
		d.set = metrics.NewSet()
	}
	return d
}

// Routes are the doors by their paths.
func (d *Doors) Routes() map[string]func(ctx *fasthttp.RequestCtx, now time.Time) {
	return map[string]func(*fasthttp.RequestCtx, time.Time){
		"webhooks/stripe": func(ctx *fasthttp.RequestCtx, now time.Time) {
			d.serve(ctx, now, "stripe", []string{"POST"}, Stripe{Secrets: d.opt.Stripe})
		},
		"webhooks/shopify": func(ctx *fasthttp.RequestCtx, now time.Time) {
			d.serve(ctx, now, "shopify", []string{"POST"}, Shopify{Secrets: d.opt.Shopify})
		},
		"postback": func(ctx *fasthttp.RequestCtx, now time.Time) {
			d.serve(ctx, now, "postback", []string{"GET", "POST"}, Postback{
				Secrets: d.opt.Postbacks,
				Key:     func(key string) (schema.APIKey, error) { return d.key(key, now) },
			})
		},
	}
}

// reader reads one kind of message.
type reader interface {
	Read(m Message, rules Rules) (Report, error)
}

// serve takes a message in. Success means that all it tells is on disk; whoever is told anything else may send it again.
func (d *Doors) serve(ctx *fasthttp.RequestCtx, now time.Time, name string, methods []string, r reader) {
	if !slices.Contains(methods, string(ctx.Method())) {
		for _, m := range methods {
			ctx.Response.Header.Add("Allow", m)
		}
		d.refuse(ctx, name, fasthttp.StatusMethodNotAllowed, &track.Error{Code: track.BadRequest, Message: "This address does not answer " + string(ctx.Method()) + "."})
		return
	}
	view := d.opt.Links.View()
	if view == nil {
		d.fail(ctx, name, track.ErrUnavailable)
		return
	}
	report, err := r.Read(Message{
		Method: string(ctx.Method()),
		Query:  ctx.URI().QueryString(),
		Header: func(header string) string { return string(ctx.Request.Header.Peek(header)) },
		Body:   ctx.Request.Body(),
		Now:    now,
	}, rulesOf(view))
	if err != nil {
		d.fail(ctx, name, err)
		return
	}
	ids := make([]string, 0, len(report.Conversions))
	for i := range report.Conversions {
		// The message's own id makes repeats alike that have no other name. What contradicts an earlier report is
		// recorded and shows in the trace: sending it again would change nothing.
		// fasthttp's context ends when the server begins to drain, and what has come is still taken.
		receipt, err := d.opt.Desk.Record(context.Background(), &report.Conversions[i], report.Conversions[i].Delivery)
		if err != nil {
			d.fail(ctx, name, err)
			return
		}
		ids = append(ids, receipt.ID)
	}
	outcome := "recorded"
	if report.Ignored != NotIgnored {
		outcome = string(report.Ignored)
	}
	d.count(name, outcome)
	answer(ctx, fasthttp.StatusOK, struct {
		Received    bool     `json:"received"`
		Conversions []string `json:"conversions"`
		Ignored     Ignored  `json:"ignored,omitempty"`
	}{true, ids, report.Ignored})
}

// rulesOf is what the doors have to know of a program.
func rulesOf(v *links.View) Rules {
	p := v.Program
	r := Rules{Currency: p.Currency, Total: p.SaleBase == schema.SaleTotal, Params: []string{string(p.Param)}, EmailAlias: func(string) string { return "" }}
	if len(p.AlsoParam) > 0 {
		r.Params = append(r.Params, string(p.AlsoParam))
	}
	if key := v.CustomerKey(); key != "" {
		r.EmailAlias = key.EmailAlias
	}
	return r
}

// key finds an API key that may send postbacks.
func (d *Doors) key(text string, now time.Time) (schema.APIKey, error) {
	view := d.opt.Links.View()
	if view == nil {
		return schema.APIKey{}, track.ErrUnavailable
	}
	k, ok := view.APIKey(sha256.Sum256([]byte(text)))
	switch {
	case !ok || !k.Works(now):
		return schema.APIKey{}, refuse(track.Unauthorized, "key", "is no API key that works")
	case !slices.Contains(k.Scopes, schema.ScopePostback):
		return schema.APIKey{}, refuse(track.Forbidden, "key", "may not send postbacks: it has not the scope %s", schema.ScopePostback)
	}
	return k, nil
}

// statuses are the answers to the codes of errors.
var statuses = map[track.Code]int{
	track.BadRequest: fasthttp.StatusBadRequest, track.Unauthorized: fasthttp.StatusUnauthorized, track.Forbidden: fasthttp.StatusForbidden,
	track.NotFound: fasthttp.StatusNotFound, track.Conflict: fasthttp.StatusConflict, track.Unprocessable: fasthttp.StatusUnprocessableEntity,
	track.RateLimited: fasthttp.StatusTooManyRequests,
}

// fail answers an error: the sender's fault, or ours.
func (d *Doors) fail(ctx *fasthttp.RequestCtx, name string, err error) {
	var e *track.Error
	if errors.As(err, &e) && statuses[e.Code] != 0 {
		d.log.Warn("a message was refused", "door", name, "code", e.Code, "field", e.Field, "err", e.Message)
		d.refuse(ctx, name, statuses[e.Code], e)
		return
	}
	d.log.Error("a message was not taken: its sender was told to send it again", "door", name, "err", err)
	d.count(name, "failed")
	ctx.Response.Header.Set("Retry-After", "1")
	answer(ctx, fasthttp.StatusServiceUnavailable, errorAnswer{problem{track.Internal, "This message was not taken. Send it again."}})
}

func (d *Doors) refuse(ctx *fasthttp.RequestCtx, name string, status int, e *track.Error) {
	d.count(name, "refused")
	answer(ctx, status, errorAnswer{problem{e.Code, e.Error()}})
}

// problem is an error in the form of the track API.
type problem struct {
	Code    track.Code `json:"code"`
	Message string     `json:"message"`
}

type errorAnswer struct {
	Error problem `json:"error"`
}

func answer(ctx *fasthttp.RequestCtx, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("BUG: an answer is not to be marshalled: " + err.Error())
	}
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBody(text)
}

// count counts messages. The sets of labels are closed.
func (d *Doors) count(name, outcome string) {
	d.set.GetOrCreateCounter(fmt.Sprintf("fairlead_messages_total{door=%q,outcome=%q}", name, outcome)).Inc()
}

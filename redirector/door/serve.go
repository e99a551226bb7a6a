package door

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
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

// Front is how errors are told, and how often strangers may knock; see track.API.
type Front interface {
	Refuse(ctx *fasthttp.RequestCtx, err error)
	Stranger(now time.Time, from netip.Addr) error
}

// Options are what Doors are made of. Desk, Links and Front have to be given.
type Options struct {
	Desk  Desk
	Links Directory
	Front Front
	// Stripe, Shopify and Postbacks are the secrets that each kind of message is signed with; several while one is
	// replaced by another. Without any, webhooks are not taken.
	Stripe, Shopify, Postbacks []string
	// Connect are the secrets of Stripe's messages about partners' connected accounts, and Payee takes what these say. It answers
	// false for an account that no partner is paid to. Without Payee nothing is taken that is signed with them.
	Connect []string
	Payee   func(ctx context.Context, account string, ready bool) (known bool, err error)

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

// MaxWebhook is how long a webhook's body may be, in bytes: orders of many lines are long, and nobody sends them again
// in parts.
const MaxWebhook = 1 << 20

// Route is an address that a door is at.
type Route struct {
	Path   string
	Bodies int // how long a body may be, in bytes; 0: as elsewhere
	Answer track.Answer
}

// Routes are the doors' addresses.
func (d *Doors) Routes() []Route {
	stripe := Stripe{Secrets: d.opt.Stripe}
	if d.opt.Payee != nil {
		stripe.Connect = d.opt.Connect
	}
	at := func(path, methods string, bodies int, r func(now time.Time) reader) Route {
		return Route{path, bodies, func(ctx *fasthttp.RequestCtx, now time.Time, from netip.Addr) {
			d.serve(knock{ctx, now, from, path[strings.LastIndexByte(path, '/')+1:]}, methods, r(now))
		}}
	}
	return []Route{
		at("webhooks/stripe", "POST", MaxWebhook, func(time.Time) reader { return stripe }),
		at("webhooks/shopify", "POST", MaxWebhook, func(time.Time) reader { return Shopify{Secrets: d.opt.Shopify} }),
		at("postback", "GET, POST", 0, func(now time.Time) reader {
			return Postback{Secrets: d.opt.Postbacks, Key: func(key string) (schema.APIKey, error) { return d.key(key, now) }}
		}),
	}
}

// reader reads one kind of message.
type reader interface {
	Read(m Message, rules Rules) (Report, error)
}

// knock is a request at a door.
type knock struct {
	ctx  *fasthttp.RequestCtx
	now  time.Time
	from netip.Addr // zero: not known
	door string
}

// serve takes a message in. Success means that all it tells is on disk; whoever is told anything else may send it again.
func (d *Doors) serve(k knock, methods string, r reader) {
	ctx := k.ctx
	if !slices.Contains(strings.Split(methods, ", "), string(ctx.Method())) {
		d.refuse(k, track.Methods(methods))
		return
	}
	view := d.opt.Links.View()
	if view == nil {
		d.refuse(k, track.ErrUnavailable)
		return
	}
	report, err := r.Read(Message{
		Method: string(ctx.Method()),
		Query:  ctx.URI().QueryString(),
		Header: func(header string) string { return string(ctx.Request.Header.Peek(header)) },
		Body:   ctx.Request.Body(),
		Now:    k.now,
	}, rulesOf(view))
	if err != nil {
		d.refuse(k, err)
		return
	}
	if report.Payee != nil {
		if report.Ignored, err = d.payee(*report.Payee); err != nil {
			d.refuse(k, err)
			return
		}
	}
	ids := make([]string, 0, len(report.Conversions))
	for i := range report.Conversions {
		// The message's own id makes repeats alike that have no other name. What contradicts an earlier report is
		// recorded and shows in the trace. A tracker is told; Stripe and Shopify would send it again for days, which
		// changes nothing.
		// fasthttp's context ends when the server begins to drain, and what has come is still taken.
		receipt, err := d.opt.Desk.Record(context.Background(), &report.Conversions[i], report.Conversions[i].Delivery)
		if err != nil {
			d.refuse(k, err)
			return
		}
		if receipt.Conflict && k.door == "postback" {
			d.count(k.door, "conflict")
			d.opt.Front.Refuse(ctx, contradicts(&report.Conversions[i]))
			return
		}
		ids = append(ids, receipt.ID)
	}
	outcome := "recorded"
	if report.Ignored != NotIgnored {
		outcome = string(report.Ignored)
	}
	d.count(k.door, outcome)
	answer(ctx, receipt{true, ids, report.Ignored})
}

// patience is how long what Stripe says of a payee may take to be written down; Stripe sends again what was not.
const patience = 10 * time.Second

// payee hands over what Stripe says of a connected account. Stripe's messages may come in another order than they were sent: then
// it refuses the transfer, or somebody asks it anew (`fairlead partner payout-method stripe`).
func (d *Doors) payee(p Payee) (Ignored, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	known, err := d.opt.Payee(ctx, p.Account, p.Ready)
	switch {
	case err != nil:
		d.log.Warn("what Stripe says of a connected account could not be written down: it sends it again", "account", p.Account, "err", err)
		return NotIgnored, track.ErrUnavailable
	case !known:
		return UnknownPayee, nil
	}
	return NotIgnored, nil
}

// contradicts is the answer to a postback that tells of what was reported before, but with other content. A postback tells
// of one thing, so that nothing of it is left.
func contradicts(c *schema.Conversion) error {
	field := postbackTxid[0]
	switch c.Kind {
	case schema.Lead:
		field = postbackEvent[0]
	case schema.Refund, schema.Restored:
		field = postbackRefund[0]
	}
	return refuse(track.Conflict, field, "names what was reported before with other content. The first report stands; nothing was changed.")
}

// receipt is the answer to a message that was taken.
type receipt struct {
	Received    bool     `json:"received"`
	Conversions []string `json:"conversions"` // their ids
	Ignored     Ignored  `json:"ignored,omitempty"`
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

// refuse answers an error: the sender's fault, or ours.
func (d *Doors) refuse(k knock, err error) {
	outcome := "refused"
	var e *track.Error
	switch {
	case !errors.As(err, &e):
		outcome = "failed"
		d.log.Error("a message was not taken: its sender was told to send it again", "door", k.door, "err", err)
	case e.Code == track.Unauthorized || e.Code == track.NotFound || e.Code == track.BadRequest:
		// Anybody may send such a message, so that neither the answers nor the log have room for all of them.
		if late := d.opt.Front.Stranger(k.now, k.from); late != nil {
			err = late
			break
		}
		fallthrough
	default:
		d.log.Warn("a message was refused", "door", k.door, "code", e.Code, "field", e.Field, "err", e.Message)
	}
	d.count(k.door, outcome)
	d.opt.Front.Refuse(k.ctx, err)
}

func answer(ctx *fasthttp.RequestCtx, v receipt) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("BUG: an answer is not to be marshalled: " + err.Error())
	}
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.SetStatusCode(fasthttp.StatusOK)
	ctx.SetContentType("application/json")
	ctx.SetBody(text)
}

// count counts messages. The sets of labels are closed.
func (d *Doors) count(name, outcome string) {
	d.set.GetOrCreateCounter(fmt.Sprintf("fairlead_messages_total{door=%q,outcome=%q}", name, outcome)).Inc()
}

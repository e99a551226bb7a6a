// Package track takes reports of conversions: sign-ups, sales and refunds.
//
// A report that was answered with success lies in a journal of its own, synced to disk: it survives the process and a
// power loss. Neither ClickHouse nor Redis is needed for that. What a report means (who is credited, what of it is a
// repeat) is decided later from all reports together, so that nodes, restarts and years do not matter; a repeat whose
// content differs is recorded too, changes nothing, and is told to its sender where it is noticed.
//
// The answer is a function of the request and of the directory, so that a repeat is answered as the first was.
package track

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/go-redis/v9"

	"fairlead/redirector/journal"
	"fairlead/redirector/links"
	"fairlead/schema"
)

// Recorder is where reports are recorded. AppendSync returns when the record is on disk; see journal.Log.
type Recorder interface {
	AppendSync(ctx context.Context, record []byte) (seq uint64, err error)
}

// Directory is where links and keys are looked up; see links.Directory.
type Directory interface{ View() *links.View }

// Options are what a Desk is made of. Links and Journal have to be given.
type Options struct {
	Links   Directory
	Journal Recorder
	Redis   redis.UniversalClient // remembers reports for other nodes; nil: none
	Keys    schema.Keys           // zero: schema.DefaultKeys
	Metrics *metrics.Set          // nil: none
	Logger  *slog.Logger          // nil: slog.Default
	Now     func() time.Time      // nil: time.Now
}

// Desk takes reports, whichever way they came. It is safe for concurrent use.
type Desk struct {
	opt   Options
	log   *slog.Logger
	known *known
	count *counters
}

// NewDesk makes a desk.
func NewDesk(opt Options) *Desk {
	if opt.Keys == (schema.Keys{}) {
		opt.Keys = schema.DefaultKeys
	}
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Desk{
		opt: opt, log: opt.Logger.With("part", "track"),
		known: newKnown(opt.Redis, opt.Keys, opt.Now), count: newCounters(opt.Metrics),
	}
}

// Receipt says what became of a report.
type Receipt struct {
	ID       string // of the conversion
	Repeat   bool   // it was reported before, as far as is known here
	Conflict bool   // likewise, with other content: what came first stands
}

// patience is how long a disk may take to sync.
const patience = 10 * time.Second

// Record takes a report. The caller has filled in what was reported; Record adds when it came, what the click id is
// worth, and the conversion's id. A repeat is told by its names, or, for a sale without an invoice, by once: what the
// sender says repeats carry too, empty if nothing.
//
// With a nil error the report is on disk. An *Error is the caller's fault, and nothing was recorded; after any other the
// report may have been recorded or not, and can be sent again.
func (d *Desk) Record(ctx context.Context, c *schema.Conversion, once string) (Receipt, error) {
	began := time.Now()
	r, err := d.record(ctx, c, once)
	d.count.took(c, r, err, time.Since(began))
	return r, err
}

func (d *Desk) record(ctx context.Context, c *schema.Conversion, once string) (Receipt, error) {
	view := d.opt.Links.View()
	if view == nil {
		return Receipt{}, fmt.Errorf("%w: the directory is not loaded", ErrUnavailable)
	}
	now := d.opt.Now()
	complete(c, now)
	if alias := d.EmailAlias(c.Customer); alias != "" && !slices.Contains(c.Aliases, alias) {
		c.Aliases = append(c.Aliases, alias) // some call their customers by their addresses
	}
	if err := Check(c, now); err != nil {
		return Receipt{}, err
	}
	lookAtClick(c, view, now)
	if c.Kind == schema.Sale && c.Invoice == "" && once == "" {
		once = rand.Text()
	}
	c.Identify(once)
	rec, err := schema.AppendConversion(nil, c)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if len(rec) > journal.MaxRecordBytes {
		return Receipt{}, refuse(Unprocessable, "", "All of the report together has %d bytes when it is written, at most %d are taken.", len(rec), journal.MaxRecordBytes)
	}
	claim := d.known.claim(ctx, c)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := d.opt.Journal.AppendSync(ctx, rec); err != nil {
		d.known.withdraw(claim)
		d.log.Error("a conversion was NOT recorded: its sender was told to send it again", "kind", c.Kind, "source", c.Source, "err", err)
		return Receipt{}, fmt.Errorf("%w: write to the journal of conversions: %w", ErrUnavailable, err)
	}
	r := Receipt{ID: c.ID, Repeat: claim.repeat, Conflict: claim.conflict}
	if r.Conflict {
		d.log.Warn("a conversion was reported again with other content: the first report stands", "kind", c.Kind, "source", c.Source,
			"id", c.ID, "key", c.KeyID)
	}
	return r, nil
}

// EmailAlias is the alias of whoever has an e-mail address; empty for what is none.
func (d *Desk) EmailAlias(email string) string {
	view := d.opt.Links.View()
	if view == nil || view.CustomerKey() == "" {
		return ""
	}
	return view.CustomerKey().EmailAlias(email)
}

// complete fills in what the sender left out.
func complete(c *schema.Conversion, now time.Time) {
	c.ReceivedAt = now.UnixMilli()
	if c.OccurredAt == 0 {
		c.OccurredAt = c.ReceivedAt
	}
	c.Currency = strings.ToUpper(c.Currency)
	if c.Invoice != "" && !slices.Contains(c.Payments, c.Invoice) {
		c.Payments = append([]string{c.Invoice}, c.Payments...)
	}
}

// lookAtClick says what the reported click id is worth.
func lookAtClick(c *schema.Conversion, view *links.View, now time.Time) {
	c.ClickState, c.Link, c.Partner, c.ClickedAt = clickState(view, c.Click, now)
}

// clickState says what a click id is, and of a genuine one whose it is and of when. The partner is 0 where the link is
// gone.
func clickState(view *links.View, text string, now time.Time) (state schema.ClickState, link schema.LinkID, partner schema.PartnerID, at int64) {
	if text == "" {
		return schema.ClickNone, 0, 0, 0
	}
	id, err := schema.ParseClickID(text)
	if err != nil {
		return schema.ClickMalformed, 0, 0, 0
	}
	if !view.Program.Genuine(id, now) {
		return schema.ClickForged, 0, 0, 0
	}
	if l, ok := view.Link(id.Link); ok {
		partner = l.Partner
	}
	return schema.ClickGenuine, id.Link, partner, id.At
}

// idBytes are the bytes of a conversion's id.
func idBytes(id string) (b [16]byte) {
	if n, err := hex.Decode(b[:], []byte(id)); err != nil || n != len(b) {
		panic("BUG: a conversion's id is " + id)
	}
	return b
}

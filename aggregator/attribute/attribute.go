// Package attribute keeps the attributions of all reported conversions, and what partners referred and sold by day, equal
// to the facts.
//
// # What is promised
//
// Who is credited is a pure function of the facts (package attribution). A run looks for what is new (shipments of
// conversions, and later versions of settings, partners, links, coupons, claims and rates), gathers all reports that
// belong together with what is new, decides these anew and whole, and writes the decisions that changed. Then the
// program-days on which something changed are summed anew from the decisions, beside the figures, and swapped in by month.
// A crash at any point leaves decisions and figures that are right, only older, and the next run does again what was not
// finished. The cost follows what is new; where that is a large part of everything, everything is decided anew instead.
//
// # How runs keep out of each other's way
//
// As those of the rollups do: a lock, a token in every row, and staging tables that the next run drops, so that a run which
// slept longer than its lock lives has nothing left to write.
//
// # Limits
//
// All reports of one customer are held in memory at once. A report that carries the name of everybody (one customer id for
// all) makes one customer of everybody.
package attribute

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/lock"
	"fairlead/aggregator/shipped"
	"fairlead/aggregator/staging"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Options are what an Attribute works with.
type Options struct {
	ClickHouse driver.Conn
	Redis      redis.UniversalClient
	Keys       schema.Keys
	Logger     *slog.Logger
	// ClaimArrived is told that the customer of a waiting claim has arrived. It may be told again. Nil: nobody is told.
	ClaimArrived func(ctx context.Context, claim uint32) error
	LockLife     time.Duration // after which a dead run's lock expires; 30 s when 0
	CompareAll   time.Duration // how often shipments and attribution_log are compared whole; 1 h when 0
	// Settle is how long after it was noted a rate is surely visible, by ClickHouse's clock; 5 s when 0. Decisions use
	// rates at once; those that were decided without it are decided anew after this.
	Settle time.Duration
}

// Attribute attributes. It is safe for concurrent use: of two runs at once one skips.
type Attribute struct {
	opt Options

	whole shipped.Comparison // when shipments and attribution_log were last compared whole

	// step, when set by a test, is called after each step of a run; an error ends the run there as a
	// crash would, with everything left lying.
	step func(name string) error
}

// New returns an Attribute.
func New(opt Options) *Attribute {
	if opt.LockLife == 0 {
		opt.LockLife = 30 * time.Second
	}
	if opt.CompareAll == 0 {
		opt.CompareAll = time.Hour
	}
	if opt.Settle == 0 {
		opt.Settle = 5 * time.Second
	}
	return &Attribute{opt: opt}
}

// Report says what a run did.
type Report struct {
	Skipped    bool           `json:"skipped,omitempty"` // another run was at work
	Shipments  int            `json:"shipments"`         // that were new
	Reports    int            `json:"reports"`           // decided anew
	Changed    int            `json:"changed"`           // whose decision changed
	Days       int            `json:"days"`              // summed anew
	Months     []schema.Month `json:"months,omitempty"`  // swapped in
	Generation uint64         `json:"generation"`        // token of the last run that changed something
	CompleteTo time.Time      `json:"complete_to,omitzero"`
	Took       time.Duration  `json:"took_ns"`
}

// Run brings attributions and figures up to the facts. It does nothing, and says so, while another run is at work.
func (a *Attribute) Run(ctx context.Context) (Report, error) {
	return a.underLock(ctx, func(r *run) error {
		if r.state.Token == 0 { // nothing was ever decided
			return r.rebuild(nil)
		}
		seeds := &names{}
		inputs, err := r.changed(seeds)
		if err != nil {
			return err
		}
		if err := r.decideAll(seeds); err != nil {
			return err
		}
		all := a.whole.Due(a.opt.CompareAll)
		for {
			fresh, more, err := r.new.Fresh(r.ctx, all, r.lock.Token())
			if err != nil {
				return err
			}
			much, err := r.isMuch(fresh)
			if err != nil {
				return err
			}
			if much {
				return r.rebuild(nil)
			}
			if err := r.decideFresh(fresh); err != nil {
				return err
			}
			if !more {
				break
			}
		}
		if err := r.sum(); err != nil {
			return err
		}
		if all {
			a.whole.Done()
		}
		return r.finish(inputs)
	})
}

// Rebuild decides every report anew and sums every month, and forgets what stood there before. It waits for no other
// run: while one is at work the answer is lock.ErrHeld. Progress, when set, is told how many reports are decided.
func (a *Attribute) Rebuild(ctx context.Context, progress func(done, total int)) (Report, error) {
	return a.must(a.underLock(ctx, func(r *run) error { return r.rebuild(progress) }))
}

// RebuildDays sums every month of sale_days anew from the attributions, under the same terms.
func (a *Attribute) RebuildDays(ctx context.Context, progress func(done, total int)) (Report, error) {
	return a.must(a.underLock(ctx, func(r *run) error {
		if err := r.sumAll(progress); err != nil {
			return err
		}
		return r.finish(r.state)
	}))
}

func (a *Attribute) must(report Report, err error) (Report, error) {
	if err == nil && report.Skipped {
		return report, fmt.Errorf("rebuild the attributions: %w", lock.ErrHeld)
	}
	return report, err
}

func (a *Attribute) underLock(ctx context.Context, work func(*run) error) (report Report, err error) {
	began := time.Now()
	held, err := lock.Do(ctx, a.opt.Redis, a.opt.Keys, "attribute", a.opt.LockLife, func(l *lock.Lock) error {
		run := newRun(a, l)
		defer func() { report = run.report }()
		if err := run.begin(); err != nil {
			return err
		}
		if err := work(run); err != nil {
			return err
		}
		return run.publish()
	})
	if err != nil {
		err = fmt.Errorf("attribute: %w", err)
	}
	if !held {
		return Report{Skipped: err == nil}, err
	}
	report.Took = time.Since(began)
	return report, err
}

// run is one run under the lock.
type run struct {
	Options
	ctx     context.Context // ends when the lock is lost
	lock    *lock.Lock
	new     shipped.Ledger
	staging staging.Run
	step    func(name string) error

	zone   *time.Location
	state  state
	inputs *inputs
	report Report
}

// stagePrefix begins the name of every staging table. Nothing else in the database begins with it.
const stagePrefix = "draft_"

// shapes are the tables that are filled beside themselves.
var shapes = map[string]staging.Shape{
	"attributions":      {Key: "PARTITION BY toYYYYMM(occurred_at) ORDER BY (toDate(occurred_at), node, seq)", Engine: "ReplacingMergeTree(token)"},
	"sale_days":         {Key: "PARTITION BY toYYYYMM(day) ORDER BY (partner_id, link_id, day, currency)"},
	"attribution_log":   {Engine: "ReplacingMergeTree(token)", Key: "ORDER BY (node, month, first_seq)"},
	"attribution_nodes": {Engine: "ReplacingMergeTree(token)", Key: "ORDER BY node"},
}

func newRun(a *Attribute, l *lock.Lock) *run {
	r := &run{Options: a.opt, ctx: l.Context(), lock: l, step: a.step}
	r.new = shipped.Ledger{
		ClickHouse: a.opt.ClickHouse, Fact: "conversions", Log: "attribution_log", Bounds: "attribution_nodes", Purpose: "attribute", After: r.after,
	}
	r.staging = staging.Run{
		ClickHouse: a.opt.ClickHouse, Context: r.ctx, Lock: l, Prefix: stagePrefix, Purpose: "attribute", Shapes: shapes, After: r.after,
	}
	return r
}

// begin clears what earlier runs left and reads what this one depends on.
func (r *run) begin() error {
	if err := r.staging.DropAll(); err != nil {
		return err
	}
	highest, err := r.readState()
	if err != nil {
		return err
	}
	if err := r.lock.Exceed(highest); err != nil {
		return err
	}
	r.report.Generation = r.state.Token
	if r.zone, err = clickhouse.ProgramZone(r.ctx, r.ClickHouse); err != nil {
		return err
	}
	// Asked before what is new is looked for: whatever it promises is then found.
	r.report.CompleteTo, err = clickhouse.CompleteTo(r.ctx, r.ClickHouse)
	r.inputs = newInputs(r)
	return err
}

// named returns the context of a question.
func (r *run) named(purpose string, values map[string]string) context.Context {
	return clickhouse.Named(r.ctx, "attribute: "+purpose, values)
}

// after marks the end of a step, where a test may pull the plug.
func (r *run) after(step string) error {
	if r.step == nil {
		return nil
	}
	return r.step(step)
}

// Package rollup keeps the figures by partner and day, partner and month, and link and day equal to the
// facts, and those of a partner's day and month by country, device, browser, referrer, sub id and landing page.
//
// # What is promised
//
// Nothing is ever added to a figure. A program-day that new hits touch is counted anew from the facts,
// into a staging copy of its month, and the month is swapped in by REPLACE PARTITION: readers see the
// month before or after, never between. Breakdowns, of which a month has about as many rows as clicks, are swapped in day by
// day, and summed up by month for every month but the newest. A partner's day, and a month, keeps the thousand most frequent
// values of each dimension; the clicks of all others stand in one row, the rest, so that no flood of values costs more. A crash at any point leaves tables that are right, only older,
// and the next run does again what was not finished. The cost follows what is new.
//
// # How it knows what is new
//
// By what the package shipped tells from shipments, rollup_log and rollup_nodes: the search is bounded by what each node
// has rolled up, and the first run of a process and one an hour compare all of both tables, month by month.
//
// # How runs keep out of each other's way
//
// A lock in Redis lets one run work; another that finds it held skips. A run that was stopped for longer
// than the lock lives must not swap in what is older than the figures of its successor: each asks for
// the lock right before each swap, and each begins by dropping the staging tables of all runs before it,
// so that a swap that still passed the question finds nothing to swap in. Every row carries the token of
// the run that counted it.
//
// # Limits
//
// All statements of a run have to reach the same server, on which its staging tables stand: on a cluster
// give it a connection that opens its addresses in order. Days are cut in the program's zone; months
// that were cut in another are counted anew, each whole, so that while the zone changes neighbouring
// months may stand in different ones. The tables of figures change one after the other, within
// milliseconds.
package rollup

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

// Options are what a Rollup works with.
type Options struct {
	ClickHouse driver.Conn
	Redis      redis.UniversalClient
	Keys       schema.Keys
	Logger     *slog.Logger
	LockLife   time.Duration // after which a dead run's lock expires; 30 s when 0
	CompareAll time.Duration // how often shipments and rollup_log are compared whole; 1 h when 0
}

// Rollup rolls up clicks. It is safe for concurrent use: of two runs at once one skips.
type Rollup struct {
	opt Options

	whole shipped.Comparison // when shipments and rollup_log were last compared whole

	// step, when set by a test, is called after each step of a run; an error ends the run there as a
	// crash would, with everything left lying.
	step func(name string) error
}

// New returns a Rollup.
func New(opt Options) *Rollup {
	if opt.LockLife == 0 {
		opt.LockLife = 30 * time.Second
	}
	if opt.CompareAll == 0 {
		opt.CompareAll = time.Hour
	}
	return &Rollup{opt: opt}
}

// Report says what a run did.
type Report struct {
	Skipped    bool           `json:"skipped,omitempty"` // another run was at work
	Shipments  int            `json:"shipments"`         // that were new
	Hits       uint64         `json:"hits"`              // their rows
	Days       int            `json:"days"`              // counted anew
	Months     []schema.Month `json:"months,omitempty"`  // swapped in
	Generation uint64         `json:"generation"`        // token of the last run that changed something
	CompleteTo time.Time      `json:"complete_to,omitzero"`
	Took       time.Duration  `json:"took_ns"`
}

// fact is what is rolled up.
const fact = "clicks"

// Run brings the figures up to what has been shipped. It does nothing, and says so, while another run
// is at work.
func (r *Rollup) Run(ctx context.Context) (Report, error) {
	return r.underLock(ctx, func(run *run) error {
		moved, err := run.zoneMoved()
		if err != nil {
			return err
		}
		if moved {
			r.opt.Logger.Info("the program's time zone has changed: counting every month anew", "zone", run.zone.String())
			if err := run.rebuild(nil); err != nil {
				return err
			}
		}
		all := r.whole.Due(r.opt.CompareAll)
		for {
			fresh, more, err := run.new.Fresh(run.ctx, all, run.lock.Token())
			if err != nil {
				return err
			}
			if err := run.roll(fresh); err != nil {
				return err
			}
			if !more {
				break
			}
		}
		if all {
			r.whole.Done()
		}
		return nil
	})
}

// Rebuild counts every month anew and forgets what stood there before. It waits for no other run:
// while one is at work the answer is lock.ErrHeld.
func (r *Rollup) Rebuild(ctx context.Context, progress func(done, total int)) (Report, error) {
	report, err := r.underLock(ctx, func(run *run) error { return run.rebuild(progress) })
	if err == nil && report.Skipped {
		return report, fmt.Errorf("rebuild the rollups: %w", lock.ErrHeld)
	}
	return report, err
}

func (r *Rollup) underLock(ctx context.Context, work func(*run) error) (report Report, err error) {
	began := time.Now()
	held, err := lock.Do(ctx, r.opt.Redis, r.opt.Keys, "rollup", r.opt.LockLife, func(l *lock.Lock) error {
		run := newRun(r, l)
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
		err = fmt.Errorf("roll up: %w", err)
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
	ctx    context.Context // ends when the lock is lost
	lock   *lock.Lock
	zone   *time.Location
	report Report
	step   func(name string) error

	new     shipped.Ledger
	staging staging.Run
}

func newRun(r *Rollup, l *lock.Lock) *run {
	run := &run{Options: r.opt, ctx: l.Context(), lock: l, step: r.step}
	run.new = shipped.Ledger{ClickHouse: r.opt.ClickHouse, Fact: fact, Log: "rollup_log", Bounds: "rollup_nodes", Purpose: "rollup", After: run.after}
	run.staging = staging.Run{
		ClickHouse: r.opt.ClickHouse, Context: run.ctx, Lock: l, Prefix: stagePrefix, Purpose: "rollup", Shapes: shapes, After: run.after,
	}
	return run
}

// begin clears what earlier runs left and reads what this one depends on.
func (r *run) begin() error {
	if err := r.staging.DropAll(); err != nil {
		return err
	}
	newest, err := r.newestToken()
	if err != nil {
		return err
	}
	if err := r.lock.Exceed(newest); err != nil {
		return err
	}
	r.report.Generation = newest
	if r.zone, err = clickhouse.ProgramZone(r.ctx, r.ClickHouse); err != nil {
		return err
	}
	// Asked before what is new is looked for: whatever it promises is then found.
	r.report.CompleteTo, err = clickhouse.CompleteTo(r.ctx, r.ClickHouse)
	return err
}

// roll counts anew the days that the shipments touch, and notes the shipments as rolled up.
func (r *run) roll(fresh []shipped.Shipment) error {
	if len(fresh) == 0 {
		return nil
	}
	for month, days := range daysByMonth(fresh, r.zone) {
		if err := r.countMonth(month, days, false); err != nil {
			return err
		}
	}
	if err := r.new.Note(r.ctx, fresh, r.lock.Token()); err != nil {
		return err
	}
	r.report.Shipments += len(fresh)
	for _, s := range fresh {
		r.report.Hits += s.Rows
	}
	return nil
}

// after marks the end of a step, where a test may pull the plug.
func (r *run) after(step string) error {
	if r.step == nil {
		return nil
	}
	return r.step(step)
}

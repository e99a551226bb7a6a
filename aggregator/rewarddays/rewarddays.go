// Package rewarddays keeps what partners earned by day, link and currency equal to the ledger: what of it was paid, and
// what is pending and where.
//
// # What is promised
//
// A reward stands on the program-day on which it was earned, whatever happens to it later: paid and pending of a span
// together are what that span earned. Nothing is ever added to a figure. The days of the rewards that have new rows in
// the ledger are summed anew, of their partners only, beside the figures of the month, and the month is swapped in: readers
// see it before or after. A crash at any point leaves figures that are right, only older, and the next run does again what
// was not finished.
//
// # How it knows what is new
//
// Two jobs write the ledger, that of rewards and that of payouts, with fencing tokens of their own, and either may be
// writing. So a run remembers for each the highest token and how many rows carry it: rows with a higher one are new, and
// those of the same when there are more of them. Of attributions, which tell the link, it remembers the last run that
// finished.
//
// # Which link
//
// That of the decision which credits the partner for the reward's conversion. It is looked for within a day of the
// moment at which the reward was earned: where two reports of one sale tell of days further apart, and the one that
// stands came later, the reward stands under link 0.
//
// # Limits
//
// A row that a job which had lost its lock adds under an older token, and that nothing corrects afterwards, is not found by a run,
// but by verify, and mended by Rebuild.
package rewarddays

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/lock"
	"fairlead/aggregator/staging"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Options are what a RewardDays works with.
type Options struct {
	ClickHouse driver.Conn
	Redis      redis.UniversalClient
	Keys       schema.Keys
	Logger     *slog.Logger
	LockLife   time.Duration // after which a dead run's lock expires; 30 s when 0
}

// RewardDays sums rewards. It is safe for concurrent use: of two runs at once one skips.
type RewardDays struct {
	opt Options

	much uint64 // see the constant; a test lowers it
	// step, when set by a test, is called after each step of a run; an error ends the run there as a
	// crash would, with everything left lying.
	step func(name string) error
}

// New returns a RewardDays.
func New(opt Options) *RewardDays {
	if opt.LockLife == 0 {
		opt.LockLife = 30 * time.Second
	}
	return &RewardDays{opt: opt, much: much}
}

// Report says what a run did.
type Report struct {
	Skipped    bool           `json:"skipped,omitempty"` // another run was at work
	Days       int            `json:"days"`              // of partners, that were summed anew by themselves
	Months     []schema.Month `json:"months,omitempty"`  // swapped in
	Generation uint64         `json:"generation"`        // token of the last run that changed something
	Took       time.Duration  `json:"took_ns"`
}

// Run brings the figures up to the ledger. It does nothing, and says so, while another run is at work.
func (d *RewardDays) Run(ctx context.Context) (Report, error) {
	return d.underLock(ctx, func(r *run) error {
		now, err := r.marks()
		if err != nil {
			return err
		}
		if err := r.sum(now); err != nil {
			return err
		}
		return r.finish(now)
	})
}

// Rebuild sums every month anew. It waits for no other run: while one is at work the answer is lock.ErrHeld. Progress,
// when set, is told how many months are done.
func (d *RewardDays) Rebuild(ctx context.Context, progress func(done, total int)) (Report, error) {
	report, err := d.underLock(ctx, func(r *run) error {
		now, err := r.marks()
		if err != nil {
			return err
		}
		if err := r.sumAll(progress); err != nil {
			return err
		}
		return r.finish(now)
	})
	if err == nil && report.Skipped {
		return report, fmt.Errorf("rebuild the days of rewards: %w", lock.ErrHeld)
	}
	return report, err
}

// Behind reports whether the ledger or the attributions go beyond what the figures contain.
func (d *RewardDays) Behind(ctx context.Context) (bool, error) {
	r := &run{Options: d.opt, ctx: ctx}
	if _, err := r.readState(); err != nil {
		return false, err
	}
	now, err := r.marks()
	return now != r.state.marks, err
}

func (d *RewardDays) underLock(ctx context.Context, work func(*run) error) (report Report, err error) {
	began := time.Now()
	held, err := lock.Do(ctx, d.opt.Redis, d.opt.Keys, "rewarddays", d.opt.LockLife, func(l *lock.Lock) error {
		run := newRun(d, l)
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
		err = fmt.Errorf("sum the days of rewards: %w", err)
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
	staging staging.Run
	much    uint64
	step    func(name string) error

	zone   *time.Location
	state  state
	since  marks // from which tokens on rows are new
	report Report
}

// stagePrefix begins the name of every staging table. Nothing else in the database begins with it.
const stagePrefix = "tally_"

// shapes are the tables that are filled beside themselves.
var shapes = map[string]staging.Shape{
	"reward_days": {Key: "PARTITION BY toYYYYMM(day) ORDER BY (partner_id, link_id, day, currency)"},
}

func newRun(d *RewardDays, l *lock.Lock) *run {
	r := &run{Options: d.opt, ctx: l.Context(), lock: l, much: d.much, step: d.step}
	r.staging = staging.Run{
		ClickHouse: d.opt.ClickHouse, Context: r.ctx, Lock: l, Prefix: stagePrefix, Purpose: "rewarddays", Shapes: shapes, After: r.after,
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
	r.zone, err = clickhouse.ProgramZone(r.ctx, r.ClickHouse)
	return err
}

// named returns the context of a question.
func (r *run) named(purpose string, values map[string]string) context.Context {
	return clickhouse.Named(r.ctx, "rewarddays: "+purpose, values)
}

// after marks the end of a step, where a test may pull the plug.
func (r *run) after(step string) error {
	if r.step == nil {
		return nil
	}
	return r.step(step)
}

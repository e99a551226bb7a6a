// Package book books rewards: it keeps the ledger equal to what was decided, to the rules, and to what was entered by hand.
//
// # What is promised
//
// What every reward should amount to is a pure function (package reward). A run looks for what has changed since the last
// one that finished: decisions of attributions, rules, the program's settings, partners' groups and opening balances, entries by
// hand, holds that are over by now, and what payouts that came to nothing gave back: a review that began meanwhile found nothing
// that it could take out of payable. Whatever is touched is reckoned anew with all decisions of its customers, and the rows
// that are missing are appended to the ledger, where nothing is ever changed. A repeat adds nothing. A crash at any point leaves
// a ledger that is right, only older, and the next run does what was not finished. Tests never earn. History that was imported
// counts as any sale does: the day from which a rule holds decides whether it earns. What a partner was owed when the program
// moved here is booked as its opening balance.
//
// # Whose decisions belong together
//
// A customer is everything that attributions call by one customer_id. Attribution calls all reports that it decides together by one
// name, and when reports tie two customers together it writes the decisions of one of them anew, with the name of the other: so
// they are found, and reckoned as one. What has no name at all is a customer of its own for every sale, with its refunds, and for
// every lead. A customer whose decisions are just being written is left to the next run, so that none is reckoned by halves.
//
// # How runs keep out of each other's way
//
// As attribution's do: a lock, a token in every row, and a staging table through which rows go into the ledger and that the next
// run drops, so that a run which slept longer than its lock lives has nothing left to book.
//
// Payouts write the ledger with tokens of their own, and may be writing: of the rows by which they give something back a run
// remembers the highest token and how many rows carry it. A payout is not drafted before a run has looked at all of them, and at
// every hold that was over by its cut-off: so a run that finds nothing to do says now and then up to when it has looked.
//
// # Limits
//
// All decisions of one customer, and all entries by hand, are held in memory. A row keeps the moment that was known when it was
// booked: where an earlier report of the same sale, with another moment, lands after that, only the money follows it. Two customers whom the merchant and a tracker
// call by the same text are one here. What a run of payouts gives back after it had lost its lock, and another one gave something
// back meanwhile, is found by the next change of its customer, and by a rebuild.
package book

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/ledger"
	"fairlead/aggregator/lock"
	"fairlead/aggregator/staging"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Options are what a Book works with.
type Options struct {
	ClickHouse driver.Conn
	Redis      redis.UniversalClient
	Keys       schema.Keys
	Logger     *slog.Logger
	LockLife   time.Duration    // after which a dead run's lock expires; 30 s when 0
	Now        func() time.Time // time.Now when nil
}

// Book books rewards. It is safe for concurrent use: of two runs at once one skips.
type Book struct {
	opt Options

	much int // see the constant; a test lowers it
	// step, when set by a test, is called after each step of a run; an error ends the run there as a crash would, with
	// everything left lying.
	step func(name string) error
}

// New returns a Book.
func New(opt Options) *Book {
	if opt.LockLife == 0 {
		opt.LockLife = 30 * time.Second
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Book{opt: opt, much: muchTouched}
}

// Report says what a run did.
type Report struct {
	Skipped   bool          `json:"skipped,omitempty"`  // another run was at work
	Whole     bool          `json:"whole,omitempty"`    // everything was reckoned
	Decisions int           `json:"decisions"`          // that were reckoned with
	Rows      int           `json:"rows"`               // booked
	Holds     int           `json:"holds,omitempty"`    // whose end was noted as moved
	Deferred  int           `json:"deferred,omitempty"` // customers whose decisions were just being written: left to the next run
	Took      time.Duration `json:"took_ns"`
}

// Run books what is missing by what has changed since the last run. It does nothing, and says so, while another run is at work.
func (b *Book) Run(ctx context.Context) (Report, error) {
	return b.underLock(ctx, func(r *run) error {
		now, err := r.current()
		if err != nil {
			return err
		}
		if r.state.Token == 0 { // nothing was ever booked
			return r.whole(now, nil)
		}
		found, err := r.changed(now)
		if err != nil {
			return err
		}
		if found.much {
			return r.whole(now, nil)
		}
		if err := r.touched(found); err != nil {
			return err
		}
		return r.finish(now, !found.empty())
	})
}

// Rebuild reckons everything and books what is missing; with a whole ledger that is nothing. It waits for no other run: while
// one is at work the answer is lock.ErrHeld. Progress, when set, is told how many decisions are reckoned.
func (b *Book) Rebuild(ctx context.Context, progress func(done, total int)) (Report, error) {
	report, err := b.underLock(ctx, func(r *run) error {
		now, err := r.current()
		if err != nil {
			return err
		}
		return r.whole(now, progress)
	})
	if err == nil && report.Skipped {
		return report, fmt.Errorf("rebuild the rewards: %w", lock.ErrHeld)
	}
	return report, err
}

func (b *Book) underLock(ctx context.Context, work func(*run) error) (report Report, err error) {
	began := time.Now()
	held, err := lock.Do(ctx, b.opt.Redis, b.opt.Keys, "reward", b.opt.LockLife, func(l *lock.Lock) error {
		r := newRun(b, l.Context())
		r.lock = l
		r.staging = staging.Run{ClickHouse: r.ClickHouse, Context: r.ctx, Lock: l, Prefix: stagePrefix, Purpose: purpose, Shapes: shapes, After: r.after}
		defer func() { report = r.report }()
		if err := r.begin(); err != nil {
			return err
		}
		return work(r)
	})
	if err != nil {
		err = fmt.Errorf("reward: %w", err)
	}
	if !held {
		return Report{Skipped: err == nil}, err
	}
	report.Took = time.Since(began)
	return report, err
}

// run is one run.
type run struct {
	Options
	ctx     context.Context
	lock    *lock.Lock // nil of a recount, which books nothing
	staging staging.Run
	ledger  ledger.Ledger
	much    int
	step    func(name string) error

	now    time.Time // by which holds are over or not
	state  state
	to     uint64 // token of the last run of attribution that finished: decisions with a higher one are being written
	freed  uint64 // from which token on the rows by which payouts gave something back are new
	inputs *inputs
	rows   []schema.Transfer // to be booked
	report Report
}

const (
	purpose = "reward"
	// stagePrefix begins the name of every staging table. Nothing else in the database begins with it.
	stagePrefix = "booking_"
)

var shapes = map[string]staging.Shape{"ledger": {Engine: "ReplacingMergeTree(token)", Key: "ORDER BY (partner_id, reward_id, id)"}}

func newRun(b *Book, ctx context.Context) *run {
	r := &run{Options: b.opt, ctx: ctx, step: b.step, much: b.much, now: b.opt.Now()}
	r.ledger = ledger.Ledger{ClickHouse: b.opt.ClickHouse, Purpose: purpose}
	return r
}

// begin clears what earlier runs left, so that nothing of them can still come into the ledger, and reads where the booking stands.
func (r *run) begin() error {
	if err := r.staging.DropAll(); err != nil {
		return err
	}
	highest, err := r.readState()
	if err != nil {
		return err
	}
	return r.lock.Exceed(highest)
}

// named returns the context of a question.
func (r *run) named(what string, values map[string]string) context.Context {
	return clickhouse.Named(r.ctx, purpose+": "+what, values)
}

// after marks the end of a step, where a test may pull the plug.
func (r *run) after(step string) error {
	if r.step == nil {
		return nil
	}
	return r.step(step)
}

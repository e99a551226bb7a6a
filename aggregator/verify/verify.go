// Package verify counts everything anew from the facts and tells what differs.
//
// # What is compared
//
//   - the sequence of each node: every number up to the last that was shipped stands in clicks, or in conversions,
//     exactly once, or a gap says why it does not (queries/audit.sql, the query that proves it);
//   - each shipment: as many rows, with the same checksum, as it says;
//   - the rollups by link and day, partner and day, partner and month, and the breakdowns: the figures that the facts have;
//   - the attributions: every report is decided anew, and each decision is held against that which stands;
//   - the sales by partner, link and day: the figures that the attributions have;
//   - the ledger: every reward is reckoned anew from decisions, rules and entries by hand, and each of its accounts held
//     against what stands; none is for nothing, of two partners or currencies, or paid beyond what was ever given for it;
//   - payouts: their lists add up to their amounts, and the ledger has what their status says;
//   - the days of rewards: the sums that the ledger has;
//   - the live counters in Redis: the clicks up to the position of each node;
//   - the directory in Redis: the versions in force, byte for byte, and the indexes.
//
// # While everything runs
//
// Hits land while they are counted. What is pending is rolled up first. A figure is then held against two
// counts: of the hits that are certainly in it, and of all that have landed since; it must lie between
// them, and where both are the same it must be that. What differs is looked at again, and only what
// differs twice is a difference. A day or counter on which hits were landing every time is listed as
// not compared, with the reason: it is neither right nor wrong, and another run will tell. So are the decisions on
// reports of a customer of whom others have just landed, and rewards that are just being booked.
//
// # Limits
//
// Of a hit's columns those are checked that figures or checksums depend on: node, seq, time, partner,
// link, verdict, visitor, click tag, and what breakdowns tell apart; of a conversion's node, seq, time of receipt, record hash, and what decisions depend
// on. Of more than a thousand differences the rest is only counted, and where decisions on a million reports differ, most of
// them are told by the blocks that hold them. With Since, decisions on what occurred before it are taken
// as they come out, and rewards that were earned before it are only looked over.
package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/attribute"
	"fairlead/aggregator/book"
	"fairlead/aggregator/rewarddays"
	"fairlead/aggregator/rollup"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Options are what a Verify works with.
type Options struct {
	ClickHouse driver.Conn
	Redis      redis.UniversalClient
	Keys       schema.Keys
	Rollup     *rollup.Rollup         // rolls up what is pending before it is compared
	Attribute  *attribute.Attribute   // attributes what is pending before it is compared
	Book       *book.Book             // books what is pending before it is compared
	RewardDays *rewarddays.RewardDays // sums what is pending before it is compared
	Logger     *slog.Logger
	Now        func() time.Time // time.Now when nil
	// Patience is how long is waited for what is under way before it is looked at again; 1 s when 0.
	Patience time.Duration
}

// Verify compares what is derived with the facts.
type Verify struct{ opt Options }

// New returns a Verify.
func New(opt Options) *Verify {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Patience == 0 {
		opt.Patience = time.Second
	}
	return &Verify{opt: opt}
}

// Scope says what a verification covers.
type Scope struct {
	Since schema.Month // hits and figures of this month and later; 0: all
	// Progress, when set, is told before each part: how many are done, of how many, and what comes.
	Progress func(done, total int, what string)
}

// Report is what a verification found.
type Report struct {
	OK           bool           `json:"ok"` // no gap, no double, no difference
	Clicks       uint64         `json:"clicks"`
	Conversions  uint64         `json:"conversions"`
	Attributions uint64         `json:"attributions"` // decisions that were compared
	Rewards      uint64         `json:"rewards"`      // likewise
	Gaps         uint64         `json:"gaps"`         // numbers that are missing without a reason
	Explained    uint64         `json:"explained"`    // numbers that are missing, with a reason in gaps
	Doubles      uint64         `json:"doubles"`      // rows that are one too many
	Differences  []Difference   `json:"differences"`
	Unlisted     int            `json:"unlisted,omitempty"` // differences beyond those listed
	NotCompared  []Open         `json:"not_compared"`
	Since        schema.Month   `json:"since,omitempty"`
	Months       []schema.Month `json:"months"` // whose figures were compared
	Nodes        int            `json:"nodes"`
	Zone         string         `json:"zone"`
	CompleteTo   time.Time      `json:"complete_to,omitzero"`
	BeganAt      time.Time      `json:"began_at"`
	Took         time.Duration  `json:"took_ns"`
}

// What of a Difference and an Open.
const (
	Gap           = "gap"
	Double        = "double"
	Shipment      = "shipment"
	LinkDays      = "link_days"
	PartnerDays   = "partner_days"
	PartnerMonths = "partner_months"
	Attributions  = "attributions"
	SaleDays      = "sale_days"
	Live          = "live"
	Directory     = "directory"
)

// Difference is something that is not as the facts say.
type Difference struct {
	What string `json:"what"`
	Key  string `json:"key"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

// Open is something that could not be compared.
type Open struct {
	What string `json:"what"`
	Key  string `json:"key,omitempty"`
	Why  string `json:"why"`
}

// most is how many differences are listed.
const most = 1000

// attempts is how often what differs is looked at.
const attempts = 3

// Run verifies. The error tells that it could not be done; what was found stands in the report.
func (v *Verify) Run(ctx context.Context, scope Scope) (Report, error) {
	r := &run{Options: v.opt, ctx: ctx, scope: scope}
	r.report = Report{
		Since:       scope.Since,
		BeganAt:     v.opt.Now().UTC(),
		Differences: []Difference{},
		NotCompared: []Open{},
		Months:      []schema.Month{},
	}
	began := time.Now()
	err := r.run()
	r.report.Took = time.Since(began)
	r.report.OK = err == nil && r.report.Gaps == 0 && r.report.Doubles == 0 && len(r.report.Differences) == 0
	if err != nil {
		return r.report, fmt.Errorf("verify: %w", err)
	}
	return r.report, nil
}

// run is one verification.
type run struct {
	Options
	ctx    context.Context
	scope  Scope
	zone   *time.Location
	nodes  []node
	report Report
	done   int
	total  int
}

// node is up to where a node's hits are known.
type node struct {
	Node      string `ch:"node"`
	Announced uint64 `ch:"announced"` // the highest seq of a shipment that there ever was
	Shipped   uint64 `ch:"shipped"`   // … that stands in shipments
	Rolled    uint64 `ch:"rolled"`    // every shipment up to here is in the rollups
}

func (r *run) run() (err error) {
	if r.zone, err = clickhouse.ProgramZone(r.ctx, r.ClickHouse); err != nil {
		return err
	}
	r.report.Zone = r.zone.String()
	if r.report.CompleteTo, err = clickhouse.CompleteTo(r.ctx, r.ClickHouse); err != nil {
		return err
	}
	months, err := r.months()
	if err != nil {
		return err
	}
	earned, err := r.rewardMonths()
	if err != nil {
		return err
	}
	r.total = len(months.facts[clicks.table]) + len(months.facts[conversions.table]) + len(months.figures) + decidingParts + len(months.sales) + moneyParts + len(earned) + 5
	r.next("sequences")
	if err := r.audit(clicks, &r.report.Clicks); err != nil {
		return err
	}
	if err := r.audit(conversions, &r.report.Conversions); err != nil {
		return err
	}
	r.next("shipments")
	if err := r.shipments(months.facts); err != nil {
		return err
	}
	r.next("pending rollups")
	r.rollUp()
	if err := r.rollups(months.figures); err != nil {
		return err
	}
	if err := r.attributions(); err != nil {
		return err
	}
	if err := r.sales(months.sales); err != nil {
		return err
	}
	if err := r.money(earned); err != nil {
		return err
	}
	r.next("live counters")
	if err := r.redis(Live, r.live()); err != nil {
		return err
	}
	r.next("directory")
	if err := r.redis(Directory, r.directory()); err != nil {
		return err
	}
	r.next("done")
	return nil
}

// next tells the progress: another part begins.
func (r *run) next(what string) {
	if r.scope.Progress != nil {
		r.scope.Progress(min(r.done, r.total), r.total, what)
	}
	r.done++
}

func (r *run) differ(what, key, want, got string) {
	if len(r.report.Differences) == most {
		r.report.Unlisted++
		return
	}
	r.report.Differences = append(r.report.Differences, Difference{What: what, Key: key, Want: want, Got: got})
}

func (r *run) leaveOpen(what, key, why string) {
	r.report.NotCompared = append(r.report.NotCompared, Open{What: what, Key: key, Why: why})
}

// redis turns Redis being away into something that was not compared: the facts are judged without it.
func (r *run) redis(what string, err error) error {
	if away := (*awayError)(nil); errors.As(err, &away) && r.ctx.Err() == nil {
		r.leaveOpen(what, "", "Redis does not answer: "+away.err.Error())
		return nil
	}
	return err
}

// awayError marks an error as Redis's.
type awayError struct{ err error }

func (e *awayError) Error() string { return "Redis: " + e.err.Error() }
func (e *awayError) Unwrap() error { return e.err }

func away(err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return nil
	}
	return &awayError{err}
}

// rollUp brings the rollups up to what has been shipped, so that what is pending is no difference.
func (r *run) rollUp() {
	for range attempts {
		report, err := r.Rollup.Run(r.ctx)
		if err != nil {
			r.Logger.Warn("verify could not roll up what is pending, and judges the rollups as they are", "err", err)
			return
		}
		if !report.Skipped {
			return
		}
		r.wait() // another is at it: that will do, once it is through
	}
}

// wait gives what is under way time to arrive.
func (r *run) wait() {
	t := time.NewTimer(r.Patience)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.ctx.Done():
	}
}

// named returns the context of a question.
func (r *run) named(purpose string, values map[string]string) context.Context {
	return clickhouse.Named(r.ctx, "verify: "+purpose, values)
}

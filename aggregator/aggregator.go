// Package aggregator is the clockwork of a program: a table of jobs with their schedules, which keep what
// is derived equal to the facts.
//
// # What is promised
//
// A job never runs twice at once, in whichever processes: each run holds the job's lock in Redis, and says there what it did
// under the lock's fencing token. Several aggregators may run; what is due is done by one of them. While Redis is away the
// jobs wait, and say so. A run that was missed is made up for, once (see turn). A job that is cut short, by a stop or a
// crash, leaves nothing half done; its next run does what is left. One that panics is reported and counted, and run again
// when it is due; the others go on.
//
// Schedules are in UTC, where every day has every hour once. Jobs whose work follows the program's calendar, as paying out
// on a day of the month, run oftener than that and look at the calendar in the program's zone themselves.
//
// # Limits
//
// Redis remembers what was done. Where it is lost, so is which runs were missed: each job then runs at its next slot.
package aggregator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/attribute"
	"fairlead/aggregator/book"
	"fairlead/aggregator/courier"
	"fairlead/aggregator/live"
	"fairlead/aggregator/payout"
	"fairlead/aggregator/rewarddays"
	"fairlead/aggregator/rollup"
	"fairlead/aggregator/verify"
	"fairlead/schema"
)

// Options are what an Aggregator works with.
type Options struct {
	ClickHouse driver.Conn
	Redis      redis.UniversalClient
	Keys       schema.Keys
	Logger     *slog.Logger
	Metrics    *metrics.Set
	// Schedule replaces the schedules of jobs by name, in cron's five fields or as "@every 10s"; "off"
	// leaves a job to RunOnce.
	Schedule map[string]string
	// HealDirectory brings the directory in Redis up to ClickHouse's, and answers how many entries it sent.
	HealDirectory func(ctx context.Context) (int, error)
	// ClaimArrived is told that the customer of a waiting referral claim has arrived.
	ClaimArrived func(ctx context.Context, claim uint32) error
	// Endpoints knows which merchants' and partners' endpoints are told of decisions, and Sender sends to them. Nil: nobody is told.
	Endpoints courier.Endpoints
	Sender    courier.Sender
	// Pay runs the payouts by the program's last payout day. Nil: nobody is paid.
	Pay func(ctx context.Context) (payout.Report, error)
	Now func() time.Time // time.Now when nil
}

// Off is the schedule of a job that runs only when asked for.
const Off = "off"

// The names of the jobs.
const (
	JobRollup    = "rollup"    // figures of what was shipped
	JobAttribute = "attribute" // who is credited for what was reported, and the figures of that
	JobReward    = "reward"    // what partners earn by that, booked, and the figures of that
	JobPayout    = "payout"    // what partners are paid, drafted on the program's payout day, sent and asked for
	JobDeliver   = "deliver"   // what was decided, told to merchants and partners
	JobHeal      = "heal"      // the directory and the live counters in Redis, where they lack something
	JobVerify    = "verify"    // everything counted anew
)

// Aggregator runs the jobs.
type Aggregator struct {
	opt  Options
	jobs []*job

	look  time.Duration // the longest that the clock is not looked at
	asked time.Time     // when Redis was last asked what the jobs did; of Run's goroutine
}

// New returns an Aggregator. The error names every schedule that cannot be.
func New(opt Options) (*Aggregator, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	a := &Aggregator{opt: opt, look: lookEvery}
	return a, a.enter(a.table())
}

// enter makes a table of jobs the aggregator's. The error names every schedule that cannot be.
func (a *Aggregator) enter(jobs []*job) error {
	a.jobs = jobs
	if err := a.schedule(); err != nil {
		return err
	}
	a.export()
	return nil
}

// table is what runs, and when.
func (a *Aggregator) table() []*job {
	opt := a.opt
	rollups := rollup.New(rollup.Options{ClickHouse: opt.ClickHouse, Redis: opt.Redis, Keys: opt.Keys, Logger: opt.Logger})
	credits := attribute.New(attribute.Options{
		ClickHouse: opt.ClickHouse, Redis: opt.Redis, Keys: opt.Keys, Logger: opt.Logger, ClaimArrived: opt.ClaimArrived,
	})
	rewards := book.New(book.Options{ClickHouse: opt.ClickHouse, Redis: opt.Redis, Keys: opt.Keys, Logger: opt.Logger, Now: opt.Now})
	earned := rewarddays.New(rewarddays.Options{ClickHouse: opt.ClickHouse, Redis: opt.Redis, Keys: opt.Keys, Logger: opt.Logger})
	counters := live.New(live.Options{ClickHouse: opt.ClickHouse, Redis: opt.Redis, Keys: opt.Keys, Logger: opt.Logger, Now: opt.Now})
	check := verify.New(verify.Options{ClickHouse: opt.ClickHouse, Redis: opt.Redis, Keys: opt.Keys, Rollup: rollups, Attribute: credits, Book: rewards, RewardDays: earned, Logger: opt.Logger, Now: opt.Now})
	jobs := []*job{
		{name: JobHeal, spec: "@every 10s", atStart: true, limit: time.Hour, run: heal(opt.HealDirectory, counters)},
		{name: JobRollup, spec: "* * * * *", atStart: true, limit: time.Hour, run: rollUp(rollups)},
		{name: JobAttribute, spec: "@every 10s", atStart: true, limit: time.Hour, run: credit(credits)},
		{name: JobReward, spec: "@every 10s", atStart: true, limit: time.Hour, run: bookRewards(rewards, earned)},
		{name: JobVerify, spec: "30 3 * * *", limit: 6 * time.Hour, run: a.verify(check)},
	}
	if opt.Pay != nil {
		jobs = append(jobs, &job{name: JobPayout, spec: "*/15 * * * *", limit: 6 * time.Hour, run: payOut(opt.Pay)})
	}
	if opt.Endpoints == nil {
		return jobs
	}
	tells := courier.New(courier.Options{
		ClickHouse: opt.ClickHouse, Redis: opt.Redis, Keys: opt.Keys, Endpoints: opt.Endpoints, Sender: opt.Sender,
		Logger: opt.Logger, Metrics: opt.Metrics, Now: opt.Now,
	})
	return append(jobs, &job{name: JobDeliver, spec: "@every 5s", atStart: true, limit: time.Hour, run: deliver(tells)})
}

// schedule reads the schedules.
func (a *Aggregator) schedule() error {
	var wrong []error
	known := map[string]bool{}
	for _, j := range a.jobs {
		known[j.name] = true
		j.agg = a
		if spec, ok := a.opt.Schedule[j.name]; ok {
			j.spec = strings.TrimSpace(spec)
		}
		if j.spec == Off {
			continue
		}
		var err error
		if j.turn.schedule, err = parse(j.spec, a.opt.Now()); err != nil {
			wrong = append(wrong, fmt.Errorf("job %s: schedule %q: %w", j.name, j.spec, err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.opt.Schedule)) {
		if !known[name] {
			wrong = append(wrong, fmt.Errorf("job %s: there is none of that name, only %s", name, strings.Join(a.names(), ", ")))
		}
	}
	return errors.Join(wrong...)
}

// names are those of all jobs, sorted.
func (a *Aggregator) names() []string {
	names := make([]string, len(a.jobs))
	for i, j := range a.jobs {
		names[i] = j.name
	}
	slices.Sort(names)
	return names
}

// Scheduled are the names of the jobs that have a schedule, in the order in which each finds done what it builds on.
func (a *Aggregator) Scheduled() []string {
	var names []string
	for _, j := range a.jobs {
		if j.turn.schedule != nil {
			names = append(names, j.name)
		}
	}
	return names
}

// Known answers nil for the name of a job.
func (a *Aggregator) Known(name string) error {
	if !slices.Contains(a.names(), name) {
		return fmt.Errorf("job %s: there is none of that name, only %s", name, strings.Join(a.names(), ", "))
	}
	return nil
}

// RunOnce runs a job now and answers what came of it. It does not wait for Redis, nor for another process that is at the job:
// then the answer is that it was skipped.
func (a *Aggregator) RunOnce(ctx context.Context, name string) (schema.JobStatus, error) {
	if err := a.Known(name); err != nil {
		return schema.JobStatus{}, err
	}
	j := a.jobs[slices.IndexFunc(a.jobs, func(j *job) bool { return j.name == name })]
	status, _, err := j.once(ctx, time.Time{})
	return status, err
}

// Package aggregator is the clockwork of a program: a table of jobs with their schedules, which keep what
// is derived equal to the facts.
//
// Several aggregators may run: each job is held by one of them at a time, and the others skip. A job
// that is cut short, by a stop or a crash, leaves nothing half done; its next run does what is left.
// Schedules are in UTC.
package aggregator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/go-redis/v9"
	"github.com/robfig/cron/v3"

	"fairlead/aggregator/attribute"
	"fairlead/aggregator/courier"
	"fairlead/aggregator/live"
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
	Now       func() time.Time // time.Now when nil
}

// Off is the schedule of a job that runs only when asked for.
const Off = "off"

// The names of the jobs.
const (
	JobRollup    = "rollup"    // figures of what was shipped
	JobAttribute = "attribute" // who is credited for what was reported, and the figures of that
	JobDeliver   = "deliver"   // what was decided, told to merchants and partners
	JobHeal      = "heal"      // the directory and the live counters in Redis, where they lack something
	JobVerify    = "verify"    // everything counted anew
)

// Aggregator runs the jobs.
type Aggregator struct {
	opt  Options
	jobs []*job
	cron *cron.Cron
}

// New returns an Aggregator. The error names every schedule that cannot be.
func New(opt Options) (*Aggregator, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	a := &Aggregator{opt: opt}
	a.jobs = a.table()
	if err := a.schedule(); err != nil {
		return a, err
	}
	a.export()
	return a, nil
}

// export makes the metrics part of the set. The counters stand at zero from the start: a first failure is an increase.
func (a *Aggregator) export() {
	if a.opt.Metrics == nil {
		return
	}
	for _, j := range a.jobs {
		for _, outcome := range outcomes {
			j.runs(outcome)
		}
		j.moveDue(a.opt.Now())
	}
	last := &verified{read: func(ctx context.Context) ([]byte, error) {
		return a.opt.Redis.Get(ctx, a.opt.Keys.Verified()).Bytes()
	}}
	a.opt.Metrics.RegisterMetricsWriter(last.write)
}

// table is what runs, and when.
func (a *Aggregator) table() []*job {
	opt := a.opt
	rollups := rollup.New(rollup.Options{ClickHouse: opt.ClickHouse, Redis: opt.Redis, Keys: opt.Keys, Logger: opt.Logger})
	credits := attribute.New(attribute.Options{
		ClickHouse: opt.ClickHouse, Redis: opt.Redis, Keys: opt.Keys, Logger: opt.Logger, ClaimArrived: opt.ClaimArrived,
	})
	counters := live.New(live.Options{ClickHouse: opt.ClickHouse, Redis: opt.Redis, Keys: opt.Keys, Logger: opt.Logger, Now: opt.Now})
	check := verify.New(verify.Options{ClickHouse: opt.ClickHouse, Redis: opt.Redis, Keys: opt.Keys, Rollup: rollups, Attribute: credits, Logger: opt.Logger, Now: opt.Now})
	jobs := []*job{
		{name: JobHeal, spec: "@every 10s", atStart: true, limit: time.Hour, run: heal(opt.HealDirectory, counters)},
		{name: JobRollup, spec: "* * * * *", atStart: true, limit: time.Hour, run: rollUp(rollups)},
		{name: JobAttribute, spec: "@every 10s", atStart: true, limit: time.Hour, run: credit(credits)},
		{name: JobVerify, spec: "30 3 * * *", limit: 6 * time.Hour, run: a.verify(check)},
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

// schedule reads the schedules and enters the jobs.
func (a *Aggregator) schedule() error {
	log := cronLog{a.opt.Logger}
	a.cron = cron.New(cron.WithLocation(time.UTC), cron.WithLogger(log))
	var wrong []error
	known := map[string]bool{}
	for _, j := range a.jobs {
		known[j.name] = true
		j.agg = a
		if spec, ok := a.opt.Schedule[j.name]; ok {
			j.spec = strings.TrimSpace(spec)
		}
		// In this order: a panic that passed SkipIfStillRunning would leave the job running for ever.
		j.wrapped = cron.NewChain(cron.SkipIfStillRunning(log), cron.Recover(log)).Then(j)
		if j.spec == Off {
			continue
		}
		id, err := a.cron.AddJob(j.spec, j.wrapped)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("job %s: schedule %q is neither five fields, nor @every and a duration, nor %q: %w", j.name, j.spec, Off, err))
			continue
		}
		j.next = func() time.Time { return a.cron.Entry(id).Next }
		j.after = a.cron.Entry(id).Schedule.Next
	}
	for _, name := range slices.Sorted(maps.Keys(a.opt.Schedule)) {
		if !known[name] {
			wrong = append(wrong, fmt.Errorf("job %s: there is none of that name, only %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
		}
	}
	return errors.Join(wrong...)
}

// Run runs the jobs on their schedules, those that others wait for at once, until ctx ends; then it waits
// for what is running, which ends soon.
func (a *Aggregator) Run(ctx context.Context) {
	var first sync.WaitGroup
	for _, j := range a.jobs {
		j.ctx = ctx
		if j.atStart && j.spec != Off {
			first.Go(j.wrapped.Run)
		}
	}
	a.cron.Start()
	<-ctx.Done()
	<-a.cron.Stop().Done()
	first.Wait()
}

// RunOnce runs a job now and answers what came of it.
func (a *Aggregator) RunOnce(ctx context.Context, name string) (schema.JobStatus, error) {
	for _, j := range a.jobs {
		if j.name == name {
			return j.once(ctx)
		}
	}
	return schema.JobStatus{}, fmt.Errorf("job %s: there is none of that name", name)
}

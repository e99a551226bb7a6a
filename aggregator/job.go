package aggregator

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/robfig/cron/v3"

	"fairlead/schema"
)

// job is a row of the table.
type job struct {
	name    string
	spec    string
	atStart bool          // others wait for it: run at once when the aggregator starts
	limit   time.Duration // after which a run is given up
	run     func(ctx context.Context) (result, error)

	agg     *Aggregator
	wrapped cron.Job
	next    func() time.Time          // nil: the job has no schedule
	after   func(time.Time) time.Time // when a run is due after a moment; nil likewise
	ctx     context.Context           // of Run

	mu     sync.Mutex
	failed string // why the last run failed; empty: it did not
}

// Run is called by the clock.
func (j *job) Run() {
	defer func() {
		if bug := recover(); bug != nil {
			if j.agg.opt.Metrics != nil {
				j.runs(outcomeError).Inc()
			}
			panic(bug) // the clock says so
		}
	}()
	_, _ = j.once(j.ctx) // said in the log, and kept in the status
}

// once runs the job, and tells what came of it: the log, the metrics, and the status in Redis.
func (j *job) once(ctx context.Context) (schema.JobStatus, error) {
	limited, cancel := context.WithTimeout(ctx, j.limit)
	defer cancel()
	began := j.agg.opt.Now()
	clock := time.Now()
	still := j.moveDue(began)
	defer func() { still() }() // after a panic too
	did, err := j.run(limited)
	took := time.Since(clock)
	if err == nil {
		still = func() {}
	}
	status := schema.JobStatus{BeganAt: began.UTC(), Took: took, Skipped: did == nil && err == nil}
	if j.next != nil {
		status.NextAt = j.next()
	}
	if err != nil {
		status.Error = err.Error()
	}
	if text, bad := json.Marshal(did); bad == nil && did != nil {
		status.Result = text
	}
	if ctx.Err() != nil { // stopped: no failure of the job
		return status, err
	}
	j.count(status)
	j.tell(status)
	if status.Skipped {
		return status, nil
	}
	if kept := j.keep(ctx, status); err == nil {
		err = kept
	}
	return status, err
}

// count adds the run to the metrics.
func (j *job) count(s schema.JobStatus) {
	set := j.agg.opt.Metrics
	if set == nil {
		return
	}
	outcome := outcomeOK
	switch {
	case s.Skipped:
		outcome = outcomeSkipped
	case s.Error != "":
		outcome = outcomeError
	}
	j.runs(outcome).Inc()
	set.GetOrCreateFloatCounter(fmt.Sprintf(`fairlead_job_seconds_total{name=%q}`, j.name)).Add(s.Took.Seconds())
	if outcome == outcomeOK {
		set.GetOrCreateGauge(fmt.Sprintf(`fairlead_job_last_success_timestamp_seconds{name=%q}`, j.name), nil).Set(float64(s.BeganAt.Unix()))
	}
}

// How a run can end: a closed set.
const (
	outcomeOK      = "ok"
	outcomeError   = "error"
	outcomeSkipped = "skipped" // another process was at it
)

var outcomes = [...]string{outcomeOK, outcomeError, outcomeSkipped}

func (j *job) runs(outcome string) *metrics.Counter {
	return j.agg.opt.Metrics.GetOrCreateCounter(fmt.Sprintf(`fairlead_job_runs_total{name=%q,outcome=%q}`, j.name, outcome))
}

// moveDue says by when the job is to begin its next run, after one that begins now; still takes it back, for a run
// that failed. Once that lies in the past, the job is overdue.
func (j *job) moveDue(now time.Time) (still func()) {
	if j.after == nil || j.agg.opt.Metrics == nil {
		return func() {}
	}
	due := j.agg.opt.Metrics.GetOrCreateGauge(fmt.Sprintf(`fairlead_job_due_timestamp_seconds{name=%q}`, j.name), nil)
	was := due.Get()
	due.Set(float64(j.after(now.UTC()).Unix()))
	return func() { due.Set(was) }
}

// tell logs a failure when it is new, and its end; a job that runs every few seconds would fill the log.
func (j *job) tell(s schema.JobStatus) {
	log := j.agg.opt.Logger.With("job", j.name)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case s.Error != "" && s.Error != j.failed:
		log.Error("job failed; it will be run again", "err", s.Error, "next", s.NextAt)
	case s.Error == "" && j.failed != "" && !s.Skipped:
		log.Info("job works again", "took", s.Took)
	default:
		log.Debug("job ran", "took", s.Took, "skipped", s.Skipped, "result", string(s.Result))
	}
	if !s.Skipped {
		j.failed = s.Error
	}
}

// keep writes the status where `fairlead jobs` and the pages find it.
func (j *job) keep(ctx context.Context, s schema.JobStatus) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("keep the status of job %s: %w", j.name, err)
	}
	if err := j.agg.opt.Redis.HSet(ctx, j.agg.opt.Keys.Jobs(), j.name, text).Err(); err != nil {
		return fmt.Errorf("keep the status of job %s: %w", j.name, err)
	}
	return nil
}

// cronLog passes on what the clock says: a skipped run quietly, a panic loudly.
type cronLog struct{ log *slog.Logger }

func (l cronLog) Info(msg string, pairs ...any) { l.log.Debug("cron: "+msg, pairs...) }
func (l cronLog) Error(err error, msg string, pairs ...any) {
	l.log.Error("BUG: a job panicked: "+msg, append([]any{"err", err}, pairs...)...)
}

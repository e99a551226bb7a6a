package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"fairlead/aggregator/lock"
	"fairlead/schema"
)

// job is a row of the table.
type job struct {
	name    string
	spec    string
	atStart bool          // others wait for it: run at once when the aggregator starts
	limit   time.Duration // after which a run is given up
	run     func(ctx context.Context) (result, error)

	agg        *Aggregator
	registered bool // in Redis; of Run's goroutine
	turn

	mu     sync.Mutex
	failed string // guarded by mu, as is waits: why the last run failed; empty: it did not
	waits  bool   // for Redis
}

// lockLife is after what a dead process's lock of a job expires.
const lockLife = 30 * time.Second

// lockOf names the lock of a job in Redis. What a job works on may have a lock of its own, which commands take too.
func lockOf(name string) string { return "job:" + name }

// How a run can end: a closed set.
type outcome string

const (
	outcomeOK      outcome = "ok"
	outcomeError   outcome = "error"
	outcomePanic   outcome = "panic"
	outcomeSkipped outcome = "skipped" // another process was at it, or had done it
	outcomeWaiting outcome = "waiting" // Redis, where the locks are, did not answer
)

var outcomes = [...]outcome{outcomeOK, outcomeError, outcomePanic, outcomeSkipped, outcomeWaiting}

// panicError is what became of a job that panicked.
type panicError struct{ bug any }

func (e *panicError) Error() string { return fmt.Sprintf("BUG: the job panicked: %v", e.bug) }

// awayError marks an error as Redis's: nobody can say who is at the job.
type awayError struct{ err error }

func (e *awayError) Error() string { return e.err.Error() }
func (e *awayError) Unwrap() error { return e.err }

// once runs the job under its lock, and tells what came of it: the log, the metrics, and the status in Redis. Slot is when
// the schedule wanted it: what another process did since then is not done again; zero: somebody asks for it now.
// Settled reports whether nothing is left of that slot.
func (j *job) once(ctx context.Context, slot time.Time) (status schema.JobStatus, settled bool, err error) {
	l, err := lock.Acquire(ctx, j.agg.opt.Redis, j.agg.opt.Keys, lockOf(j.name), lockLife)
	if errors.Is(err, lock.ErrHeld) {
		j.tell(outcomeSkipped, schema.JobStatus{})
		return schema.JobStatus{Skipped: true}, false, nil
	}
	var before schema.JobStatus
	if err == nil {
		defer l.Release()
		before, err = j.agg.status(l.Context(), j.name)
	}
	if err != nil {
		if ctx.Err() == nil {
			j.tell(outcomeWaiting, schema.JobStatus{Error: err.Error()})
		}
		return schema.JobStatus{}, false, &awayError{err}
	}
	if !slot.IsZero() && done(before, slot, j.agg.opt.Now()) {
		j.tell(outcomeSkipped, schema.JobStatus{})
		return schema.JobStatus{Skipped: true}, true, nil
	}
	status, err = j.work(l, before)
	if ctx.Err() != nil { // stopped: no failure of the job, and its slot stays open for the next start
		return status, false, err
	}
	status.Token = l.Token()
	j.tell(ended(status, err), status)
	if status.Skipped {
		return status, false, nil
	}
	settled = err == nil
	if kept := j.agg.keep(ctx, j.name, status); kept != nil {
		j.agg.opt.Logger.Warn("what the job did is not known to others", "job", j.name, "err", kept)
		err = errors.Join(err, kept)
	}
	return status, settled, err
}

// done reports whether a run that began at the slot or since has done what was due. One of the future was made before the
// clock was set back, and counts for nothing; a minute's difference between two machines' clocks is none.
func done(s schema.JobStatus, slot, now time.Time) bool {
	return !s.SucceededAt.Before(slot) && !s.SucceededAt.After(now.Add(time.Minute))
}

// work runs the job. The status goes on from the one before.
func (j *job) work(l *lock.Lock, before schema.JobStatus) (schema.JobStatus, error) {
	ctx, cancel := context.WithTimeout(l.Context(), j.limit)
	defer cancel()
	began := j.agg.opt.Now().UTC()
	clock := time.Now()
	still := j.moveDue(began)
	j.running(1)
	did, err := j.guarded(ctx)
	j.running(0)
	if lost := context.Cause(l.Context()); err != nil && errors.Is(lost, lock.ErrLost) && !errors.Is(err, lock.ErrLost) {
		err = fmt.Errorf("%w: %w", lost, err)
	}
	status := schema.JobStatus{
		Since: before.Since, BeganAt: began, Took: time.Since(clock), By: lock.Process(), Schedule: j.spec,
		NextAt: j.nextAfter(j.agg.opt.Now()), Skipped: did == nil && err == nil,
	}
	if status.Since.IsZero() {
		status.Since = began
	}
	if err != nil {
		still()
		status.Error, status.SucceededAt, status.FailingSince = err.Error(), before.SucceededAt, before.FailingSince
		if status.FailingSince.IsZero() {
			status.FailingSince = began
		}
	} else {
		status.SucceededAt = began
	}
	report := did
	if t, ok := did.(told); ok {
		status.Rows, status.What, report = t.rows, t.what, t.report
	}
	if text, bad := json.Marshal(report); bad == nil && report != nil {
		status.Result = text
	}
	return status, err
}

// guarded runs the job; a panic is an error of the run, and the stack stands in the log.
func (j *job) guarded(ctx context.Context) (did result, err error) {
	defer func() {
		if bug := recover(); bug != nil {
			j.agg.opt.Logger.Error("BUG: a job panicked; the others go on", "job", j.name, "panic", fmt.Sprint(bug), "stack", string(debug.Stack()))
			did, err = nil, &panicError{bug}
		}
	}()
	return j.run(ctx)
}

// ended classes the end of a run.
func ended(s schema.JobStatus, err error) outcome {
	switch bug := (*panicError)(nil); {
	case errors.As(err, &bug):
		return outcomePanic
	case err != nil:
		return outcomeError
	case s.Skipped:
		return outcomeSkipped
	}
	return outcomeOK
}

// tell counts a run, and logs a failure when it is new, and its end: a job that runs every few seconds would fill the log.
func (j *job) tell(how outcome, s schema.JobStatus) {
	j.count(how, s)
	log := j.agg.opt.Logger.With("job", j.name)
	j.mu.Lock()
	defer j.mu.Unlock()
	waited := j.waits
	j.waits = how == outcomeWaiting
	switch {
	case j.waits && !waited:
		log.Warn("the job waits: Redis does not answer, and nobody can say who else is at it", "err", s.Error)
	case waited && !j.waits:
		log.Info("the job waits no more: Redis answers")
	}
	switch how {
	case outcomeError, outcomePanic:
		if s.Error != j.failed {
			log.Error("job failed; it will be run again", "err", s.Error)
		}
		j.failed = s.Error
	case outcomeOK:
		if j.failed != "" {
			log.Info("job works again", "took", s.Took)
		}
		j.failed = ""
		log.Debug("job ran", "took", s.Took, "did", s.What)
	}
}

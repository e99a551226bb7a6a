package aggregator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"fairlead/schema"
)

// turn is when a job is to run. What it runs for is a slot, a moment that its schedule names; a slot is owed until a run
// that began at it or later has succeeded, in whichever process. So a run that was missed while nobody ran, while Redis was
// away, or because it failed, is made up for, once, however many slots went by.
//
// The runner that comes with the library of schedules is not used: it asks its own clock, sleeps past one that is set back,
// and forgets what it missed.
type turn struct {
	schedule cron.Schedule // nil: the job runs only when asked for

	guard    sync.Mutex
	slot     time.Time // guarded by guard, as is what follows: the slot that is owed, or the next one; zero: not known yet
	not      time.Time // not before this
	busy     bool
	failures int // in a row
}

// Pauses before a slot that is owed is tried for again. A job whose next slot is nearer does not wait for them.
const (
	pauseHeld    = 10 * time.Second // another process is at it, and may die
	pauseAway    = 5 * time.Second  // Redis does not answer
	pauseFailed  = time.Minute      // the job failed; doubled with each failure
	longestPause = 15 * time.Minute
)

// parse reads a schedule: cron's five fields, or @every and a duration. It is in UTC.
func parse(spec string, now time.Time) (cron.Schedule, error) {
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") {
		return nil, errors.New("schedules are in UTC, which has no daylight saving time, and take no other zone")
	}
	s, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("it is neither five fields, nor @every and a duration, nor %q: %w", Off, err)
	}
	if s.Next(now.UTC()).IsZero() {
		return nil, errors.New("that moment never comes")
	}
	return s, nil
}

// nextAfter is the first slot after a moment; zero without a schedule.
func (t *turn) nextAfter(now time.Time) time.Time {
	if t.schedule == nil {
		return time.Time{}
	}
	return t.schedule.Next(now.UTC())
}

// owe makes a slot the one that is looked after.
func (t *turn) owe(slot time.Time) {
	t.guard.Lock()
	defer t.guard.Unlock()
	t.slot = slot
}

// known reports whether the job's slot is known.
func (t *turn) known() bool {
	t.guard.Lock()
	defer t.guard.Unlock()
	return t.schedule == nil || !t.slot.IsZero()
}

// due answers when the job is to be run, as things stand now; false: not as far as is known.
func (t *turn) due(now time.Time) (time.Time, bool) {
	t.guard.Lock()
	defer t.guard.Unlock()
	if t.schedule == nil || t.slot.IsZero() || t.busy {
		return time.Time{}, false
	}
	// After the clock was set back the next slot, and what is waited for, lie further away than they ever do.
	if t.slot.After(now) {
		t.slot = earlier(t.slot, t.nextAfter(now))
	}
	t.not = earlier(t.not, now.Add(longestPause))
	return later(t.slot, t.not), true
}

// begin marks the job as running, and answers for which slot.
func (t *turn) begin() time.Time {
	t.guard.Lock()
	defer t.guard.Unlock()
	t.busy = true
	return t.slot
}

// end says what became of the slot.
func (t *turn) end(now time.Time, settled bool, err error) {
	t.guard.Lock()
	defer t.guard.Unlock()
	t.busy = false
	next := t.nextAfter(now)
	if settled {
		t.slot, t.not, t.failures = next, time.Time{}, 0
		return
	}
	var pause time.Duration
	switch away := (*awayError)(nil); {
	case err == nil:
		pause = pauseHeld
	case errors.As(err, &away):
		pause = pauseAway
	default:
		pause = min(pauseFailed<<min(t.failures, 10), longestPause)
		t.failures++
	}
	t.not = earlier(now.Add(pause), next)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// lookEvery is how long the clock is believed: it may be set while nobody looks.
const lookEvery = time.Second

// Run runs the jobs on their schedules, those that others wait for at once, and those whose slot was missed, until ctx ends;
// then it waits for what is running, which ends soon.
func (a *Aggregator) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for _, j := range a.jobs {
		if j.atStart && j.schedule != nil {
			j.owe(a.opt.Now().UTC())
		}
	}
	for ctx.Err() == nil {
		a.learn(ctx)
		now := a.opt.Now()
		pause := a.look
		for _, j := range a.jobs {
			at, ok := j.due(now)
			switch {
			case !ok:
			case at.After(now):
				pause = min(pause, at.Sub(now))
			default:
				slot := j.begin()
				running.Go(func() {
					_, settled, err := j.once(ctx, slot)
					j.end(a.opt.Now(), settled, err)
				})
			}
		}
		sleep(ctx, pause)
	}
}

// learn asks Redis, once, what the jobs did last, and makes them known there. While Redis is away only the jobs that run at
// the start have a slot, and they wait.
func (a *Aggregator) learn(ctx context.Context) {
	now := a.opt.Now().UTC()
	if now.Sub(a.asked).Abs() < pauseAway {
		return
	}
	for _, j := range a.jobs {
		if j.known() && j.registered {
			continue
		}
		a.asked = now
		status, err := a.register(ctx, j, now)
		if err != nil {
			return // the jobs that wait say so
		}
		j.registered = true
		if !j.known() {
			j.owe(j.nextAfter(lastTurn(status, now)))
		}
	}
}

// lastTurn is from when on a slot is owed.
func lastTurn(s schema.JobStatus, now time.Time) time.Time {
	return earlier(later(s.Since, s.SucceededAt), now)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(max(d, time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

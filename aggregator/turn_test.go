package aggregator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/go-redis/v9"
	"github.com/robfig/cron/v3"
	"go.uber.org/goleak"

	"fairlead/aggregator/lock"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

// clock is one that a test sets.
type clock struct {
	mu     sync.Mutex
	now    time.Time // guarded by mu
	looked atomic.Int64
}

func (c *clock) Now() time.Time {
	c.looked.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(text string) {
	at, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = at
}

// passes waits until whoever looks at the clock has had every chance to act on it.
func (c *clock) passes(t testing.TB) {
	t.Helper()
	until := c.looked.Load() + 40
	eventually(t, "the clock is looked at", func() bool { return c.looked.Load() >= until })
}

// ward is a deployment whose only jobs are the test's.
type ward struct {
	t     testing.TB
	redis redis.UniversalClient
	clock *clock
	log   syncBuffer
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.b.String(), text)
}

func newWard(t testing.TB, now string) *ward {
	w := &ward{t: t, redis: storestest.Redis(t).Fresh(t).Client(t), clock: &clock{}}
	w.clock.set(now)
	return w
}

// aggregator is one more process of the deployment.
func (w *ward) aggregator(jobs ...*job) *Aggregator {
	w.t.Helper()
	a := &Aggregator{look: time.Millisecond, opt: Options{
		Redis: w.redis, Keys: schema.DefaultKeys, Metrics: metrics.NewSet(), Now: w.clock.Now,
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
	}}
	if err := a.enter(jobs); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// start runs an aggregator; stop ends it, as SIGTERM does, and waits for it.
func (w *ward) start(a *Aggregator) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	return func() { cancel(); running.Wait() }
}

// counted is a job that only counts its runs.
func counted(spec string, runs *atomic.Int64) *job {
	return &job{name: "count", spec: spec, limit: time.Minute, run: func(context.Context) (result, error) {
		return told{report: struct{}{}, rows: 3, what: fmt.Sprintf("run %d", runs.Add(1))}, nil
	}}
}

// settles waits until a job ran so often, and no oftener.
func (w *ward) settles(what string, runs *atomic.Int64, want int64) {
	w.t.Helper()
	eventually(w.t, fmt.Sprintf("%s: %d runs", what, want), func() bool { return runs.Load() >= want })
	w.clock.passes(w.t)
	if got := runs.Load(); got != want {
		w.t.Fatalf("%s: %d runs, want %d", what, got, want)
	}
}

func TestARunThatWasMissedIsMadeUpForOnce(t *testing.T) {
	w := newWard(t, "2026-11-02 12:00:00")
	before := goleak.IgnoreCurrent()
	var runs atomic.Int64
	nightly := func() *Aggregator { return w.aggregator(counted("30 3 * * *", &runs)) }

	stop := w.start(nightly())
	w.settles("the first start misses nothing", &runs, 0)
	stop()
	w.clock.set("2026-11-06 09:00:00")
	stop = w.start(nightly())
	w.settles("four nights in which nobody ran", &runs, 1)
	w.clock.set("2026-11-07 03:29:59")
	w.settles("before the next night's", &runs, 1)
	w.clock.set("2026-11-07 03:30:00")
	w.settles("at the next night's", &runs, 2)
	stop()
	stop = w.start(nightly())
	w.settles("a start after which nothing was missed", &runs, 2)
	stop()
	goleak.VerifyNone(t, before)
}

func TestAJobIsListedOnTheScheduleThatItHasNow(t *testing.T) {
	w := newWard(t, "2026-11-02 12:00:00")
	var runs atomic.Int64
	f := func(spec, next string) {
		t.Helper()
		a := w.aggregator(counted(spec, &runs))
		defer w.start(a)()
		eventually(t, "the job is known", func() bool {
			listed, err := a.List(t.Context())
			return err == nil && listed[0].Schedule == spec && utcOf(listed[0].Next) == next
		})
	}
	f("30 3 * * *", "2026-11-03 03:30")
	f("30 5 * * *", "2026-11-03 05:30")
	f(Off, "-")
	w.clock.set("2026-11-04 12:00:00")
	f("30 6 * * *", "2026-11-05 06:30")
	if runs.Load() != 1 {
		t.Errorf("%d runs; the nights of 3 and 4 November were missed", runs.Load())
	}
}

func utcOf(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("2006-01-02 15:04")
}

func TestAClockThatJumpsNeitherStopsAJobNorRepeatsIt(t *testing.T) {
	for _, spec := range []string{"* * * * *", "@every 1m"} {
		t.Run(spec, func(t *testing.T) {
			w := newWard(t, "2026-11-02 12:00:30")
			var runs atomic.Int64
			stop := w.start(w.aggregator(counted(spec, &runs)))
			defer stop()
			w.settles("nothing is due", &runs, 0)
			for i, at := range []string{"12:02:00", "17:00:00", "10:00:30"} {
				w.clock.set("2026-11-02 " + at)
				if at < "12" {
					break // set back: nothing is due yet
				}
				w.settles(at, &runs, int64(i+1))
			}
			w.settles("set back", &runs, 2)
			w.clock.set("2026-11-02 10:02:00")
			w.settles("a minute after it was set back", &runs, 3)
		})
	}
}

func TestSchedulesAreInUTCWhereEveryDayHasEveryHourOnce(t *testing.T) {
	toronto, err := time.LoadLocation("America/Toronto")
	if err != nil {
		t.Fatal(err)
	}
	for _, around := range []string{"2026-03-08", "2026-11-01"} { // 02:00 is 03:00 there, and 02:00 is 01:00
		day, err := time.Parse(time.DateOnly, around)
		if err != nil {
			t.Fatal(err)
		}
		for _, hour := range []int{1, 2, 3, 5, 6, 7} {
			s, err := parse(fmt.Sprintf("30 %d * * *", hour), day)
			if err != nil {
				t.Fatal(err)
			}
			j := turn{schedule: s}
			at := day.AddDate(0, 0, -2)
			for range 4 {
				next := j.nextAfter(at.In(toronto))
				want := time.Date(at.Year(), at.Month(), at.Day(), hour, 30, 0, 0, time.UTC)
				if !next.Equal(want) {
					t.Errorf("after %s: %s, want %s", at, next, want)
				}
				at = at.AddDate(0, 0, 1)
			}
		}
	}
	for spec, want := range map[string]string{
		"CRON_TZ=Europe/Berlin 30 2 * * *": "in UTC", "TZ=UTC * * * * *": "in UTC", "0 0 30 2 *": "never comes", "daily": "neither five fields",
	} {
		if _, err := parse(spec, time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", spec, err, want)
		}
	}
}

func TestTwoAggregatorsDoWhatIsDueOnceAndNeverAtOnce(t *testing.T) {
	w := newWard(t, "2026-11-02 12:00:30")
	var runs, under, most atomic.Int64
	slow := func() *job {
		return &job{name: "slow", spec: "* * * * *", limit: time.Minute, run: func(context.Context) (result, error) {
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			w.clock.passes(t) // the other has every chance to begin too
			runs.Add(1)
			return told{}, nil
		}}
	}
	one, two := w.aggregator(slow()), w.aggregator(slow())
	stopOne, stopTwo := w.start(one), w.start(two)
	defer stopOne()
	defer stopTwo()
	w.clock.passes(t)
	for minute := 1; minute <= 10; minute++ {
		w.clock.set(fmt.Sprintf("2026-11-02 12:%02d:00", minute))
		w.settles("this minute's", &runs, int64(minute))
		w.clock.set(fmt.Sprintf("2026-11-02 12:%02d:15", minute)) // who found it held looks again
		w.settles("and nobody does it again", &runs, int64(minute))
	}
	if most.Load() != 1 {
		t.Errorf("%d ran at once", most.Load())
	}
}

func TestWhatADeadProcessWasAtIsDoneByAnother(t *testing.T) {
	w := newWard(t, "2026-11-02 12:00:30")
	var runs atomic.Int64
	dead, err := lock.Acquire(t.Context(), w.redis, schema.DefaultKeys, lockOf("count"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	a := w.aggregator(counted("0 13 * * *", &runs))
	defer w.start(a)()
	w.clock.passes(t)
	w.clock.set("2026-11-02 13:00:00")
	w.settles("while another holds it", &runs, 0)
	listed, err := a.List(t.Context())
	if err != nil || len(listed) != 1 || listed[0].Held == nil || listed[0].Held.Process != lock.Process() {
		t.Errorf("who holds it: %+v, %v", listed, err)
	}
	dead.Release()
	w.clock.set("2026-11-02 13:00:11")
	w.settles("when the lock is free", &runs, 1)
}

func TestJobsWaitWhileRedisIsAwayAndSaySo(t *testing.T) {
	store := storestest.NewRedis(t)
	w := newWard(t, "2026-11-02 12:00:30")
	w.redis = store.Client(t)
	store.Kill()
	var runs, others atomic.Int64
	first := counted("0 13 * * *", &others)
	first.name, first.atStart = "first", true
	a := w.aggregator(first, counted("0 13 * * *", &runs))
	stop := w.start(a)
	defer stop()
	eventually(t, "who runs at the start says that it waits", func() bool { return w.log.count("the job waits: Redis does not answer") == 1 })
	for s := 31; s < 60; s += 6 {
		w.clock.set(fmt.Sprintf("2026-11-02 12:00:%02d", s))
		w.clock.passes(t)
	}
	if err := store.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs when Redis answers", func() bool {
		w.clock.mu.Lock()
		w.clock.now = w.clock.now.Add(time.Second)
		w.clock.mu.Unlock()
		return others.Load() == 1
	})
	if n, m := w.log.count("the job waits: Redis does not answer"), w.log.count("the job waits no more"); n != 1 || m != 1 {
		t.Errorf("said %d times that it waits, %d times that it waits no more", n, m)
	}
	if runs.Load() != 0 {
		t.Error("what was not due ran")
	}
	w.clock.set("2026-11-02 13:00:00")
	w.settles("and then on the schedule", &runs, 1)
}

func TestAPanicIsReportedAndCountedAndTheOthersGoOn(t *testing.T) {
	w := newWard(t, "2026-11-02 12:00:30")
	var runs atomic.Int64
	broken := &job{name: "broken", spec: "* * * * *", limit: time.Minute, run: func(context.Context) (result, error) { panic("a nil map") }}
	a := w.aggregator(broken, counted("* * * * *", &runs))
	defer w.start(a)()
	w.clock.passes(t)
	for minute := 1; minute <= 3; minute++ {
		w.clock.set(fmt.Sprintf("2026-11-02 12:%02d:00", minute))
		eventually(t, "both ran", func() bool {
			return runs.Load() == int64(minute) && broken.runs(outcomePanic).Get() == uint64(minute) && broken.gauge("fairlead_job_running").Get() == 0
		})
	}
	if w.log.count("BUG: a job panicked") != 3 || w.log.count("turn_test.go") == 0 {
		t.Error("the log lacks the panic or its stack")
	}
	var s schema.JobStatus
	eventually(t, "the status says it", func() bool {
		var err error
		s, err = a.status(t.Context(), "broken")
		return err == nil && strings.Contains(s.Error, "a nil map") && s.BeganAt.Minute() == 3
	})
	if s.FailingSince.Minute() != 1 || !s.SucceededAt.IsZero() {
		t.Errorf("status %+v", s)
	}
}

func TestAStopInTheMiddleOfARunIsNoFailureAndTheNextStartMakesUpForIt(t *testing.T) {
	w := newWard(t, "2026-11-02 12:00:30")
	var runs atomic.Int64
	began, tidied := make(chan struct{}), atomic.Bool{}
	long := &job{name: "count", spec: "0 13 * * *", limit: time.Hour, run: func(ctx context.Context) (result, error) {
		close(began)
		<-ctx.Done()
		tidied.Store(true)
		return nil, fmt.Errorf("count: %w", ctx.Err())
	}}
	before := goleak.IgnoreCurrent()
	stop := w.start(w.aggregator(long))
	w.clock.passes(t)
	w.clock.set("2026-11-02 13:00:00")
	<-began
	stop()
	if !tidied.Load() {
		t.Error("the aggregator ended before its job")
	}
	goleak.VerifyNone(t, before)
	if _, held, err := lock.HolderOf(t.Context(), w.redis, schema.DefaultKeys, lockOf("count")); held || err != nil {
		t.Errorf("the lock is held: %t, %v", held, err)
	}
	if w.log.count("failed") != 0 {
		t.Error("a stop was told as a failure")
	}
	a := w.aggregator(counted("0 13 * * *", &runs))
	if s, err := a.status(t.Context(), "count"); err != nil || !s.BeganAt.IsZero() {
		t.Errorf("status %+v, %v", s, err)
	}
	defer w.start(a)()
	w.settles("at the next start", &runs, 1)
}

func TestAFailureIsTriedAgainAfterGrowingPauses(t *testing.T) {
	now := time.Date(2026, 11, 2, 3, 30, 0, 0, time.UTC)
	daily, err := parse("30 3 * * *", now)
	if err != nil {
		t.Fatal(err)
	}
	j := turn{schedule: daily, slot: now}
	for _, minutes := range []int{1, 2, 4, 8, 15, 15} {
		if slot := j.begin(); slot.Minute() != 30 {
			t.Errorf("slot %s", slot)
		}
		if _, ok := j.due(now); ok {
			t.Error("it is due while it runs")
		}
		j.end(now, false, errors.New("no"))
		at, _ := j.due(now)
		if got := at.Sub(now); got != time.Duration(minutes)*time.Minute {
			t.Errorf("tried again after %s, want %d minutes", got, minutes)
		}
		now = at
	}
	j.begin()
	j.end(now, true, nil)
	if at, _ := j.due(now); !at.Equal(time.Date(2026, 11, 3, 3, 30, 0, 0, time.UTC)) {
		t.Errorf("after a success: %s", at)
	}
	often := turn{schedule: mustParse(t, "@every 10s"), slot: now}
	often.begin()
	often.end(now, false, errors.New("no"))
	if at, _ := often.due(now); at.Sub(now) > 10*time.Second {
		t.Errorf("a job of every ten seconds is tried again after %s", at.Sub(now))
	}
}

func mustParse(t testing.TB, spec string) cron.Schedule {
	t.Helper()
	s, err := parse(spec, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhoLostTheLockDoesNotOverwriteWhatItsSuccessorDid(t *testing.T) {
	w := newWard(t, "2026-11-02 12:00:30")
	var runs atomic.Int64
	a := w.aggregator(counted(Off, &runs))
	f := func(token uint64, what, want string) {
		t.Helper()
		if err := a.keep(t.Context(), "count", schema.JobStatus{Token: token, What: what}); err != nil {
			t.Fatal(err)
		}
		if s, err := a.status(t.Context(), "count"); err != nil || s.What != want {
			t.Errorf("after token %d: %q (%v), want %q", token, s.What, err, want)
		}
	}
	f(4, "the first", "the first")
	f(6, "its successor", "its successor")
	f(5, "who lost it", "its successor")
	f(6, "the same again", "the same again")
	w.redis.HSet(t.Context(), schema.DefaultKeys.Jobs(), "count", "no JSON")
	f(1, "over what cannot be read", "over what cannot be read")
	if s, err := a.RunOnce(t.Context(), "count"); err != nil || s.Rows != 3 || s.What != "run 1" || s.SucceededAt.IsZero() || s.By != lock.Process() {
		t.Errorf("status %+v, %v", s, err)
	}
	if len(a.Scheduled()) != 0 {
		t.Error("a job that is off is scheduled")
	}
}

package aggregator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/lock"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// empty returns a world in which nothing has happened.
func empty(t testing.TB) *aggregatortest.World {
	t.Helper()
	return aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
}

func options(t testing.TB, w *aggregatortest.World) Options {
	return Options{
		ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Metrics: metrics.NewSet(),
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func mustNew(t testing.TB, opt Options) *Aggregator {
	t.Helper()
	a, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func hits(n int) []aggregatortest.Hit {
	out := make([]aggregatortest.Hit, n)
	for i := range out {
		out[i] = aggregatortest.Hit{At: time.Now().UTC().Truncate(time.Millisecond), Partner: 1, Link: 1, Verdict: schema.VerdictValid, Visitor: uint64(i)}
	}
	return out
}

// eventually asks until the answer is yes.
func eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if yes() {
			return
		}
	}
	t.Fatalf("a minute went by, and still not: %s", what)
}

func TestTheJobsRunAtOnceAndThenOnTheirSchedules(t *testing.T) {
	w := empty(t)
	w.Ship("a", hits(10)...)
	opt := options(t, w)
	opt.Schedule = map[string]string{JobRollup: "@every 1s", JobHeal: "@every 1s", JobVerify: Off}
	var healed atomic.Int64
	opt.HealDirectory = func(context.Context) (int, error) { return int(healed.Add(1)), nil }
	a := mustNew(t, opt)

	before := goleak.IgnoreCurrent()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	rolled := func() uint64 { return w.Count("SELECT sum(clicks) FROM fairlead.partner_days") }
	eventually(t, "what was shipped before the start is rolled up", func() bool { return rolled() == 10 })
	w.Ship("a", hits(5)...)
	eventually(t, "what was shipped since is rolled up", func() bool { return rolled() == 15 })
	eventually(t, "the directory was healed twice", func() bool { return healed.Load() >= 2 })
	eventually(t, "the live counters are whole", func() bool { return w.Redis.Exists(ctx, w.Keys.LiveComplete()).Val() == 1 })
	var status schema.JobStatus
	eventually(t, "the rollup says in Redis what it did", func() bool {
		text, err := w.Redis.HGet(ctx, w.Keys.Jobs(), JobRollup).Bytes()
		return err == nil && json.Unmarshal(text, &status) == nil && strings.Contains(string(status.Result), `"generation":2`)
	})
	if status.Error != "" || status.BeganAt.IsZero() || status.Took == 0 || status.NextAt.IsZero() {
		t.Errorf("status %+v", status)
	}
	stop()
	running.Wait()
	goleak.VerifyNone(t, before)

	var text bytes.Buffer
	opt.Metrics.WritePrometheus(&text)
	for _, name := range []string{`fairlead_job_runs_total{job="rollup",outcome="ok"}`, `fairlead_job_seconds_total{job="heal"}`, `fairlead_job_last_success_timestamp_seconds{job="rollup"}`} {
		if !strings.Contains(text.String(), name) {
			t.Errorf("the metrics lack %s:\n%s", name, text.String())
		}
	}
}

func TestVerifyKeepsItsReport(t *testing.T) {
	w := empty(t)
	w.Ship("a", hits(10)...)
	a := mustNew(t, options(t, w))
	ctx := t.Context()
	if _, err := a.RunOnce(ctx, JobHeal); err != nil {
		t.Fatal(err)
	}
	report := func() (r struct {
		OK     bool   `json:"ok"`
		Clicks uint64 `json:"clicks"`
		Gaps   uint64 `json:"gaps"`
	}) {
		t.Helper()
		if _, err := a.RunOnce(ctx, JobVerify); err != nil {
			t.Fatal(err)
		}
		text, err := w.Redis.Get(ctx, w.Keys.Verified()).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := report(); !r.OK || r.Clicks != 10 {
		t.Errorf("report %+v", r)
	}
	w.Exec("ALTER TABLE fairlead.clicks DELETE WHERE seq = 4 SETTINGS mutations_sync = 1")
	if r := report(); r.OK || r.Gaps != 1 {
		t.Errorf("report %+v", r)
	}
}

func TestAJobThatAnotherProcessIsAtIsSkipped(t *testing.T) {
	w := empty(t)
	a := mustNew(t, options(t, w))
	for _, job := range []string{JobRollup, JobAttribute, JobVerify} {
		held, err := lock.Acquire(t.Context(), w.Redis, w.Keys, job, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		status, err := a.RunOnce(t.Context(), job)
		held.Release()
		if err != nil || !status.Skipped {
			t.Errorf("%s: %+v, %v; want it skipped", job, status, err)
		}
	}
	if n := w.Redis.HLen(t.Context(), w.Keys.Jobs()).Val(); n != 0 {
		t.Errorf("skipped runs wrote %d statuses", n)
	}
}

func TestAFailureIsToldOnceAndKept(t *testing.T) {
	w := empty(t)
	opt := options(t, w)
	var log bytes.Buffer
	opt.Logger = slog.New(slog.NewTextHandler(&log, nil))
	fail := true
	opt.HealDirectory = func(context.Context) (int, error) {
		if fail {
			return 0, errors.New("no ClickHouse today")
		}
		return 0, nil
	}
	a := mustNew(t, opt)
	for range 3 {
		if _, err := a.RunOnce(t.Context(), JobHeal); err == nil {
			t.Error("no error")
		}
	}
	if n := strings.Count(log.String(), "job failed"); n != 1 {
		t.Errorf("the failure was told %d times, want once:\n%s", n, log.String())
	}
	if w.Redis.Exists(t.Context(), w.Keys.LiveComplete()).Val() == 0 {
		t.Error("the live counters were not healed because the directory could not be")
	}
	if text := w.Redis.HGet(t.Context(), w.Keys.Jobs(), JobHeal).Val(); !strings.Contains(text, "no ClickHouse today") {
		t.Errorf("status %s", text)
	}
	fail = false
	if _, err := a.RunOnce(t.Context(), JobHeal); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "job works again") {
		t.Errorf("the end of the failure was not told:\n%s", log.String())
	}
}

func TestAPanicEndsARunAndNotTheJob(t *testing.T) {
	w := empty(t)
	opt := options(t, w)
	var runs atomic.Int64
	opt.HealDirectory = func(context.Context) (int, error) { panic(runs.Add(1)) }
	opt.Schedule = map[string]string{JobHeal: "@every 1s", JobRollup: Off, JobVerify: Off}
	opt.Logger = slog.New(slog.DiscardHandler)
	a := mustNew(t, opt)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	eventually(t, "the job ran again after a panic", func() bool { return runs.Load() >= 2 })
	stop()
	running.Wait()
}

func TestSchedulesThatCannotBeAreAllNamed(t *testing.T) {
	w := empty(t)
	opt := options(t, w)
	opt.Schedule = map[string]string{JobRollup: "now and then", JobHeal: "@every", "pay": "* * * * *"}
	_, err := New(opt)
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{`job rollup: schedule "now and then"`, `job heal: schedule "@every"`, "job pay: there is none of that name, only attribute, heal, rollup, verify"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
	if _, err := mustNew(t, options(t, w)).RunOnce(t.Context(), "pay"); err == nil {
		t.Error("a job of no name ran")
	}
}

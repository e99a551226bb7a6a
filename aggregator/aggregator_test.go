package aggregator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/lock"
	"fairlead/aggregator/outside"
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
	for _, name := range []string{`fairlead_job_runs_total{name="rollup",outcome="ok"}`, `fairlead_job_seconds_total{name="heal"}`, `fairlead_job_last_success_timestamp_seconds{name="rollup"}`} {
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

// nobody is to be told anything.
type nobody struct{}

func (nobody) Webhooks(context.Context) ([]schema.Webhook, error) { return nil, nil }
func (nobody) Postbacks(context.Context, []schema.PartnerID) ([]schema.Postback, error) {
	return nil, nil
}
func (nobody) LinksByID(context.Context, []schema.LinkID) ([]schema.Link, error)  { return nil, nil }
func (nobody) DisableEndpoint(context.Context, schema.Kind, uint32, string) error { return nil }
func (nobody) Send(context.Context, outside.Message) (outside.Answer, error) {
	return outside.Answer{}, errors.New("nobody listens")
}

func TestDeliveringIsAJobWhereEndpointsAreKnown(t *testing.T) {
	w := empty(t)
	opt := options(t, w)
	if _, err := mustNew(t, opt).RunOnce(t.Context(), JobDeliver); err == nil {
		t.Error("it runs without knowing whom to tell")
	}
	opt.Endpoints, opt.Sender = nobody{}, nobody{}
	status, err := mustNew(t, opt).RunOnce(t.Context(), JobDeliver)
	if err != nil || status.Skipped || !strings.Contains(string(status.Result), `"delivered":0`) {
		t.Errorf("got %+v, %v", status, err)
	}
}

func TestAJobThatAnotherProcessIsAtIsSkipped(t *testing.T) {
	w := empty(t)
	a := mustNew(t, options(t, w))
	for lockName, job := range map[string]string{"rollup": JobRollup, "attribute": JobAttribute, "job:heal": JobHeal, "job:verify": JobVerify} {
		held, err := lock.Acquire(t.Context(), w.Redis, w.Keys, lockName, time.Minute)
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
	if got := a.jobs[0].runs(outcomePanic).Get(); a.jobs[0].name != JobHeal || int64(got) != runs.Load() {
		t.Errorf("%d runs of %s are counted as panicked, %d were", got, a.jobs[0].name, runs.Load())
	}
}

// exported are the lines of a set's metrics that begin as some name does.
func exported(set *metrics.Set, name string) (out []string) {
	var text bytes.Buffer
	set.WritePrometheus(&text)
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, name) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func TestAFailureDoesNotMoveWhatIsDue(t *testing.T) {
	w := empty(t)
	opt := options(t, w)
	now := time.Date(2026, 7, 1, 12, 30, 15, 0, time.UTC)
	opt.Now = func() time.Time { return now }
	var fails error
	opt.HealDirectory = func(context.Context) (int, error) { return 0, fails }
	opt.Schedule = map[string]string{JobHeal: "0 * * * *", JobRollup: Off}
	a := mustNew(t, opt)
	const others = 3 // outcomes of no run here
	f := func(when, due string, runs ...string) {
		t.Helper()
		at, err := time.Parse(time.TimeOnly, due)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`fairlead_job_due_timestamp_seconds{name="heal"} %d`, now.Truncate(24*time.Hour).Add(at.Sub(at.Truncate(24*time.Hour))).Unix())
		if got := exported(opt.Metrics, `fairlead_job_due_timestamp_seconds{name="heal"}`); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v, want %s", when, got, want)
		}
		if got := exported(opt.Metrics, `fairlead_job_runs_total{name="heal"`); len(got) != len(runs)+others || !slices.Equal(got[:len(runs)], runs) {
			t.Errorf("%s: %v, want %v", when, got, runs)
		}
	}
	const errs, oks = `fairlead_job_runs_total{name="heal",outcome="error"} `, `fairlead_job_runs_total{name="heal",outcome="ok"} `
	f("at the start", "13:00:00", errs+"0", oks+"0")
	now = now.Add(time.Hour)
	if _, err := a.RunOnce(t.Context(), JobHeal); err != nil {
		t.Fatal(err)
	}
	f("after a run", "14:00:00", errs+"0", oks+"1")
	now, fails = now.Add(time.Hour), errors.New("no")
	if _, err := a.RunOnce(t.Context(), JobHeal); err == nil {
		t.Fatal("a job that fails does not say so")
	}
	f("after a failure", "14:00:00", errs+"1", oks+"1")
	if got := exported(opt.Metrics, `fairlead_job_due_timestamp_seconds{name="rollup"}`); len(got) != 0 {
		t.Errorf("a job without a schedule is due: %v", got)
	}
}

func TestTheLastVerificationIsExportedWhoeverMadeIt(t *testing.T) {
	w := empty(t)
	w.Ship("a", hits(3)...)
	here, there := options(t, w), options(t, w)
	mustNew(t, here)
	if got := exported(here.Metrics, "fairlead_verify_"); len(got) != 0 {
		t.Errorf("before there was any: %v", got)
	}
	other := mustNew(t, there)
	if _, err := other.RunOnce(t.Context(), JobVerify); err != nil { // the live counters are not there yet
		t.Fatal(err)
	}
	eventually(t, "what another found is exported here", func() bool {
		return slices.Contains(exported(here.Metrics, "fairlead_verify_"), "fairlead_verify_gaps 0")
	})
	one, another := exported(here.Metrics, "fairlead_verify_"), exported(there.Metrics, "fairlead_verify_")
	if len(one) != 5 || !slices.Equal(one, another) {
		t.Errorf("two processes say %v and %v", one, another)
	}
}

func TestSchedulesThatCannotBeAreAllNamed(t *testing.T) {
	w := empty(t)
	opt := options(t, w)
	opt.Schedule = map[string]string{JobRollup: "now and then", JobHeal: "@every", "pay": "* * * * *"}
	_, err := New(opt)
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{`job rollup: schedule "now and then"`, `job heal: schedule "@every"`, "job pay: there is none of that name, only attribute, heal, reward, rollup, verify"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
	if _, err := mustNew(t, options(t, w)).RunOnce(t.Context(), "pay"); err == nil {
		t.Error("a job of no name ran")
	}
}

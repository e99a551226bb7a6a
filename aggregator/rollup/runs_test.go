package rollup

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/lock"
	"fairlead/cmd/chaostest"
	"fairlead/schema"
)

var november = time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)

func staged(w *aggregatortest.World) uint64 {
	return w.Count("SELECT count() FROM system.tables WHERE database = 'fairlead' AND startsWith(name, 'stage_')")
}

func TestARunTakesUpWhatIsNewAndNothingElse(t *testing.T) {
	w := empty(t)
	r := newRollup(t, w)
	rng := rand.New(rand.NewPCG(3, 4))
	day := func(n int) (time.Time, time.Time) {
		from := november.AddDate(0, 0, n)
		return from, from.AddDate(0, 0, 1)
	}
	expect := func(what string, shipments, days int) {
		t.Helper()
		report := mustRun(t, r)
		if report.Shipments != shipments || report.Days != days {
			t.Errorf("%s: %d shipments on %d days, want %d on %d", what, report.Shipments, report.Days, shipments, days)
		}
		w.MustEqual(time.UTC)
	}
	ship := func(node string, n int) {
		from, to := day(n)
		w.Ship(node, hits(rng, 20, from, to)...)
	}

	expect("nothing was shipped", 0, 0)
	ship("a", 0)
	expect("a first shipment", 1, 1)
	expect("nothing since", 0, 0)
	ship("a", 0)
	ship("a", 1)
	ship("b", 5)
	expect("two nodes, three days", 3, 3)

	from, _ := day(2)
	first := w.Land("a", hits(rng, 20, from, from.Add(time.Hour))...)
	second := w.Land("a", hits(rng, 20, from.AddDate(0, 0, 1), from.AddDate(0, 0, 2))...)
	w.Announce("a", second)
	report := mustRun(t, r)
	if report.Shipments != 1 {
		t.Errorf("a shipment that appears before the one before it: %d new, want 1", report.Shipments)
	}
	w.Announce("a", first)
	expect("the one before it", 1, 1)
	expect("nothing since the hole was filled", 0, 0)
	if n := w.Count("SELECT argMax(done_to, token) FROM fairlead.rollup_nodes WHERE node = 'a'"); n != second[len(second)-1].Seq {
		t.Errorf("the bound of node a is %d, want %d", n, second[len(second)-1].Seq)
	}

	heartbeat := mustRun(t, r).Generation
	w.Close("a", november)
	if got := mustRun(t, r); got.Generation != heartbeat || got.Shipments != 0 {
		t.Errorf("a heartbeat made generation %d of %d", got.Generation, heartbeat)
	}
}

func TestAShipmentThatChangesBehindTheBoundIsFoundByComparingAll(t *testing.T) {
	w := empty(t)
	r := newRollup(t, w)
	rng := rand.New(rand.NewPCG(5, 6))
	w.Ship("a", hits(rng, 20, november, november.AddDate(0, 0, 1))...)
	mustRun(t, r)

	// Rows that landed late, and a shipment written again under the same key that counts them.
	late := hits(rng, 10, november.AddDate(0, 0, 3), november.AddDate(0, 0, 4))
	late = w.Land("a", late...)
	for i := range late {
		late[i].Seq -= 20
	}
	w.Announce("a", late)
	if report := mustRun(t, r); report.Shipments != 0 {
		t.Fatalf("the bound let a shipment behind it through: %+v", report)
	}
	again := newRollup(t, w) // a new process compares all
	if report := mustRun(t, again); report.Shipments != 1 {
		t.Fatalf("comparing all found %d shipments, want 1", report.Shipments)
	}
	w.MustEqual(time.UTC)
}

var errPlug = errors.New("the plug was pulled")

func TestACrashAfterAnyStepIsRepairedByTheNextRun(t *testing.T) {
	w := empty(t)
	rng := rand.New(rand.NewPCG(7, 8))
	w.Ship("a", hits(rng, 50, november, november.AddDate(0, 0, 3))...)
	mustRun(t, newRollup(t, w))
	r := newRollup(t, w)
	// crash ships what is new and lets the run that takes it up die after its step k. It answers the steps that the run came
	// to; fewer than k, when it came to its end.
	crash := func(k int) (steps []string) {
		// Over a month's end, so that two months are swapped.
		w.Ship("a", hits(rng, 50, november.AddDate(0, 0, 20), november.AddDate(0, 0, 22))...)
		r.step = func(name string) error {
			if steps = append(steps, name); len(steps) == k {
				return errPlug
			}
			return nil
		}
		if _, err := r.Run(t.Context()); err != nil && !errors.Is(err, errPlug) {
			t.Fatal(err)
		}
		r.step = nil
		return steps
	}
	// A short form crashes after every fourth step, from another one each time.
	stride := chaostest.Times(4, 1)
	chance, _ := chaostest.Rand(t)
	for k := 1 + chance.IntN(stride); ; k += stride {
		steps := crash(k)
		if len(steps) < k {
			if k < 20 {
				t.Errorf("a run has %d steps: %v", len(steps), steps)
			}
			break
		}
		mustRun(t, r)
		w.MustEqual(time.UTC)
		if n := staged(w); n != 0 {
			t.Errorf("after a crash at step %d (%s) %d staging tables are left", k, steps[k-1], n)
		}
		if t.Failed() {
			t.Fatalf("the crash was after step %d, %s", k, steps[k-1])
		}
	}
}

func TestReadersSeeAMonthBeforeOrAfterNeverBetween(t *testing.T) {
	runs := chaostest.Times(12, 400)
	w := empty(t)
	r := newRollup(t, w)
	const partners = 30
	// Each shipment brings every partner one click on each of two days: whoever reads, finds all alike.
	ship := func() {
		var batch []aggregatortest.Hit
		for p := range partners {
			for d := range 2 {
				batch = append(batch, aggregatortest.Hit{At: november.AddDate(0, 0, d), Partner: schema.PartnerID(p + 1), Link: 1, Verdict: schema.VerdictValid})
			}
		}
		w.Ship("a", batch...)
	}
	ship()
	mustRun(t, r)

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	reads := make([]int, 4)
	for i := range reads {
		wg.Go(func() {
			question := []string{
				"SELECT count(), min(clicks), max(clicks) FROM fairlead.link_days",
				"SELECT count(), min(clicks), max(clicks) FROM fairlead.partner_days",
				"SELECT count() * 2, intDiv(min(clicks), 2), intDiv(max(clicks), 2) FROM fairlead.partner_months",
				"SELECT count(), min(clicks), max(clicks) FROM fairlead.partner_days WHERE toYYYYMM(day) = 202611",
			}[i]
			var newest uint64
			for ctx.Err() == nil {
				var rows, lowest, highest uint64
				if err := w.CH.QueryRow(ctx, question).Scan(&rows, &lowest, &highest); err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				if rows != 2*partners || lowest != highest || lowest < newest {
					t.Errorf("%s: %d rows of %d to %d clicks after %d", question, rows, lowest, highest, newest)
					return
				}
				newest = lowest
				reads[i]++
			}
		})
	}
	for range runs {
		ship()
		mustRun(t, r)
	}
	stop()
	wg.Wait()
	chaostest.Report(t, "%d swaps under %v reads, not one between two states", 3*runs, reads)
	if slices.Min(reads) < runs {
		t.Errorf("the readers read %v times during %d runs: too seldom to tell", reads, runs)
	}
	w.MustEqual(time.UTC)
}

func TestARunThatFindsAnotherAtWorkSkips(t *testing.T) {
	w := empty(t)
	w.Ship("a", hits(rand.New(rand.NewPCG(9, 9)), 20, november, november.AddDate(0, 0, 1))...)
	one, other := newRollup(t, w), newRollup(t, w)
	asked := false
	one.step = func(string) error {
		if asked {
			return nil
		}
		asked = true
		report, err := other.Run(t.Context())
		if err != nil || !report.Skipped {
			t.Errorf("a second run beside the first: %+v, %v; want it skipped", report, err)
		}
		if _, err := other.Rebuild(t.Context(), nil); !errors.Is(err, lock.ErrHeld) {
			t.Errorf("a rebuild beside a run: %v, want %v", err, lock.ErrHeld)
		}
		return nil
	}
	mustRun(t, one)
	w.MustEqual(time.UTC)
}

func TestARunThatLostItsLockSwapsNothingIn(t *testing.T) {
	w := empty(t)
	rng := rand.New(rand.NewPCG(10, 10))
	w.Ship("a", hits(rng, 20, november, november.AddDate(0, 0, 1))...)
	slow, quick := newRollup(t, w), newRollup(t, w)
	counted := false
	slow.step = func(name string) error {
		if name != "count" || counted {
			return nil
		}
		counted = true
		// Redis forgets the lock; the successor knows more, and finishes.
		if err := w.Redis.Del(t.Context(), w.Keys.Lock("rollup")).Err(); err != nil {
			return err
		}
		w.Ship("a", hits(rng, 20, november, november.AddDate(0, 0, 1))...)
		mustRun(t, quick)
		return nil
	}
	if _, err := slow.Run(t.Context()); !errors.Is(err, lock.ErrLost) {
		t.Errorf("the run that lost its lock: %v, want %v", err, lock.ErrLost)
	}
	w.MustEqual(time.UTC)
	if mustRun(t, quick); staged(w) != 0 {
		t.Error("staging tables are left")
	}
}

func TestASuccessorTakesThePreparedFiguresAwayFromARunThatSleptAfterItsLastQuestion(t *testing.T) {
	w := empty(t)
	rng := rand.New(rand.NewPCG(11, 11))
	w.Ship("a", hits(rng, 20, november, november.AddDate(0, 0, 1))...)
	slow, quick := newRollup(t, w), newRollup(t, w)
	filled := 0
	slow.step = func(name string) error {
		// The fill before the first swap: what comes is one question to Redis, which this test answers
		// with yes by giving the lock back to the sleeper.
		if name != "fill" {
			return nil
		}
		if filled++; filled != 4 {
			return nil
		}
		key := w.Keys.Lock("rollup")
		owner, err := w.Redis.Get(t.Context(), key).Result()
		if err != nil {
			return err
		}
		w.Redis.Del(t.Context(), key)
		w.Ship("a", hits(rng, 20, november, november.AddDate(0, 0, 1))...)
		mustRun(t, quick)
		return w.Redis.Set(t.Context(), key, owner, time.Minute).Err()
	}
	if report, err := slow.Run(t.Context()); err == nil {
		t.Errorf("the sleeper swapped its figures in: %+v", report)
	}
	w.MustEqual(time.UTC)
}

func TestTokensRiseEvenWhenRedisForgetsThem(t *testing.T) {
	w := empty(t)
	r := newRollup(t, w)
	rng := rand.New(rand.NewPCG(12, 12))
	var last uint64
	for range 4 {
		w.Ship("a", hits(rng, 5, november, november.AddDate(0, 0, 1))...)
		if err := w.Redis.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		report := mustRun(t, r)
		if report.Generation <= last {
			t.Errorf("generation %d after %d", report.Generation, last)
		}
		last = report.Generation
		published, err := w.Redis.HGet(t.Context(), w.Keys.Rollup(), schema.RollupGeneration).Uint64()
		if err != nil || published != last {
			t.Errorf("Redis says generation %d (%v), want %d", published, err, last)
		}
	}
	if n := w.Count("SELECT max(token) FROM fairlead.partner_days"); n != last {
		t.Errorf("the newest rows carry token %d, want %d", n, last)
	}
}

func TestWithoutRedisNothingIsRolledUp(t *testing.T) {
	w := empty(t)
	w.Ship("a", hits(rand.New(rand.NewPCG(1, 1)), 5, november, november.AddDate(0, 0, 1))...)
	away := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer away.Close()
	r := newRollup(t, w)
	r.opt.Redis = away
	if _, err := r.Run(t.Context()); err == nil {
		t.Error("a run without a lock")
	}
	if n := w.Count("SELECT count() FROM fairlead.partner_days"); n != 0 {
		t.Errorf("%d rows without a lock", n)
	}
}

package rewarddays

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/lock"
	"fairlead/cmd/chaostest"
	"fairlead/schema"
)

func TestARunTakesUpWhatIsNewAndNothingElse(t *testing.T) {
	w := newWorld(t)
	expect := func(what string, days, months int) {
		t.Helper()
		if report := w.run(); report.Days != days || len(report.Months) != months {
			t.Errorf("%s: %+v, want %d days in %d months", what, report, days, months)
		}
		w.mustEqual(time.UTC)
		if behind, err := w.days.Behind(t.Context()); err != nil || behind {
			t.Errorf("%s: after the run the figures are behind: %t, %v", what, behind, err)
		}
	}
	expect("nothing was booked", 0, 0)
	first, other := earned(1, "first", 1, 100, "USD"), earned(1, "other", 1, 100, "EUR")
	w.book(5, first, other)
	if behind, err := w.days.Behind(t.Context()); err != nil || !behind {
		t.Errorf("before the run the figures are behind: %t, %v", behind, err)
	}
	expect("the first rewards: everything", 0, 1)
	expect("nothing since", 0, 0)
	w.book(6, earned(2, "of another partner", 1, 100, "USD"), earned(1, "later", 40, 100, "USD"))
	expect("two partners, two months", 2, 2)
	w.book(6, earned(3, "of the same run", 2, 100, "USD"))
	expect("more of a run of which some was taken up", 3, 2)
	w.book(6, released(first, 100))
	w.book(2, paid(first, "p", 100)[0])
	expect("a release, and a payout with a lower token", 4, 2)
	expect("nothing since", 0, 0)
	w.book(2, paid(first, "p", 100)[1])
	expect("more of the same payout", 1, 1)
	w.book(9, first, other) // again, by whoever was unsure
	expect("rows that are there", 1, 1)
	expect("nothing since", 0, 0)
}

func TestWhereMuchIsNewEverythingIsSummedAnew(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(5, 6))
	w.live(rng, 1, 1, 20, 70)
	w.run()
	w.days.much = 10
	w.live(rng, 2, 2, 20, 20)
	if report := w.run(); report.Days != 0 || len(report.Months) < 3 {
		t.Errorf("report %+v", report)
	}
	w.mustEqual(time.UTC)
}

var errPlug = errors.New("the plug was pulled")

func TestACrashAfterAnyStepIsRepairedByTheNextRun(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(7, 8))
	w.live(rng, 1, 1, 20, 45)
	w.run()
	for k := 1; ; k++ {
		w.live(rng, uint64(k+1), uint64(k/2+1), 8, 45)
		var steps []string
		w.days.step = func(name string) error {
			if steps = append(steps, name); len(steps) == k {
				return errPlug
			}
			return nil
		}
		_, err := w.days.Run(t.Context())
		if err == nil {
			if k < 10 {
				t.Errorf("a run has %d steps: %v", k-1, steps)
			}
			break
		}
		if !errors.Is(err, errPlug) {
			t.Fatal(err)
		}
		w.days.step = nil
		w.run()
		w.mustEqual(time.UTC)
		if w.left() != 0 || t.Failed() {
			t.Fatalf("the crash was after step %d, %s; %d staging tables are left", k, steps[k-1], w.left())
		}
	}
}

// Each reward goes from holding to payable to paid as a whole: whoever reads finds all of it in one place.
func TestReadersSeeAMonthBeforeOrAfterNeverBetween(t *testing.T) {
	w := newWorld(t)
	const partners = 30
	var all []schema.Transfer
	for p := range partners {
		for d := range 2 {
			all = append(all, earned(schema.PartnerID(p+1), fmt.Sprint(p, d), float64(d), 100, "USD"))
		}
	}
	w.book(1, all...)
	w.run()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	reads := make([]int, 4)
	for i := range reads {
		wg.Go(func() {
			question := []string{
				"SELECT count(), sum(paid + holding + payable), uniqExact(paid, holding, payable) FROM fairlead.reward_days",
				"SELECT count(), sum(paid + holding + payable), uniqExact(paid, holding, payable) FROM fairlead.reward_days WHERE toYYYYMM(day) = 202611",
			}[i%2]
			for ctx.Err() == nil {
				var rows, places uint64
				var amount int64
				if err := w.CH.QueryRow(ctx, question).Scan(&rows, &amount, &places); err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				if rows != 2*partners || amount != 200*partners || places != 1 {
					t.Errorf("%s: %d rows of %d in %d states", question, rows, amount, places)
					return
				}
				reads[i]++
			}
		})
	}
	runs := chaostest.Times(15, 200)
	for i := range runs {
		from, to := schema.AccountHolding, schema.AccountPayable
		if i%2 == 1 {
			from, to = to, from
		}
		var rows []schema.Transfer
		for _, t := range all {
			rows = append(rows, then(t, schema.CauseReleased, t.Reward.String(), i, 60, from, to, 100))
		}
		w.book(uint64(i+2), rows...)
		w.run()
	}
	stop()
	wg.Wait()
	chaostest.Report(t, "%d swaps of the days of rewards under %v reads, not one between two states", runs, reads)
	if slices.Min(reads) < runs {
		t.Errorf("the readers read %v times during %d runs: too seldom to tell", reads, runs)
	}
	w.mustEqual(time.UTC)
}

func TestARunThatFindsAnotherAtWorkSkips(t *testing.T) {
	w := newWorld(t)
	w.live(rand.New(rand.NewPCG(9, 9)), 1, 1, 10, 20)
	other, asked := w.another(), false
	w.days.step = func(string) error {
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
	w.run()
	w.mustEqual(time.UTC)
	if !asked {
		t.Error("the run had no steps")
	}
}

func TestARunThatLostItsLockSwapsNothingIn(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(10, 10))
	w.live(rng, 1, 1, 20, 20)
	quick, filled := w.another(), false
	w.days.step = func(name string) error {
		if name != "fill" || filled {
			return nil
		}
		filled = true
		// Redis forgets the lock; the successor knows more, and finishes.
		if err := w.Redis.Del(t.Context(), w.Keys.Lock("rewarddays")).Err(); err != nil {
			return err
		}
		w.live(rng, 2, 2, 20, 20)
		_, err := quick.Run(t.Context())
		return err
	}
	if _, err := w.days.Run(t.Context()); !errors.Is(err, lock.ErrLost) {
		t.Errorf("the run that lost its lock: %v, want %v", err, lock.ErrLost)
	}
	w.mustEqual(time.UTC)
	w.days.step = nil
	if w.run(); w.left() != 0 {
		t.Error("staging tables are left")
	}
}

func TestTokensRiseEvenWhenRedisForgetsThem(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(12, 12))
	var last uint64
	for i := range uint64(3) {
		w.live(rng, i+1, i+1, 10, 20)
		if err := w.Redis.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		report := w.run()
		published, err := w.Redis.HGet(t.Context(), w.Keys.Rollup(), schema.RewardsGeneration).Uint64()
		if err != nil || report.Generation <= last || published != report.Generation {
			t.Errorf("generation %d after %d; Redis says %d (%v)", report.Generation, last, published, err)
		}
		last = report.Generation
	}
}

func TestWithoutRedisNothingIsSummed(t *testing.T) {
	w := newWorld(t)
	w.live(rand.New(rand.NewPCG(1, 1)), 1, 1, 5, 5)
	away := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer away.Close()
	w.days.opt.Redis = away
	if _, err := w.days.Run(t.Context()); err == nil {
		t.Error("a run without a lock")
	}
	if n := w.Count("SELECT count() FROM fairlead.reward_days"); n != 0 {
		t.Errorf("%d rows without a lock", n)
	}
}

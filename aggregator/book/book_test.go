package book

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/aggregator/lock"
	"fairlead/cmd/chaostest"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestRewardsFollowWhatIsDecided(t *testing.T) {
	w := newWorld(t)
	w.rule(1, schema.Rule{Percent: 2000})
	w.rule(2, schema.Rule{Event: schema.Lead, Flat: 100})
	w.tell("a",
		lead(1, "ann", clicked(1, 0)), sale(2, "ann", "in_1", 5000), refund(3, "in_1", "re_1", 1000),
		sale(40, "bob", "in_2", 3000, clicked(2, 39)), sale(40, "cyd", "in_3", 700), sale(41, "dee", "in_4", 900, clicked(3, 40), test),
	)
	w.run()
	w.says("at first", "1: 100 payable", "1: 800 payable", "2: 600 holding")
	if report := w.run(); report.Rows != 0 || report.Decisions != 0 {
		t.Errorf("with nothing new: %+v", report)
	}
	w.tell("b", refund(49, "in_2", "re_2", 3000), sale(45, "ann", "in_5", 100))
	if report := w.run(); report.Rows != 2 || report.Whole {
		t.Errorf("with two more: %+v", report)
	}
	w.says("then", "1: 100 payable", "1: 800 payable", "2: 0 reversed", "1: 20 holding")
	w.now = time.UnixMilli(day(75))
	if report := w.run(); report.Rows != 1 {
		t.Errorf("when a hold is over: %+v", report)
	}
	w.says("when the hold is over", "1: 100 payable", "1: 800 payable", "2: 0 reversed", "1: 20 payable")
	w.again()
}

func TestCustomersWhoTurnOutToBeOneAreReckonedAsOne(t *testing.T) {
	w := newWorld(t)
	w.rule(1, schema.Rule{Percent: 1000, Once: true})
	w.tell("a", sale(1, "ann", "in_1", 1000, clicked(1, 0)), sale(2, "bob", "in_2", 3000, clicked(1, 1)), sale(3, "", "in_3", 500, clicked(1, 2)))
	w.run()
	w.says("as three customers", "1: 100 payable", "1: 300 payable", "1: 50 payable")
	w.tell("a", lead(4, "bob", func(c *schema.Conversion) { c.Aliases = []string{"email:x"} }), lead(5, "ann", func(c *schema.Conversion) { c.Aliases = []string{"email:x"} }))
	w.run()
	w.says("as two", "1: 100 payable", "1: 0 reversed", "1: 50 payable")
	w.tell("a", sale(3, "ann", "in_3", 500))
	w.run()
	w.says("as one", "1: 100 payable", "1: 0 reversed", "1: 0 reversed")
	w.again()
}

func TestWhatChangesInTheDirectoryIsTakenAccountOf(t *testing.T) {
	w := newWorld(t)
	w.tell("a", sale(1, "ann", "in_1", 1000, clicked(1, 0)), sale(45, "bob", "in_2", 3000, clicked(2, 44)))
	w.run()
	w.says("without a rule")
	check := func(what string, want ...string) {
		t.Helper()
		w.run()
		w.says(what, want...)
		if again := w.run(); again.Decisions != 0 {
			t.Errorf("%s, once more: %+v", what, again)
		}
	}
	w.rule(1, schema.Rule{Percent: 1000})
	check("a rule", "1: 100 payable", "2: 300 holding")
	w.rule(2, schema.Rule{Percent: 2000, Partner: 2, From: 20261001})
	check("a partner's own", "1: 100 payable", "2: 600 holding")
	w.rule(2, schema.Rule{Percent: 2000, Partner: 2, From: 20261001, EndedFrom: 20261005})
	check("that was ended before the sale", "1: 100 payable", "2: 300 holding")
	w.rule(3, schema.Rule{Percent: 5000, Group: "gold"})
	check("a group's", "1: 100 payable", "2: 300 holding")
	w.partner(40, 2, func(p *schema.Partner) { p.Group = "gold" })
	check("of which a partner is since before the sale", "1: 100 payable", "2: 1500 holding")
	w.partner(0, 4, func(p *schema.Partner) {
		p.OpeningBalance = schema.OpeningBalance{Amount: 4200, Currency: "USD", AsOf: time.UnixMilli(day(0))}
	})
	check("an opening balance", "4: 4200 payable", "1: 100 payable", "2: 1500 holding")
	w.entry(49, schema.KindEntry, 1, schema.Entry{ID: 1, Partner: 3, Amount: 700, Currency: "USD", HoldDays: 5, Note: "for the talk", At: time.UnixMilli(day(48))})
	check("an entry by hand", "4: 4200 payable", "1: 100 payable", "2: 1500 holding", "3: 700 holding")
	take := func(id uint32, from schema.RewardID, p schema.PartnerID, amount int64) {
		w.entry(49, schema.KindEntry, uint64(id), schema.Entry{ID: id, Partner: p, Amount: amount, Currency: "USD", Reverses: from, Note: "a mistake", At: time.UnixMilli(day(49))})
	}
	take(2, schema.NewRewardID(3, schema.CauseAdded, "1", "USD"), 3, 200)
	take(3, schema.NewRewardID(4, schema.CauseOpening, "4", "USD"), 4, 200)
	var id string
	w.must(w.CH.QueryRow(t.Context(), "SELECT reward_id FROM fairlead.rewards WHERE partner_id = 2").Scan(&id))
	take(4, schema.RewardID([]byte(id)), 2, 0)
	check("reversals of each", "4: 4000 payable", "1: 100 payable", "2: 0 reversed", "3: 500 holding")
	w.now = time.UnixMilli(day(54))
	check("the entry's hold is over", "4: 4000 payable", "1: 100 payable", "2: 0 reversed", "3: 500 payable")
	w.again()
}

// A rule with another hold and the same amount moves no money, and yet the hold ends when it should.
func TestAHoldWhoseEndMovesIsReleasedThen(t *testing.T) {
	days := func(n int) *int { return &n }
	w := newWorld(t)
	w.rule(1, schema.Rule{Percent: 1000})
	w.tell("a", sale(40, "ann", "in_1", 1000, clicked(1, 39)))
	w.run()
	due := func() (at time.Time) {
		w.must(w.CH.QueryRow(t.Context(), "SELECT due_at FROM fairlead.rewards").Scan(&at))
		return at.UTC()
	}
	for _, step := range []struct {
		rule        uint32
		hold        int
		now         float64
		want        string
		rows, holds int
	}{{2, 15, 54, "1: 100 holding", 0, 1}, {3, 60, 56, "1: 100 holding", 0, 1}, {0, 60, 71, "1: 100 holding", 0, 0}, {0, 60, 99, "1: 100 holding", 0, 0}, {0, 60, 101, "1: 100 payable", 1, 0}} {
		if step.rule != 0 {
			w.rule(step.rule, schema.Rule{Percent: 1000, HoldDays: days(step.hold), From: 20200101})
		}
		w.now = time.UnixMilli(day(step.now))
		if report := w.run(); report.Rows != step.rows || report.Holds != step.holds {
			t.Errorf("on day %g: %+v", step.now, report)
		}
		w.says(fmt.Sprint("on day ", step.now), step.want)
		if want := time.UnixMilli(day(40 + float64(step.hold))).UTC(); !due().Equal(want) {
			t.Errorf("on day %g the hold ends %s, want %s", step.now, due(), want)
		}
	}
	w.again()
}

// One deployment is told the same as another, and its runs crash, each one step later.
func TestACrashAtAnyStepIsFinishedByTheNextRun(t *testing.T) {
	crash := errors.New("crash")
	calm, w := newWorld(t), worldOn(t, storestest.NewClickHouse(t), storestest.NewRedis(t))
	rng := rand.New(rand.NewPCG(1, 2))
	for step := 1; ; step++ {
		told := trade(rng, 20, 23)
		hold := 20 + step
		for _, w := range []*world{calm, w} {
			w.now = time.UnixMilli(day(40 + float64(step)*5))
			w.rule(uint32(step), schema.Rule{Percent: 1000, Partner: schema.PartnerID(step % 4), HoldDays: &hold})
			w.entry(49, schema.KindEntry, uint64(step), schema.Entry{
				ID: uint32(step), Partner: 3, Amount: 700, Currency: "USD", HoldDays: 5, Note: "x", At: w.now.Add(-time.Hour),
			})
			w.tell(fmt.Sprint("n", step), told...)
		}
		calm.run()
		w.book = w.another() // another process
		left, at := step, ""
		w.book.step = func(name string) error {
			if left--; left == 0 {
				at = name
				return crash
			}
			return nil
		}
		if _, err := w.book.Run(t.Context()); at != "" && !errors.Is(err, crash) || at == "" && err != nil {
			t.Fatalf("step %d (%s): %v", step, at, err)
		}
		w.book = w.another()
		w.run()
		if diff := cmp.Diff(lines(calm.stands()), lines(w.stands())); diff != "" {
			t.Fatalf("after a crash at step %d, %s: -want +got\n%s", step, at, diff)
		}
		w.again()
		if at == "" {
			chaostest.Report(t, "a crash at each of the %d steps of a run that books rewards; after the next the ledger is as if there had been none", step-1)
			break
		}
	}
	if n := w.Count("SELECT count() FROM fairlead.rewards"); n < 20 {
		t.Errorf("only %d rewards", n)
	}
}

func TestARunThatSleptTooLongBooksNothing(t *testing.T) {
	w := newWorld(t)
	w.rule(1, schema.Rule{Percent: 1000, Once: true})
	w.run()
	w.tell("a", sale(2, "ann", "in_2", 1000, clicked(1, 0)))
	slow := w.another()
	slow.step = func(name string) error {
		if name != "drafted" {
			return nil
		}
		// Meanwhile the lock has gone to another, who knows more.
		w.must(w.Redis.Del(t.Context(), w.Keys.Lock("reward")).Err())
		w.tell("b", sale(1, "ann", "in_1", 5000, clicked(1, 0)))
		w.run()
		return nil
	}
	if _, err := slow.Run(t.Context()); !errors.Is(err, lock.ErrLost) {
		t.Errorf("the slow run: %v", err)
	}
	w.says("in the end", "1: 500 payable")
	w.again()
}

// A run that lost its lock books what it reckoned before anybody else looked, by what was known then.
func TestWhatALateRunBookedIsCorrectedByTheNext(t *testing.T) {
	w := newWorld(t)
	w.rule(1, schema.Rule{Percent: 1000, Once: true})
	w.run()
	w.tell("a", sale(2, "ann", "in_2", 1000, clicked(1, 0)))
	slow := w.another()
	slow.step = func(name string) error {
		switch name {
		case "drafted":
			w.tell("b", sale(1, "ann", "in_1", 5000, clicked(1, 0)))
		case "booked":
			return w.Redis.Del(t.Context(), w.Keys.Lock("reward")).Err()
		}
		return nil
	}
	if _, err := slow.Run(t.Context()); !errors.Is(err, lock.ErrLost) {
		t.Errorf("the slow run: %v", err)
	}
	w.says("after the late run", "1: 100 payable")
	w.run()
	w.says("after the next", "1: 500 payable", "1: 0 reversed")
	w.again()
}

func TestTheOrderOfArrivalChangesNoBalance(t *testing.T) {
	told := trade(rand.New(rand.NewPCG(7, 8)), 120, 50)
	var want []string
	for seed := range chaostest.Times(uint64(2), 10) {
		rng := rand.New(rand.NewPCG(seed, 9))
		w := newWorld(t)
		w.rule(1, schema.Rule{Percent: 1000, Months: 1})
		w.rule(2, schema.Rule{Event: schema.Lead, Flat: 250, Once: true})
		w.now = time.UnixMilli(day(120))
		if seed > 0 {
			rng.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
		}
		for n := 0; n < len(told); n += 60 {
			w.tell(fmt.Sprint("n", n), told[n:n+60]...)
			w.run()
		}
		w.again()
		if got := w.stands(); seed == 0 {
			want = got
		} else if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
			t.Errorf("shuffled with seed %d: -want +got\n%s", seed, diff)
		}
	}
	if len(want) < 20 {
		t.Errorf("only %d rewards", len(want))
	}
}

func TestMuchThatIsTouchedIsReckonedWithEverything(t *testing.T) {
	w := newWorld(t)
	w.tell("a", trade(rand.New(rand.NewPCG(3, 4)), 100, 23)...)
	w.run()
	w.book.much = 5
	w.rule(1, schema.Rule{Percent: 1000})
	if report := w.run(); !report.Whole || report.Rows == 0 {
		t.Errorf("report %+v", report)
	}
	w.again()
}

func TestOnlyOneRunsAtATime(t *testing.T) {
	w := newWorld(t)
	held, err := lock.Acquire(t.Context(), w.Redis, w.Keys, "reward", time.Minute)
	w.must(err)
	defer held.Release()
	if report := w.run(); !report.Skipped {
		t.Errorf("report %+v", report)
	}
	if _, err := w.book.Rebuild(t.Context(), nil); !errors.Is(err, lock.ErrHeld) {
		t.Errorf("rebuild: %v", err)
	}
}

package rewarddays

import (
	"math/rand/v2"
	"testing"
	"time"

	"fairlead/schema"
)

func TestARewardStandsOnTheDayOnWhichItWasEarned(t *testing.T) {
	w := newWorld(t)
	sale := earned(1, "sale", 3, 500, "USD")
	w.decide(1, true, "sale", linked{1, 10, on(3)})
	w.book(1, sale, then(sale, schema.CauseAdjusted, "refund", 0, 9, schema.AccountHolding, schema.AccountExpense, 100))
	w.run()
	w.mustEqual(time.UTC)
	w.book(2, released(sale, 400))
	w.book(1, paid(sale, "p1", 400)...)
	w.run()
	w.mustEqual(time.UTC)
	w.book(3, then(sale, schema.CauseAdjusted, "late refund", 0, 70, schema.AccountPayable, schema.AccountExpense, 400))
	w.run()
	w.mustEqual(time.UTC)
	if n := w.Count("SELECT count() FROM fairlead.reward_days WHERE day = '2026-11-04' AND link_id = 10 AND paid = 400 AND payable = -400 AND rewards = 1"); n != 1 {
		t.Errorf("%d rows say that 400 were paid and taken back", n)
	}
	w.book(2, then(sale, schema.CausePayout, "p2", 0, 80, schema.AccountProcessing, schema.AccountPayable, 400),
		then(sale, schema.CausePayout, "p2", 1, 81, schema.AccountPaid, schema.AccountProcessing, 400))
	w.run()
	w.mustEqual(time.UTC)
	if n := w.Count("SELECT count() FROM fairlead.reward_days"); n != 0 {
		t.Errorf("a reward of which nothing stands anywhere has %d rows", n)
	}
}

// Of entries by hand and opening balances there is no conversion.
func TestWhatIsNoRewardForAConversionHasNoLink(t *testing.T) {
	w := newWorld(t)
	w.decide(1, true, "", linked{2, 20, on(0)}) // a report that names nothing
	added := schema.Transfer{At: on(5), Partner: 2, Reward: schema.NewRewardID(2, schema.CauseAdded, "1", "USD"), Debit: schema.AccountExpense, Credit: schema.AccountHolding,
		Amount: 2500, Currency: "USD", Kind: schema.CauseAdded, Cause: "1"}
	added.Identify(0)
	opening := schema.Transfer{At: on(-300), Partner: 2, Reward: schema.NewRewardID(2, schema.CauseOpening, "2", "EUR"), Debit: schema.AccountOpening, Credit: schema.AccountPayable,
		Amount: 9900, Currency: "EUR", Kind: schema.CauseOpening, Cause: "2"}
	opening.Identify(0)
	w.book(1, added, opening, then(added, schema.CauseReversed, "2", 0, 6, schema.AccountHolding, schema.AccountExpense, 500))
	w.run()
	delete(w.links, "")
	w.mustEqual(time.UTC)
	if n := w.Count("SELECT count() FROM fairlead.reward_days WHERE link_id = 0"); n != 2 {
		t.Errorf("%d rows have no link, want 2", n)
	}
}

// What the customer's new partner has of a sale stands under their link, and what the old one was paid under none.
func TestACustomerWhoMovedLeavesTheLink(t *testing.T) {
	w := newWorld(t)
	old, mine := earned(1, "sale", 3, 500, "USD"), earned(2, "sale", 3, 500, "USD")
	w.decide(1, true, "sale", linked{1, 10, on(3)})
	w.book(1, old, released(old, 500))
	w.book(1, paid(old, "p1", 500)...)
	w.run()
	w.mustEqual(time.UTC)
	w.decide(2, true, "sale", linked{2, 20, on(3)})
	w.book(2, mine, then(old, schema.CauseEarned, "sale", 1, 70, schema.AccountPayable, schema.AccountExpense, 500))
	w.run()
	w.mustEqual(time.UTC)
}

func TestALinkThatIsDecidedAnewIsFoundWithoutANewRow(t *testing.T) {
	w := newWorld(t)
	w.decide(1, true, "sale", linked{1, 10, on(3)})
	w.book(1, earned(1, "sale", 3, 500, "USD"))
	w.run()
	w.mustEqual(time.UTC)
	w.decide(2, true, "sale", linked{1, 11, on(3)})
	if report := w.run(); report.Days != 1 {
		t.Errorf("report %+v", report)
	}
	w.mustEqual(time.UTC)
}

func TestDaysAreCutInTheProgramsZone(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(1, 2))
	w.live(rng, 1, 1, 60, 40)
	w.run()
	w.mustEqual(time.UTC)
	for _, zone := range []string{"America/Toronto", "Asia/Kathmandu"} {
		w.SetZone(zone)
		w.run()
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		w.mustEqual(location)
		w.live(rng, 1, 1, 20, 40)
		w.run()
		w.mustEqual(location)
	}
}

// The months at the edge of what was earned may be empty in one zone, and be none of another's.
func TestAZoneThatWasChangedIsChangedOnce(t *testing.T) {
	w := newWorld(t)
	w.book(1, earned(1, "first", -0.49, 100, "USD"), earned(1, "last", 29.49, 100, "USD")) // 1 November, 0:14, and 30 November, 23:46
	for _, zone := range []string{"Europe/Berlin", "UTC", "America/New_York", "UTC"} {
		w.SetZone(zone)
		changed := w.run().Generation
		if again := w.run(); again.Generation != changed || len(again.Months) > 0 {
			t.Errorf("%s: summed once more: %+v", zone, again)
		}
	}
}

func TestARewardWhoseFirstRowComesLateMovesToItsDay(t *testing.T) {
	w := newWorld(t)
	sale := earned(1, "sale", 11, 100, "USD")
	w.book(1, sale)
	w.run()
	w.book(2, then(sale, schema.CauseAdjusted, "refund", 0, 8, schema.AccountHolding, schema.AccountExpense, 40))
	w.run()
	w.mustEqual(time.UTC)
}

func TestWhatIsGoneWrongIsMendedByRebuilding(t *testing.T) {
	w := newWorld(t)
	w.live(rand.New(rand.NewPCG(3, 4)), 1, 1, 60, 40)
	before := w.run().Generation
	w.Exec("INSERT INTO fairlead.reward_days SELECT * FROM fairlead.reward_days WHERE partner_id = 1")
	w.Exec("INSERT INTO fairlead.reward_days (partner_id, day, currency, paid, rewards) VALUES (9, '2019-03-01', 'USD', 1, 1)")
	if w.run(); w.Count("SELECT count() FROM fairlead.reward_days WHERE partner_id = 9") != 1 {
		t.Error("a run without anything new summed what it need not")
	}
	var told [][2]int
	report, err := w.days.Rebuild(t.Context(), func(done, total int) { told = append(told, [2]int{done, total}) })
	if err != nil {
		t.Fatal(err)
	}
	w.mustEqual(time.UTC)
	if last := told[len(told)-1]; last[0] != last[1] || last[0] != len(report.Months) || report.Generation <= before {
		t.Errorf("report %+v after generation %d, progress %v", report, before, told)
	}
}

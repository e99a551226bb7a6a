package payout_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/book"
	"fairlead/aggregator/payout"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestNothingIsDraftedBeforeRewardsAreBooked(t *testing.T) {
	w := newWorld(t)
	w.earn(1, 3000, "USD")
	booked := day.Add(-time.Millisecond)
	w.opt.Booked = func(context.Context) (time.Time, error) { return booked, nil }
	if report := w.run(); !report.Waits || report.Ran {
		t.Errorf("a hold may have ended that is not booked: %+v", report)
	}
	w.mustHavePaid()
	booked = day
	if report := w.run(); report.Waits || len(report.Drafted) != 1 {
		t.Errorf("booked up to the cut-off: %+v", report)
	}
	w.mustHavePaid(3000)
}

// What comes back right before the drafts of the next payout day may be under review by now: the booking looks first.
func TestWhatComesBackIsDraftedAfterTheBookingHasLooked(t *testing.T) {
	stores := aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
	w := newWorld(t)
	db := payout.Database{ClickHouse: stores.CH, Box: schema.NewPayoutKey()}
	w.opt.Store, w.opt.Booked, w.opt.Lock = db, db.Booked, payout.Lock(stores.Redis, stores.Keys)
	rewards := book.New(book.Options{ClickHouse: stores.CH, Redis: stores.Redis, Keys: stores.Keys, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: w.opt.Now})
	books := func() {
		t.Helper()
		if _, err := rewards.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.earn(1, 3000, "USD")
	if err := db.Book(t.Context(), w.Ledger()); err != nil {
		t.Fatal(err)
	}
	w.stripe.AtOnce = false
	if report := w.run(); !report.Waits {
		t.Errorf("before anything was booked: %+v", report)
	}
	books()
	if report := w.run(); report.Waits || len(report.Drafted) != 1 {
		t.Fatalf("on the first payout day: %+v", report)
	}
	w.run()
	w.stripe.Becomes(schema.NewPayoutID("test", 1, "USD", day), payout.Failed, "the account is closed")
	w.now = w.now.AddDate(0, 1, 0)
	books()
	if report := w.run(); !report.Waits || len(report.Changed) != 1 || len(report.Drafted) != 0 {
		t.Errorf("on the next, when it fails: %+v", report)
	}
	if report := w.run(); !report.Waits || len(report.Drafted) != 0 {
		t.Errorf("when nobody has looked since: %+v", report)
	}
	books()
	if report := w.run(); report.Waits || len(report.Drafted) != 1 {
		t.Errorf("when the booking has looked: %+v", report)
	}
}

// A part of a reward may be under review before the rest is moved there: none of it is paid. What was taken back is.
func TestNothingOfARewardUnderReviewIsPayable(t *testing.T) {
	stores := aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
	w := newWorld(t)
	w.earn(1, 5000, "USD")
	doubtful := w.earn(1, 3000, "USD")
	short := w.earn(1, 700, "USD")
	w.refund(1, short, 900, "USD")
	for _, reward := range []schema.RewardID{doubtful, short} {
		row := schema.Transfer{
			BookedAt: w.now.UnixMilli(), At: w.now.UnixMilli(), Partner: 1, Reward: reward, Debit: schema.AccountExpense, Credit: schema.AccountReview,
			Amount: 100, Currency: "USD", Kind: schema.CauseAdjusted, Cause: "restored",
		}
		row.Identify(0)
		w.book(row)
	}
	db := payout.Database{ClickHouse: stores.CH}
	if err := db.Book(t.Context(), w.Ledger()); err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]payout.Store{"in memory": w.Store, "in ClickHouse": db} {
		balances, err := store.Payable(t.Context(), day, 0)
		if err != nil || len(balances) != 1 || len(balances[0].Parts) != 2 || payout.Total(balances[0].Parts) != 4800 {
			t.Errorf("%s: %+v, %v", name, balances, err)
		}
	}
}

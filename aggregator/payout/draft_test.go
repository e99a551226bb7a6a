package payout_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"fairlead/aggregator/payout"
	"fairlead/aggregator/payout/payouttest"
	"fairlead/schema"
)

// moved books a move of a reward as the booking of rewards does.
func (w *world) moved(partner schema.PartnerID, reward schema.RewardID, to schema.Account, amount int64) {
	w.t.Helper()
	w.rewards++
	t := schema.Transfer{
		BookedAt: w.now.UnixMilli(), At: w.now.UnixMilli(), Partner: partner, Reward: reward, Debit: schema.AccountPayable, Credit: to,
		Amount: amount, Currency: "USD", Kind: schema.CauseAdjusted, Cause: "moved " + time.Duration(w.rewards).String(),
	}
	t.Identify(0)
	w.book(t)
}

// Rewards are booked beside payouts: what is refunded or put under review between the plan and the reservation is paid by nobody.
func TestWhatIsTakenBackWhileItIsDraftedIsNotPaid(t *testing.T) {
	for name, to := range map[string]schema.Account{"a refund": schema.AccountExpense, "a review": schema.AccountReview} {
		for _, crash := range []bool{false, true} {
			w := newWorld(t)
			reward := w.earn(1, 3000, "USD")
			w.earn(2, 4000, "USD")
			happened := false
			w.Break = func(point string) error {
				switch {
				case point == "before booking" && !happened:
					happened = true
					w.moved(1, reward, to, 2900)
				case point == "before canceled" && crash, point == "before cut-off" && crash:
					return errCrash
				}
				return nil
			}
			_, err := w.another().Run(t.Context(), day, "system")
			if w.Break = nil; crash != errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			if crash { // and the next run is at another cut-off
				if _, err := w.another().Run(t.Context(), day.Add(time.Minute), "system"); err != nil {
					t.Fatal(err)
				}
			}
			w.mustHavePaid(4000)
			w.mustHold(1, "USD", 100, 0, 0)
			drafts, err := w.Find(t.Context(), payout.Filter{Partner: 1})
			if err != nil || len(drafts) != 1 || drafts[0].Status != payout.Canceled || drafts[0].Reason == "" {
				t.Errorf("%s, crash %v: %+v, %v; want one that is canceled", name, crash, drafts, err)
			}
			w.earn(1, 2500, "USD")
			w.now = w.now.AddDate(0, 1, 0)
			w.runToTheEnd()
			if to == schema.AccountReview {
				w.mustHavePaid(4000, 2500) // its rest waits for the review
			} else {
				w.mustHavePaid(4000, 2600)
			}
		}
	}
}

// A payday that is moved is no second one of its month, wherever midnight is; people may run as they like.
func TestAMonthHasOnePaydayHoweverItIsMoved(t *testing.T) {
	w := newWorld(t)
	program := schema.Program{Currency: "USD", Zone: "UTC", PayoutDay: 13, PayoutMinimum: 2500}
	w.opt.Program = func(context.Context) (schema.Program, error) { return program, nil }
	clock := func(what string, now time.Time, ran bool) {
		t.Helper()
		w.now = now
		w.earn(1, 3000, "USD")
		if r, err := w.another().RunDue(t.Context(), "system"); err != nil || r.Ran != ran || (len(r.Drafted) == 0) != ran {
			t.Errorf("%s: %+v, %v; want that it was done: %v", what, r, err, ran)
		}
	}
	date := func(month time.Month, d int) time.Time { return time.Date(2027, month, d, 12, 0, 0, 0, time.UTC) }
	clock("the first", date(9, 13), false)
	clock("the same again", date(9, 20), true)
	program.PayoutDay = 20
	clock("moved to later", date(9, 21), true)
	program.PayoutDay = 5
	clock("moved to before", date(9, 22), true)
	clock("the next month's", date(10, 5), false)
	program.PayoutDay = 1
	clock("at the month's beginning", date(11, 1), false)
	program.Zone = "Pacific/Honolulu" // where it was October still
	clock("in a zone of the west", date(11, 2), true)
	program.PayoutDay = 9
	clock("and on another day", date(11, 10), true)
	if r, err := w.another().Run(t.Context(), date(11, 10), "cli"); err != nil || r.Ran || len(r.Drafted) != 1 {
		t.Errorf("by a person: %+v, %v", r, err)
	}
	clock("the month after", date(12, 10), false)
}

// Completed payouts are asked for last, and a provider that says nothing of them is asked again soon, and stops nobody.
func TestCompletedPayoutsAreAskedForLastAndAgainWhereThatFailed(t *testing.T) {
	w := newWorld(t)
	w.earn(1, 3000, "USD")
	w.run()
	w.earn(2, 4000, "USD")
	w.now = w.now.AddDate(0, 1, 0)
	var calls []string
	broken := true
	w.stripe.Before = func(call string, _ payout.Order) error {
		if calls = append(calls, call); call == "find" && broken {
			return payouttest.ErrLost
		}
		return nil
	}
	r := w.another()
	run := func(find int) payout.Report {
		t.Helper()
		calls = nil
		report, err := r.Run(t.Context(), day.AddDate(0, 1, 0), "system")
		if err != nil || len(report.Problems) != 0 {
			t.Errorf("%+v, %v", report, err)
		}
		if n := len(calls); n != find+len(report.Drafted) || len(report.Drafted) == 1 && calls[0] != "send" {
			t.Errorf("the provider was called %v, want %d questions, last", calls, find)
		}
		return report
	}
	if report := run(2); len(report.Warnings) != 2 || len(report.Drafted) != 1 {
		t.Errorf("while the provider is away: %+v", report)
	}
	run(0)
	broken = false
	w.now = w.now.Add(time.Hour)
	if report := run(2); len(report.Warnings) != 0 {
		t.Errorf("an hour later: %+v", report)
	}
	w.now = w.now.Add(23 * time.Hour)
	run(0)
	w.now = w.now.Add(time.Hour)
	run(2)
}

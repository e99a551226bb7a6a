package payout_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"fairlead/aggregator/lock"
	"fairlead/aggregator/payout"
	"fairlead/aggregator/payout/payouttest"
	"fairlead/schema"
)

var errCrash = errors.New("crash")

// Wherever a run ends as by a crash, the next ones pay what it did not, once.
func TestARunThatCrashedAnywherePaysOnce(t *testing.T) {
	for n := 0; ; n++ {
		w := newWorld(t)
		w.earn(1, 3000, "USD")
		w.earn(1, 4000, "EUR")
		points := 0
		breaks := func(string) error {
			if points++; points > n {
				return fmt.Errorf("point %d: %w", n, errCrash)
			}
			return nil
		}
		w.Break = breaks
		w.stripe.Before = func(call string, _ payout.Order) error { return breaks("before " + call) }
		w.stripe.After = func(call string, _ payout.Order) error { return breaks("after " + call) }
		_, err := w.another().Run(t.Context(), day, "system")
		w.Break, w.stripe.Before, w.stripe.After = nil, nil, nil
		w.runToTheEnd()
		w.mustHold(1, "USD", 0, 0, 3000)
		w.mustHold(1, "EUR", 0, 0, 4000)
		if paid := w.stripe.Paid(); len(paid) != 2 {
			t.Errorf("crash at point %d: the provider paid %d times, want 2", n, len(paid))
		}
		if err == nil && points <= n { // it came to its end
			if n < 20 {
				t.Errorf("only %d points at which it can crash", n)
			}
			return
		}
	}
}

func TestAHundredRunsAtOncePayOnce(t *testing.T) {
	w := newWorld(t)
	w.earn(1, 3000, "USD")
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := w.another().Run(t.Context(), day, "system"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.mustHavePaid(3000)
	w.mustHold(1, "USD", 0, 0, 3000)
}

// An answer that was lost, an hour or two days later: the provider is asked, and pays nothing again.
func TestALostAnswerIsAskedFor(t *testing.T) {
	for _, later := range []time.Duration{time.Hour, 48 * time.Hour} {
		w := newWorld(t)
		w.earn(1, 3000, "USD")
		w.stripe.After = func(string, payout.Order) error { return payouttest.ErrLost }
		if r := w.run(); len(r.Problems) != 1 || w.only().Status != payout.Processing {
			t.Errorf("after a lost answer: %+v", r)
		}
		w.mustHold(1, "USD", 0, 3000, 0)
		w.stripe.After = nil
		w.now = w.now.Add(later)
		w.run()
		w.mustHavePaid(3000)
		if p := w.only(); p.Status != payout.Completed || p.Ref != "tr_1" {
			t.Errorf("%s later it is %+v", later, p)
		}
	}
}

// What never arrived is sent again, when the provider has said that it does not know it.
func TestWhatNeverArrivedIsSentAgain(t *testing.T) {
	w := newWorld(t)
	w.earn(1, 3000, "USD")
	w.stripe.Before = func(string, payout.Order) error { return payouttest.ErrLost }
	w.run()
	w.mustHavePaid()
	var calls []string
	w.stripe.Before = func(call string, _ payout.Order) error { calls = append(calls, call); return nil }
	w.now = w.now.AddDate(0, 0, 3)
	w.run()
	w.mustHavePaid(3000)
	if len(calls) < 2 || calls[0] != "find" || calls[1] != "send" {
		t.Errorf("the provider was called %v, want to be asked before it is sent to", calls)
	}
}

// A run that sleeps for longer than its lock lives, wherever, and wakes up when another one is done, changes nothing.
func TestARunThatLostItsLockPaysNothing(t *testing.T) {
	for n := 0; ; n++ {
		w := newWorld(t)
		w.earn(1, 3000, "USD")
		points, woke := 0, false
		sleep := func(string) error {
			if points++; points == n+1 && !woke {
				woke = true
				w.locks.Lose()
				w.earn(1, 500, "USD") // the second run's list is another
				w.runToTheEnd()
			}
			return nil
		}
		w.Break = sleep
		_, err := w.another().Run(t.Context(), day, "system")
		w.Break = nil
		if !woke {
			if n < 10 {
				t.Errorf("only %d points at which it can sleep", n)
			}
			return
		}
		if err != nil && !errors.Is(err, lock.ErrLost) {
			t.Fatalf("asleep at point %d: %v", n, err)
		}
		w.runToTheEnd()
		w.now = day.AddDate(0, 2, 0)
		w.earn(1, 2500, "USD") // more than the minimum
		w.runToTheEnd()
		w.mustHold(1, "USD", 0, 0, 6000)
		var sum int64
		for _, p := range w.stripe.Paid() {
			sum += p.Amount
		}
		if sum != 6000 {
			t.Errorf("asleep at point %d: %d was paid, want 6000", n, sum)
		}
	}
}

// One that sleeps right before the call finds out by its key: the provider knows it.
func TestARunThatSleptBeforeTheCallPaysOnce(t *testing.T) {
	w := newWorld(t)
	w.earn(1, 3000, "USD")
	slept := false
	w.stripe.Before = func(call string, _ payout.Order) error {
		if !slept {
			slept = true
			w.locks.Lose()
			w.run()
		}
		return nil
	}
	if _, err := w.another().Run(t.Context(), day, "system"); err != nil && !errors.Is(err, lock.ErrLost) {
		t.Fatal(err)
	}
	w.runToTheEnd()
	w.mustHavePaid(3000)
	w.mustHold(1, "USD", 0, 0, 3000)
}

// What is refunded while a payout is under way is carried: the payout stays as it was drafted.
func TestARefundAfterTheDraftIsCarried(t *testing.T) {
	w := newWorld(t)
	w.opt.AutoApprove = false
	r := w.earn(1, 3000, "USD")
	w.run()
	w.refund(1, r, 1000, "USD")
	w.mustHold(1, "USD", -1000, 3000, 0)
	if _, err := w.another().Approve(t.Context(), w.only().ID, "admin:1"); err != nil {
		t.Fatal(err)
	}
	w.run()
	w.mustHavePaid(3000)
	w.mustHold(1, "USD", -1000, 0, 3000)
	w.earn(1, 5000, "USD")
	w.opt.AutoApprove = true
	w.now = w.now.AddDate(0, 1, 0)
	w.run()
	w.mustHavePaid(3000, 4000)
	w.mustHold(1, "USD", 0, 0, 7000)
}

func TestWhatFailsOrComesBackIsPayableAgain(t *testing.T) {
	for name, happens := range map[string]func(w *world){
		"refused": func(w *world) {
			w.stripe.Before = func(call string, _ payout.Order) error {
				return fmt.Errorf("no such account: %w", payout.ErrRefused)
			}
		},
		"failed after it was sent":       func(w *world) { w.later(payout.Failed) },
		"returned after it was sent":     func(w *world) { w.later(payout.Returned) },
		"returned when it was completed": func(w *world) { w.stripe.AtOnce = true; w.later(payout.Returned) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.earn(1, 3000, "USD")
			w.stripe.AtOnce = false
			happens(w)
			w.runToTheEnd()
			w.now = w.now.Add(25 * time.Hour)
			w.runToTheEnd()
			if s := w.only().Status; s != payout.Failed && s != payout.Returned {
				t.Errorf("it is %s", s)
			}
			w.mustHold(1, "USD", 3000, 0, 0)
			w.stripe.Before, w.stripe.After, w.stripe.AtOnce = nil, nil, true
			w.now = w.now.AddDate(0, 1, 0)
			w.runToTheEnd()
			w.mustHold(1, "USD", 0, 0, 3000)
		})
	}
}

// later makes an order end so, once it was answered for.
func (w *world) later(state payout.Status) {
	w.stripe.After = func(call string, o payout.Order) error {
		if call == "send" {
			w.stripe.Becomes(o.ID, state, "the account is closed")
		}
		return nil
	}
}

func TestWhatIsCarriedOver(t *testing.T) {
	w := newWorld(t)
	w.earn(1, 2499, "USD")
	w.earn(1, 1, "EUR") // no minimum in another currency than the program's
	r := w.earn(2, 3000, "USD")
	w.refund(2, r, 4000, "USD")
	w.earn(3, 3000, "USD")
	w.methods[3] = payout.Method{Target: w.methods[3].Target, Lacks: schema.LacksTime}
	w.earn(4, 3000, "USD")
	w.methods[4] = payout.Method{Target: w.methods[4].Target, Suspended: true}
	w.earn(5, 3000, "USD")
	report := w.run()
	got := map[schema.PartnerID]payout.CarryReason{}
	for _, c := range report.Carried {
		got[c.Partner] = c.Reason
	}
	want := map[schema.PartnerID]payout.CarryReason{
		1: payout.CarryMinimum, 2: payout.CarryNegative, 3: payout.CarryNoMethod, 4: payout.CarrySuspended, 5: payout.CarryNoMethod,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("carried %v, want %v", got, want)
	}
	w.mustHavePaid(1)
	if r := w.run(); !r.Ran || len(r.Drafted) != 0 {
		t.Errorf("the second run at one cut-off: %+v", r)
	}
}

// The list of a draft is fixed: what comes to it at the same cut-off waits for the next.
func TestASecondDraftOfTheSameCutOffStops(t *testing.T) {
	w := newWorld(t)
	w.earn(1, 3000, "USD")
	w.Break = func(point string) error { // it crashes before it has noted that the cut-off is done
		if point == "before cut-off" {
			return errCrash
		}
		return nil
	}
	if _, err := w.another().Run(t.Context(), day, "system"); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.Break = nil
	w.earn(1, 7000, "USD")
	report := w.run()
	if len(report.Carried) != 1 || report.Carried[0].Reason != payout.CarryDrafted || report.Carried[0].Amount != 7000 {
		t.Errorf("carried %+v", report.Carried)
	}
	w.mustHavePaid(3000)
	w.now = w.now.AddDate(0, 1, 0)
	w.run()
	w.mustHavePaid(3000, 7000)
}

func TestNothingIsDraftedBeforeItsTime(t *testing.T) {
	w := newWorld(t)
	w.earn(1, 3000, "USD")
	if _, err := w.another().Run(t.Context(), w.now.Add(time.Millisecond), "system"); !errors.Is(err, payout.ErrFuture) {
		t.Errorf("a cut-off to come: %v", err)
	}
	zone := schema.Program{Zone: "Asia/Kathmandu", PayoutDay: 13}
	midnight := time.Date(2026, 11, 12, 18, 15, 0, 0, time.UTC)
	for at, want := range map[time.Time]time.Time{
		midnight: midnight, midnight.Add(-1): time.Date(2026, 10, 12, 18, 15, 0, 0, time.UTC), midnight.AddDate(0, 0, 29): midnight,
	} {
		if got := payout.CutOff(zone, at); !got.Equal(want) {
			t.Errorf("at %s the cut-off is %s, want %s", at, got, want)
		}
	}
}

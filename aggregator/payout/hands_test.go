package payout_test

import (
	"errors"
	"testing"

	"fairlead/aggregator/payout"
	"fairlead/schema"
)

func TestWhoApproves(t *testing.T) {
	w := newWorld(t)
	w.opt.AutoApprove, w.opt.TwoAbove = false, 5000
	w.earn(1, 5000, "USD")
	w.run()
	r := w.another()
	id := w.only().ID
	if p, err := r.Approve(t.Context(), id, "admin:1"); err != nil || p.Status != payout.Approved {
		t.Errorf("one person, at the threshold: %v, %v", p.Status, err)
	}
	if _, err := r.Approve(t.Context(), id, "admin:2"); !errors.Is(err, payout.ErrStatus) {
		t.Errorf("approved again: %v", err)
	}

	w = newWorld(t)
	w.opt.TwoAbove = 5000
	w.earn(1, 5001, "USD")
	w.run() // of its own accord it approves nothing that takes two
	r = w.another()
	id = w.only().ID
	if p, err := r.Approve(t.Context(), id, "admin:1"); err != nil || p.Status != payout.Draft {
		t.Errorf("the first of two: %v, %v", p.Status, err)
	}
	if _, err := r.Approve(t.Context(), id, "admin:1"); !errors.Is(err, payout.ErrTwice) {
		t.Errorf("the same person twice: %v", err)
	}
	w.run()
	w.mustHavePaid()
	if p, err := r.Approve(t.Context(), id, "admin:2"); err != nil || p.Status != payout.Approved {
		t.Errorf("the second of two: %v, %v", p.Status, err)
	}
	w.run()
	w.mustHavePaid(5001)
}

func TestWhatIsCanceledIsPayableAgain(t *testing.T) {
	w := newWorld(t)
	w.opt.AutoApprove = false
	w.earn(1, 3000, "USD")
	w.run()
	r := w.another()
	if _, err := r.Cancel(t.Context(), w.only().ID, "admin:1", "not this month"); err != nil {
		t.Fatal(err)
	}
	w.mustHold(1, "USD", 3000, 0, 0)
	if _, err := r.Cancel(t.Context(), w.only().ID, "admin:1", ""); !errors.Is(err, payout.ErrStatus) {
		t.Errorf("canceled twice: %v", err)
	}
	if _, err := r.Cancel(t.Context(), payout.PayoutID{1}, "admin:1", ""); !errors.Is(err, payout.ErrNone) {
		t.Errorf("one that there is not: %v", err)
	}
}

func TestAPayoutThatWasSentIsNotCanceled(t *testing.T) {
	w := newWorld(t)
	w.earn(1, 3000, "USD")
	w.stripe.AtOnce = false
	w.run()
	if _, err := w.another().Cancel(t.Context(), w.only().ID, "admin:1", ""); !errors.Is(err, payout.ErrStatus) {
		t.Errorf("canceled though it was sent: %v", err)
	}
	if _, err := w.another().Mark(t.Context(), w.only().ID, payout.Failed, "admin:1", "", false); !errors.Is(err, payout.ErrProvider) {
		t.Errorf("marked by hand: %v", err)
	}
}

// Who is paid by bank is in one batch, once, and people say what became of it.
func TestTheBankIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.earn(1, 3000, "USD")
	w.earn(2, 4000, "USD")
	bank := payout.Target{By: schema.PayByBank, Payee: schema.Payee{Bank: schema.Bank{Holder: "Ada", Account: "DE89370400440532013000"}}}
	w.methods[1] = payout.Method{Target: bank}
	if r := w.run(); len(r.Held) != 1 || r.Held[0].Payout.Partner != 1 {
		t.Errorf("held: %+v", r.Held)
	}
	w.mustHavePaid(4000)
	r := w.another()
	b, err := r.SendByBank(t.Context(), "batch 1", "admin:1")
	if err != nil || len(b.Payouts) != 1 || b.Payouts[0].To.Destination() != "DE89370400440532013000" || b.Payouts[0].Ref != "batch 1" {
		t.Fatalf("%+v, %v", b, err)
	}
	if again, err := r.SendByBank(t.Context(), "batch 2", "admin:1"); err != nil || len(again.Payouts) != 0 {
		t.Errorf("a second batch: %+v, %v", again, err)
	}
	w.mustHold(1, "USD", 0, 3000, 0)
	if _, err := r.Mark(t.Context(), b.Payouts[0].ID, payout.Completed, "admin:1", "", false); err != nil {
		t.Fatal(err)
	}
	w.mustHold(1, "USD", 0, 0, 3000)
	if _, err := r.Mark(t.Context(), b.Payouts[0].ID, payout.Returned, "admin:1", "account closed", false); err != nil {
		t.Fatal(err)
	}
	w.mustHold(1, "USD", 3000, 0, 0)
}

// What was marked before a batch stopped is found by the batch's name.
func TestABatchThatStopsInTheMiddleCanBeWritten(t *testing.T) {
	for _, point := range []string{"before sent", "after sent"} {
		w := newWorld(t)
		for partner := range schema.PartnerID(3) {
			w.earn(partner+1, 3000, "USD")
			w.methods[partner+1] = payout.Method{Target: payout.Target{By: schema.PayByBank}}
		}
		w.run()
		calls := 0
		w.Break = func(at string) error {
			if at == point {
				if calls++; calls == 2 {
					return errCrash
				}
			}
			return nil
		}
		b, err := w.another().SendByBank(t.Context(), "batch 1", "admin:1")
		w.Break = nil
		if !errors.Is(err, errCrash) || b.Name != "batch 1" || len(b.Payouts) != 2 {
			t.Errorf("stopped %s: %+v, %v", point, b, err)
		}
		all, err := w.Find(t.Context(), payout.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"before sent": 1, "after sent": 2}[point]
		if again, ended := payout.Rewrite("batch 1", all); len(again) != want || len(ended) != 0 {
			t.Errorf("stopped %s: %d payouts can be written, and %d ended; want %d and none", point, len(again), len(ended), want)
		}
	}
}

package payout_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fairlead/aggregator/payout"
	"fairlead/aggregator/payout/payouttest"
)

// unasked is a provider that cannot be asked for what it never answered, as PayPal: to send it again is the question.
func (w *world) unasked(refusal error) {
	w.stripe.Before = func(call string, o payout.Order) error {
		switch {
		case call == "find":
			return fmt.Errorf("order %s: %w", o.ID, payout.ErrUnknown)
		case len(w.stripe.Paid()) > 0:
			return refusal
		}
		return nil
	}
}

// The provider took a payout and its answer was lost; it refuses the second try, as the first has emptied the balance.
func TestARefusalOfASecondTryIsNoProofThatTheFirstWasNotPaid(t *testing.T) {
	for _, refusal := range []error{payout.ErrRefused, payout.ErrNotNow} {
		w := newWorld(t)
		w.earn(1, 3000, "USD")
		w.unasked(fmt.Errorf("no: %w", refusal))
		w.stripe.After = func(string, payout.Order) error { return payouttest.ErrLost }
		w.run()
		w.now = w.now.Add(time.Hour)
		report := w.run()
		if p := w.only(); p.Status != payout.Processing || len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Text, "an earlier try may have been taken") {
			t.Errorf("%v: it is %s, problems %+v; want it left to people", refusal, p.Status, report.Problems)
		}
		w.now = w.now.AddDate(0, 1, 0)
		w.run()
		w.mustHavePaid(3000)
		w.mustHold(1, "USD", 0, 3000, 0)
	}
}

// A balance that is too low keeps nobody waiting for the next payout day: it is tried by every run, until there is enough.
func TestABalanceThatIsTooLowDelaysAPayoutToTheNextRunOnly(t *testing.T) {
	w := newWorld(t)
	w.earn(1, 3000, "USD")
	w.stripe.Before = func(call string, _ payout.Order) error {
		if call == "send" {
			return fmt.Errorf("balance_insufficient: %w", payout.ErrNotNow)
		}
		return nil
	}
	report := w.run()
	if p := w.only(); p.Status != payout.Processing || len(report.Held) != 1 || len(report.Problems) != 0 {
		t.Errorf("it is %s: %+v; want it held", p.Status, report)
	}
	w.mustHold(1, "USD", 0, 3000, 0)
	w.now = w.now.Add(time.Hour)
	w.run()
	w.mustHavePaid()
	w.stripe.Before = nil
	w.now = w.now.Add(time.Hour)
	w.run()
	w.mustHavePaid(3000)
	w.mustHold(1, "USD", 0, 0, 3000)
}

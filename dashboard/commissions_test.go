package dashboard

import (
	"strings"
	"testing"
	"time"

	"fairlead/schema"
)

func TestHomeSaysWhereCommissionsStand(t *testing.T) {
	w := newWorld(t)
	p := w.partner("Has Balances", "balances@example.com")
	v := w.loggedIn("balances@example.com")
	due := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 1, 0, 0, 0, w.zone) }
	w.booked(p.ID, "1", "USD", due(12, 22), move{schema.AccountExpense, schema.AccountHolding, 1500}, move{schema.AccountHolding, schema.AccountExpense, 300})
	w.booked(p.ID, "2", "USD", due(12, 30), move{schema.AccountExpense, schema.AccountHolding, 100})
	w.booked(p.ID, "3", "USD", due(10, 1), move{schema.AccountExpense, schema.AccountHolding, 5000}, move{schema.AccountHolding, schema.AccountPayable, 5000},
		move{schema.AccountPayable, schema.AccountProcessing, 5000}, move{schema.AccountProcessing, schema.AccountPaid, 4000}, move{schema.AccountPayable, schema.AccountExpense, 250})
	w.booked(p.ID, "4", "EUR", due(9, 1), move{schema.AccountOpening, schema.AccountPayable, 725})
	res := v.get("/home")
	res.reads(t, "balances",
		"Commissions this month so far 0.00 USD",
		"In hold 13.00 USD, 0.00 EUR Held until refunds are unlikely. The next hold ends on 22 December.",
		"Ready −2.50 USD, 7.25 EUR Goes into the next payout.",
		"Processing 10.00 USD, 0.00 EUR", "Paid 40.00 USD, 0.00 EUR")
	if got := res.text(); strings.Contains(got, "Under review") {
		t.Errorf("nothing is under review: %s", got)
	}
	w.booked(p.ID, "5", "USD", time.Unix(0, 0), move{schema.AccountExpense, schema.AccountReview, 99})
	v.get("/home").reads(t, "something is under review", "Under review 0.99 USD, 0.00 EUR")
}

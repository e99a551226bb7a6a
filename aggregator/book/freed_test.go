package book

import (
	"testing"
	"time"

	"fairlead/schema"
)

// pays books what a payout does with everything of a partner, as the job of payouts does, with a token of its own.
func (w *world) pays(token uint64, p schema.PartnerID, accounts ...schema.Account) {
	w.t.Helper()
	rows, err := w.ledger.Where(w.t.Context(), "rewards", "kind = 'earned' AND partner_id = "+p.String(), nil)
	w.must(err)
	ordinals := map[[2]schema.Account]int{
		{schema.AccountPayable, schema.AccountProcessing}: 0, {schema.AccountProcessing, schema.AccountPaid}: 1,
		{schema.AccountProcessing, schema.AccountPayable}: 2, {schema.AccountPaid, schema.AccountPayable}: 3,
	}
	for i := range rows {
		for n := range accounts[1:] {
			t := rows[i]
			t.Kind, t.Cause, t.Token, t.DueAt, t.Note = schema.CausePayout, schema.NewPayoutID("test", p, "USD", monday).String(), token, 0, ""
			t.Debit, t.Credit, t.BookedAt = accounts[n], accounts[n+1], w.now.UnixMilli()
			t.Identify(ordinals[[2]schema.Account{t.Debit, t.Credit}])
			w.must(w.ledger.Append(w.t.Context(), []schema.Transfer{t}))
		}
	}
}

// A review that begins while the money is in a payout finds nothing in payable; it does when the payout comes to nothing, though
// nothing else is new of the customer.
func TestWhatAPayoutGivesBackUnderReviewIsNotPayable(t *testing.T) {
	const payable, processing, paid = schema.AccountPayable, schema.AccountProcessing, schema.AccountPaid
	known := func(email string) change {
		return func(c *schema.Conversion) { c.Aliases = []string{schema.CustomerKey("0011").EmailAlias(email)} }
	}
	w := newWorld(t)
	w.rule(1, schema.Rule{Percent: 1000})
	w.tell("a", sale(1, "ann", "in_1", 1000, clicked(1, 0), known("ann@x.example")), sale(2, "bob", "in_2", 3000, clicked(2, 1), known("bob@x.example")),
		sale(3, "cyd", "in_3", 5000, clicked(3, 2)))
	w.run()
	for p := schema.PartnerID(1); p <= 3; p++ {
		w.pays(1, p, payable, processing) // lower than the tokens of the booking are
	}
	w.pays(1, 2, processing, paid)
	w.says("in payouts", "1: 100 processing", "2: 300 paid", "3: 500 processing")
	w.partner(0, 1, func(p *schema.Partner) { p.Email = "ann@x.example" })
	w.partner(0, 2, func(p *schema.Partner) { p.Email = "bob@x.example" })
	w.attribute()
	if report := w.run(); report.Decisions == 0 || report.Rows != 0 {
		t.Errorf("when the reviews begin: %+v", report)
	}
	check := func(what string, decisions, rows int, want ...string) {
		t.Helper()
		w.now = w.now.Add(time.Minute)
		if report := w.run(); report.Decisions != decisions || report.Rows != rows || report.Whole {
			t.Errorf("%s: %+v, want %d decisions and %d rows", what, report, decisions, rows)
		}
		w.says(what, want...)
		if again := w.run(); again.Decisions != 0 {
			t.Errorf("%s, once more: %+v", what, again)
		}
	}
	w.pays(7, 1, processing, payable)
	check("a payout fails", 1, 1, "1: 100 review", "2: 300 paid", "3: 500 processing")
	w.pays(7, 2, paid, payable)
	check("another one is returned in the same run", 2, 1, "1: 100 review", "2: 300 review", "3: 500 processing")
	w.pays(8, 3, processing, payable)
	check("one fails that is not under review", 1, 0, "1: 100 review", "2: 300 review", "3: 500 payable")
	w.again()
}

// Payouts wait for the booking to have looked beyond their cut-off: it says so, though there was nothing to book.
func TestWhatIsBookedInAQuietProgram(t *testing.T) {
	w := newWorld(t)
	w.program(0, func(p *schema.Program) { p.PayoutDay, p.Zone = 13, "Asia/Kathmandu" })
	midnight := time.Date(2026, 11, 12, 18, 15, 0, 0, time.UTC)
	w.now = midnight.Add(-5 * time.Minute)
	w.run()
	recorded := midnight.Add(-5 * time.Minute)
	for _, step := range []struct {
		what string
		now  time.Time
		says bool
	}{
		{"right before the payout day", midnight.Add(-time.Minute), false},
		{"when it begins", midnight, true},
		{"on it", midnight.Add(time.Minute), false},
		{"within an hour", midnight.Add(time.Hour - time.Millisecond), false},
		{"after an hour", midnight.Add(time.Hour), true},
		{"when the clock is set back", midnight.Add(30 * time.Minute), true},
		{"in the night before a later payout day", midnight.AddDate(0, 1, 0).Add(-time.Millisecond), true},
		{"when that begins", midnight.AddDate(0, 1, 0), true},
	} {
		w.now = step.now
		if report := w.run(); report.Rows != 0 || report.Decisions != 0 {
			t.Errorf("%s: %+v", step.what, report)
		}
		if step.says {
			recorded = step.now
		}
		var to time.Time
		w.must(w.CH.QueryRow(t.Context(), "SELECT argMax(due_to, token) FROM fairlead.reward_state").Scan(&to))
		if !to.Equal(recorded) {
			t.Errorf("%s: rewards are booked up to %s, want %s", step.what, to.UTC(), recorded)
		}
	}
}

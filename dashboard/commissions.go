package dashboard

import (
	"fairlead/dashboard/figures"
	"fairlead/dashboard/templates"
)

// commissions say what the running month has earned so far, and where all that was ever earned stands.
func commissions(r *request, month figures.Rewards, balances []figures.Balance) []templates.Standing {
	this := earned(r.program.Currency, month, true, figures.Reward.Earned)
	this.Implied = "" // no currency stands above it
	first := templates.Standing{Label: "Commissions this month", Unfinished: true, Amount: this, Text: "What this month's sales and sign-ups have earned, paid and pending."}
	return append([]templates.Standing{first}, standings(r, balances)...)
}

// standings say where all that was ever earned stands.
func standings(r *request, balances []figures.Balance) []templates.Standing {
	stands := func(of func(figures.Balance) int64) templates.Money {
		m := templates.Money{Known: true}
		for _, currency := range currencies(r.program.Currency, balances) {
			amount := templates.Amount{Currency: currency}
			for _, b := range balances {
				if b.Currency == currency {
					amount.Minor = of(b)
				}
			}
			m.Amounts = append(m.Amounts, amount)
		}
		return m
	}
	out := []templates.Standing{
		{Label: "In hold", Amount: stands(func(b figures.Balance) int64 { return b.Holding }), Text: held(r, balances)},
		{Label: "Ready", Amount: stands(func(b figures.Balance) int64 { return b.Payable }), Text: "Goes into the next payout."},
		{Label: "Processing", Amount: stands(func(b figures.Balance) int64 { return b.Processing }), Text: "In a payout that is under way."},
		{Label: "Paid", Amount: stands(func(b figures.Balance) int64 { return b.Paid }), Text: "All that you have received."},
	}
	for _, b := range balances {
		if b.Review != 0 {
			return append(out, templates.Standing{Label: "Under review", Amount: stands(func(b figures.Balance) int64 { return b.Review }),
				Text: "The program's team has to look at what these were earned for."})
		}
	}
	return out
}

// currencies are those of the balances, the program's first.
func currencies(program string, balances []figures.Balance) []string {
	out := []string{program}
	for _, b := range balances {
		if b.Currency != program {
			out = append(out, b.Currency)
		}
	}
	return out
}

// held says when the next hold ends.
func held(r *request, balances []figures.Balance) string {
	var next figures.Balance
	for _, b := range balances {
		if !b.NextDue.IsZero() && (next.NextDue.IsZero() || b.NextDue.Before(next.NextDue)) {
			next = b
		}
	}
	switch {
	case next.NextDue.IsZero():
		return "Held until refunds are unlikely."
	case !next.NextDue.After(r.now):
		return "The next hold has just ended."
	}
	at, layout := next.NextDue.In(r.zone), "2 January"
	if at.Year() != r.now.In(r.zone).Year() {
		layout = "2 January 2006"
	}
	return "Held until refunds are unlikely. The next hold ends on " + at.Format(layout) + "."
}

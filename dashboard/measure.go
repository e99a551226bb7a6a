package dashboard

import (
	"math"
	"net/url"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
)

// measure is one figure of those that a page shows, which a chart can be of.
type measure struct {
	name      string // in a page's address; empty: the one that a page shows unless it is asked for another
	label     string
	one, many string // what is counted
	currency  string // of an amount; empty: it is a count
	said      string // what an amount was: "sold"
	loss      string // what an amount below zero means: "more refunded than sold"
	opens     bool   // its tile opens into sales and refunds
	of        func(figures.Counts) int64
}

// showKey is the part of a page's address that says which measure its chart is of.
const showKey = "show"

// measures are figures of any number of partners, in the order in which pages name them.
func measures(program schema.Program) []measure {
	return []measure{
		{label: "Clicks", one: "click", many: "clicks", of: func(c figures.Counts) int64 { return signed(c.Clicks) }},
		{name: "visitors", label: "Unique visitors", one: "unique visitor", many: "unique visitors", of: func(c figures.Counts) int64 { return signed(c.Visitors) }},
		{name: "referred", label: "Referred", one: "referred", many: "referred", of: func(c figures.Counts) int64 { return signed(c.Referred) }},
		{name: "sold", label: "Sold", currency: program.Currency, said: "sold", loss: "more refunded than sold", opens: true,
			of: func(c figures.Counts) int64 { return c.Sold.In(program.Currency).Net() }},
	}
}

// ownMeasures are what the chart of a partner's page can be of, in the order in which pages name them.
func ownMeasures(program schema.Program) []measure {
	const loss = "more taken back than earned"
	return append(measures(program),
		measure{name: "paid", label: "Rewards - Paid", currency: program.Currency, said: "paid", loss: loss,
			of: func(c figures.Counts) int64 { return c.Rewards.In(program.Currency).Paid }},
		measure{name: "pending", label: "Rewards - Pending", currency: program.Currency, said: "pending", loss: loss,
			of: func(c figures.Counts) int64 { return c.Rewards.In(program.Currency).Pending }})
}

// chosen is the measure that a page was asked for: the first one unless there is one of that name.
func chosen(all []measure, q url.Values) measure {
	for _, m := range all {
		if m.name == q.Get(showKey) {
			return m
		}
	}
	return all[0]
}

// signed is a count beside amounts, which may be below zero.
func signed(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// write writes a value of the measure: 1,240, or 1,240.00 USD.
func (m measure) write(n int64) string {
	if m.currency != "" {
		return templates.Amount{Minor: n, Currency: m.currency}.String()
	}
	return templates.Count(n).String()
}

// say writes a value with what it is: 1,240 clicks, or 1,240.00 USD sold.
func (m measure) say(n int64) string {
	if m.currency != "" {
		return m.write(n) + " " + m.said
	}
	return templates.Count(n).Of(m.one, m.many)
}

// number is a value as it stands below the measure's label: the currency has a place of its own.
func (m measure) number(n int64) string {
	if m.currency != "" {
		return templates.Amount{Minor: n, Currency: m.currency}.Number()
	}
	return m.write(n)
}

// decimals is how many of a value's digits are behind the point.
func (m measure) decimals() int {
	if m.currency == "" {
		return 0
	}
	return schema.CurrencyDigits(m.currency)
}

// change compares the measure over the two ranges.
func (m measure) change(c period.Comparison, against string, sum func(period.Range) figures.Counts) templates.Change {
	if c.None() {
		return templates.Change{Text: "–", Against: "no whole day to compare yet"}
	}
	now, before := m.of(sum(c.Now)), m.of(sum(c.Before))
	switch {
	case before == 0:
		against = "nothing in " + against
	case before < 0:
		against = m.loss + " in " + against
	}
	return templates.NewChange(now, before, m.write, c.Now.String(), c.Before.String(), against)
}

// tile is the measure's total with its comparison.
func (m measure) tile(total figures.Counts, change templates.Change) templates.Tile {
	t := templates.Tile{Label: m.label, Number: m.number(m.of(total)), Unit: m.currency, Change: change}
	if m.opens {
		t.Sold = soldParts(m.currency, total.Sold)
	}
	return t
}

// soldParts opens what was sold: the sales and the refunds, of the program's currency and of others.
func soldParts(currency string, sold figures.Sold) []templates.Part {
	var parts []templates.Part
	for _, sum := range inOrder(currency, sold) {
		in := func(minor int64) string { return templates.Amount{Minor: minor, Currency: sum.Currency}.String() }
		parts = append(parts,
			templates.Part{Label: templates.Count(sum.Sales).Of("sale", "sales"), Amount: in(sum.Gross)},
			templates.Part{Label: templates.Count(sum.Refunds).Of("refund", "refunds"), Amount: in(-sum.Refunded)})
		if sum.Currency != currency {
			parts = append(parts, templates.Part{Label: "Sold before the currency was changed", Amount: in(sum.Net())})
		}
	}
	return parts
}

// inOrder is what was sold, the program's currency first, and there also if nothing was.
func inOrder(currency string, sold figures.Sold) figures.Sold {
	out := figures.Sold{sold.In(currency)}
	for _, sum := range sold {
		if sum.Currency != currency && (sum.Sales > 0 || sum.Refunds > 0 || sum.Refunded != 0) {
			out = append(out, sum)
		}
	}
	return out
}

// money is an amount of every currency in which something was sold, known or not.
func money(currency string, sold figures.Sold, known bool, of func(figures.Sum) int64) templates.Money {
	m := templates.Money{Known: known, Implied: currency}
	for _, sum := range inOrder(currency, sold) {
		m.Amounts = append(m.Amounts, templates.Amount{Minor: of(sum), Currency: sum.Currency})
	}
	return m
}

// earned is an amount of every currency in which something was earned, known or not, the program's first.
func earned(currency string, rewards figures.Rewards, known bool, of func(figures.Reward) int64) templates.Money {
	m := templates.Money{Known: known, Implied: currency, Amounts: []templates.Amount{{Minor: of(rewards.In(currency)), Currency: currency}}}
	for _, r := range rewards {
		if r.Currency != currency && (r.Paid != 0 || r.Pending != 0) {
			m.Amounts = append(m.Amounts, templates.Amount{Minor: of(r), Currency: r.Currency})
		}
	}
	return m
}

package reward

import (
	"fmt"
	"time"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
)

// morning is the first day of every test's world.
var morning = time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC)

// day is so many days after the first morning, in milliseconds since 1970.
func day(n float64) int64 {
	return morning.Add(time.Duration(n * 24 * float64(time.Hour))).UnixMilli()
}

// tale is what was decided, of one customer.
type tale []attribution.Decision

// change changes a decision.
type change func(*attribution.Decision)

func (t tale) with(d attribution.Decision, changes ...change) tale {
	d.State, d.Partner, d.Currency = schema.StateCounted, 1, "USD"
	if d.Kind == schema.Refund || d.Kind == schema.Restored {
		for _, s := range t {
			if s.ID == d.Sale {
				d.State, d.Partner = s.State, s.Partner
			}
		}
	}
	for _, c := range changes {
		c(&d)
	}
	return append(t[:len(t):len(t)], d)
}

func (t tale) sale(at float64, id string, amount int64, changes ...change) tale {
	return t.with(attribution.Decision{Kind: schema.Sale, ID: id, Sale: id, OccurredAt: day(at), Amount: amount}, changes...)
}

func (t tale) refund(at float64, sale, id string, amount int64, changes ...change) tale {
	return t.with(attribution.Decision{Kind: schema.Refund, ID: id, Sale: sale, OccurredAt: day(at), Amount: amount}, changes...)
}

func (t tale) restored(at float64, sale, refund string, amount int64) tale {
	return t.with(attribution.Decision{Kind: schema.Restored, ID: refund + " restored", Sale: sale, OccurredAt: day(at), Amount: amount})
}

func (t tale) lead(at float64, id string, changes ...change) tale {
	return t.with(attribution.Decision{Kind: schema.Lead, ID: id, OccurredAt: day(at)}, changes...)
}

func binds(d *attribution.Decision)  { d.Binds = true }
func review(d *attribution.Decision) { d.State = schema.StateReview }
func held(d *attribution.Decision)   { d.State, d.Amount = schema.StateHeld, 0 }
func of(p schema.PartnerID) change   { return func(d *attribution.Decision) { d.Partner = p } }

// input is a world with 30 days' hold, at a day.
func input(now float64, decisions tale, rules ...schema.Rule) Input {
	for i := range rules {
		r := &rules[i]
		if r.ID == 0 {
			r.ID = uint32(i + 1)
		}
		if r.From == 0 {
			r.From = 20200101
		}
		if r.Event == "" {
			r.Event = schema.Sale
		}
		if r.Flat+r.Cap+r.MinSale != 0 {
			r.Currency = "USD"
		}
		if err := r.Validate(); err != nil {
			panic(err)
		}
	}
	return Input{
		Decisions: decisions, Rules: schema.NewRules(rules), Now: time.UnixMilli(day(now)),
		Programs: []attribution.ProgramVersion{{Program: schema.Program{Zone: "UTC", Currency: "USD", HoldDays: 30}}},
	}
}

// later is the same world with what was wanted booked, at another day and with other decisions.
func (in Input) later(now float64, decisions tale) Input {
	in.Booked = append(in.Booked[:len(in.Booked):len(in.Booked)], Wanted(in)...)
	in.Now, in.Decisions = time.UnixMilli(day(now)), decisions
	return in
}

// said writes rows for people: "s1 earned: expense>holding 2000 on day 1".
func said(rows []schema.Transfer) []string {
	var out []string
	for _, t := range rows {
		of := t.Conversion
		if of == "" {
			of = t.Cause
		}
		if of == t.Reward.String() {
			of = "it"
		}
		on := float64(t.At-day(0)) / float64(24*time.Hour/time.Millisecond)
		line := fmt.Sprintf("%s %s: %s>%s %d on day %g", of, t.Kind, t.Debit, t.Credit, t.Amount, on)
		if t.Partner != 1 {
			line += fmt.Sprintf(", partner %d", t.Partner)
		}
		out = append(out, line)
	}
	return out
}

// amounts are what rewards amount to, by what they are for.
func amounts(rows []schema.Transfer) map[string]int64 {
	out := map[string]int64{}
	for _, t := range rows {
		if t.Debit == schema.AccountExpense {
			out[t.Conversion] += t.Amount
		}
		if t.Credit == schema.AccountExpense {
			out[t.Conversion] -= t.Amount
		}
	}
	return out
}

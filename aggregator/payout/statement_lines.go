package payout

import (
	"time"

	"fairlead/schema"
)

// lines tells what a part of a payout is made of, by the rows of its reward in the ledger, in the order in which they were booked:
// the changes since the payouts before it, up to its draft. Their sum is the part's amount; where it cannot be made up of them, as
// of rows that were booked while it was drafted, the part is one line.
func (p Payout) lines(part Part, booked []schema.Transfer, from origin, zone *time.Location) []Line {
	var changes []schema.Transfer
	var settled, last int64 // what payouts before this one have taken of it, and when they did last
	var earned time.Time
	for _, t := range booked {
		switch {
		case changed(t) != 0:
			if at := time.UnixMilli(t.At); earned.IsZero() || at.Before(earned) {
				earned = at
			}
			if t.BookedAt <= p.CreatedAt.UnixMilli() {
				changes = append(changes, t)
			}
		case t.Kind == schema.CausePayout && t.Cause != p.ID.String() && t.BookedAt <= p.CreatedAt.UnixMilli():
			settled += taken(t)
			last = t.BookedAt
		}
	}
	first := 0
	if last != 0 {
		first = upTo(changes, settled, last)
	}
	end := upTo(changes, settled+part.Amount, p.CreatedAt.UnixMilli())
	if first < 0 || end <= first || amountOf(changes[first:end]) != part.Amount {
		return []Line{{At: earned, Link: from.link, What: from.word(part, booked), Note: "what is left of it", Amount: part.Amount}}
	}
	var out []Line
	var before schema.Transfer
	for _, t := range changes[first:end] {
		if len(out) > 0 && t.Kind == before.Kind && t.Cause == before.Cause && t.Note == before.Note {
			out[len(out)-1].Amount += changed(t)
			continue
		}
		before = t
		what, note := from.tell(t, zone)
		out = append(out, Line{At: earned, Link: from.link, What: what, Note: note, Amount: changed(t)})
	}
	return out
}

// upTo is how many of the changes, at most those that were booked by a time, sum up to an amount; of several the most, and -1 if
// none do.
func upTo(changes []schema.Transfer, amount, by int64) int {
	n, sum := -1, int64(0)
	for i := 0; ; i++ {
		if sum == amount {
			n = i
		}
		if i == len(changes) || changes[i].BookedAt > by {
			return n
		}
		sum += changed(changes[i])
	}
}

func amountOf(changes []schema.Transfer) (sum int64) {
	for _, t := range changes {
		sum += changed(t)
	}
	return sum
}

// changed is what a row adds to what its reward amounts to; 0: it only moves it.
func changed(t schema.Transfer) int64 {
	for _, merchant := range []schema.Account{schema.AccountExpense, schema.AccountOpening} {
		switch merchant {
		case t.Debit:
			return t.Amount
		case t.Credit:
			return -t.Amount
		}
	}
	return 0
}

// taken is what a row of a payout takes from what is payable.
func taken(t schema.Transfer) int64 {
	switch schema.AccountPayable {
	case t.Debit:
		return t.Amount
	case t.Credit:
		return -t.Amount
	}
	return 0
}

// word names what a reward is for.
func (o origin) word(part Part, booked []schema.Transfer) string {
	switch {
	case o.kind != "":
		return string(o.kind)
	case part.Conversion != "":
		return "sale or lead"
	}
	for _, t := range booked {
		if t.Kind == schema.CauseOpening {
			return "opening balance"
		}
	}
	return "entry"
}

// tell says in words what a change was. Of the ledger's notes only people's are told: partners are to read those.
func (o origin) tell(t schema.Transfer, zone *time.Location) (what, note string) {
	on := "on " + time.UnixMilli(t.At).In(zone).Format("2 January 2006")
	switch t.Kind {
	case schema.CauseAdded:
		return "entry", t.Note
	case schema.CauseReversed:
		return "entry", t.Note
	case schema.CauseAdjusted:
		if changed(t) > 0 {
			return "refund taken back", on
		}
		return "refund", on
	}
	what = o.word(Part{Conversion: t.Conversion}, []schema.Transfer{t})
	if t.Note != "" {
		return what, "reckoned anew " + on
	}
	return what, ""
}

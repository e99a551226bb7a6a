package reward

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"fairlead/schema"
)

// book is one reward's rows, those that stand and those that are wanted beside them.
type book struct {
	*reward
	now      int64 // milliseconds since 1970
	balances map[schema.Account]int64
	causes   map[cause]*causeSum
	ids      map[schema.TransferID]bool
	rows     []schema.Transfer // that stand, each once
	dueAt    int64             // what the newest row says of the hold's end; 0: nothing
	released bool              // the hold is over, and what is given now can be paid
	wanted   []schema.Transfer
}

// cause is why rows were booked.
type cause struct {
	kind schema.CauseKind
	text string
}

// causeSum is what was booked for a cause.
type causeSum struct {
	amount int64 // by which it changed the reward's amount
	rows   int
}

func newBook(r *reward, rows []schema.Transfer, now int64) *book {
	b := &book{reward: r, now: now, causes: map[cause]*causeSum{}, ids: map[schema.TransferID]bool{}}
	rows = slices.SortedFunc(slices.Values(rows), func(a, b schema.Transfer) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	rows = slices.CompactFunc(rows, func(a, b schema.Transfer) bool { return a.ID == b.ID })
	b.rows, b.balances = rows, schema.Balances(rows)
	b.released = r.source == schema.AccountOpening
	var newest uint64
	for _, t := range rows {
		if t.DueAt != 0 && t.Kind != schema.CausePayout && t.Token >= newest {
			newest, b.dueAt = t.Token, t.DueAt
		}
		sum := b.sum(cause{t.Kind, t.Cause})
		sum.rows++
		b.ids[t.ID] = true
		switch b.source {
		case t.Debit:
			sum.amount += t.Amount
		case t.Credit:
			sum.amount -= t.Amount
		}
		b.released = b.released || t.Credit == schema.AccountPayable
	}
	return b
}

func (b *book) sum(c cause) *causeSum {
	if b.causes[c] == nil {
		b.causes[c] = &causeSum{}
	}
	return b.causes[c]
}

// close books what is missing, in the order in which it happened: the hold ends between what was before and after its end.
func (b *book) close() []schema.Transfer {
	for _, d := range b.deltas() {
		if d.at > b.due {
			b.release()
		}
		b.change(d)
	}
	b.release()
	b.settle()
	return b.wanted
}

// deltas are the changes of the amount that are not booked, by their times; but one that would take back more than there is comes
// after what gives more.
func (b *book) deltas() []step {
	var open, out []step
	stands := map[cause]bool{}
	for _, s := range b.steps {
		c := cause{s.kind, s.cause}
		stands[c] = true
		if sum := b.sum(c); sum.amount != s.amount {
			if s.amount -= sum.amount; sum.rows > 0 {
				s.at, s.note = b.now, again
			}
			open = append(open, s)
		}
	}
	for _, c := range slices.SortedFunc(maps.Keys(b.causes), func(a, b cause) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.text, b.text))
	}) {
		if amount := b.causes[c].amount; !stands[c] && amount != 0 {
			open = append(open, step{c.kind, c.text, b.now, -amount, again})
		}
	}
	slices.SortStableFunc(open, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	total := -b.balances[b.source]
	for len(open) > 0 {
		// There always is one, but in a ledger that lost a row.
		i := max(0, slices.IndexFunc(open, func(s step) bool { return total+s.amount >= 0 }))
		total += open[i].amount
		out = append(out, open[i])
		open = slices.Delete(open, i, i+1)
	}
	return out
}

// again is the note of rows that correct others of their cause.
const again = "reckoned anew"

// change books a change of the amount. What is given fills first what is below zero, as payable is where more was taken back
// than was left; what is taken back leaves where the money is, and payable where it was paid.
func (b *book) change(s step) {
	if s.amount > 0 {
		rest := s.amount
		for _, to := range []schema.Account{schema.AccountHolding, schema.AccountReview, schema.AccountPayable} {
			if to != b.lands() {
				n := min(rest, max(0, -b.balances[to]))
				b.move(s, b.source, to, n)
				rest -= n
			}
		}
		b.move(s, b.source, b.lands(), rest)
		return
	}
	rest := -s.amount
	for _, from := range []schema.Account{schema.AccountHolding, schema.AccountReview} {
		n := min(rest, max(0, b.balances[from]))
		b.move(s, from, b.source, n)
		rest -= n
	}
	b.move(s, schema.AccountPayable, b.source, rest)
}

// lands is where money of the reward belongs that is not in a payout.
func (b *book) lands() schema.Account {
	switch {
	case b.review:
		return schema.AccountReview
	case b.released:
		return schema.AccountPayable
	}
	return schema.AccountHolding
}

// release ends the hold, if it is over.
func (b *book) release() {
	if b.released || b.review || b.due > b.now {
		return
	}
	b.released = true
	b.move(b.within(schema.CauseReleased, b.due), schema.AccountHolding, schema.AccountPayable, max(0, b.balances[schema.AccountHolding]))
}

// settle brings what stands elsewhere to where it belongs: after a review began or ended. Only payable may be below zero: what
// a run that had lost its lock took out of another account is put back.
func (b *book) settle() {
	to := b.lands()
	kind := map[schema.Account]schema.CauseKind{
		schema.AccountReview: schema.CauseReview, schema.AccountHolding: schema.CauseCleared, schema.AccountPayable: schema.CauseReleased,
	}[to]
	for _, from := range []schema.Account{schema.AccountReview, schema.AccountHolding, schema.AccountPayable} {
		if from != to {
			b.move(b.within(kind, b.now), from, to, max(0, b.balances[from]))
		}
	}
	for _, short := range []schema.Account{schema.AccountReview, schema.AccountHolding} {
		if to != short {
			b.move(b.within(kind, b.now), to, short, min(max(0, -b.balances[short]), max(0, b.balances[to])))
		}
		b.move(b.within(kind, b.now), schema.AccountPayable, short, max(0, -b.balances[short]))
	}
}

// moved returns the reward's hold, if it is held and ends at another moment than its rows say.
func (b *book) moved() (Hold, bool) {
	h := Hold{Partner: b.partner, Reward: b.id, Conversion: b.conversion, DueAt: b.due}
	return h, b.balances[schema.AccountHolding] > 0 && b.dueAt != b.due
}

// within is the cause of a move within the reward.
func (b *book) within(kind schema.CauseKind, at int64) step {
	return step{kind: kind, cause: b.id.String(), at: at}
}

// move books a row; of nothing it books none.
func (b *book) move(s step, debit, credit schema.Account, amount int64) {
	if amount == 0 {
		return
	}
	t := schema.Transfer{
		BookedAt: b.now, At: s.at, DueAt: b.due, Partner: b.partner, Reward: b.id, Debit: debit, Credit: credit, Amount: amount, Currency: b.currency,
		Kind: s.kind, Cause: s.cause, Rule: b.rule, Conversion: b.conversion, Note: s.note,
	}
	if b.due == never {
		t.DueAt = 0
	}
	b.dueAt = t.DueAt
	for n := 0; n == 0 || b.ids[t.ID]; n++ {
		t.Identify(n)
	}
	b.ids[t.ID] = true
	b.balances[debit] -= amount
	b.balances[credit] += amount
	b.wanted = append(b.wanted, t)
}

package simulator

import (
	"fmt"
	"math/big"
	"slices"

	"fairlead/aggregator/attribution"
	"fairlead/aggregator/reward"
	"fairlead/schema"
)

// What may not hold.
const (
	badRow        = "a row is no transfer"
	unbalanced    = "debits are not credits"
	overRefunded  = "more is given back than was sold"
	overpaid      = "more is paid than was earned"
	negative      = "a balance is below zero"
	wantsMore     = "asked again, more is wanted"
	replayDiffers = "the facts in another order give another ledger"
	wrongAmount   = "a reward is not its rule's part"
)

// owner is whose money it is.
type owner struct {
	schema.PartnerID
	currency string
}

// check checks what holds after each step.
func (w *world) check() {
	w.transfersFit()
	if w.checked == w.books.changes {
		return
	}
	w.checked = w.books.changes
	sums, owned := map[string]int64{}, map[owner]map[schema.Account]int64{}
	rewards, back := w.books.rewards(), w.cameBack()
	for _, id := range w.books.ids {
		rows := rewards[id]
		whose := owner{rows[0].Partner, rows[0].Currency}
		if owned[whose] == nil {
			owned[whose] = map[schema.Account]int64{}
		}
		for _, t := range rows {
			if t.Amount <= 0 || t.Debit == t.Credit || (owner{t.Partner, t.Currency}) != whose || t.Partner == 0 || t.Currency == "" {
				w.fail(badRow, "%+v", t)
			}
		}
		b := schema.Balances(rows)
		for a, n := range b {
			sums[whose.currency] += n
			owned[whose][a] += n
		}
		if got := b[schema.AccountPaid] + min(0, b[schema.AccountProcessing]); got > max(0, w.books.ever[id])+back[id] {
			w.fail(overpaid, "of reward %s, which was %d at most, %d are paid: %v", short(id), w.books.ever[id], got, lines(rows))
		}
	}
	for currency, sum := range sums {
		if sum != 0 {
			w.fail(unbalanced, "%s add up to %d", currency, sum)
		}
	}
	for whose, b := range owned {
		if b[schema.AccountProcessing] < 0 || b[schema.AccountPaid] < 0 {
			w.fail(negative, "partner %d has %v %s", whose.PartnerID, b, whose.currency)
		}
	}
}

// settled checks what holds after a run that nothing got in the way of.
func (w *world) settled() {
	d := w.decide()
	w.refundsFit(d)
	for n, in := range d.inputs {
		in.Booked, in.Now = w.booked(d.of, n), at(w.now)
		if more := w.with.wanted(in); len(more) > 0 {
			w.fail(wantsMore, "%v", lines(more))
		}
	}
	rewards := w.books.rewards()
	for _, id := range w.books.ids {
		b, rows := schema.Balances(rewards[id]), rewards[id]
		if b[schema.AccountHolding] < 0 || b[schema.AccountReview] < 0 {
			w.fail(negative, "reward %s has %v: %v", short(id), b, lines(rows))
		}
	}
	w.replay(rewards)
	w.reckon(d, rewards)
}

// refundsFit checks that what is given back of a sale fits into it.
func (w *world) refundsFit(d decided) {
	for _, in := range d.inputs {
		sold, back := map[string]int64{}, map[string]int64{}
		for _, d := range in.Decisions {
			switch {
			case d.State == schema.StateDuplicate || d.State == schema.StateConflict:
			case d.Kind == schema.Sale:
				sold[d.ID] = d.Amount
			case d.Kind == schema.Refund:
				back[d.Sale] += d.Amount
			case d.Kind == schema.Restored:
				back[d.Sale] -= d.Amount
			}
		}
		for id, n := range back {
			if n < 0 || n > sold[id] {
				w.fail(overRefunded, "%d of %d of sale %s", n, sold[id], id)
			}
		}
	}
}

// replay reckons everything from scratch, told in another order and some of it again, and compares it with what is booked.
func (w *world) replay(rewards map[schema.RewardID][]schema.Transfer) {
	d := newDice(uint64(w.now), len(w.told))
	var told []attribution.Report
	seqs := map[string]uint64{}
	for _, i := range d.Perm(len(w.told)) {
		for range pick(d, 1, 1, 1, 2) {
			w.receive(d, &told, seqs, w.told[i], w.now-d.between(0, 100*day))
		}
	}
	rules, entries := slices.Clone(w.rules), slices.Clone(w.entries)
	d.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
	d.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	scratch := newBooks()
	for _, in := range w.decideOf(&w.facts, told, rules, entries).inputs {
		in.Now = at(w.now)
		scratch.append(reward.Wanted(in), 1)
	}
	anew := scratch.rewards()
	for _, id := range slices.Concat(w.books.ids, scratch.ids) { // those of both twice
		rows := rewards[id]
		if diff := compare(schema.Balances(rows), schema.Balances(anew[id]), rows); diff != "" {
			w.fail(replayDiffers, "reward %s: %s; booked %v; anew %v", short(id), diff, lines(rows), lines(anew[id]))
		}
	}
}

// compare says how a reward differs from what it is from scratch. What was released stays released, whatever its hold is now, and
// what is in payouts stays there.
func compare(got, want map[schema.Account]int64, rows []schema.Transfer) string {
	amount := func(b map[schema.Account]int64) int64 {
		return -b[schema.AccountExpense] - b[schema.AccountOpening]
	}
	moved := has(rows, schema.AccountProcessing) || has(rows, schema.AccountPaid)
	switch {
	case amount(got) != amount(want):
		return fmt.Sprintf("amounts to %d, not to %d", amount(got), amount(want))
	case moved:
	case got[schema.AccountReview] != want[schema.AccountReview]:
		return fmt.Sprintf("%d under review, not %d", got[schema.AccountReview], want[schema.AccountReview])
	case got[schema.AccountHolding] != want[schema.AccountHolding] && !(got[schema.AccountHolding] == 0 && has(rows, schema.AccountPayable)):
		return fmt.Sprintf("%d held, not %d", got[schema.AccountHolding], want[schema.AccountHolding])
	}
	return ""
}

// reckon checks what each reward amounts to by the rule that its newest row names: rounded once, of what is left of the sale, less
// what was taken back by hand.
func (w *world) reckon(d decided, rewards map[schema.RewardID][]schema.Transfer) {
	want := map[schema.RewardID]int64{}
	for _, in := range d.inputs {
		left := map[string]int64{}
		for _, d := range in.Decisions {
			switch {
			case d.State != schema.StateCounted && d.State != schema.StateReview:
			case d.Kind == schema.Refund:
				left[d.Sale] -= d.Amount
			case d.Kind == schema.Restored:
				left[d.Sale] += d.Amount
			}
		}
		for _, d := range in.Decisions {
			id := schema.NewRewardID(d.Partner, schema.CauseEarned, d.ID, d.Currency)
			if rows := rewards[id]; len(rows) > 0 && (d.State == schema.StateCounted || d.State == schema.StateReview) {
				want[id] = part(w.rules[ruleOf(rows)-1], d.Amount, d.Amount+left[d.ID])
			}
		}
	}
	for _, e := range w.entries {
		if e.Reverses == (schema.RewardID{}) {
			want[schema.NewRewardID(e.Partner, schema.CauseAdded, e.ID, e.Currency)] = e.Amount
		}
	}
	for p, o := range w.openings {
		want[schema.NewRewardID(p, schema.CauseOpening, p.String(), o.Currency)] = o.Amount
	}
	for _, e := range w.entries {
		if e.Amount == 0 {
			e.Amount = want[e.Reverses]
		}
		want[e.Reverses] = max(0, want[e.Reverses]-e.Amount)
	}
	for _, id := range w.books.ids {
		rows := rewards[id]
		if got := amount(rows); got != 0 && got != want[id] {
			w.fail(wrongAmount, "reward %s amounts to %d, not to %d: %v", short(id), got, want[id], lines(rows))
		}
	}
}

// ruleOf is the rule by which a reward was reckoned when it was last booked.
func ruleOf(rows []schema.Transfer) uint32 {
	newest := schema.Transfer{}
	for _, t := range rows {
		if t.Kind != schema.CausePayout && t.Token >= newest.Token {
			newest = t
		}
	}
	return newest.Rule
}

// part is what a rule gives for what is left of an amount: an exact fraction, and then its nearest whole.
func part(r schema.Rule, whole, left int64) int64 {
	exact := big.NewRat(left*r.Percent, schema.WholePercent)
	switch {
	case r.Event == schema.Lead:
		return r.Flat
	case r.Flat != 0:
		exact.SetFrac64(left*r.Flat, whole)
	}
	exact.Add(exact, big.NewRat(1, 2))
	n := new(big.Int).Quo(exact.Num(), exact.Denom()).Int64()
	if r.Cap != 0 {
		n = min(n, r.Cap)
	}
	return n
}

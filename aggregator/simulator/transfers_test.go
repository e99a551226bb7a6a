package simulator

import (
	"context"
	"slices"

	"fairlead/aggregator/payout"
	"fairlead/schema"
)

// What may not hold of payouts.
const (
	paidTwice    = "a payout is paid twice"
	falseStatus  = "a payout's status is not what its provider did"
	falseAccount = "the ledger is not what payouts say"
	notPaid      = "somebody is not paid"
)

// transfersFit holds what providers really did against payouts.
func (w *world) transfersFit() {
	payouts, _ := w.books.Find(context.Background(), payout.Filter{})
	times := map[payout.PayoutID]int{}
	lives := map[payout.PayoutID]bool{} // the partner has the money, or will
	for _, by := range []schema.PayBy{schema.PayByStripe, schema.PayByPayPal} {
		for _, t := range w.providers[by].Paid() {
			state := w.outcome(w.providers[by], t.Order)
			if times[t.ID]++; times[t.ID] > 1 {
				w.fail(paidTwice, "%s, %d %s to partner %d", t.ID, t.Amount, t.Currency, t.Partner)
			}
			lives[t.ID] = state == payout.Sent || state == payout.Completed
			i := slices.IndexFunc(payouts, func(p payout.Payout) bool { return p.ID == t.ID })
			if i < 0 || payouts[i].Amount != t.Amount || payouts[i].Currency != t.Currency || payouts[i].Partner != t.Partner {
				w.fail(falseStatus, "nothing that was paid by payout %s, %d %s to partner %d, is in it", t.ID, t.Amount, t.Currency, t.Partner)
			}
		}
	}
	for _, p := range payouts {
		expected := p.Status == payout.Sent || p.Status == payout.Completed
		possible := expected || p.Status == payout.Processing
		if expected && times[p.ID] == 0 || lives[p.ID] && !possible {
			w.fail(falseStatus, "payout %s is %s, paid %d times, the partner has it: %t", p.ID, p.Status, times[p.ID], lives[p.ID])
		}
	}
}

// cameBack is what payouts that came to nothing had taken from rewards: a later payout may have paid it before that was known, and
// the next one carries it.
func (w *world) cameBack() map[schema.RewardID]int64 {
	out := map[schema.RewardID]int64{}
	payouts, _ := w.books.Find(context.Background(), payout.Filter{Statuses: []payout.Status{payout.Failed, payout.Returned, payout.Canceled}})
	for _, p := range payouts {
		parts, _ := w.books.Parts(context.Background(), p.ID)
		for _, part := range parts {
			out[part.Reward] += max(0, -part.Amount)
		}
	}
	return out
}

// paidUp checks what holds after a run of payouts that nothing got in the way of.
func (w *world) paidUp() {
	payouts, _ := w.books.Find(context.Background(), payout.Filter{})
	type place struct {
		owner
		schema.Account
	}
	want, got := map[place]int64{}, map[place]int64{}
	for _, p := range payouts {
		parts, _ := w.books.Parts(context.Background(), p.ID)
		if payout.Total(parts) != p.Amount || p.Amount <= 0 {
			w.fail(falseAccount, "payout %s of %d has parts of %d", p.ID, p.Amount, payout.Total(parts))
		}
		whose := owner{p.Partner, p.Currency}
		switch {
		case p.Status.Open():
			want[place{whose, schema.AccountProcessing}] += p.Amount
		case p.Status == payout.Completed:
			want[place{whose, schema.AccountPaid}] += p.Amount
		}
	}
	rewards, back := w.books.rewards(), w.cameBack()
	for _, id := range w.books.ids {
		rows := rewards[id]
		b := schema.Balances(rows)
		for _, a := range []schema.Account{schema.AccountProcessing, schema.AccountPaid} {
			got[place{owner{rows[0].Partner, rows[0].Currency}, a}] += b[a]
		}
		if n := b[schema.AccountProcessing] + b[schema.AccountPaid]; n > max(0, w.books.ever[id])+back[id] {
			w.fail(overpaid, "of reward %s, which was %d at most, %d are in payouts: %v", short(id), w.books.ever[id], n, lines(rows))
		}
	}
	for _, m := range []map[place]int64{want, got} {
		for k := range m {
			if want[k] != got[k] {
				w.fail(falseAccount, "partner %d has %d %s in %s, and payouts of %d", k.PartnerID, got[k], k.currency, k.Account, want[k])
			}
		}
	}
}

// rest is a time in which nothing happens any more and everything works: what is on its way arrives, what sleeps wakes up, holds end,
// and everybody is paid.
func (w *world) rest(d dice) {
	w.say("nothing happens any more")
	w.calm = true
	free := w.program()
	free.At, free.PayoutMinimum = w.now, 0
	w.facts.Programs = append(w.facts.Programs, free)
	w.changes++
	for p := schema.PartnerID(1); p <= partners; p++ {
		w.methods[p] = byStripe(p)
	}
	for round := 0; round < 7 && w.err == nil; round++ {
		w.now += 13 * day
		w.deliver(d)
		for len(w.asleep) > 0 {
			w.wake(d)
		}
		for len(w.stopped) > 0 {
			w.goOn(0)
		}
		w.book(d)
		w.run(d, w.time(), true)
		w.lookAfter(d)
		for {
			drafts, _ := w.books.Find(context.Background(), payout.Filter{Statuses: []payout.Status{payout.Draft}})
			if len(drafts) == 0 || w.err != nil {
				break
			}
			w.hand(d, false, payout.Draft)
		}
		w.run(d, w.time(), true)
		for _, provider := range w.providers {
			for _, t := range provider.Paid() {
				if w.outcome(provider, t.Order) == payout.Sent {
					provider.Becomes(t.ID, payout.Completed, "")
				}
			}
		}
		w.run(d, w.time(), true)
		w.check()
	}
	if w.err == nil {
		w.everybodyIsPaid()
	}
}

// lookAfter is what people do with payouts whose second try was refused: they look whether the provider has made the first.
func (w *world) lookAfter(d dice) {
	open, _ := w.books.Find(context.Background(), payout.Filter{Statuses: []payout.Status{payout.Processing}})
	for _, p := range open {
		if !w.refused[p.ID] || w.outcome(w.providers[p.To.By], payout.Order{ID: p.ID}) != "" {
			continue
		}
		w.work(d, "people say that payout "+p.ID.String()[:6]+" was never paid", true, func(r *payout.Runner) error {
			_, err := r.Mark(context.Background(), p.ID, payout.Failed, ann, "the provider has none", true)
			return err
		}, func(err error) {
			if err != nil {
				w.fail("a payout run fails", "%v", err)
			}
		})
	}
}

// everybodyIsPaid checks that nothing is left but what is under review, and what was taken back.
func (w *world) everybodyIsPaid() {
	all, _ := w.books.Find(context.Background(), payout.Filter{})
	for _, p := range all {
		w.tally["payouts "+string(p.Status)]++
	}
	payable := map[owner]int64{}
	rewards := w.books.rewards()
	for _, id := range w.books.ids {
		rows := rewards[id]
		b := schema.Balances(rows)
		payable[owner{rows[0].Partner, rows[0].Currency}] += b[schema.AccountPayable]
		if b[schema.AccountHolding] != 0 {
			w.fail(notPaid, "reward %s is held: %v", short(id), lines(rows))
		}
	}
	for whose, n := range payable {
		if n > 0 {
			w.fail(notPaid, "partner %d has %d %s to get", whose.PartnerID, n, whose.currency)
		}
	}
	open, _ := w.books.Find(context.Background(), payout.Filter{Statuses: []payout.Status{payout.Draft, payout.Approved, payout.Processing, payout.Sent}})
	for _, p := range open {
		w.fail(notPaid, "payout %s is still %s", p.ID, p.Status)
	}
}

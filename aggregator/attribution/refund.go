package attribution

import "fairlead/schema"

// refunds decides what was given back, after the sales are decided.
func (c *customer) refunds() {
	for _, p := range c.payments {
		l := ledger{payment: p, accounts: map[string]*account{}, told: map[string]told{}}
		for _, t := range p.back {
			t.undecided = true
		}
		for _, t := range p.back {
			if t.undecided {
				l.book(t)
			}
		}
		for _, t := range p.back {
			if t.undecided { // a restoring without its refund
				l.wait(t, schema.ReasonNoRefund)
			}
		}
	}
}

// ledger is what was given back of one sale so far, in minor units of the sale's currency.
type ledger struct {
	payment
	accounts map[string]*account // by the name of the payment under which it was told: Conversion.Invoice
	told     map[string]told     // refunds, by their names
}

// account is what was told under one name of the payment, in terms of the sale's amount but for grosses.
type account struct {
	l        *ledger
	amounts  int64 // of refunds told one by one
	grosses  int64 // likewise, in terms of all that was charged
	highest  int64 // running total, with what was restored until then
	restored int64
}

// told is what a refund told, in terms of the sale's amount, and where.
type told struct {
	amount int64
	*account
}

// book decides one refund or restoring. A restoring that comes before its refund waits for it.
func (l *ledger) book(t *thing) {
	if l.sale == nil {
		l.wait(t, schema.ReasonNoSale)
		return
	}
	if t.Currency != "" && t.Currency != l.sale.Currency && (t.Amount != 0 || t.Gross != 0) {
		l.settle(t, 0, 0, schema.ReasonOtherCurrency)
		t.decision.State, t.decision.Amount = schema.StateHeld, 0
		return
	}
	before := l.net()
	if t.Kind == schema.Restored {
		refund, known := l.told[t.Refund]
		if !known {
			return
		}
		refund.restored += min(refund.amount, l.terms(t, refund.amount))
		l.settle(t, before, l.net(), schema.ReasonRestored)
		return
	}
	wanted, after := l.add(t, l.sale.Amount-before), l.net()
	reason := schema.ReasonRefund
	switch {
	case wanted == 0:
		reason = schema.ReasonRefundIncluded
	case after-before < wanted:
		reason = schema.ReasonRefundCapped
	}
	l.settle(t, before, after, reason)
	for _, r := range l.back {
		if r.undecided && r.Kind == schema.Restored && r.Refund == t.Refund && r.OccurredAt <= t.OccurredAt {
			l.book(r)
		}
	}
}

// add counts what a refund tells, and answers by how much that raises what was told in all. Rest is what is left of the
// sale.
func (l *ledger) add(t *thing, rest int64) int64 {
	a := l.accounts[t.Invoice]
	if a == nil {
		a = &account{l: l}
		l.accounts[t.Invoice] = a
	}
	before := a.total()
	amount := l.terms(t, rest)
	switch {
	case t.Running:
		a.highest = max(a.highest, amount+a.restored)
	case t.Amount == 0 && t.Gross != 0:
		a.grosses += t.Gross
	case t.Amount == 0: // all that is left, whichever way the rest was told
		a.amounts += before + amount - a.oneByOne()
	default:
		a.amounts += amount
	}
	l.told[t.Refund] = told{l.told[t.Refund].amount + amount, a}
	return a.total() - before
}

// terms is what a report tells in terms of the sale's amount; otherwise where it tells no amount.
func (l *ledger) terms(t *thing, otherwise int64) int64 {
	switch {
	case t.Amount != 0:
		return t.Amount
	case t.Gross != 0:
		return l.part(t.Gross)
	}
	return otherwise
}

// part is the share of the sale's amount in a part of all that was charged.
func (l *ledger) part(gross int64) int64 {
	if l.sale.Gross <= 0 {
		return gross
	}
	return schema.Share(l.sale.Amount, gross, l.sale.Gross)
}

// oneByOne is the sum of what was told one by one. Shares are taken of their sum, so that they add up.
func (a *account) oneByOne() int64 { return a.amounts + a.l.part(a.grosses) }

// total is what was told to have been given back, whether or not it was restored since.
func (a *account) total() int64 { return max(a.oneByOne(), a.highest) }

// net is what is given back: never more than the sale, and not what was restored.
func (l *ledger) net() (sum int64) {
	for _, a := range l.accounts {
		sum += a.total() - a.restored
	}
	return max(0, min(l.sale.Amount, sum))
}

// settle writes the decision on a step from one net to another, which follows that on the sale.
func (l *ledger) settle(t *thing, before, after int64, reason schema.AttributionReason) {
	t.undecided = false
	d, sale := &t.decision, &l.sale.decision
	d.State, d.Reason = sale.State, reason
	d.Sale, d.Partner, d.Link = sale.Sale, sale.Partner, sale.Link
	d.Currency, d.Rate = sale.Currency, sale.Rate
	switch sale.State {
	case schema.StateUnattributed:
		d.Reason = schema.ReasonSaleUnattributed
	case schema.StateReview:
		d.Reason = schema.ReasonSaleInReview
	case schema.StateHeld:
		d.Reason = schema.ReasonSaleHeld
	}
	if sale.Rate == "" {
		return
	}
	// Both fit: neither is more than the sale, whose amount did.
	from, _ := Convert(min(before, after), l.sale.Currency, sale.Currency, sale.Rate)
	to, _ := Convert(max(before, after), l.sale.Currency, sale.Currency, sale.Rate)
	d.Amount = to - from
}

// wait decides a report that refers to one which has not come.
func (l *ledger) wait(t *thing, reason schema.AttributionReason) {
	t.undecided = false
	t.decision.State, t.decision.Reason = schema.StateWaiting, reason
	if l.sale != nil {
		t.decision.Sale = l.sale.ID
	}
}

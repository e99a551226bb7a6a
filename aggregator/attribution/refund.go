package attribution

import "fairlead/schema"

// refunds decides what was given back, after the sales are decided.
func (c *customer) refunds() {
	for _, p := range c.payments {
		l := ledger{payment: p, told: map[string]int64{}}
		for _, t := range p.back {
			t.undecided = true
		}
		for _, t := range p.back {
			l.book(t)
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
	amounts  int64 // of refunds told one by one, in terms of the sale's amount
	grosses  int64 // likewise, in terms of all that was charged
	running  int64 // the greatest running total, in terms of the sale's amount
	restored int64
	told     map[string]int64 // what each refund told by name, in terms of the sale's amount
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
		told, known := l.told[t.Refund]
		if !known {
			return
		}
		l.restored += min(told, l.terms(t, told))
		l.settle(t, before, l.net(), schema.ReasonRestored)
		return
	}
	total := l.total()
	l.add(t, before, total)
	wanted, after := l.total()-total, l.net()
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

// add counts what a refund tells.
func (l *ledger) add(t *thing, net, total int64) {
	told := l.terms(t, l.sale.Amount-net)
	l.told[t.Refund] += told
	switch {
	case t.Running:
		l.running = max(l.running, told)
	case t.Amount == 0 && t.Gross != 0:
		l.grosses += t.Gross
	case t.Amount == 0: // what is left of the sale, whichever way the rest was told
		l.amounts += total + told - l.oneByOne()
	default:
		l.amounts += told
	}
}

// terms is what a report tells in terms of the sale's amount; rest where it tells no amount.
func (l *ledger) terms(t *thing, rest int64) int64 {
	switch {
	case t.Amount != 0:
		return t.Amount
	case t.Gross != 0:
		return l.part(t.Gross)
	}
	return rest
}

// part is the share of the sale's amount in a part of all that was charged.
func (l *ledger) part(gross int64) int64 {
	if l.sale.Gross <= 0 {
		return gross
	}
	return share(l.sale.Amount, gross, l.sale.Gross)
}

// oneByOne is the sum of what was told one by one. Shares are taken of their sum, so that they add up.
func (l *ledger) oneByOne() int64 { return l.amounts + l.part(l.grosses) }

// total is what was told to have been given back, whether or not it was restored since.
func (l *ledger) total() int64 { return max(l.oneByOne(), l.running) }

// net is what is given back: never more than the sale, and not what was restored.
func (l *ledger) net() int64 { return max(0, min(l.sale.Amount, l.total()-l.restored)) }

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

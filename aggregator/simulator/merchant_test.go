package simulator

import (
	"cmp"
	"fmt"
	"slices"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
)

// purchase is a sale as the merchant knows it.
type purchase struct {
	invoice  string
	amount   int64 // minor units of currency
	currency string
	at       int64
	back     int64 // given back, and not restored
	given    []refund
}

// refund is money given back, or disputed.
type refund struct {
	name     string
	amount   int64
	restored bool
}

// letter is a report that arrives at a moment.
type letter struct {
	arrives int64
	attribution.Report
}

// name names the next thing that happens.
func (w *world) name(kind string) string {
	w.events++
	return fmt.Sprint(kind, w.events)
}

// tell sends a report: mostly once and soon, sometimes late, sometimes again and again.
func (w *world) tell(d dice, r attribution.Report) {
	r.Identify("")
	for range pick(d, 1, 1, 1, 2, 3) {
		late := d.between(0, 20) * minute
		if d.one(5) {
			late = d.between(0, 12*24) * hour
		}
		w.post = append(w.post, letter{w.now + late, r})
	}
}

// report is of something that occurs now, by the sender's clock.
func (w *world) report(d dice, kind schema.ConversionKind) attribution.Report {
	r := attribution.Report{}
	r.Kind, r.OccurredAt, r.ClickState = kind, w.now, schema.ClickNone
	if d.one(12) {
		r.OccurredAt += d.between(-3*hour, 0)
	}
	return r
}

// comes says by what a customer came: a click, a coupon, the merchant's word, or nothing that anybody knows of.
func (w *world) comes(d dice, r *attribution.Report) string {
	p := schema.PartnerID(d.between(1, partners))
	switch d.IntN(8) {
	case 0, 1, 2, 3:
		r.ClickedAt = w.now - d.between(0, 100*24)*hour
		r.Click, r.ClickState = fmt.Sprint("click ", p, " ", r.ClickedAt), schema.ClickGenuine
		r.Link, r.Partner = schema.LinkID(10*p), p
		return fmt.Sprintf(", by a click on a link of partner %d", p)
	case 4:
		r.Coupons = []string{fmt.Sprint("Partner", p)}
		return fmt.Sprintf(", with the coupon of partner %d", p)
	case 5:
		r.Credit = p
		return fmt.Sprintf(", of partner %d by the merchant's word", p)
	}
	return ""
}

// signUp is a lead, of which somebody may say later that the customer is a partner, or another customer.
func (w *world) signUp(d dice) {
	r := w.report(d, pick(d, schema.Lead, schema.Lead, schema.Lead, schema.Deferred))
	r.Customer, r.Event = customer(d), w.name("sign-up ") // of two with one name, the one that arrives first stands
	came := w.comes(d, &r)
	switch d.IntN(8) {
	case 0, 1:
		r.Aliases = []string{own(schema.PartnerID(d.between(1, partners)))}
	case 2:
		r.Aliases = []string{fmt.Sprint("shop:", d.IntN(4))}
	}
	w.tell(d, r)
	w.say("%s of %s%s, also called %v", r.Kind, r.Customer, came, r.Aliases)
}

// buy is a sale, sometimes with a sign-up before it.
func (w *world) buy(d dice) {
	if d.one(3) {
		w.signUp(d)
	}
	p := &purchase{invoice: w.name("in_"), amount: pick(d, d.between(0, 200), d.between(1, 20000), 100*d.between(1, 200)), currency: w.program().Currency, at: w.now}
	if d.one(5) {
		p.currency = pick(d, currencies...)
	}
	r := w.report(d, schema.Sale)
	r.Customer, r.Invoice, r.Payments, r.Amount, r.Currency = customer(d), p.invoice, []string{p.invoice}, p.amount, p.currency
	came := w.comes(d, &r)
	if d.one(6) {
		r.Aliases = []string{fmt.Sprint("shop:", d.IntN(4))}
	}
	w.purchases = append(w.purchases, p)
	w.tally["sales"]++
	w.tell(d, r)
	w.say("%s pays %d %s for %s%s", r.Customer, p.amount, p.currency, p.invoice, came)
}

// giveBack refunds part of a purchase, or what is left of it; or a dispute takes it back. Some refunds are told as all that was
// given back until then.
func (w *world) giveBack(d dice) {
	if len(w.purchases) == 0 {
		return
	}
	p := w.purchases[len(w.purchases)-1-d.IntN(min(8, len(w.purchases)))]
	left := p.amount - p.back
	if left <= 0 {
		return
	}
	r := w.report(d, schema.Refund)
	g := refund{name: w.name("re_"), amount: left}
	r.Invoice, r.Payments, r.Refund = p.invoice, []string{p.invoice}, g.name
	switch kind := d.IntN(6); {
	case kind == 0: // all that is left, which the sender need not know
	case kind == 1:
		r.Amount, r.Currency, r.Reason = left, p.currency, "disputed"
	default:
		g.amount = d.between(1, left)
		r.Amount, r.Currency = g.amount, p.currency
	}
	if r.Amount != 0 && len(p.given) == 0 && d.one(8) {
		r.Running = true // the first: they are the same
	}
	if d.one(15) {
		r.OccurredAt = p.at - hour // by a clock that is slow
	}
	p.back += g.amount
	p.given = append(p.given, g)
	w.tally["refunds"]++
	w.tell(d, r)
	w.say("%s takes %d of %d back from %s", g.name, g.amount, p.amount, p.invoice)
}

// restore gives a refund back: a dispute was won, or the refund failed.
func (w *world) restore(d dice) {
	if len(w.purchases) == 0 {
		return
	}
	p := w.purchases[d.IntN(len(w.purchases))]
	for i, g := range p.given {
		if g.restored {
			continue
		}
		r := w.report(d, schema.Restored)
		r.Invoice, r.Payments, r.Refund = p.invoice, []string{p.invoice}, g.name
		p.given[i].restored = true
		p.back -= g.amount
		w.tell(d, r)
		w.say("%s of %s is restored", g.name, p.invoice)
		return
	}
}

// deliver receives the reports that have arrived by now, each at some node.
func (w *world) deliver(d dice) {
	d.Shuffle(len(w.post), func(i, j int) { w.post[i], w.post[j] = w.post[j], w.post[i] })
	slices.SortStableFunc(w.post, func(a, b letter) int { return cmp.Compare(a.arrives, b.arrives) })
	n := 0
	for n < len(w.post) && w.post[n].arrives <= w.now {
		r := w.post[n].Report
		w.receive(d, &w.told, w.seqs, r, w.post[n].arrives)
		n++
	}
	if n > 0 {
		w.post = w.post[n:]
		w.changes++
	}
}

// receive puts a report to what a node was told.
func (w *world) receive(d dice, told *[]attribution.Report, seqs map[string]uint64, r attribution.Report, when int64) {
	r.Node, r.ReceivedAt = fmt.Sprint("node", d.IntN(3)), when
	seqs[r.Node]++
	r.Seq = seqs[r.Node]
	*told = append(*told, r)
}

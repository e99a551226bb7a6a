package attribution

import (
	"cmp"
	"math"
	"slices"
	"time"

	"fairlead/schema"
)

// customer is all that was reported of one customer, in one world.
type customer struct {
	w        *World
	reports  []*Report
	things   []*thing
	payments []payment
	called   string
	clicks   []click // genuine ones, by time
	unusable schema.AttributionReason
	aliases  map[string]int64 // since when; see since
	claims   []schema.Claim   // accepted for this customer; the one that decides among those in force comes last

	bound    *credit                   // whose customer it is
	referred map[schema.PartnerID]bool // who had it counted
}

// click is a genuine click that a report tells of.
type click struct {
	id      string
	at      int64 // milliseconds since 1970
	link    schema.LinkID
	partner schema.PartnerID // 0: the link is not known
	since   int64            // it serves nothing that was before
}

// credit is what leads from a lead or sale to a partner, or why nothing does.
type credit struct {
	partner schema.PartnerID // 0: nobody
	reason  schema.AttributionReason
	click   click
	coupon  string
	claim   uint32
}

func newCustomer(w *World, reports []*Report) *customer {
	c := &customer{w: w, reports: reports, things: things(reports), aliases: map[string]int64{}, referred: map[schema.PartnerID]bool{}}
	c.payments = payments(c.things)
	c.called = c.call()
	c.gather()
	return c
}

// since is from when on a report's word counts for other things of its customer, in milliseconds since 1970. A page's key is
// there for everybody to read, so what a page tells moves nothing that was before it was told.
func since(r *Report) int64 {
	if r.Source == schema.SourceBrowser {
		return r.ReceivedAt
	}
	return math.MinInt64
}

// gather collects what the reports say of the customer, whichever of them stand.
func (c *customer) gather() {
	seen := map[string]int{}
	keys := map[string]bool{}
	for _, r := range c.reports {
		for _, a := range r.Aliases {
			if was, known := c.aliases[a]; !known || since(r) < was {
				c.aliases[a] = since(r)
			}
			keys[a] = true
		}
		if r.Customer != "" {
			keys["customer:"+r.Customer] = true
		}
		switch {
		case r.Click == "":
		case r.ClickState == schema.ClickGenuine:
			if i, known := seen[r.Click]; known {
				c.clicks[i].since = min(c.clicks[i].since, since(r))
				continue
			}
			seen[r.Click] = len(c.clicks)
			partner, known := c.w.Links[r.Link]
			if !known {
				partner = r.Partner
			}
			c.clicks = append(c.clicks, click{r.Click, r.ClickedAt, r.Link, partner, since(r)})
		case r.ClickState == schema.ClickForged:
			c.unusable = schema.ReasonClickForged
		case r.ClickState == schema.ClickMalformed && c.unusable == "":
			c.unusable = schema.ReasonClickMalformed
		}
	}
	slices.SortFunc(c.clicks, func(a, b click) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) })
	for key := range keys {
		for _, claim := range c.w.Claims[key] {
			if claim.State == schema.ClaimAccepted && !slices.ContainsFunc(c.claims, func(k schema.Claim) bool { return k.ID == claim.ID }) {
				c.claims = append(c.claims, claim)
			}
		}
	}
	slices.SortFunc(c.claims, func(a, b schema.Claim) int {
		return cmp.Or(a.From.Compare(b.From), a.DecidedAt.Compare(b.DecidedAt), cmp.Compare(a.ID, b.ID))
	})
}

// call finds what the customer is called.
func (c *customer) call() string {
	for _, t := range c.things {
		if t.Customer != "" {
			return t.Customer
		}
	}
	least := func(of func(*Report) []string) (found string) {
		for _, r := range c.reports {
			for _, s := range of(r) {
				if s != "" && (found == "" || s < found) {
					found = s
				}
			}
		}
		return found
	}
	return cmp.Or(
		least(func(r *Report) []string { return []string{r.Customer} }),
		least(func(r *Report) []string { return r.Aliases }),
		least(func(r *Report) []string { return []string{r.Click} }),
	)
}

// bind decides the leads and sales, in the order of their moments.
func (c *customer) bind() {
	for _, t := range c.things {
		t.decision = c.blank(t.Report)
		d := &t.decision
		switch {
		case t.Kind == schema.Deferred:
			d.State, d.Reason = schema.StateNoted, schema.ReasonDeferred
		case t.instead != nil:
			c.replaced(t)
		case t.Kind == schema.Lead:
			c.credit(t)
		case t.Kind == schema.Sale:
			c.credit(t)
			c.price(t)
			d.Sale = t.ID
		default:
			continue // refunds decides it
		}
		if t.instead == nil && d.Partner != 0 && !t.Test && (d.State == schema.StateCounted || d.State == schema.StateHeld) && !c.referred[d.Partner] {
			c.referred[d.Partner] = true
			d.Binds = true
		}
	}
}

// blank is a decision of which only the report is known.
func (c *customer) blank(r *Report) Decision {
	return Decision{
		Node: r.Node, Seq: r.Seq, Kind: r.Kind, Test: r.Test, ID: r.ID, Customer: c.called,
		ReceivedAt: r.ReceivedAt, OccurredAt: r.OccurredAt,
	}
}

// replaced decides a thing in whose place another one counts.
func (c *customer) replaced(t *thing) {
	d := &t.decision
	d.State, d.Reason = schema.StateDuplicate, schema.ReasonSamePayment
	if t.Kind != schema.Sale {
		d.Reason = schema.ReasonSameRefund
	}
	if o := t.instead; t.Amount != o.Amount || t.Currency != o.Currency || t.Gross != o.Gross || t.Running != o.Running {
		d.State, d.Reason = schema.StateConflict, schema.ReasonOtherAmount
	}
}

// credit finds out who is credited for a lead or sale.
func (c *customer) credit(t *thing) {
	found := c.find(t)
	d := &t.decision
	d.Currency = c.w.programAt(t.OccurredAt).Currency
	d.Reason, d.Coupon, d.Claim = found.reason, found.coupon, found.claim
	d.Click, d.ClickedAt, d.Link = found.click.id, found.click.at, found.click.link
	d.State = schema.StateUnattributed
	if found.partner == 0 {
		return
	}
	if no := c.w.refusal(found.partner, t.OccurredAt); no != "" {
		d.Reason = no
		return
	}
	if c.bound == nil {
		c.bound = &found
	}
	d.State, d.Partner = schema.StateCounted, found.partner
	for _, own := range c.w.Partners[found.partner].Aliases {
		if since, known := c.aliases[own]; known && since <= t.OccurredAt {
			d.State, d.Reason = schema.StateReview, schema.ReasonSelfReferral
		}
	}
}

// find applies the rules in their order.
func (c *customer) find(t *thing) credit {
	for _, claim := range slices.Backward(c.claims) {
		if claim.From.UnixMilli() <= t.OccurredAt {
			return credit{partner: claim.Partner, reason: schema.ReasonClaim, claim: claim.ID}
		}
	}
	if c.bound != nil {
		again := *c.bound
		again.reason = schema.ReasonBound
		return again
	}
	if p := t.named(); p != 0 {
		return credit{partner: p, reason: schema.ReasonCredit}
	}
	found, refused := c.byCoupon(t)
	if found.partner != 0 {
		return found
	}
	if found = c.byClick(t); found.partner == 0 && found.reason == schema.ReasonNoClick && refused != "" {
		found.reason = refused
	}
	return found
}

// named is the partner of the merchant's word.
func (t *thing) named() schema.PartnerID {
	if t.Credit != 0 {
		return t.Credit
	}
	var least schema.PartnerID
	for _, r := range t.evidence {
		if r.Credit != 0 && (least == 0 || r.Credit < least) {
			least = r.Credit
		}
	}
	return least
}

// byCoupon looks for a coupon of a partner who can be credited; of several the one that was given out first decides.
// refused says why there is none although coupons were entered.
func (c *customer) byCoupon(t *thing) (found credit, refused schema.AttributionReason) {
	at := time.UnixMilli(t.OccurredAt)
	var best schema.Coupon
	for _, r := range t.evidence {
		for _, code := range r.Coupons {
			known := c.w.Coupons[schema.FoldCoupon(code)]
			if len(known) == 0 && refused == "" {
				refused = schema.ReasonCouponUnknown
			}
			for _, k := range known {
				switch {
				case !k.Active(at) || c.w.refusal(k.Partner, t.OccurredAt) != "":
					refused = schema.ReasonCouponNotActive
				case best.ID == 0 || k.ID < best.ID:
					best = k
				}
			}
		}
	}
	if best.ID == 0 {
		return credit{}, refused
	}
	return credit{partner: best.Partner, reason: schema.ReasonCoupon, coupon: schema.FoldCoupon(best.Code)}, ""
}

// byClick looks for the click that decides, or says why none does.
func (c *customer) byClick(t *thing) credit {
	program := c.w.programAt(t.OccurredAt)
	window := int64(program.WindowDays) * 24 * int64(time.Hour/time.Millisecond)
	var within, lost, old, later []click
	for _, k := range c.clicks {
		switch {
		case k.at > t.OccurredAt || k.since > t.OccurredAt:
			later = append(later, k)
		case t.OccurredAt > k.at+window:
			old = append(old, k)
		case k.partner == 0:
			lost = append(lost, k)
		default:
			within = append(within, k)
		}
	}
	last := func(clicks []click) click { return clicks[len(clicks)-1] }
	switch {
	case len(within) > 0 && program.Touch == "first":
		return credit{partner: within[0].partner, reason: schema.ReasonFirstClick, click: within[0]}
	case len(within) > 0:
		return credit{partner: last(within).partner, reason: schema.ReasonLastClick, click: last(within)}
	case len(lost) > 0:
		return credit{reason: schema.ReasonUnknownLink, click: last(lost)}
	case len(old) > 0:
		return credit{reason: schema.ReasonClickTooOld, click: last(old)}
	case len(later) > 0:
		return credit{reason: schema.ReasonClickLater, click: later[0]}
	case c.unusable != "":
		return credit{reason: c.unusable}
	}
	return credit{reason: schema.ReasonNoClick}
}

// price finds a sale's amount in the program's currency.
func (c *customer) price(t *thing) {
	d := &t.decision
	if t.Amount == 0 {
		return
	}
	program := c.w.programAt(t.OccurredAt)
	reason := schema.ReasonNoRate
	day := schema.DayOf(time.UnixMilli(t.OccurredAt), program.Location())
	if rate, ok := c.w.Rates.Find(Pair{t.Currency, program.Currency}, day); ok {
		if amount, fits := Convert(t.Amount, t.Currency, program.Currency, rate); fits {
			d.Amount, d.Rate = amount, rate
			return
		}
		reason = schema.ReasonTooMuch
	}
	if d.State == schema.StateCounted {
		d.State, d.Reason = schema.StateHeld, reason
	}
}

// append adds the decisions of the customer's reports.
func (c *customer) append(out []Decision) []Decision {
	for _, t := range c.things {
		d := t.decision
		if t.instead != nil {
			d.Sale = t.instead.decision.Sale
		}
		if t.Test && d.State != schema.StateDuplicate && d.State != schema.StateConflict {
			d.State = schema.StateTest
		}
		out = append(out, d)
		for _, r := range t.repeats {
			again := c.blank(r)
			again.Sale = d.Sale
			again.State, again.Reason = schema.StateDuplicate, schema.ReasonRepeat
			if r.Content != t.Content {
				again.State, again.Reason = schema.StateConflict, schema.ReasonOtherContent
			}
			out = append(out, again)
		}
	}
	return out
}

// Package attribution decides who is credited for what a merchant reported, and says why.
//
// # What is promised
//
// Decide is a pure function of the facts: the reports, and what the program, its partners, coupons, claims and rates
// were at the time. The order in which reports arrive, how often, and at which node, changes nothing; what is reported
// late is decided as if it had come in time; settings that change later do not rewrite the past. It looks at no clock
// and at no store.
//
// # The rules
//
// Reports belong to one customer when they share a customer id, an alias, a payment's name, or, without a customer, the
// click id; tests are a world of their own. Of reports with one conversion id the one that was received first stands;
// of different sales that share a payment's name, which nobody could tell apart when they came, the one that occurred
// first. The others change no amount, but what they tell of the customer's clicks, coupons and names is evidence all the same.
//
// A customer is bound at the first lead or sale for which there is evidence: the merchant's word in an import, else a
// coupon on that report, else the last click within the window (or the first, as the program says). From then on the
// sales are that partner's, until an accepted claim says otherwise from its date on. A partner who is suspended,
// declined or not yet accepted when a lead or sale occurs is not credited for it, and binds nobody.
//
// # Money
//
// Amounts become the program's currency by the rate of the latest day up to the report's program-day, at most seven days
// old; without one the report is held. Refunds take back at their sale's rate, so that a whole refund takes back exactly
// what was credited, and never more than the sale brought. Rounding is half up to minor units, of running totals: parts
// add up to the whole.
package attribution

import (
	"cmp"
	"slices"

	"fairlead/schema"
)

// Report is a conversion and where it stands.
type Report struct {
	Node string
	Seq  uint64
	schema.Conversion
}

// Decision is what came of one report. Decisions are equal when nothing of them differs.
type Decision struct {
	Node       string
	Seq        uint64
	Kind       schema.ConversionKind
	Test       bool
	ID         string // of the conversion
	Customer   string // what the customer is called
	ReceivedAt int64  // milliseconds since 1970
	OccurredAt int64  // likewise
	State      schema.AttributionState
	Reason     schema.AttributionReason
	Partner    schema.PartnerID // 0: nobody
	Link       schema.LinkID    // of Click
	Click      string           // the click that decided, also one that did not suffice
	ClickedAt  int64            // milliseconds since 1970; 0: no click
	Coupon     string           // folded
	Claim      uint32
	Sale       string // conversion id of the sale
	Binds      bool   // the customer becomes the partner's here
	Amount     int64  // minor units of Currency, never negative
	Currency   string // the program's at OccurredAt; empty: of what counts as nothing
	Rate       Rate   // by which Amount was found
}

// Decide decides a set of reports that nothing outside of it belongs to: with a report all that share a name with it. A
// report that is given twice counts once. Decisions come in the order of node and seq.
func Decide(w *World, reports []Report) []Decision {
	all := make([]*Report, len(reports))
	for i := range reports {
		all[i] = &reports[i]
	}
	slices.SortFunc(all, func(a, b *Report) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Seq, b.Seq)) })
	all = slices.CompactFunc(all, func(a, b *Report) bool { return a.Node == b.Node && a.Seq == b.Seq })
	out := make([]Decision, 0, len(all))
	for _, own := range customers(all) {
		c := newCustomer(w, own)
		c.bind()
		c.refunds()
		out = c.append(out)
	}
	slices.SortFunc(out, func(a, b Decision) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Seq, b.Seq)) })
	return out
}

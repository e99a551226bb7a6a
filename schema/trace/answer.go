package trace

import (
	"fmt"
	"slices"

	"fairlead/schema"
)

// answer says in a sentence or two what the question's asker wants to know: who is credited, and why, or why nobody is.
func (t teller) answer(reports []*told) string {
	if r := t.main(reports); r != nil {
		return fmt.Sprintf("The %s of %s: %s%s", kindWords[r.Kind], t.day(r.at()), t.decision(r), t.reward(r))
	}
	switch {
	case len(reports) > 0:
		return undecided
	case t.click != "" && t.genuine:
		return t.ofClick(t.clicks[t.click]) + " Nothing was reported with it."
	case len(t.claims) > 0:
		return t.claimed(t.claims[len(t.claims)-1])
	case t.click != "" && len(t.asked) > 0 && t.asked[0].as == AsClick:
		return "This click id was not given out by this program, and nothing was reported with it."
	}
	return "Nothing is known of it."
}

const undecided = "It was reported, and is not decided yet; that takes some seconds."

// claimed says how a claim stands whose customer nothing else is told of.
func (t teller) claimed(c step) string {
	switch c.State {
	case schema.ClaimWaiting:
		return fmt.Sprintf("Claim %d waits: nothing was reported of the customer yet.", c.ID)
	case schema.ClaimSubmitted:
		return fmt.Sprintf("Claim %d is to be decided.", c.ID)
	case schema.ClaimDeclined:
		return fmt.Sprintf("Claim %d was declined: %s", c.ID, quote(c.Reason))
	}
	return fmt.Sprintf("Claim %d was accepted: the customer's sales count from %s on.", c.ID, t.day(c.From))
}

// kindWords say what a report is of. A test holds that there are words for every kind.
var kindWords = map[schema.ConversionKind]string{
	schema.Lead: "sign-up", schema.Sale: "sale", schema.Refund: "refund", schema.Restored: "return of a refund", schema.Deferred: "first word",
}

// main is the report that answers the question: of those that it names one that stands and is no test, the sale of a
// payment, the first of a click, the last of a customer. A partner's own go before others'.
func (t teller) main(reports []*told) *told {
	var best *told
	rank := func(r *told) int {
		n := 0
		if t.to != 0 && r.decision.partner == t.to {
			n += 16
		}
		if !r.Test {
			n += 8
		}
		switch r.decision.state {
		case schema.StateDuplicate, schema.StateConflict, schema.StateNoted:
		default:
			n += 4
		}
		if r.Kind == schema.Sale || r.Kind == schema.Lead {
			n += 2
		}
		return n
	}
	earliest := slices.Equal(t.found, []As{AsClick})
	for _, r := range reports {
		if r.decision == nil || !t.named(r) {
			continue
		}
		if best == nil || rank(r) > rank(best) || rank(r) == rank(best) && !earliest {
			best = r
		}
	}
	return standing(best, reports)
}

// standing is the sale that counts in the place of a report of the same payment; otherwise the report itself.
func standing(r *told, reports []*told) *told {
	if r == nil || r.decision.state != schema.StateDuplicate && r.decision.state != schema.StateConflict {
		return r
	}
	for _, other := range reports {
		if d := other.decision; d != nil && other.ID == r.decision.sale && d.state != schema.StateDuplicate && d.state != schema.StateConflict {
			return other
		}
	}
	return r
}

// named reports whether the question names a report by itself, rather than another one that belongs together with it.
func (t teller) named(r *told) bool {
	return slices.ContainsFunc(t.asked, func(a reading) bool { return a.names(r) })
}

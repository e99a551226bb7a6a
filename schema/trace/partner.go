package trace

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"fairlead/schema"
)

// ReadFor tells what one partner may know of what a question names: see the package.
func (r *Reader) ReadFor(ctx context.Context, p schema.PartnerID, q Question) (Story, error) {
	m, err := r.gather(ctx, q)
	if err != nil {
		return Story{}, err
	}
	return m.part(p), nil
}

// part is the story as a partner is told it. It holds what is put into it here, and nothing else of the material.
func (m *material) part(p schema.PartnerID) Story {
	s := m.blank()
	t := teller{m, p}
	var mine []*told
	for _, group := range groups(m.reports) {
		if m.concerns(p, group) {
			mine = append(mine, group...)
		}
	}
	inOrder(mine)
	m.partOfClicks(&s, t, mine)
	m.partOfClaims(&s, t, mine)
	m.partOfReports(&s, t, mine)
	s.inOrder()
	if len(s.Events) == 0 {
		s.Answer = nothingOfYours
		return s
	}
	for _, a := range m.asked {
		if slices.Contains(m.found, a.as) && m.foundFor(a, p, mine) {
			s.Found = append(s.Found, a.as)
		}
	}
	s.Answer = t.answerPartner(mine)
	s.Counts = slices.DeleteFunc(t.counts(mine), func(c Count) bool { return c.Partner.ID != p })
	s.More = m.more
	return s
}

// concerns reports whether a partner has to do with a customer: is or was credited, had a click that was reported, or a
// coupon that was entered.
func (m *material) concerns(p schema.PartnerID, group []*told) bool {
	return slices.ContainsFunc(group, func(r *told) bool {
		switch {
		case r.Test:
			return false
		case r.decision != nil && r.decision.partner == p, m.clicks[r.Click] != nil && m.clicks[r.Click].partner == p:
			return true
		}
		return slices.ContainsFunc(r.Coupons, func(code string) bool { return m.couponOf(p, code, r.at()) })
	})
}

// foundFor reports whether what a reading found has to do with what a partner is told.
func (m *material) foundFor(a reading, p schema.PartnerID, mine []*told) bool {
	switch {
	case slices.ContainsFunc(mine, a.names):
		return true
	case a.as == AsClick:
		return m.genuine && m.clicks[m.click].partner == p
	}
	return slices.ContainsFunc(m.claims, func(c step) bool { return c.Partner == p && c.Alias == a.tie() })
}

// partOfClicks adds the partner's own clicks: those of customers that concern it, and the one it asked for.
func (m *material) partOfClicks(s *Story, t teller, mine []*told) {
	for _, id := range m.clickIDs() {
		k := m.clicks[id]
		asked := id == m.click
		if k.partner != t.to || !asked && !slices.ContainsFunc(mine, func(r *told) bool { return r.Click == id }) {
			continue
		}
		own := &Click{Link: k.link, Slug: m.slugOf(k), Partner: m.who(t.to), Landed: k.landed, Verdict: k.verdict, VerdictReason: k.reason, SubIDs: withoutTail(k.subIDs)}
		if asked {
			own.ID = id
		}
		s.Events = append(s.Events, Event{At: k.at, Text: t.ofClick(k), Click: own})
	}
}

// partOfClaims adds the partner's own claims: those for customers that concern it, and for the one it asked for.
func (m *material) partOfClaims(s *Story, t teller, mine []*told) {
	for i, c := range m.claims {
		asked := slices.ContainsFunc(m.asked, func(a reading) bool { return a.tie() == c.Alias })
		if c.Partner != t.to || !asked && !slices.ContainsFunc(mine, func(r *told) bool { return r.isCalled(c.Alias) }) {
			continue
		}
		own := &Claim{ID: c.ID, Partner: m.who(t.to), State: c.State, Shown: c.Shown, From: c.From}
		if c.State == schema.ClaimDeclined || c.State == schema.ClaimAccepted {
			own.Reason = c.Claim.Reason
		}
		s.Events = append(s.Events, Event{At: c.at, Text: t.step(i), Claim: own})
	}
}

// isCalled reports whether an alias, as claims have it, is one of the report's customer.
func (t *told) isCalled(alias string) bool {
	return slices.Contains(t.Aliases, alias) || t.Customer != "" && alias == "customer:"+t.Customer
}

// partOfReports adds the reports that are credited to the partner or to nobody, and once that others are credited.
func (m *material) partOfReports(s *Story, t teller, mine []*told) {
	elsewhere := false
	for _, r := range mine {
		d := r.decision
		if r.Test || d != nil && (d.state == schema.StateDuplicate || d.state == schema.StateConflict || d.state == schema.StateNoted) {
			continue
		}
		if d != nil && d.partner != 0 && d.partner != t.to {
			if !elsewhere {
				elsewhere = true
				s.Events = append(s.Events, Event{At: m.dayOf(r), Text: creditedElsewhere, Report: &Report{Kind: r.Kind, OccurredAt: m.dayOf(r)}, Decision: &Decision{Elsewhere: true}})
			}
			continue
		}
		own, decision := m.ownReport(r, t.to)
		s.Events = append(s.Events, Event{At: own.OccurredAt, Text: t.partnerReport(r), Report: own, Decision: decision, Reward: t.rewardOf(r)})
	}
}

// What partners are answered where others are credited, and where nothing of theirs is found.
const (
	creditedElsewhere = "Credited elsewhere."
	nothingOfYours    = "Nothing of yours is known by that."
)

// dayOf is the beginning of the program-day of a report.
func (m *material) dayOf(r *told) time.Time { return schema.DayOf(r.at(), m.zone).Period(m.zone).From }

// ownReport is what a partner may know of a report that is credited to it, or to nobody, and of the decision.
func (m *material) ownReport(r *told, p schema.PartnerID) (*Report, *Decision) {
	own := &Report{Kind: r.Kind, OccurredAt: m.dayOf(r)}
	for _, a := range m.asked {
		switch {
		case !a.names(r):
		case a.as == AsCustomer:
			own.Customer = r.Customer
		case a.as == AsPayment:
			own.Invoice = a.name
		case a.as == AsClick:
			own.Click = a.name
		case a.as == AsConversion:
			own.ID = cmp.Or(a.told, a.name)
		}
	}
	d := r.decision
	if d == nil {
		return own, nil
	}
	decision := &Decision{State: d.state, Partner: m.who(d.partner)}
	if m.mayKnowWhy(r, p) {
		decision.Reason = d.reason
	}
	if d.partner != p {
		return own, decision
	}
	own.OccurredAt, own.Event = r.at(), r.Event
	full := m.decisionOf(r)
	full.Click, full.Sale = own.Click, ""
	return own, full
}

// mayKnowWhy reports whether the rule that decided says nothing of another partner.
func (m *material) mayKnowWhy(r *told, p schema.PartnerID) bool {
	d := r.decision
	switch {
	case d.partner == p:
		return true
	case d.claim != 0:
		return slices.ContainsFunc(m.claims, func(c step) bool { return c.ID == d.claim && c.Partner == p })
	case d.coupon != "":
		return m.couponOf(p, d.coupon, r.at())
	case d.click != "":
		return m.clicks[d.click] != nil && m.clicks[d.click].partner == p
	}
	switch d.reason {
	case schema.ReasonUnknownPartner, schema.ReasonPartnerSuspended, schema.ReasonPartnerDeclined, schema.ReasonPartnerApplied:
		return r.Credit == p
	case schema.ReasonCouponNotActive:
		return !slices.ContainsFunc(r.Coupons, func(code string) bool { return !m.couponOf(p, code, r.at()) })
	}
	return true
}

// partnerReport tells a partner of a report that is credited to it, or to nobody.
func (t teller) partnerReport(r *told) string {
	text := "A " + kindWords[r.Kind] + " was reported. "
	if r.decision != nil && !t.mayKnowWhy(r, t.to) {
		return text + t.outcome(r)
	}
	return text + t.decision(r) + t.reward(r)
}

// answerPartner is answer for a partner.
func (t teller) answerPartner(mine []*told) string {
	r := t.main(mine)
	if r == nil {
		return t.answerWithout(mine)
	}
	switch d := r.decision; {
	case d.partner != 0 && d.partner != t.to:
		return creditedElsewhere
	case !t.mayKnowWhy(r, t.to):
		return fmt.Sprintf("The %s of %s: %s", kindWords[r.Kind], t.day(r.at()), t.outcome(r))
	}
	return fmt.Sprintf("The %s of %s: %s%s", kindWords[r.Kind], t.day(r.at()), t.decision(r), t.reward(r))
}

// answerWithout is the answer where nothing is decided yet of what was asked for.
func (t teller) answerWithout(mine []*told) string {
	if len(mine) > 0 {
		return undecided
	}
	if k := t.clicks[t.click]; k != nil && k.partner == t.to {
		return t.ofClick(k) + " Nothing was reported with it."
	}
	own := slices.DeleteFunc(slices.Clone(t.claims), func(c step) bool { return c.Partner != t.to })
	return t.claimed(own[len(own)-1])
}

// groups splits reports by what ties them together, tests apart from the rest.
func groups(reports []*told) [][]*told {
	type name struct {
		test bool
		hash uint64
	}
	group := map[name]int{}
	var out [][]*told
	for _, r := range reports {
		into := -1
		for _, n := range r.names {
			g, known := group[name{r.Test, n}]
			switch {
			case !known || g == into:
			case into == -1:
				into = g
			default: // what was apart until now belongs together
				for at, of := range group {
					if of == g {
						group[at] = into
					}
				}
				out[into] = append(out[into], out[g]...)
				out[g] = nil
			}
		}
		if into == -1 {
			into = len(out)
			out = append(out, nil)
		}
		out[into] = append(out[into], r)
		for _, n := range r.names {
			group[name{r.Test, n}] = into
		}
	}
	return out
}

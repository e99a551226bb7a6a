package trace

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"fairlead/schema"
)

// Read tells the whole story of what a question names. A question that names nothing has a story without events.
func (r *Reader) Read(ctx context.Context, q Question) (Story, error) {
	m, err := r.gather(ctx, q)
	if err != nil {
		return Story{}, err
	}
	return m.whole(), nil
}

// whole is the story as the team is told it.
func (m *material) whole() Story {
	s := m.blank()
	t := teller{m, 0}
	s.Found = append(s.Found, m.found...)
	for _, id := range m.clickIDs() {
		k := m.clicks[id]
		s.Events = append(s.Events, Event{At: k.at, Text: t.ofClick(k), Click: &Click{
			ID: k.id, Link: k.link, Slug: m.slugOf(k), Partner: m.who(k.partner), Landed: k.landed, Verdict: k.verdict, VerdictReason: k.reason,
			Destination: k.destination, Referrer: k.referrer, Country: k.country, Device: k.device, SubIDs: withoutTail(k.subIDs),
		}})
	}
	for i, c := range m.claims {
		s.Events = append(s.Events, Event{At: c.at, Text: t.step(i), Claim: &Claim{
			ID: c.ID, Partner: m.who(c.Partner), State: c.State, Shown: c.Shown, From: c.From, Actor: c.actor, Reason: c.reason,
		}})
	}
	for _, one := range m.reports {
		s.Events = append(s.Events, Event{At: one.at(), Text: t.report(one) + " " + t.decision(one) + t.reward(one), Report: reportOf(one), Decision: m.decisionOf(one), Reward: t.rewardOf(one)})
	}
	s.inOrder()
	s.Answer = t.answer(m.reports)
	s.Counts = t.counts(m.reports)
	s.More = m.more
	return s
}

// blank is a story in which nothing is told yet.
func (m *material) blank() Story {
	return Story{Question: strings.TrimSpace(m.question.Text), Found: []As{}, Events: []Event{}, Counts: []Count{}, Zone: m.zone.String(), CompleteTo: m.complete}
}

// inOrder sorts the events by their time; of one moment clicks come before claims, and claims before reports.
func (s *Story) inOrder() {
	slices.SortStableFunc(s.Events, func(a, b Event) int { return a.At.Compare(b.At) })
}

// clickIDs are the clicks' ids, by time.
func (m *material) clickIDs() []string {
	var ids []string
	for id := range m.clicks {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(m.clicks[a].at.Compare(m.clicks[b].at), cmp.Compare(a, b)) })
	return ids
}

// who names a partner; nil for nobody.
func (m *material) who(p schema.PartnerID) *Who {
	if p == 0 {
		return nil
	}
	return &Who{p, m.partners[p].Name}
}

// slugOf is the slug of a click: as it was asked for, otherwise the link's.
func (m *material) slugOf(k *click) string { return cmp.Or(k.slug, m.links[k.link].Slug) }

func reportOf(t *told) *Report {
	return &Report{
		Node: t.node, Seq: t.seq, ID: t.ID, Kind: t.Kind, Source: t.Source, Test: t.Test, ReceivedAt: time.UnixMilli(t.ReceivedAt).UTC(), OccurredAt: t.at(),
		KeyID: t.KeyID, Event: t.Event, Customer: t.Customer, Aliases: t.Aliases, Click: t.Click, ClickState: t.ClickState, Amount: t.Amount, Gross: t.Gross,
		Currency: t.Currency, Invoice: t.Invoice, Payments: t.Payments, Refund: t.Refund, Coupons: t.Coupons, Reason: t.Reason, Delivery: t.Delivery,
	}
}

func (m *material) decisionOf(t *told) *Decision {
	d := t.decision
	if d == nil {
		return nil
	}
	out := &Decision{
		State: d.state, Reason: d.reason, Partner: m.who(d.partner), Link: d.link, Slug: m.links[d.link].Slug, Click: d.click, Coupon: d.coupon, Claim: d.claim,
		Sale: d.sale, Binds: d.binds, Amount: d.amount, Currency: d.currency, Window: m.programAt(t.OccurredAt).WindowDays,
	}
	if d.rate != "0" {
		out.Rate = d.rate
	}
	if d.click != "" {
		out.ClickedAt = time.UnixMilli(d.clickedAt).UTC()
	}
	return out
}

// counts sums what counts, by partner and currency.
func (t teller) counts(reports []*told) []Count {
	type key struct {
		partner  schema.PartnerID
		currency string
	}
	sums := map[key]*Count{}
	var order []key
	for _, one := range reports {
		d := one.decision
		if d == nil || one.Test || d.partner == 0 || d.state != schema.StateCounted && !d.binds {
			continue
		}
		k := key{d.partner, d.currency}
		if sums[k] == nil {
			sums[k] = &Count{Partner: t.who(d.partner), Currency: d.currency}
			order = append(order, k)
		}
		c := sums[k]
		if d.binds {
			c.Referred++
		}
		switch {
		case d.state != schema.StateCounted:
		case one.Kind == schema.Sale:
			c.Sales++
			c.Gross += d.amount
		case one.Kind == schema.Refund:
			c.Refunded += d.amount
		case one.Kind == schema.Restored:
			c.Refunded -= d.amount
		}
	}
	out := []Count{}
	for _, k := range order {
		sums[k].Text = t.count(k.partner, *sums[k])
		out = append(out, *sums[k])
	}
	return out
}

// withoutTail drops empty strings at the end.
func withoutTail(list []string) []string {
	for len(list) > 0 && list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	return list
}

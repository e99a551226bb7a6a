package trace

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"fairlead/schema"
	"fairlead/schema/rewards"
)

// readRewards reads what was earned by the sales and leads that are credited, and by which rules.
func (r *Reader) readRewards(ctx context.Context, m *material) (err error) {
	var ids []string
	for _, t := range m.reports {
		if t.earns() {
			ids = append(ids, t.ID)
		}
	}
	if m.rewards, err = (rewards.Reader{ClickHouse: r.ch}).Of(ctx, ids); err != nil {
		return err
	}
	if len(ids) == 0 {
		return nil
	}
	if m.rules, err = r.dir.Rules(ctx); err != nil {
		return err
	}
	m.groups = map[schema.PartnerID][]schema.GroupVersion{}
	for _, t := range m.reports {
		if !t.earns() || m.groups[t.decision.partner] != nil {
			continue
		}
		if m.groups[t.decision.partner], err = r.dir.PartnerGroups(ctx, t.decision.partner); err != nil {
			return err
		}
	}
	return nil
}

// earns reports whether a report is one that a reward may be for: a sale or lead that stands, and is credited.
func (t *told) earns() bool {
	if t.decision == nil || t.decision.partner == 0 || t.Kind != schema.Sale && t.Kind != schema.Lead {
		return false
	}
	return t.decision.state == schema.StateCounted || t.decision.state == schema.StateReview
}

// rewardOf is what whoever is credited has of a report; nil: nothing that the ledger knows of.
func (t teller) rewardOf(r *told) *Reward {
	if !r.earns() || t.to != 0 && r.decision.partner != t.to {
		return nil
	}
	for _, one := range t.rewards[r.ID] {
		if one.Partner != r.decision.partner || one.Currency != r.decision.currency {
			continue
		}
		out := &Reward{Rule: one.Rule, Amount: one.Amount, Currency: one.Currency, State: one.State, DueAt: one.DueAt}
		if n := slices.IndexFunc(t.rules, func(rule schema.Rule) bool { return rule.ID == one.Rule }); n >= 0 {
			out.Earns = t.rules[n].Earns()
		}
		if t.to == 0 {
			out.ID = one.ID.String()
		}
		if one.State == rewards.StateProcessing || one.State == rewards.StatePaid {
			out.Payout = one.Payout
		}
		return out
	}
	return nil
}

// reward tells of a report's reward, or why there is none, after a space; nothing where a program has no rules.
func (t teller) reward(r *told) string {
	one := t.rewardOf(r)
	if one == nil {
		return t.unrewarded(r)
	}
	text := fmt.Sprintf(" The reward is %s", schema.FormatAmount(one.Amount, one.Currency))
	switch {
	case one.Earns == "":
	case t.to == 0:
		text += fmt.Sprintf(", by rule %d: %s", one.Rule, one.Earns)
	default:
		text += ": " + one.Earns
	}
	return text + ". " + t.standing(*one)
}

// standing says where a reward stands.
func (t teller) standing(one Reward) string {
	switch one.State {
	case rewards.StateReview:
		return "It is under review."
	case rewards.StateHolding:
		return fmt.Sprintf("It is held until %s.", t.day(one.DueAt))
	case rewards.StatePayable:
		if one.Amount <= 0 || one.DueAt.IsZero() {
			return "The next payout carries it."
		}
		return fmt.Sprintf("It is ready for the next payout since %s.", t.day(one.DueAt))
	case rewards.StateProcessing:
		return fmt.Sprintf("It is in payout %s.", one.Payout)
	case rewards.StatePaid:
		return fmt.Sprintf("It was paid by payout %s.", one.Payout)
	}
	return "It was taken back."
}

// unrewarded says why a report has no reward.
func (t teller) unrewarded(r *told) string {
	if !r.earns() || t.to != 0 && r.decision.partner != t.to || len(t.rules) == 0 {
		return ""
	}
	rule, miss := t.judge(r)
	thing := kindWords[r.Kind]
	switch miss {
	case schema.Earned:
		return " Its reward is not booked yet; that takes a minute."
	case schema.EarnNoRule:
		return fmt.Sprintf(" It earns nothing: no rule for a %s was in force on that day.", thing)
	case schema.EarnNoAmount:
		return " It earns nothing: the sale was of nothing."
	}
	by := "the rule gives " + rule.Earns()
	if t.to == 0 {
		by = fmt.Sprintf("rule %d gives %s", rule.ID, rule.Earns())
	}
	return " It earns nothing: " + by + missWords[miss] + "."
}

// missWords say why something earns nothing by the rule that was in force.
var missWords = map[schema.EarnMiss]string{
	schema.EarnBelowMin:    ", and this one is smaller",
	schema.EarnNotFirst:    ", and this one is not the first",
	schema.EarnMonthsOver:  ", and those are over",
	schema.EarnRuleNothing: "",
	schema.EarnTooLittle:   ", which rounds to nothing",
}

// judge tells what a report earns by the rules, as reckoning does.
func (t teller) judge(r *told) (schema.Rule, schema.EarnMiss) {
	var mine []*told // the partner's sales and leads of the customer
	for _, group := range groups(t.reports) {
		if !slices.Contains(group, r) {
			continue
		}
		for _, other := range group {
			d := other.decision
			event := other.Kind == schema.Sale || other.Kind == schema.Lead
			if event && d != nil && d.partner == r.decision.partner && (other.earns() || d.state == schema.StateHeld) {
				mine = append(mine, other)
			}
		}
	}
	slices.SortFunc(mine, func(a, b *told) int { return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), cmp.Compare(a.ID, b.ID)) })
	bound := mine[0]
	if n := slices.IndexFunc(mine, func(o *told) bool { return o.decision.binds }); n >= 0 {
		bound = mine[n]
	}
	var all []schema.Occasion
	for _, state := range []schema.AttributionState{schema.StateCounted, schema.StateReview} {
		for _, other := range mine {
			if other.decision.state == state {
				all = append(all, other.occasion())
			}
		}
	}
	program := t.programAt(r.OccurredAt)
	return schema.NewRules(t.rules).Judge(schema.RuleFor{
		Partner: r.decision.partner, Group: schema.GroupAt(t.groups[r.decision.partner], r.at()), Event: r.Kind,
		Day: schema.DayOf(r.at(), program.Location()), Currency: r.decision.currency,
	}, r.occasion(), schema.DayOf(bound.at(), program.Location()), all)
}

// occasion is a sale or lead as rules judge it.
func (t *told) occasion() schema.Occasion {
	return schema.Occasion{ID: t.ID, Event: t.Kind, Amount: t.decision.amount}
}

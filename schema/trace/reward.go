package trace

import (
	"context"
	"fmt"

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
	m.rules = map[uint32]schema.Rule{}
	for _, list := range m.rewards {
		for _, one := range list {
			if _, known := m.rules[one.Rule]; known || one.Rule == 0 {
				continue
			}
			if m.rules[one.Rule], err = r.dir.Rule(ctx, one.Rule); err != nil {
				return err
			}
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
		if one.Partner != r.decision.partner {
			continue
		}
		out := &Reward{Rule: one.Rule, Amount: one.Amount, Currency: one.Currency, State: one.State, DueAt: one.DueAt}
		if rule, known := t.rules[one.Rule]; known {
			out.Earns = rule.Earns()
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

// reward tells of a report's reward, after a space; nothing where there is none.
func (t teller) reward(r *told) string {
	one := t.rewardOf(r)
	if one == nil {
		return ""
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

package payout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fairlead/schema"
)

// Plan is what is payable at a cut-off, and what becomes of it.
type Plan struct {
	Drafts  []Draftable
	Carried []Carry
}

// Draftable is a payout that can be drafted.
type Draftable struct {
	Payout Payout
	Parts  []Part
}

// Preview tells what Run would draft, and changes nothing.
func (r *Runner) Preview(ctx context.Context, cutOff time.Time) (Plan, error) {
	plan, err := r.opt.plan(ctx, cutOff)
	if err != nil {
		return plan, fmt.Errorf("preview payouts: %w", err)
	}
	return plan, nil
}

// plan decides what of everything payable is paid at a cut-off.
func (o Options) plan(ctx context.Context, cutOff time.Time) (Plan, error) {
	var plan Plan
	program, err := o.Program(ctx)
	if err != nil {
		return plan, err
	}
	id, err := o.ProgramID(ctx)
	if err != nil {
		return plan, err
	}
	balances, err := o.Store.Payable(ctx, cutOff, 0)
	if err != nil {
		return plan, err
	}
	known, err := o.Store.Find(ctx, Filter{CutOff: cutOff})
	if err != nil {
		return plan, err
	}
	taken := map[PayoutID]bool{}
	for _, p := range known {
		taken[p.ID] = true
	}
	methods, err := o.methods(ctx, balances)
	if err != nil {
		return plan, err
	}
	for _, b := range balances {
		p := Payout{
			ID: schema.NewPayoutID(id, b.Partner, b.Currency, cutOff), Version: 1, Status: Draft, Partner: b.Partner, Amount: Total(b.Parts),
			Currency: b.Currency, CutOff: cutOff, Rewards: len(b.Parts), To: Target{By: methods[b.Partner].By, Masked: methods[b.Partner].Masked},
		}
		reason, detail := keeps(p, program, methods[b.Partner], taken[p.ID])
		if reason != "" {
			plan.Carried = append(plan.Carried, Carry{Partner: p.Partner, Currency: p.Currency, Amount: p.Amount, Reason: reason, Detail: detail})
			continue
		}
		plan.Drafts = append(plan.Drafts, Draftable{p, b.Parts})
	}
	return plan, nil
}

// methods returns how those are paid who have a balance.
func (o Options) methods(ctx context.Context, balances []Balance) (map[schema.PartnerID]Method, error) {
	var partners []schema.PartnerID
	for _, b := range balances {
		if len(partners) == 0 || partners[len(partners)-1] != b.Partner {
			partners = append(partners, b.Partner)
		}
	}
	if len(partners) == 0 {
		return nil, nil
	}
	return o.Methods.Of(ctx, partners)
}

// keeps says why a payout is not drafted; empty: it is. The minimum is in the program's currency: what is owed in another, from
// before the program changed it, has none.
func keeps(p Payout, program schema.Program, m Method, taken bool) (reason CarryReason, detail string) {
	switch {
	case p.Amount <= 0:
		return CarryNegative, ""
	case taken:
		return CarryDrafted, ""
	case p.Currency == program.Currency && p.Amount < program.PayoutMinimum:
		return CarryMinimum, ""
	case p.Amount > schema.MaxAmount:
		return CarryTooMuch, ""
	case m.Suspended:
		return CarrySuspended, ""
	case m.By == "":
		return CarryNoMethod, ""
	case m.Lacks != schema.LacksNothing:
		return CarryNoMethod, string(m.Lacks)
	}
	return "", ""
}

// draft drafts what was due by the cut-off: the payout with its list first, then the rows that reserve it.
func (w *work) draft(cutOff time.Time) error {
	if w.Booked != nil {
		booked, err := w.Booked(w.ctx)
		if err != nil {
			return err
		}
		if w.report.Waits = booked.Before(cutOff); w.report.Waits {
			return nil
		}
	}
	plan, err := w.plan(w.ctx, cutOff)
	if err != nil {
		return err
	}
	w.report.Carried = plan.Carried
	drafted := map[PayoutID]bool{}
	for _, d := range plan.Drafts {
		p := d.Payout
		p.CreatedAt, p.At, p.Actor = w.Now(), w.Now(), w.actor
		if p, err = w.store(p, d.Parts...); err != nil {
			return err
		}
		drafted[p.ID] = true
		if err := w.book(p.reckon(d.Parts, nil, w.Now()).missing); err != nil {
			return err
		}
	}
	drafts, err := w.Store.Find(w.ctx, Filter{CutOff: cutOff, Statuses: []Status{Draft}})
	if err != nil {
		return err
	}
	stand, err := w.recheck(drafts)
	if err != nil {
		return err
	}
	for _, p := range stand {
		if drafted[p.ID] {
			w.report.Drafted = append(w.report.Drafted, p)
		}
	}
	if err := w.fence.Check(); err != nil {
		return err
	}
	return w.Store.PutRan(w.ctx, Ran{
		CutOff: cutOff, At: w.Now(), Actor: w.actor, Drafted: len(w.report.Drafted), Carried: w.report.Carried, Token: w.fence.Token(),
	})
}

// recheck looks at drafts again once their rewards are reserved, and answers those that stand. Rewards are booked beside payouts:
// what such a run took out of payable between the plan and the reservation, because of a refund or a review, is missing there now.
// A draft of such a reward is canceled; what is left of it is in the draft of a later cut-off.
func (w *work) recheck(drafts []Payout) (stand []Payout, err error) {
	if len(drafts) == 0 {
		return nil, nil
	}
	balances, err := w.Store.Payable(w.ctx, w.Now(), 0)
	if err != nil {
		return nil, err
	}
	short := map[schema.RewardID]bool{}
	affected := map[schema.PartnerID]bool{}
	for _, b := range balances {
		for _, part := range b.Parts {
			if part.Amount < 0 {
				short[part.Reward], affected[b.Partner] = true, true
			}
		}
	}
	for _, p := range drafts {
		if affected[p.Partner] {
			parts, err := w.Store.Parts(w.ctx, p.ID)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(parts, func(part Part) bool { return short[part.Reward] }) {
				if _, err := w.putAs(p, Canceled, "one of its rewards was taken back or put under review while it was drafted", "system"); err != nil {
					return nil, err
				}
				w.report.Carried = append(w.report.Carried, Carry{Partner: p.Partner, Currency: p.Currency, Amount: p.Amount, Reason: CarryDrafted})
				continue
			}
		}
		stand = append(stand, p)
	}
	return stand, nil
}

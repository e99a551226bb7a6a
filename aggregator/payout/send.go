package payout

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"fairlead/schema"
)

// finish brings on what is open: first it asks for what providers may have, then it hands over what is approved. What one
// provider says of one keeps none of the others waiting.
func (w *work) finish() error {
	open, err := w.Store.Find(w.ctx, Filter{Statuses: []Status{Processing, Sent}})
	if err != nil {
		return err
	}
	if err := w.each(open, w.ask); err != nil {
		return err
	}
	return w.sendApproved()
}

func (w *work) each(payouts []Payout, do func(Payout) error) error {
	for _, p := range payouts {
		if err := do(p); err != nil {
			return err
		}
	}
	return nil
}

// watch asks for what was completed lately, in case it was returned.
func (w *work) watch() error {
	done, err := w.Store.Find(w.ctx, Filter{Statuses: []Status{Completed}, Since: w.Now().Add(-Watch)})
	if err != nil {
		return err
	}
	return w.each(done, w.ask)
}

// sendApproved hands over what is approved. Where it goes is fixed now, by what the partner's details are now.
func (w *work) sendApproved() error {
	approved, methods, err := w.approved()
	if err != nil {
		return err
	}
	// What was approved is looked at anew; what had come as far as the provider is not sent twice by one run.
	w.report.Held = slices.DeleteFunc(w.report.Held, func(n Note) bool { return n.Payout.Status == Approved })
	return w.each(approved, func(p Payout) error {
		m := methods[p.Partner]
		if text := w.keepsFromSending(m); text != "" {
			w.report.Held = append(w.report.Held, Note{p, text})
			return nil
		}
		p.To = m.Target
		p, err := w.put(p, Processing, "")
		if err != nil {
			return err
		}
		return w.send(p, false)
	})
}

// approved returns what is approved, and how those partners are paid now.
func (w *work) approved() ([]Payout, map[schema.PartnerID]Method, error) {
	found, err := w.Store.Find(w.ctx, Filter{Statuses: []Status{Approved}})
	if err != nil || len(found) == 0 {
		return nil, nil, err
	}
	partners := make([]schema.PartnerID, len(found))
	for i, p := range found {
		partners[i] = p.Partner
	}
	methods, err := w.Methods.Of(w.ctx, partners)
	return found, methods, err
}

// keepsFromSending says why nothing can be sent to a partner now; empty: it can.
func (w *work) keepsFromSending(m Method) string {
	switch {
	case m.Suspended:
		return "the partner is suspended: cancel the payout, or make the partner active again"
	case m.By == "":
		return "the partner has no payout method any more"
	case m.Lacks != schema.LacksNothing:
		return fmt.Sprintf("the partner's payout method cannot be used now (%s)", m.Lacks)
	case m.By == schema.PayByBank:
		return "it is paid by bank: `fairlead payout export --method bank` writes the file for the bank"
	case m.Destination() == "":
		return ErrUnread.Error()
	case w.Providers[m.By] == nil:
		return fmt.Sprintf("%s is not set up: the configuration's payouts section says how", m.By)
	}
	return ""
}

// ask asks what became of a payout that a provider may have, and sends it where the provider never had it.
func (w *work) ask(p Payout) error {
	if p.To.By == schema.PayByBank {
		return nil // people say what became of it
	}
	provider := w.Providers[p.To.By]
	if provider == nil {
		if p.Status != Completed {
			w.problem(p, fmt.Errorf("%s is not set up any more, and nobody else knows what became of it", p.To.By))
		}
		return nil
	}
	if err := w.fence.Check(); err != nil {
		return err
	}
	outcome, err := provider.Find(w.ctx, p.order())
	switch {
	case err == nil:
		return w.take(p, outcome)
	case w.ctx.Err() != nil:
		return w.fence.Check()
	case errors.Is(err, ErrUnknown) && p.Status == Processing:
		return w.send(p, true)
	}
	w.problem(p, err)
	return nil
}

// send asks a provider to pay. again: it may have been asked before. Then a refusal is no proof that nothing was paid, for it
// may come of the first try: the balance that is too low now is what that one left, and an account may be closed since.
func (w *work) send(p Payout, again bool) error {
	o := p.order()
	if o.Destination == "" {
		w.problem(p, cmp.Or(p.To.Unread(), errors.New("BUG: it goes nowhere")))
		return nil
	}
	if err := w.fence.Check(); err != nil {
		return err
	}
	outcome, err := w.Providers[p.To.By].Send(w.ctx, o)
	switch {
	case err == nil:
		return w.take(p, outcome)
	case again && (errors.Is(err, ErrRefused) || errors.Is(err, ErrNotNow)):
		err = fmt.Errorf("%w; an earlier try may have been taken: look for it at %s, then say what became of it by `fairlead payout status %s --force`", err, p.To.By, p.ID)
	case errors.Is(err, ErrNotNow):
		w.report.Held = append(w.report.Held, Note{p, err.Error() + "; the next run tries again"})
		return nil
	case errors.Is(err, ErrRefused):
		_, err = w.put(p, Failed, err.Error())
		return err
	case w.ctx.Err() != nil:
		return w.fence.Check()
	}
	w.problem(p, err)
	return nil
}

// take notes what a provider says of a payout.
func (w *work) take(p Payout, o Outcome) error {
	switch o.State {
	case Sent, Completed, Failed, Returned:
	default:
		w.problem(p, fmt.Errorf("BUG: the provider's answer is %q", o.State))
		return nil
	}
	if o.State == p.Status || p.Status == Completed && o.State != Returned {
		return nil
	}
	if o.Ref != "" {
		p.Ref = o.Ref
	}
	_, err := w.put(p, o.State, o.Reason)
	return err
}

func (w *work) problem(p Payout, err error) {
	w.report.Problems = append(w.report.Problems, Note{p, err.Error()})
}

package payout

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fairlead/schema"
)

var (
	// ErrNone says that there is no payout of an id.
	ErrNone = errors.New("there is no such payout")
	// ErrBusy says that somebody else is at work with payouts.
	ErrBusy = errors.New("another payout run is at work: try again when it is done")
	// ErrTwice says that one person approved a payout twice.
	ErrTwice = errors.New("the same person has approved it already: it takes another one")
	// ErrProvider says that a provider has to be asked, not people.
	ErrProvider = errors.New("its provider says what became of it")
)

// change works on one payout under the lock.
func (r *Runner) change(ctx context.Context, id PayoutID, actor string, do func(*work, Payout) (Payout, error)) (out Payout, err error) {
	held, err := r.underLock(ctx, actor, func(w *work) error {
		p, err := one(w.ctx, w.Store, id)
		if err != nil {
			return err
		}
		out, err = do(w, p)
		return err
	})
	if err == nil && !held {
		err = ErrBusy
	}
	return out, err
}

// one returns a payout. The id of zeros is nobody's; a Filter takes it for any.
func one(ctx context.Context, s interface {
	Find(ctx context.Context, f Filter) ([]Payout, error)
}, id PayoutID) (Payout, error) {
	if id == (PayoutID{}) {
		return Payout{}, fmt.Errorf("payout %s: %w", id, ErrNone)
	}
	found, err := s.Find(ctx, Filter{ID: id})
	if err != nil {
		return Payout{}, err
	}
	if len(found) == 0 {
		return Payout{}, fmt.Errorf("payout %s: %w", id, ErrNone)
	}
	return found[0], nil
}

// Approve notes that a person approves a draft. It is approved with that, unless it takes two.
func (r *Runner) Approve(ctx context.Context, id PayoutID, person string) (Payout, error) {
	return r.change(ctx, id, person, func(w *work, p Payout) (Payout, error) { return w.approve(p, person) })
}

func (w *work) approve(p Payout, person string) (Payout, error) {
	if p.Status != Draft {
		return p, fmt.Errorf("payout %s is %s, and only a draft can be approved: %w", p.ID, p.Status, ErrStatus)
	}
	if slices.Contains(p.Approvals, person) {
		return p, fmt.Errorf("payout %s: %w", p.ID, ErrTwice)
	}
	two, err := w.takesTwo(p)
	if err != nil {
		return p, err
	}
	p.Approvals = append(slices.Clone(p.Approvals), person)
	if two && len(p.Approvals) < 2 {
		return w.put(p, Draft, "approved once, and it takes two")
	}
	return w.put(p, Approved, "")
}

// takesTwo reports whether two people have to approve a payout.
func (w *work) takesTwo(p Payout) (bool, error) {
	if w.TwoAbove == 0 {
		return false, nil
	}
	program, err := w.Program(w.ctx)
	return p.Currency != program.Currency || p.Amount > w.TwoAbove, err
}

// approveAll approves the drafts that do not take two. Those of a cut-off at which a run ended early were not looked at again
// since they were made.
func (w *work) approveAll() error {
	found, err := w.Store.Find(w.ctx, Filter{Statuses: []Status{Draft}})
	if err != nil {
		return err
	}
	var drafts, unchecked []Payout
	for _, p := range found {
		ran, err := w.Store.Ran(w.ctx, p.CutOff)
		if err != nil {
			return err
		}
		if ran {
			drafts = append(drafts, p)
		} else {
			unchecked = append(unchecked, p)
		}
	}
	stand, err := w.recheck(unchecked)
	if err != nil {
		return err
	}
	drafts = append(drafts, stand...)
	return w.each(drafts, func(p Payout) error {
		two, err := w.takesTwo(p)
		if err != nil || two {
			return err
		}
		_, err = w.approve(p, w.actor)
		return err
	})
}

// Cancel cancels a payout that was not sent: what is in it is payable again, at the next cut-off.
func (r *Runner) Cancel(ctx context.Context, id PayoutID, person, reason string) (Payout, error) {
	return r.change(ctx, id, person, func(w *work, p Payout) (Payout, error) { return w.put(p, Canceled, reason) })
}

// Mark notes what became of a payout that was sent: Completed, Failed or Returned. Of one that a provider pays it takes
// force, for where the provider cannot be asked any more: what the provider knows is its to say.
func (r *Runner) Mark(ctx context.Context, id PayoutID, to Status, person, reason string, force bool) (Payout, error) {
	return r.change(ctx, id, person, func(w *work, p Payout) (Payout, error) {
		if to != Completed && to != Failed && to != Returned {
			return p, fmt.Errorf("payout %s cannot be marked %s by hand: %w", p.ID, to, ErrStatus)
		}
		if p.To.By != schema.PayByBank && !force {
			return p, fmt.Errorf("payout %s is paid by %s: %w", p.ID, p.To.By, ErrProvider)
		}
		return w.put(p, to, reason)
	})
}

// Batch is what goes to the bank in one file.
type Batch struct {
	Name    string
	Payouts []Payout
	Held    []Note // approved, and not in it
}

// SendByBank marks what is approved for partners paid by bank as sent, in a batch of that name, and returns it. Beside an
// error the batch holds what was marked before, and perhaps the payout at which it stopped: what is in the store counts. It can be
// asked for again: see Store.Find and Rewrite.
func (r *Runner) SendByBank(ctx context.Context, name, person string) (Batch, error) {
	b := Batch{Name: name}
	held, err := r.underLock(ctx, person, func(w *work) error {
		approved, methods, err := w.approved()
		if err != nil {
			return err
		}
		return w.each(approved, func(p Payout) error {
			m := methods[p.Partner]
			if m.By != schema.PayByBank {
				return nil
			}
			if m.Suspended || m.Lacks != schema.LacksNothing {
				b.Held = append(b.Held, Note{p, w.keepsFromSending(m)})
				return nil
			}
			p.To, p.Ref = m.Target, name
			p, err := w.put(p, Sent, "")
			b.Payouts = append(b.Payouts, p)
			return err
		})
	})
	if err == nil && !held {
		err = ErrBusy
	}
	return b, err
}

// Rewrite returns what of a batch is to be paid still. The others have ended, or came back, since it was made: a file with them
// in it would pay them again.
func Rewrite(name string, payouts []Payout) (again, ended []Payout) {
	for _, p := range payouts {
		switch {
		case p.To.By != schema.PayByBank || p.Ref != name:
		case p.Status == Sent:
			again = append(again, p)
		default:
			ended = append(ended, p)
		}
	}
	return again, ended
}

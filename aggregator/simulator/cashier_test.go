package simulator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fairlead/aggregator/payout"
	"fairlead/aggregator/payout/payouttest"
	"fairlead/schema"
)

// cashier is all that pays partners.
type cashier struct {
	locks     payouttest.Locks
	providers map[schema.PayBy]*payouttest.Provider
	refused   map[payout.PayoutID]bool // by providers, who stay with that
	methods   map[schema.PartnerID]payout.Method
	settings  payout.Options
	calm      bool // providers do what they are asked, and answer
	chances   dice // of what providers do
	stopped   []*process
	paidAt    int64 // of the last run that nothing got in the way of
}

// People who approve.
const (
	ann = "ann"
	bob = "bob"
)

func (w *world) openCashier(d dice) {
	w.methods, w.refused, w.chances, w.paidAt = map[schema.PartnerID]payout.Method{}, map[payout.PayoutID]bool{}, newDice(d.Uint64(), 1), w.now
	w.providers = map[schema.PayBy]*payouttest.Provider{}
	for by, life := range map[schema.PayBy]time.Duration{schema.PayByStripe: 24 * time.Hour, schema.PayByPayPal: 30 * 24 * time.Hour} {
		w.providers[by] = &payouttest.Provider{Now: w.time, KeyLife: life, AtOnce: by == schema.PayByStripe}
	}
	for p := schema.PartnerID(1); p <= partners; p++ {
		w.methods[p] = method(d, p)
	}
	w.settings = payout.Options{
		AutoApprove: d.one(3), TwoAbove: pick[int64](d, 0, 0, 3000), Now: w.time, Methods: w,
		Program:   func(context.Context) (schema.Program, error) { return w.program().Program, nil },
		ProgramID: func(context.Context) (string, error) { return "program", nil },
	}
}

func (w *world) time() time.Time { return at(w.now) }

// method is how a partner is paid; sometimes not at all.
func method(d dice, p schema.PartnerID) payout.Method {
	switch d.IntN(5) {
	case 0:
		return payout.Method{}
	case 1, 2:
		return byStripe(p)
	}
	return payout.Method{Target: payout.Target{By: schema.PayByPayPal, Payee: schema.Payee{PayPalEmail: fmt.Sprintf("partner%d@shop.example", p)}}}
}

func byStripe(p schema.PartnerID) payout.Method {
	return payout.Method{Target: payout.Target{By: schema.PayByStripe, StripeAccount: fmt.Sprint("acct_", p)}}
}

// Of implements payout.Methods.
func (w *world) Of(_ context.Context, partners []schema.PartnerID) (map[schema.PartnerID]payout.Method, error) {
	out := map[schema.PartnerID]payout.Method{}
	for _, p := range partners {
		if w.methods[p].By != "" {
			out[p] = w.methods[p]
		}
	}
	return out, nil
}

// options are those of one process.
func (w *world) options(p *process) payout.Options {
	o := w.settings
	o.Store = &till{w.books, w, p}
	if w.with.store != nil {
		o.Store = w.with.store(o.Store)
	}
	o.Providers = map[schema.PayBy]payout.Provider{}
	for by, real := range w.providers {
		o.Providers[by] = &wire{real, w, p}
		if w.with.provider != nil {
			o.Providers[by] = w.with.provider(o.Providers[by])
		}
	}
	o.Lock = func(ctx context.Context, work func(payout.Fence) error) (bool, error) {
		return w.locks.Do(ctx, func(f payout.Fence) error {
			if w.with.fence != nil {
				f = w.with.fence(f)
			}
			return work(f)
		})
	}
	return o
}

// till is the store as one process sees it.
type till struct {
	*books
	w *world
	p *process
}

func (s *till) Put(ctx context.Context, p payout.Payout, parts ...payout.Part) error {
	return s.write("the payout becomes "+string(p.Status), func() error { return s.books.Put(ctx, p, parts...) })
}

func (s *till) Book(ctx context.Context, rows []schema.Transfer) error {
	return s.write("its rows are booked", func() error { return s.books.Book(ctx, rows) })
}

func (s *till) PutRan(ctx context.Context, r payout.Ran) error {
	return s.write("the cut-off is done", func() error { return s.books.PutRan(ctx, r) })
}

func (s *till) write(what string, do func() error) error {
	if err := s.p.at(s.w, "before "+what); err != nil {
		return err
	}
	s.w.say("	%s", what)
	if err := do(); err != nil {
		return err
	}
	s.books.changes++
	return s.p.at(s.w, "after "+what)
}

// wire is a provider as one process sees it: questions, answers, or both get lost, and some orders are refused.
type wire struct {
	*payouttest.Provider
	w *world
	p *process
}

func (c *wire) Send(ctx context.Context, o payout.Order) (payout.Outcome, error) {
	return c.call("send", o, func() (payout.Outcome, error) {
		if c.w.refused[o.ID] || !c.w.calm && c.w.chances.one(12) {
			c.w.refused[o.ID] = true
			return payout.Outcome{}, fmt.Errorf("no such account: %w", payout.ErrRefused)
		}
		return c.Provider.Send(ctx, o)
	})
}

func (c *wire) Find(ctx context.Context, o payout.Order) (payout.Outcome, error) {
	return c.call("find", o, func() (payout.Outcome, error) { return c.Provider.Find(ctx, o) })
}

func (c *wire) call(name string, o payout.Order, do func() (payout.Outcome, error)) (payout.Outcome, error) {
	if err := c.p.at(c.w, "before "+name); err != nil {
		return payout.Outcome{}, err
	}
	if !c.w.calm && c.w.chances.one(8) {
		c.w.say("	%s %s: time-out, and nothing was done", name, o.ID.String()[:6])
		c.w.tally["questions lost"]++
		return payout.Outcome{}, payouttest.ErrLost
	}
	outcome, err := do()
	c.w.say("	%s %s for partner %d, %d %s: %s %v", name, o.ID.String()[:6], o.Partner, o.Amount, o.Currency, outcome.State, err)
	if err := c.p.at(c.w, "after "+name); err != nil {
		return payout.Outcome{}, err
	}
	if !c.w.calm && c.w.chances.one(8) {
		c.w.say("	the answer is lost")
		c.w.tally["answers lost"]++
		return payout.Outcome{}, payouttest.ErrLost
	}
	return outcome, err
}

// pay is a run of payouts, at the program's day or by hand.
func (w *world) pay(d dice) {
	cutOff := payout.CutOff(w.program().Program, w.time())
	if d.one(2) {
		cutOff = at(w.now - w.now%day)
	}
	w.run(d, cutOff, false)
}

// run is a run at a cut-off.
func (w *world) run(d dice, cutOff time.Time, whole bool) {
	var report payout.Report
	w.work(d, "payouts at "+cutOff.Format(time.DateOnly), whole, func(r *payout.Runner) (err error) {
		report, err = r.Run(context.Background(), cutOff, "the clock")
		return err
	}, func(err error) {
		if err != nil {
			w.fail("a payout run fails", "%v", err)
		}
		if !report.Skipped {
			w.paidAt = w.now
			w.paidUp()
		}
	})
}

// approve is a person who approves a draft.
func (w *world) approve(d dice) { w.hand(d, false, payout.Draft) }

// hand does something with a payout by hand.
func (w *world) hand(d dice, cancel bool, of ...payout.Status) {
	found, _ := w.books.Find(context.Background(), payout.Filter{Statuses: of})
	if len(found) == 0 {
		return
	}
	p, who := found[d.IntN(len(found))], pick(d, ann, bob)
	w.work(d, fmt.Sprintf("%s handles payout %s of %d %s; to cancel: %t", who, p.ID.String()[:6], p.Amount, p.Currency, cancel), w.calm, func(r *payout.Runner) (err error) {
		if cancel {
			_, err = r.Cancel(context.Background(), p.ID, who, "by mistake")
		} else {
			_, err = r.Approve(context.Background(), p.ID, who)
		}
		return err
	}, func(err error) {
		if err != nil && !errors.Is(err, payout.ErrBusy) && !errors.Is(err, payout.ErrTwice) && !errors.Is(err, payout.ErrStatus) {
			w.fail("a payout run fails", "%v", err)
		}
	})
}

// happens is what becomes of a transfer: it arrives, or comes back.
func (w *world) happens(d dice) {
	provider := w.providers[pick(d, schema.PayByStripe, schema.PayByPayPal)]
	paid := provider.Paid()
	if len(paid) == 0 {
		return
	}
	t := paid[d.IntN(len(paid))]
	to := pick(d, payout.Completed, payout.Completed, payout.Failed, payout.Returned)
	switch state := w.outcome(provider, t.Order); {
	case state == payout.Sent:
	case state == payout.Completed && w.now-t.At.UnixMilli() < 15*day:
		to = payout.Returned
	default:
		return
	}
	provider.Becomes(t.ID, to, "says the provider")
	w.say("transfer %s is %s", t.ID.String()[:6], to)
}

// outcome is what a provider knows of an order.
func (w *world) outcome(provider *payouttest.Provider, o payout.Order) payout.Status {
	out, _ := provider.Find(context.Background(), o)
	return out.State
}

// changeMethod changes how a partner is paid.
func (w *world) changeMethod(d dice) {
	p := schema.PartnerID(d.between(1, partners))
	m := method(d, p)
	m.Suspended = d.one(6)
	w.methods[p] = m
	w.say("partner %d is paid by %q", p, m.By)
}

// resume lets something go on that was stopped.
func (w *world) resume(d dice) {
	if len(w.stopped) > 0 {
		w.goOn(d.IntN(len(w.stopped)))
	}
}

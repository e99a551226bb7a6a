package payouttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"fairlead/aggregator/payout"
)

// Paid is a transfer that a provider made.
type Paid struct {
	payout.Order
	At time.Time
}

// Provider is a payout.Provider that keeps its own account of what it paid. It is safe for concurrent use.
type Provider struct {
	Now     func() time.Time
	KeyLife time.Duration // it forgets a key after this, and pays again whoever sends it
	// At once: Send answers Completed, otherwise Sent.
	AtOnce bool
	// Before and After, when set, are called around each call with its name, "send" or "find", and its order. An error of
	// Before is answered, and nothing was done; an error of After is answered though it was done.
	Before, After func(call string, o payout.Order) error

	mu       sync.Mutex
	paid     []Paid
	outcomes map[payout.PayoutID]payout.Outcome
}

// ErrLost is an answer that did not arrive.
var ErrLost = errors.New("connection reset by peer")

// Send pays, once within the life of a key.
func (p *Provider) Send(_ context.Context, o payout.Order) (payout.Outcome, error) {
	return p.call("send", o, func() (payout.Outcome, error) {
		for _, t := range p.paid {
			if t.ID == o.ID && p.Now().Before(t.At.Add(p.KeyLife)) {
				return p.outcomes[o.ID], nil
			}
		}
		p.paid = append(p.paid, Paid{o, p.Now()})
		state := payout.Sent
		if p.AtOnce {
			state = payout.Completed
		}
		p.outcomes[o.ID] = payout.Outcome{State: state, Ref: fmt.Sprintf("tr_%d", len(p.paid))}
		return p.outcomes[o.ID], nil
	})
}

// Find tells what became of an order.
func (p *Provider) Find(_ context.Context, o payout.Order) (payout.Outcome, error) {
	return p.call("find", o, func() (payout.Outcome, error) {
		outcome, ok := p.outcomes[o.ID]
		if !ok {
			return outcome, fmt.Errorf("order %s: %w", o.ID, payout.ErrUnknown)
		}
		return outcome, nil
	})
}

func (p *Provider) call(name string, o payout.Order, do func() (payout.Outcome, error)) (payout.Outcome, error) {
	if p.Before != nil {
		if err := p.Before(name, o); err != nil {
			return payout.Outcome{}, err
		}
	}
	p.mu.Lock()
	if p.outcomes == nil {
		p.outcomes = map[payout.PayoutID]payout.Outcome{}
	}
	outcome, err := do()
	p.mu.Unlock()
	if err == nil && p.After != nil {
		if err := p.After(name, o); err != nil {
			return payout.Outcome{}, err
		}
	}
	return outcome, err
}

// Becomes decides what became of an order.
func (p *Provider) Becomes(id payout.PayoutID, state payout.Status, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.outcomes[id]
	o.State, o.Reason = state, reason
	p.outcomes[id] = o
}

// Paid returns the transfers that were made.
func (p *Provider) Paid() []Paid {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Paid(nil), p.paid...)
}

// Package payouttest gives tests of payouts a store in memory, locks that can be lost, and a provider that keeps its own
// account of what it paid. All of them can be broken at will.
package payouttest

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"fairlead/aggregator/payout"
	"fairlead/schema"
)

// Store is a payout.Store in memory. It is safe for concurrent use.
type Store struct {
	// Break, when set, is called before and after each write with what it writes; an error ends the caller there, as a crash
	// would.
	Break func(point string) error

	mu       sync.Mutex
	versions map[payout.PayoutID]map[uint32]payout.Payout
	parts    map[payout.PayoutID][]payout.Part
	ledger   map[schema.TransferID]schema.Transfer
	ran      map[int64]payout.Ran
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{
		versions: map[payout.PayoutID]map[uint32]payout.Payout{}, parts: map[payout.PayoutID][]payout.Part{},
		ledger: map[schema.TransferID]schema.Transfer{}, ran: map[int64]payout.Ran{},
	}
}

// write does a write between two points at which it may be broken.
func (s *Store) write(what string, do func()) error {
	if s.Break != nil {
		if err := s.Break("before " + what); err != nil {
			return err
		}
	}
	s.mu.Lock()
	do()
	s.mu.Unlock()
	if s.Break != nil {
		return s.Break("after " + what)
	}
	return nil
}

// Newest returns the highest token.
func (s *Store) Newest(context.Context) (newest uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, versions := range s.versions {
		for _, p := range versions {
			newest = max(newest, p.Token)
		}
	}
	for _, t := range s.ledger {
		newest = max(newest, t.Token)
	}
	return newest, nil
}

// Find returns payouts.
func (s *Store) Find(_ context.Context, f payout.Filter) (out []payout.Payout, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, versions := range s.versions {
		p := versions[slices.Max(slices.Collect(maps.Keys(versions)))]
		if f.ID != (payout.PayoutID{}) && p.ID != f.ID || f.Partner != 0 && p.Partner != f.Partner ||
			!f.CutOff.IsZero() && !p.CutOff.Equal(f.CutOff) || len(f.Statuses) > 0 && !slices.Contains(f.Statuses, p.Status) || p.At.Before(f.Since) {
			continue
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b payout.Payout) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return out, nil
}

// Put adds a version.
func (s *Store) Put(_ context.Context, p payout.Payout, parts ...payout.Part) error {
	return s.write(string(p.Status), func() {
		if s.versions[p.ID] == nil {
			s.versions[p.ID] = map[uint32]payout.Payout{}
		}
		if old, ok := s.versions[p.ID][p.Version]; ok && old.Token > p.Token {
			return
		}
		s.versions[p.ID][p.Version] = p
		if p.Version == 1 {
			s.parts[p.ID] = slices.Clone(parts)
		}
	})
}

// Parts returns what a payout pays.
func (s *Store) Parts(_ context.Context, id payout.PayoutID) ([]payout.Part, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.parts[id]), nil
}

// reward names what one partner has of one reward.
type reward struct {
	partner  schema.PartnerID
	currency string
	id       schema.RewardID
}

// Payable reckons balances from the ledger.
func (s *Store) Payable(_ context.Context, cutOff time.Time, partner schema.PartnerID) ([]payout.Balance, error) {
	parts := map[reward]payout.Part{}
	due, review := map[reward]schema.Transfer{}, map[reward]int64{}
	for _, t := range s.Ledger() {
		if partner != 0 && t.Partner != partner {
			continue
		}
		k := reward{t.Partner, t.Currency, t.Reward}
		p := parts[k]
		p.Reward = t.Reward
		p.Rule, p.Conversion = cmp.Or(t.Rule, p.Rule), cmp.Or(t.Conversion, p.Conversion)
		moved := schema.Balances([]schema.Transfer{t})
		p.Amount += moved[schema.AccountPayable]
		review[k] += moved[schema.AccountReview]
		parts[k] = p
		if t.DueAt != 0 && t.BookedAt >= due[k].BookedAt {
			due[k] = t
		}
	}
	var out []payout.Balance
	for _, k := range slices.SortedFunc(maps.Keys(parts), func(a, b reward) int {
		return cmp.Or(cmp.Compare(a.partner, b.partner), cmp.Compare(a.currency, b.currency), bytes.Compare(a.id[:], b.id[:]))
	}) {
		p := parts[k]
		if p.Amount == 0 || p.Amount > 0 && (due[k].DueAt > cutOff.UnixMilli() || review[k] != 0) {
			continue
		}
		if n := len(out); n == 0 || out[n-1].Partner != k.partner || out[n-1].Currency != k.currency {
			out = append(out, payout.Balance{Partner: k.partner, Currency: k.currency})
		}
		out[len(out)-1].Parts = append(out[len(out)-1].Parts, p)
	}
	return out, nil
}

// Rows returns what a payout booked.
func (s *Store) Rows(_ context.Context, id payout.PayoutID) (out []schema.Transfer, err error) {
	for _, t := range s.Ledger() {
		if t.Kind == schema.CausePayout && t.Cause == id.String() {
			out = append(out, t)
		}
	}
	return out, nil
}

// Doubtful returns all payouts: the caller compares.
func (s *Store) Doubtful(ctx context.Context) ([]payout.Payout, error) {
	return s.Find(ctx, payout.Filter{})
}

// Book appends rows to the ledger.
func (s *Store) Book(_ context.Context, rows []schema.Transfer) error {
	return s.write("booking", func() {
		for _, t := range rows {
			if old, ok := s.ledger[t.ID]; !ok || old.Token <= t.Token {
				s.ledger[t.ID] = t
			}
		}
	})
}

// Ledger returns all rows of the ledger, by when they were booked.
func (s *Store) Ledger() []schema.Transfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.ledger), func(a, b schema.Transfer) int {
		return cmp.Or(cmp.Compare(a.BookedAt, b.BookedAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
}

// Ran tells whether a cut-off is done.
func (s *Store) Ran(_ context.Context, cutOff time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.ran[cutOff.UnixMilli()]
	return ok, nil
}

// NewestRan is the latest that is.
func (s *Store) NewestRan(context.Context) (newest time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.ran {
		if r.CutOff.After(newest) {
			newest = r.CutOff
		}
	}
	return newest, nil
}

// PutRan notes that it is.
func (s *Store) PutRan(_ context.Context, r payout.Ran) error {
	return s.write("cut-off", func() { s.ran[r.CutOff.UnixMilli()] = r })
}

package simulator

import (
	"context"
	"fmt"
	"slices"

	"fairlead/aggregator/payout"
	"fairlead/aggregator/payout/payouttest"
	"fairlead/schema"
)

// books is the ledger, in memory: of rows with one id that of the highest token stands, and of those that came last.
type books struct {
	*payouttest.Store
	changes int // writes, also of payouts
	read    int // when rows was read
	rows    []schema.Transfer
	ids     []schema.RewardID
	of      map[schema.RewardID][]schema.Transfer
	ever    map[schema.RewardID]int64 // the most that a reward ever amounted to
}

func newBooks() *books {
	return &books{Store: payouttest.NewStore(), read: -1, ever: map[schema.RewardID]int64{}}
}

// append books rows in one insert.
func (b *books) append(rows []schema.Transfer, token uint64) {
	for i := range rows {
		rows[i].Token = token
	}
	_ = b.Book(context.Background(), rows)
	b.changes++
	b.refresh()
}

// refresh reads what stands after a write.
func (b *books) refresh() {
	if b.read == b.changes {
		return
	}
	b.read, b.rows, b.ids, b.of = b.changes, b.Ledger(), nil, map[schema.RewardID][]schema.Transfer{}
	for _, t := range b.rows {
		if b.of[t.Reward] == nil {
			b.ids = append(b.ids, t.Reward)
		}
		b.of[t.Reward] = append(b.of[t.Reward], t)
	}
	for _, id := range b.ids {
		b.ever[id] = max(b.ever[id], amount(b.of[id]))
	}
}

// gives is by how much a row changes what its reward amounts to.
func gives(t schema.Transfer) int64 {
	switch {
	case merchants(t.Debit):
		return t.Amount
	case merchants(t.Credit):
		return -t.Amount
	}
	return 0
}

// merchants reports whether an account is the merchant's.
func merchants(a schema.Account) bool {
	return a == schema.AccountExpense || a == schema.AccountOpening
}

// Rows implements payout.Store from what was read.
func (b *books) Rows(_ context.Context, id payout.PayoutID) (out []schema.Transfer, err error) {
	for _, t := range b.all() {
		if t.Kind == schema.CausePayout && t.Cause == id.String() {
			out = append(out, t)
		}
	}
	return out, nil
}

// all are the rows that stand, by when they were booked.
func (b *books) all() []schema.Transfer { b.refresh(); return b.rows }

// rewards are the rows of each reward.
func (b *books) rewards() map[schema.RewardID][]schema.Transfer { b.refresh(); return b.of }

// amount is what a reward's rows amount to.
func amount(rows []schema.Transfer) (sum int64) {
	for _, t := range rows {
		sum += gives(t)
	}
	return sum
}

// lines writes rows for people.
func lines(rows []schema.Transfer) []string {
	out := make([]string, len(rows))
	for i, t := range rows {
		out[i] = fmt.Sprintf("%s %s of %d: %s>%s %d %s (token %d)", short(t.Reward), t.Kind, t.Partner, t.Debit, t.Credit, t.Amount, t.Currency, t.Token)
	}
	return out
}

// lock lets one run at a time work, and tells by its token which came later.
type lock struct{ token, holder uint64 }

// take gives out a token; 0: somebody has the lock.
func (l *lock) take() uint64 {
	if l.holder != 0 {
		return 0
	}
	l.token++
	l.holder = l.token
	return l.token
}

// drop gives the lock back, or lets it expire.
func (l *lock) drop(token uint64) {
	if l.holder == token {
		l.holder = 0
	}
}

// has reports whether an account occurs in rows as one that gains.
func has(rows []schema.Transfer, to schema.Account) bool {
	return slices.ContainsFunc(rows, func(t schema.Transfer) bool { return t.Credit == to })
}

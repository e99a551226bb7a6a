package figures

import (
	"cmp"
	"slices"
	"time"
)

// Reward is what the rewards that were earned in some span come to in one currency, in its minor units.
type Reward struct {
	Currency string
	Paid     int64 // received
	Pending  int64 // earned and not received yet, net of what was taken back: below zero where that was paid before
}

// Earned is all of it.
func (r Reward) Earned() int64 { return plus(r.Paid, r.Pending) }

// Rewards are what was earned, by currency, ordered by it. Amounts of two currencies are never added up.
type Rewards []Reward

// In returns what was earned in one currency; zeros where nothing was.
func (r Rewards) In(currency string) Reward {
	if i, ok := r.find(currency); ok {
		return r[i]
	}
	return Reward{Currency: currency}
}

func (r Rewards) find(currency string) (int, bool) {
	return slices.BinarySearchFunc(r, currency, func(one Reward, currency string) int { return cmp.Compare(one.Currency, currency) })
}

// add adds s to r, which must be nobody else's.
func (r *Rewards) add(s Rewards) {
	for _, one := range s {
		i, ok := r.find(one.Currency)
		if !ok {
			*r = slices.Insert(*r, i, one)
			continue
		}
		to := &(*r)[i]
		to.Paid, to.Pending = plus(to.Paid, one.Paid), plus(to.Pending, one.Pending)
	}
}

// Balance is where all that a partner ever earned in one currency stands now, in its minor units.
type Balance struct {
	Currency   string
	Review     int64
	Holding    int64
	Payable    int64 // below zero: taken back after it was paid
	Processing int64
	Paid       int64
	NextDue    time.Time // when the next hold ends; zero: nothing is held that will be released
}

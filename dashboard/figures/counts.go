package figures

import (
	"cmp"
	"math"
	"slices"

	"fairlead/dashboard/period"
	"fairlead/schema"
)

// Counts are the figures of a partner or a link in some span: hits by verdict, and what came of them.
type Counts struct {
	Clicks     uint64 `ch:"clicks"` // valid ones, repeats included
	Visitors   uint64 `ch:"visitors"`
	Bots       uint64 `ch:"bots"`
	Prefetches uint64 `ch:"prefetches"`
	Embedded   uint64 `ch:"embedded"`
	Suspended  uint64 `ch:"suspended"`
	Disabled   uint64 `ch:"disabled"`
	Expired    uint64 `ch:"expired"`
	Referred   uint64 `ch:"referred"` // customers, each on the day on which they became the partner's
	Held       uint64 `ch:"held"`     // sales and refunds that wait for an exchange rate: not in Sold
	Review     uint64 `ch:"review"`   // leads, sales and refunds that somebody has to look at: not in Referred or Sold
	Sold       Sold   `ch:"-"`
	// Rewards are those that were earned in the span.
	Rewards Rewards `ch:"-"`
}

// Plus returns the sum of two spans that do not overlap.
func (c Counts) Plus(d Counts) Counts {
	c.Sold, c.Rewards = slices.Clone(c.Sold), slices.Clone(c.Rewards)
	c.add(d)
	return c
}

// add adds d to c, whose Sold and Rewards must be nobody else's.
func (c *Counts) add(d Counts) {
	c.Clicks += d.Clicks
	c.Visitors += d.Visitors
	c.Bots += d.Bots
	c.Prefetches += d.Prefetches
	c.Embedded += d.Embedded
	c.Suspended += d.Suspended
	c.Disabled += d.Disabled
	c.Expired += d.Expired
	c.Referred += d.Referred
	c.Held += d.Held
	c.Review += d.Review
	c.Sold.add(d.Sold)
	c.Rewards.add(d.Rewards)
}

// NotCounted is how many hits were not clicks.
func (c Counts) NotCounted() uint64 {
	return c.Bots + c.Prefetches + c.Embedded + c.Suspended + c.Disabled + c.Expired
}

// Sum is what was sold in one currency. Amounts are in its minor units.
type Sum struct {
	Currency string `ch:"currency"`
	Sales    uint64 `ch:"sales"`
	Gross    int64  `ch:"gross"`    // what the sales brought
	Refunds  uint64 `ch:"refunds"`  // on these days, of sales of any day
	Refunded int64  `ch:"refunded"` // what they took back, less what was restored: may be negative
}

// Net is what was sold, net of refunds; below zero where more was taken back than sold.
func (s Sum) Net() int64 { return plus(s.Gross, -s.Refunded) }

// Sold is what was sold, a sum by currency, ordered by it. Amounts of two currencies are never added up: there are two
// only where the program's currency was changed within the span.
type Sold []Sum

// In returns the sum of one currency; a currency in which nothing was sold has zeros.
func (s Sold) In(currency string) Sum {
	if i, ok := s.find(currency); ok {
		return s[i]
	}
	return Sum{Currency: currency}
}

func (s Sold) find(currency string) (int, bool) {
	return slices.BinarySearchFunc(s, currency, func(sum Sum, currency string) int { return cmp.Compare(sum.Currency, currency) })
}

// Plus returns what was sold in two spans that do not overlap.
func (s Sold) Plus(t Sold) Sold {
	s = slices.Clone(s)
	s.add(t)
	return s
}

// add adds t to s, which must be nobody else's.
func (s *Sold) add(t Sold) {
	for _, sum := range t {
		i, ok := s.find(sum.Currency)
		if !ok {
			*s = slices.Insert(*s, i, sum)
			continue
		}
		to := &(*s)[i]
		to.Sales += sum.Sales
		to.Gross = plus(to.Gross, sum.Gross)
		to.Refunds += sum.Refunds
		to.Refunded = plus(to.Refunded, sum.Refunded)
	}
}

// plus adds amounts; what is beyond the greatest there is stays there.
func plus(a, b int64) int64 {
	sum := a + b
	switch {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	}
	return sum
}

// Days are counts by program-day. A day without any is absent.
type Days map[schema.Day]Counts

// Sum adds the days of a range up.
func (d Days) Sum(r period.Range) Counts {
	var sum Counts
	for day, c := range d {
		if r.Contains(day) {
			sum.add(c)
		}
	}
	return sum
}

// Any reports whether some day of a range has figures.
func (d Days) Any(r period.Range) bool {
	for day := range d {
		if r.Contains(day) {
			return true
		}
	}
	return false
}

// Months are counts by month. A month without any is absent.
type Months map[schema.Month]Counts

// Sum adds the months from first to last up.
func (m Months) Sum(first, last schema.Month) Counts {
	var sum Counts
	for month, c := range m {
		if first <= month && month <= last {
			sum.add(c)
		}
	}
	return sum
}

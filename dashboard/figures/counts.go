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
}

// Plus returns the sum of two spans that do not overlap.
func (c Counts) Plus(d Counts) Counts {
	return Counts{
		Clicks:     c.Clicks + d.Clicks,
		Visitors:   c.Visitors + d.Visitors,
		Bots:       c.Bots + d.Bots,
		Prefetches: c.Prefetches + d.Prefetches,
		Embedded:   c.Embedded + d.Embedded,
		Suspended:  c.Suspended + d.Suspended,
		Disabled:   c.Disabled + d.Disabled,
		Expired:    c.Expired + d.Expired,
		Referred:   c.Referred + d.Referred,
		Held:       c.Held + d.Held,
		Review:     c.Review + d.Review,
		Sold:       c.Sold.Plus(d.Sold),
	}
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
	if len(t) == 0 {
		return s
	}
	out := slices.Clone(s)
	for _, sum := range t {
		i, ok := out.find(sum.Currency)
		if !ok {
			out = slices.Insert(out, i, sum)
			continue
		}
		out[i].Sales += sum.Sales
		out[i].Gross = plus(out[i].Gross, sum.Gross)
		out[i].Refunds += sum.Refunds
		out[i].Refunded = plus(out[i].Refunded, sum.Refunded)
	}
	return out
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
			sum = sum.Plus(c)
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
			sum = sum.Plus(c)
		}
	}
	return sum
}

package attribution

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"fairlead/schema"
)

// Rate is what one main unit of a currency is worth in main units of another: a positive decimal number with at most
// RateDigits digits after the point, without needless zeros. Empty: none.
type Rate string

// RateDigits is how many digits after the point a rate has at most.
const RateDigits = 12

// one is the rate of a currency in itself.
const one Rate = "1"

// Pair names a rate.
type Pair struct{ Currency, Base string }

// DayRate is the rate from a day on.
type DayRate struct {
	Day  schema.Day
	Rate Rate
}

// Rates are the rates of each pair, by day.
type Rates map[Pair][]DayRate

// RateLife is how many days a rate is good for, beside its own.
const RateLife = 7

// Find returns the rate of the latest day up to the one given, if that is at most RateLife days ago.
func (r Rates) Find(p Pair, day schema.Day) (Rate, bool) {
	if p.Currency == p.Base {
		return one, true
	}
	days := r[p]
	n, found := slices.BinarySearchFunc(days, day, func(d DayRate, day schema.Day) int { return int(d.Day) - int(day) })
	if !found {
		n--
	}
	if n < 0 || day.Time().Sub(days[n].Day.Time()) > RateLife*24*time.Hour {
		return "", false
	}
	return days[n].Rate, true
}

// Convert changes minor units of one currency into minor units of another, half up. It is false when the result is
// more than an int64 holds, or the rate is none.
func Convert(amount int64, from, to string, rate Rate) (int64, bool) {
	whole, fraction, _ := strings.Cut(string(rate), ".")
	if len(fraction) > RateDigits {
		return 0, false
	}
	scaled, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", RateDigits-len(fraction)), 10)
	if !ok || scaled.Sign() <= 0 {
		return 0, false
	}
	above := new(big.Int).Mul(big.NewInt(amount), scaled)
	above.Mul(above, tenTo(schema.CurrencyDigits(to)))
	below := tenTo(RateDigits + schema.CurrencyDigits(from))
	out := schema.HalfUp(above, below)
	return out.Int64(), out.IsInt64()
}

func tenTo(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

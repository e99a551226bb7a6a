package schema

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/currency"
)

// MaxAmount is the greatest amount that one report or setting may name, in minor units: sums of amounts stay far from
// the end of int64.
const MaxAmount = 1_000_000_000_000

// KnownCurrency reports whether code is the ISO 4217 code, in upper case, of a currency that is legal tender somewhere
// today.
func KnownCurrency(code string) bool { return tender()[code] }

var tender = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for it := currency.Query(); it.Next(); {
		out[it.Unit().String()] = true
	}
	return out
})

// unusualDigits are the currencies whose minor unit is not a hundredth (ISO 4217, list one).
var unusualDigits = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
	"VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}

// CurrencyDigits is how many decimals an amount of a currency has: 2 for USD, 0 for JPY.
func CurrencyDigits(code string) int {
	if n, ok := unusualDigits[code]; ok {
		return n
	}
	return 2
}

// StripeUnits is how Stripe's amounts of a currency differ from minor units of ISO 4217: so many of Stripe's are so many of ours.
// They do for three currencies (https://docs.stripe.com/currencies#special-cases): Stripe writes the króna and the Ugandan
// shilling with two decimals, which are zero, and the ariary with none.
func StripeUnits(code string) (theirs, ours int64) {
	switch code {
	case "ISK", "UGX":
		return 100, 1
	case "MGA":
		return 1, 100
	}
	return 1, 1
}

// ToStripe turns minor units, at most MaxAmount, into an amount of Stripe's. It fails for what Stripe cannot write.
func ToStripe(minor int64, code string) (int64, error) {
	theirs, ours := StripeUnits(code)
	if minor%ours != 0 {
		return 0, fmt.Errorf("an amount at Stripe is of whole %s, not %s", code, FormatAmount(minor, code))
	}
	return minor / ours * theirs, nil
}

// FormatAmount writes an amount of minor units in a currency's main unit: "25.00 USD".
func FormatAmount(minor int64, code string) string {
	digits := CurrencyDigits(code)
	sign := ""
	if minor < 0 {
		sign = "-"
	}
	s := strings.TrimPrefix(strconv.FormatInt(minor, 10), "-")
	if digits > 0 {
		if len(s) <= digits {
			s = strings.Repeat("0", digits-len(s)+1) + s
		}
		s = s[:len(s)-digits] + "." + s[len(s)-digits:]
	}
	return sign + s + " " + code
}

// ParseAmount reads an amount in a currency's main unit, "25", "25.00" or "25.00 USD", into minor units, without a
// float on the way. More decimals than the currency has are refused unless they are zeros; so are a sign, and more than MaxAmount.
func ParseAmount(s, code string) (int64, error) {
	number := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), code))
	whole, fraction, point := strings.Cut(number, ".")
	digits := CurrencyDigits(code)
	if len(fraction) > digits {
		fraction = fraction[:digits] + strings.TrimRight(fraction[digits:], "0")
	}
	if whole == "" || point && strings.HasSuffix(number, ".") || len(fraction) > digits || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, fmt.Errorf("%q is not an amount such as %s", s, FormatAmount(2500, code))
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10, 64)
	if err != nil || n > MaxAmount {
		return 0, fmt.Errorf("%q is more than %s", s, FormatAmount(MaxAmount, code))
	}
	return n, nil
}

// HalfUp divides numbers that are not negative, and rounds to the nearest, a half up: how every amount is rounded.
func HalfUp(above, below *big.Int) *big.Int {
	above = new(big.Int).Lsh(above, 1)
	return above.Add(above, below).Quo(above, new(big.Int).Lsh(below, 1))
}

// Share returns amount × part / whole, half up, of numbers that are not negative, and whole above zero. The result has
// to fit, as it does where part is at most whole.
func Share(amount, part, whole int64) int64 {
	return HalfUp(new(big.Int).Mul(big.NewInt(amount), big.NewInt(part)), big.NewInt(whole)).Int64()
}

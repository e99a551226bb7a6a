package templates

import (
	"strings"

	"fairlead/schema"
)

// Amount is an amount of money, in minor units of its currency.
type Amount struct {
	Minor    int64
	Currency string
}

// Machine writes the amount in main units for machines: 1240.00, -3.50.
func (a Amount) Machine() string {
	return strings.TrimSuffix(schema.FormatAmount(a.Minor, a.Currency), " "+a.Currency)
}

// Number writes the amount in main units for people: 1,240.00, −3.50.
func (a Amount) Number() string {
	number, negative := strings.CutPrefix(a.Machine(), "-")
	whole, fraction, point := strings.Cut(number, ".")
	out := separated(whole)
	if negative {
		out = "−" + out
	}
	if point {
		out += "." + fraction
	}
	return out
}

// String is Number with the currency: 1,240.00 USD.
func (a Amount) String() string { return a.Number() + " " + a.Currency }

// Money is amounts of different currencies, or nothing known. The first is in the program's currency.
type Money struct {
	Amounts []Amount
	Known   bool
	// Implied is a currency that stands above the figure and goes without saying.
	Implied string
}

func (m Money) String() string {
	if !m.Known {
		return "–"
	}
	parts := make([]string, len(m.Amounts))
	for i, a := range m.Amounts {
		if parts[i] = a.String(); a.Currency == m.Implied {
			parts[i] = a.Number()
		}
	}
	return strings.Join(parts, ", ")
}

// In is the amount of one currency.
func (m Money) In(currency string) Amount {
	for _, a := range m.Amounts {
		if a.Currency == currency {
			return a
		}
	}
	return Amount{Currency: currency}
}

package door

import (
	"math/big"
	"strings"

	"fairlead/redirector/track"
	"fairlead/schema"
)

// stripeMinor turns an amount of Stripe's into minor units of ISO 4217. Half a unit is rounded up.
func stripeMinor(amount int64, field, code string) (int64, string, error) {
	code = strings.ToUpper(code)
	if !schema.KnownCurrency(code) {
		return 0, "", refuse(track.Unprocessable, "data.object.currency", "%q is not a currency of ISO 4217", code)
	}
	if amount > schema.MaxAmount || amount < -schema.MaxAmount {
		return 0, "", refuse(track.Unprocessable, "data.object."+field, "%d is more than any sale", amount)
	}
	theirs, ours := schema.StripeUnits(code)
	return share(amount, ours, theirs), code, nil
}

// share is amount × part / whole, half up, away from zero: exact, whatever the numbers.
func share(amount, part, whole int64) int64 {
	if amount < 0 {
		return -share(-amount, part, whole)
	}
	n := new(big.Int).Mul(big.NewInt(amount), big.NewInt(part))
	n.Lsh(n, 1).Add(n, big.NewInt(whole))
	return n.Div(n, new(big.Int).Lsh(big.NewInt(whole), 1)).Int64()
}

// stripeShipping is the cost of shipping.
type stripeShipping struct {
	Subtotal int64 `json:"amount_subtotal"`
	Tax      int64 `json:"amount_tax"`
	Total    int64 `json:"amount_total"`
}

// net is what shipping cost without tax. The total has the tax in it whether or not prices do.
func (s stripeShipping) net() int64 {
	if s.Total > 0 {
		return s.Total - s.Tax
	}
	return s.Subtotal
}

// charged fills in the amounts of a sale of which net was charged without tax and shipping, and total with them.
func (r *stripeReader) charged(c *schema.Conversion, net, total int64, field, currency string) (err error) {
	if c.Gross, c.Currency, err = stripeMinor(total, field, currency); err != nil {
		return err
	}
	if c.Amount, _, err = stripeMinor(net, field, currency); err != nil {
		return err
	}
	c.Amount = min(max(c.Amount, 0), c.Gross)
	if r.rules.Total {
		c.Amount = c.Gross
	}
	return nil
}

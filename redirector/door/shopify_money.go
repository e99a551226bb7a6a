package door

import (
	"math/big"
	"strings"

	"fairlead/redirector/track"
	"fairlead/schema"
)

// shopifyAmount is an amount in main units as Shopify writes it: "199.00" or 199.0.
type shopifyAmount string

// UnmarshalJSON takes the text of a string or of a number as it stands.
func (a *shopifyAmount) UnmarshalJSON(text []byte) error {
	if s := strings.Trim(string(text), `"`); s != "null" {
		*a = shopifyAmount(s)
	}
	return nil
}

// shopifyMoney is an amount in the shop's currency and in that of the customer.
type shopifyMoney struct {
	Shop     shopifyCoins `json:"shop_money"`
	Customer shopifyCoins `json:"presentment_money"`
}

type shopifyCoins struct {
	Amount   shopifyAmount `json:"amount"`
	Currency string        `json:"currency_code"`
}

// shopifySum reads amounts of one currency, and remembers the first that could not be read.
type shopifySum struct {
	currency string
	err      error
}

// of returns an amount in minor units; it may be negative.
func (s *shopifySum) of(field string, a shopifyAmount) int64 {
	if a == "" {
		return 0
	}
	text, negative := strings.CutPrefix(string(a), "-")
	minor, err := schema.ParseAmount(text, s.currency)
	if err != nil && s.err == nil {
		s.err = refuse(track.Unprocessable, field, "%s", err)
	}
	if negative {
		return -minor
	}
	return minor
}

// shop reads what stands in the shop's money. The plain amounts are in it too.
func (s *shopifySum) shop(field string, plain shopifyAmount, both shopifyMoney) int64 {
	if strings.EqualFold(both.Shop.Currency, s.currency) {
		return s.of(field+"_set", both.Shop.Amount)
	}
	return s.of(field, plain)
}

// shopifyParts are what a refund is made of, in minor units of one currency.
type shopifyParts struct {
	goods, tax  int64 // what came back, after discounts, and the tax on it
	beyond, too int64 // shipping, duties and fees, and the tax on them
	less        int64 // by how much the merchant gave back less than all of these, or, negative, more
	size        int64 // all of these, each taken as positive
}

// shopifyRead reads what stands as a plain amount, and in the money of both.
type shopifyRead func(field string, plain shopifyAmount, both shopifyMoney) int64

// parts adds up what a refund names.
func (f *shopifyRefund) parts(read shopifyRead) (p shopifyParts) {
	add := func(to *int64, minor int64) {
		*to += minor
		p.size += max(minor, -minor)
	}
	for _, l := range f.Lines {
		add(&p.goods, read("refund_line_items.subtotal", l.Subtotal, l.SubtotalSet))
		add(&p.tax, read("refund_line_items.total_tax", l.Tax, l.TaxSet))
	}
	adjusted := false
	for _, a := range f.Adjustments {
		amount := read("order_adjustments.amount", a.Amount, a.AmountSet)
		if a.Kind != "shipping_refund" {
			add(&p.less, amount)
			continue
		}
		adjusted = true
		add(&p.beyond, -amount)
		add(&p.too, -read("order_adjustments.tax_amount", a.Tax, a.TaxSet))
	}
	if !adjusted { // some versions name the shipping in both ways
		for _, l := range f.Shipping {
			add(&p.beyond, read("refund_shipping_lines.subtotal_amount", "", l.AmountSet))
			for _, t := range l.Line.Taxes {
				add(&p.too, read("refund_shipping_lines.shipping_line.tax_lines.price", t.Price, t.PriceSet))
			}
		}
	}
	add(&p.beyond, read("total_duties", "", f.Duties))
	add(&p.beyond, read("total_additional_fees", "", f.Fees))
	return p
}

// taxed reports whether the prices have their tax in them: only then they come to what was given back without adding it.
func (p *shopifyParts) taxed(back int64) bool {
	without := p.goods + p.beyond - p.less
	return p.tax != 0 && (without == back || without+p.too == back)
}

// total is what they come to.
func (p *shopifyParts) total(taxed bool) int64 {
	if taxed {
		return p.goods + p.beyond - p.less
	}
	return p.goods + p.tax + p.beyond + p.too - p.less
}

// inBoth adds up what stands in the shop's money and in the customer's, for each of the two.
func (f *shopifyRefund) inBoth(shop, customer *shopifySum) (ours, theirs shopifyParts) {
	of := func(sum *shopifySum, take func(shopifyMoney) shopifyAmount) shopifyRead {
		return func(field string, _ shopifyAmount, both shopifyMoney) int64 {
			if !strings.EqualFold(both.Shop.Currency, shop.currency) || !strings.EqualFold(both.Customer.Currency, customer.currency) {
				return 0
			}
			return sum.of(field+"_set", take(both))
		}
	}
	return f.parts(of(shop, func(m shopifyMoney) shopifyAmount { return m.Shop.Amount })),
		f.parts(of(customer, func(m shopifyMoney) shopifyAmount { return m.Customer.Amount }))
}

// shopifyChange is what an amount of one of two currencies comes to in the other, at the rate at which the same parts are
// told in both. ok is false where nothing is.
func shopifyChange(minor int64, from, to shopifyParts) (changed int64, ok bool) {
	if minor <= 0 || from.size == 0 || to.size == 0 {
		return 0, minor == 0
	}
	if taxed := from.taxed(minor); minor == from.total(taxed) {
		changed = to.total(taxed) // to the cent
		return changed, changed > 0
	}
	n := schema.HalfUp(new(big.Int).Mul(big.NewInt(minor), big.NewInt(to.size)), big.NewInt(from.size))
	return n.Int64(), n.IsInt64() && n.Int64() <= schema.MaxAmount
}

package door

import (
	"cmp"
	"slices"
	"strings"

	"fairlead/redirector/track"
	"fairlead/schema"
)

// shopifyRefund is a refund (https://shopify.dev/docs/api/admin-rest/latest/resources/refund).
type shopifyRefund struct {
	ID          shopifyID `json:"id"`
	Order       shopifyID `json:"order_id"`
	ProcessedAt string    `json:"processed_at"`
	CreatedAt   string    `json:"created_at"`
	Note        string    `json:"note"`
	Lines       []struct {
		Subtotal    shopifyAmount `json:"subtotal"`
		SubtotalSet shopifyMoney  `json:"subtotal_set"`
		Tax         shopifyAmount `json:"total_tax"`
		TaxSet      shopifyMoney  `json:"total_tax_set"`
	} `json:"refund_line_items"`
	// Adjustments are by how much the merchant gave back less than the calculated, or, negative, more; and before 2024-10
	// what was given back of the shipping, as a negative amount.
	Adjustments []struct {
		Kind      string        `json:"kind"`
		Amount    shopifyAmount `json:"amount"`
		AmountSet shopifyMoney  `json:"amount_set"`
		Tax       shopifyAmount `json:"tax_amount"`
		TaxSet    shopifyMoney  `json:"tax_amount_set"`
	} `json:"order_adjustments"`
	Shipping []struct {
		AmountSet shopifyMoney `json:"subtotal_amount_set"`
		Line      struct {
			Taxes []shopifyTax `json:"tax_lines"` // of all of the line, of which a part may be given back
		} `json:"shipping_line"`
	} `json:"refund_shipping_lines"`
	Duties       shopifyMoney         `json:"total_duties_set"`
	Fees         shopifyMoney         `json:"total_additional_fees_set"`
	Transactions []shopifyTransaction `json:"transactions"`
}

// shopifyTransaction is a payment's way back, in the currency of the customer or of the shop.
type shopifyTransaction struct {
	Kind     string        `json:"kind"`
	Status   string        `json:"status"`
	Amount   shopifyAmount `json:"amount"`
	Currency string        `json:"currency"`
	Test     bool          `json:"test"`
}

// gives reports whether a transaction gives money back, or will once the bank has done its part.
func (t shopifyTransaction) gives() bool {
	return t.Kind == "refund" && (t.Status == "success" || t.Status == "pending")
}

// gives reports whether money is given back. Goods that come back without are no refund.
func (f *shopifyRefund) gives() bool {
	return slices.ContainsFunc(f.Transactions, shopifyTransaction.gives)
}

// currency is the shop's. A refund says it where it says what something comes to in the shop's money, which may be nothing.
// One that does not is taken to be in it: if its sale was in another after all, what it takes is held, not guessed.
func (f *shopifyRefund) currency() string {
	found := ""
	f.parts(func(_ string, _ shopifyAmount, both shopifyMoney) int64 {
		if found == "" && schema.KnownCurrency(strings.ToUpper(both.Shop.Currency)) {
			found = both.Shop.Currency
		}
		return 0
	})
	for _, t := range f.Transactions {
		if found == "" && t.gives() {
			found = t.Currency
		}
	}
	return strings.ToUpper(found)
}

// shopifyGiven is what a refund really gave back, in the shop's money.
type shopifyGiven struct {
	parts shopifyParts
	all   int64
	taxed bool // the prices of the goods have their tax in them
}

// given reads what was given back. A customer who pays in another currency is given that back: what it comes to in the
// shop's is what the parts of the refund say, which are told in both. ok is false where they do not.
func (f *shopifyRefund) given(sum *shopifySum) (g shopifyGiven, ok bool) {
	g.parts = f.parts(sum.shop)
	abroad, theirs := shopifySum{}, int64(0)
	for _, t := range f.Transactions {
		code := strings.ToUpper(t.Currency)
		switch {
		case !t.gives():
		case code == "" || code == sum.currency:
			g.all += sum.of("transactions.amount", t.Amount)
		case abroad.currency != "" && code != abroad.currency || !schema.KnownCurrency(code):
			return g, false
		default:
			abroad.currency = code
			theirs += abroad.of("transactions.amount", t.Amount)
		}
	}
	if abroad.currency == "" {
		g.taxed = g.parts.taxed(g.all)
		return g, true
	}
	ours, parts := f.inBoth(sum, &abroad)
	if sum.err = cmp.Or(sum.err, abroad.err); sum.err != nil {
		return g, true
	}
	changed, ok := shopifyChange(theirs, parts, ours)
	if g.all == 0 {
		g.taxed = parts.taxed(theirs)
	} else { // in both currencies: what was changed may be a cent off
		g.taxed = distance(g.all+changed, g.parts.total(true)) < distance(g.all+changed, g.parts.total(false))
	}
	g.all += changed
	return g, ok
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// goods is what was given back for goods, without tax and shipping. ok is false where the refund does not say; 0 and true
// is a refund of nothing but shipping.
func (g *shopifyGiven) goods() (minor int64, ok bool) {
	minor = g.parts.goods - g.parts.less
	if g.taxed {
		minor -= g.parts.tax
	}
	if minor <= 0 && g.all > 0 && g.parts.beyond+g.parts.too >= g.all {
		return 0, true
	}
	minor = min(minor, g.all)
	return minor, minor > 0
}

// refund reads a refund: of the goods that it names, or else of a part of all that was paid.
func (r *shopifyReader) refund() (Report, error) {
	var f shopifyRefund
	if err := read(r.m.Body, "", &f); err != nil {
		return Report{}, err
	}
	switch {
	case f.ID == 0:
		return Report{}, refuse(track.BadRequest, "id", "is missing")
	case f.Order == 0:
		return Report{}, refuse(track.BadRequest, "order_id", "is missing")
	}
	at, test := f.ProcessedAt, false
	if at == "" {
		at = f.CreatedAt
	}
	for _, t := range f.Transactions {
		test = test || t.Test
	}
	c, err := r.conversion(schema.Refund, at, test)
	if err != nil {
		return Report{}, err
	}
	if !f.gives() {
		return ignored(NoMoney), nil
	}
	sum := shopifySum{currency: f.currency()}
	if !schema.KnownCurrency(sum.currency) {
		return Report{}, refuse(track.Unprocessable, "transactions.currency", "%q is not a currency of ISO 4217", sum.currency)
	}
	g, told := f.given(&sum)
	goods, ok := g.goods()
	switch {
	case sum.err != nil:
		return Report{}, sum.err
	case !told:
		return ignored(OtherCurrency), nil
	case g.all <= 0:
		return ignored(NoMoney), nil
	case ok && !r.rules.Total && goods == 0:
		return ignored(NoMoney), nil // shipping is no part of the sale
	case ok && !r.rules.Total:
		c.Amount = goods
	default:
		c.Gross = g.all
	}
	c.Currency = sum.currency
	c.Invoice, c.Refund, c.Reason = f.Order.String(), f.ID.String(), clip(f.Note)
	c.Payments = names(c.Invoice)
	c.Metadata = r.shop()
	return reported(c), nil
}

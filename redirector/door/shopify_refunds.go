package door

import (
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

// shopifyMoney is an amount in the shop's currency and in that of the customer.
type shopifyMoney struct {
	Shop struct {
		Amount   shopifyAmount `json:"amount"`
		Currency string        `json:"currency_code"`
	} `json:"shop_money"`
}

// shopifyRefund is a refund (https://shopify.dev/docs/api/admin-rest/latest/resources/refund).
type shopifyRefund struct {
	ID          shopifyID `json:"id"`
	Order       shopifyID `json:"order_id"`
	ProcessedAt string    `json:"processed_at"`
	CreatedAt   string    `json:"created_at"`
	Note        string    `json:"note"`
	Lines       []struct {
		Subtotal    shopifyAmount `json:"subtotal"`
		Tax         shopifyAmount `json:"total_tax"`
		SubtotalSet shopifyMoney  `json:"subtotal_set"`
	} `json:"refund_line_items"`
	// Adjustments are what was given back beyond the lines: of the shipping, as a negative amount; and by how much the
	// merchant gave back less than the calculated, or, negative, more.
	Adjustments []struct {
		Kind   string        `json:"kind"`
		Amount shopifyAmount `json:"amount"`
		Tax    shopifyAmount `json:"tax_amount"`
	} `json:"order_adjustments"`
	Transactions []struct {
		Kind     string        `json:"kind"`
		Status   string        `json:"status"`
		Amount   shopifyAmount `json:"amount"`
		Currency string        `json:"currency"`
		Test     bool          `json:"test"`
	} `json:"transactions"`
}

// currency is that of the lines: the shop's. A refund does not say it by itself.
func (f *shopifyRefund) currency() string {
	for _, l := range f.Lines {
		if code := l.SubtotalSet.Shop.Currency; code != "" {
			return strings.ToUpper(code)
		}
	}
	for _, t := range f.Transactions {
		if t.Currency != "" {
			return strings.ToUpper(t.Currency)
		}
	}
	return ""
}

// transactions is what was really given back. Goods that come back without money are no refund.
func (f *shopifyRefund) transactions(sum *shopifySum) (back int64) {
	for i := range f.Transactions {
		if f.gives(i) {
			back += sum.of("transactions.amount", f.Transactions[i].Amount)
		}
	}
	return back
}

// gives reports whether a transaction gives money back, or will once the bank has done its part.
func (f *shopifyRefund) gives(i int) bool {
	t := &f.Transactions[i]
	return t.Kind == "refund" && (t.Status == "success" || t.Status == "pending")
}

// lines is what the goods had cost that came back.
func (f *shopifyRefund) lines(sum *shopifySum) (total int64) {
	for _, l := range f.Lines {
		total += sum.of("refund_line_items.subtotal", l.Subtotal)
	}
	return total
}

// share is what of a refund was given back for goods, without tax and shipping. back is what was given back in all, in
// the same currency. ok is false where the refund does not say; 0 and true is a refund of nothing but shipping.
func (f *shopifyRefund) share(sum *shopifySum, back int64) (minor int64, ok bool) {
	goods := f.lines(sum)
	var tax, shipping, less int64
	for _, l := range f.Lines {
		tax += sum.of("refund_line_items.total_tax", l.Tax)
	}
	for _, a := range f.Adjustments {
		amount := sum.of("order_adjustments.amount", a.Amount)
		if a.Kind == "shipping_refund" {
			shipping -= amount + sum.of("order_adjustments.tax_amount", a.Tax)
		} else {
			less += amount
		}
	}
	if tax != 0 && goods+shipping-less == back {
		goods -= tax // prices have their tax in them
	}
	if goods <= less && back > 0 && shipping >= back {
		return 0, true
	}
	minor = min(goods-less, back)
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
	at, test, foreign, given := f.ProcessedAt, false, false, false
	if at == "" {
		at = f.CreatedAt
	}
	sum := shopifySum{currency: f.currency()}
	for i, t := range f.Transactions {
		given = given || f.gives(i)
		test = test || t.Test
		foreign = foreign || t.Currency != "" && !strings.EqualFold(t.Currency, sum.currency)
	}
	c, err := r.conversion(schema.Refund, at, test)
	if err != nil {
		return Report{}, err
	}
	if !given {
		return ignored(NoMoney), nil
	}
	if !schema.KnownCurrency(sum.currency) {
		return Report{}, refuse(track.Unprocessable, "transactions.currency", "%q is not a currency of ISO 4217", sum.currency)
	}
	if foreign {
		if err := f.foreign(&c, &sum); err != nil {
			return Report{}, err
		}
	} else {
		back := f.transactions(&sum)
		minor, ok := f.share(&sum, back)
		switch {
		case sum.err != nil:
			return Report{}, sum.err
		case back <= 0:
			return ignored(NoMoney), nil
		case ok && !r.rules.Total && minor == 0:
			return ignored(NoMoney), nil // shipping is no part of the sale
		case ok && !r.rules.Total:
			c.Amount = minor
		default:
			c.Gross = back
		}
	}
	c.Currency = sum.currency
	c.Invoice, c.Refund, c.Reason = f.Order.String(), f.ID.String(), clip(f.Note)
	c.Payments = names(c.Invoice)
	c.Metadata = r.shop()
	return reported(c), nil
}

// foreign fills in what was given back to a customer who pays in another currency than the shop's: what the lines say in
// the shop's own.
func (f *shopifyRefund) foreign(c *schema.Conversion, sum *shopifySum) error {
	for _, l := range f.Lines {
		c.Amount += sum.of("refund_line_items.subtotal_set", l.SubtotalSet.Shop.Amount)
	}
	if sum.err == nil && c.Amount <= 0 {
		return refuse(track.Unprocessable, "refund_line_items", "name nothing, and the transactions are in another currency than the shop's: it could not be said what this takes from the sale")
	}
	return sum.err
}

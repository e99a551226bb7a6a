package door

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"fairlead/redirector/track"
	"fairlead/schema"
)

// Shopify reads Shopify's webhooks (https://shopify.dev/docs/api/webhooks): paid orders and refunds.
//
// The shop that sends them is the merchant's own. Its domain is kept with the notes and is no alias of the customer:
// all customers of the shop would be one.
type Shopify struct {
	Secrets []string // of the app; several while one is replaced by another
}

// The headers of a delivery.
const (
	HeaderShopify      = "X-Shopify-Hmac-Sha256"
	headerShopifyTopic = "X-Shopify-Topic"
	headerShopifyShop  = "X-Shopify-Shop-Domain"
	headerShopifyTest  = "X-Shopify-Test"
	headerShopifyID    = "X-Shopify-Webhook-Id"
	headerShopifyEvent = "X-Shopify-Event-Id"
)

// Read reads a delivery. Nothing of a body is looked at before its signature was checked.
func (s Shopify) Read(m Message, rules Rules) (Report, error) {
	if err := needSecrets(s.Secrets, "conversions.shopify_secrets"); err != nil {
		return Report{}, err
	}
	if err := checkBody(s.Secrets, m.Header(HeaderShopify), HeaderShopify, m.Body); err != nil {
		return Report{}, err
	}
	r := &shopifyReader{rules: rules, m: m}
	switch m.Header(headerShopifyTopic) {
	case "orders/paid":
		return r.order()
	case "refunds/create":
		return r.refund()
	}
	return ignored(UnknownEvent), nil
}

type shopifyReader struct {
	rules Rules
	m     Message
}

// conversion is what all conversions of a delivery have in common.
func (r *shopifyReader) conversion(kind schema.ConversionKind, at string, test bool) (schema.Conversion, error) {
	c := schema.Conversion{Kind: kind, Source: schema.SourceShopify, Processor: "shopify", Test: test || r.m.Header(headerShopifyTest) == "true"}
	if c.Delivery = r.m.Header(headerShopifyEvent); c.Delivery == "" {
		c.Delivery = r.m.Header(headerShopifyID)
	}
	if at != "" {
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return c, refuse(track.BadRequest, "processed_at", "%q is not a time such as 2026-11-25T10:00:00-05:00", at)
		}
		c.OccurredAt = t.UnixMilli()
	}
	return c, nil
}

// shopifyID is a number that names something.
type shopifyID uint64

func (id shopifyID) String() string {
	if id == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(id), 10)
}

// shopifyOrder is an order (https://shopify.dev/docs/api/admin-rest/latest/resources/order). The plain amounts are in
// the shop's currency, whatever the customer paid in.
type shopifyOrder struct {
	ID              shopifyID       `json:"id"`
	Gid             string          `json:"admin_graphql_api_id"`
	Currency        string          `json:"currency"`
	ProcessedAt     string          `json:"processed_at"`
	Test            bool            `json:"test"`
	Total           shopifyAmount   `json:"total_price"`
	Subtotal        shopifyAmount   `json:"subtotal_price"`
	CurrentTotal    *shopifyAmount  `json:"current_total_price"`
	CurrentSubtotal *shopifyAmount  `json:"current_subtotal_price"`
	TaxesIncluded   bool            `json:"taxes_included"`
	Email           string          `json:"email"`
	ContactEmail    string          `json:"contact_email"`
	Landing         string          `json:"landing_site"`
	Refunds         []shopifyRefund `json:"refunds"`
	Customer        *struct {
		ID    shopifyID `json:"id"`
		Email string    `json:"email"`
	} `json:"customer"`
	Notes []struct {
		Name  string          `json:"name"`
		Value json.RawMessage `json:"value"`
	} `json:"note_attributes"`
	Codes []struct {
		Code string `json:"code"`
	} `json:"discount_codes"`
	Lines []struct {
		Taxes []shopifyTax `json:"tax_lines"`
	} `json:"line_items"`
}

type shopifyTax struct {
	Price    shopifyAmount `json:"price"`
	PriceSet shopifyMoney  `json:"price_set"`
}

// note returns what the shop noted on the order under a name.
func (o *shopifyOrder) note(name string) string {
	for _, n := range o.Notes {
		if strings.EqualFold(n.Name, name) {
			var text string
			if json.Unmarshal(n.Value, &text) == nil {
				return text
			}
		}
	}
	return ""
}

// order reads an order that was paid: a sale of what its lines cost after discounts.
func (r *shopifyReader) order() (Report, error) {
	var o shopifyOrder
	if err := read(r.m.Body, "", &o); err != nil {
		return Report{}, err
	}
	if o.ID == 0 {
		return Report{}, refuse(track.BadRequest, "id", "is missing")
	}
	c, err := r.conversion(schema.Sale, o.ProcessedAt, o.Test)
	if err != nil {
		return Report{}, err
	}
	if c.Amount, c.Gross, err = o.amounts(); err != nil {
		return Report{}, err
	}
	c.Currency = strings.ToUpper(o.Currency)
	c.Event = eventPurchase
	if c.Click = r.rules.clickIn(o.note); c.Click == "" {
		c.Click = r.rules.clickOfAddress(o.Landing)
	}
	var own string
	if o.Customer != nil {
		c.Customer, own = o.Customer.ID.String(), o.Customer.Email
	}
	c.Aliases = r.rules.emailAliases(own, o.Email, o.ContactEmail)
	var entered []string
	for _, code := range o.Codes {
		entered = append(entered, strings.TrimSpace(code.Code))
	}
	c.Coupons = codes(entered)
	c.Metadata = r.shop()
	if c.Gross == 0 {
		c.Kind, c.Event, c.Currency = schema.Lead, eventCheckout, ""
		if c.Customer == "" && c.Click == "" {
			return ignored(NoCustomer), nil
		}
		return reported(c), nil
	}
	if r.rules.Total {
		c.Amount = c.Gross
	}
	c.Invoice = o.ID.String()
	c.Payments = names(c.Invoice, o.Gid)
	return reported(c), nil
}

// shop notes which shop this is of.
func (r *shopifyReader) shop() string {
	if domain := r.m.Header(headerShopifyShop); domain != "" {
		return notes(map[string]string{"shop": domain})
	}
	return ""
}

// amounts returns what was paid for the lines, without tax and shipping, and what was paid in all. An order may be edited
// before it is paid, which only the current amounts show; what was given back since then, which they lack, is told
// by refunds of its own and belongs to the sale.
func (o *shopifyOrder) amounts() (lines, total int64, err error) {
	if !schema.KnownCurrency(strings.ToUpper(o.Currency)) {
		return 0, 0, refuse(track.Unprocessable, "currency", "%q is not a currency of ISO 4217", o.Currency)
	}
	sum := shopifySum{currency: strings.ToUpper(o.Currency)}
	lines, total = sum.of("subtotal_price", o.Subtotal), sum.of("total_price", o.Total)
	if o.CurrentSubtotal != nil && o.CurrentTotal != nil {
		lines, total = sum.of("current_subtotal_price", *o.CurrentSubtotal), sum.of("current_total_price", *o.CurrentTotal)
		for i := range o.Refunds {
			f := &o.Refunds[i]
			if !f.gives() {
				continue
			}
			if g, ok := f.given(&sum); ok && g.all > 0 {
				lines, total = lines+g.parts.goods, total+g.all
			}
		}
	}
	if o.TaxesIncluded {
		for _, l := range o.Lines {
			for _, t := range l.Taxes {
				lines -= sum.of("line_items.tax_lines.price", t.Price)
			}
		}
	}
	return min(max(lines, 0), max(total, 0)), max(total, 0), sum.err
}

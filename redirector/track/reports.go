package track

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"fairlead/redirector/links"
	"fairlead/schema"
)

// maxQuantity is how often an event may be reported at once.
const maxQuantity = 10_000

// processors are the payment processors that Dub knows; there is no harm in having the same.
var processors = []string{"stripe", "shopify", "polar", "paddle", "apple", "revenuecat", "lemonsqueezy", "dub", "paypal", "custom"}

// lead reads POST /track/lead.
func lead(r *report) any {
	f, c := r.fields, &r.c
	c.Kind = schema.Lead
	c.Click = f.text("clickId")
	c.Event = f.needed("eventName")
	customer := r.customer()
	if mode := f.oneOf("mode", "async", "async", "wait", "deferred"); mode == "deferred" {
		c.Kind = schema.Deferred // all modes are durable before the answer; this one means another thing
	}
	if n, given := f.integer("eventQuantity", 1, maxQuantity); given {
		c.Quantity = uint32(n)
	}
	r.common()
	link := r.link()
	if f.err == nil && c.Click != "" && link.id == 0 {
		f.err = refuse(NotFound, "clickId", "%q was not given out by this program, or is not accepted any more. Nothing was recorded.", shortened(c.Click))
	}
	return leadAnswer{Click: clickAnswer{c.Click}, Link: link.answer, Customer: customer}
}

// sale reads POST /track/sale. A click id that is none of ours takes no sale away: the customer may be bound already, and
// the trace shows what came of it.
func sale(r *report) any {
	f, c := r.fields, &r.c
	c.Kind = schema.Sale
	customer := r.customer()
	amount, given := f.integer("amount", 0, schema.MaxAmount)
	if !given {
		f.refuse("amount", "is missing")
	}
	c.Amount = amount
	c.Currency = f.text("currency")
	if c.Currency == "" {
		c.Currency = "usd"
	}
	if c.Event = f.text("eventName"); c.Event == "" {
		c.Event = "Purchase"
	}
	c.Processor = f.oneOf("paymentProcessor", "custom", processors...)
	c.Invoice = f.text("invoiceId")
	c.LeadEvent = f.text("leadEventName")
	c.Click = f.text("clickId")
	r.common()
	return saleAnswer{
		EventName: c.Event,
		Customer:  saleCustomer{ID: customerID(c.Customer), customerAnswer: customer},
		Sale: saleDetails{
			Amount: amount, Currency: strings.ToLower(c.Currency), PaymentProcessor: c.Processor, InvoiceID: orNull(c.Invoice),
			Metadata: r.metadata(),
		},
	}
}

// refund reads POST /track/refund. Without an amount it is what is left of the sale. Without an id of its own, or an
// Idempotency-Key to stand in for one, an invoice has one refund.
func refund(r *report) any {
	f, c := r.fields, &r.c
	c.Kind = schema.Refund
	c.Invoice = f.needed("invoiceId")
	if c.Refund = f.text("refundId"); c.Refund == "" {
		c.Refund = r.once
	}
	amount, given := f.integer("amount", 1, schema.MaxAmount)
	c.Amount = amount
	c.Currency = f.text("currency")
	c.Reason = f.text("reason")
	c.OccurredAt = f.moment("occurredAt")
	out := refundDetails{InvoiceID: c.Invoice, RefundID: orNull(f.text("refundId")), Reason: orNull(c.Reason)}
	if given {
		out.Amount = &amount
	}
	if c.Currency != "" {
		lower := strings.ToLower(c.Currency)
		out.Currency = &lower
	}
	return refundAnswer{Refund: out}
}

// customer reads who it is about. Name and picture go back with the answer and are kept nowhere; of the e-mail address a
// keyed hash is kept.
func (r *report) customer() customerAnswer {
	f, c := r.fields, &r.c
	c.Customer = f.needed("customerExternalId")
	name, email, avatar := f.text("customerName"), f.text("customerEmail"), f.text("customerAvatar")
	if alias := r.a.desk.EmailAlias(email); alias != "" {
		c.Aliases = append(c.Aliases, alias)
	} else if email != "" && schema.NormalEmail(email) == "" {
		f.refuse("customerEmail", "is not an e-mail address")
	}
	if alias := schema.ShopAlias(f.text("shopDomain")); alias != "" {
		c.Aliases = append(c.Aliases, alias)
	}
	return customerAnswer{Name: orNull(name), Email: orNull(email), Avatar: orNull(avatar), ExternalID: c.Customer}
}

// common reads what leads and sales have in common.
func (r *report) common() {
	if code := r.fields.text("coupon"); code != "" {
		r.c.Coupons = []string{code}
	}
	r.c.Metadata = string(r.fields.object("metadata"))
	r.c.OccurredAt = r.fields.moment("occurredAt")
}

func (r *report) metadata() json.RawMessage {
	if r.c.Metadata == "" {
		return nil
	}
	return json.RawMessage(r.c.Metadata)
}

// foundLink is the link of the reported click; its id is 0 where the click is none of ours, or there is none.
type foundLink struct {
	id     schema.LinkID
	answer *LinkAnswer
}

func (r *report) link() foundLink {
	state, id, _, _ := clickState(r.view, r.c.Click, r.now)
	if state != schema.ClickGenuine {
		return foundLink{}
	}
	l, ok := r.view.Link(id)
	if !ok {
		return foundLink{id: id}
	}
	return foundLink{id: id, answer: r.a.Link(r.view, l)}
}

// Link is what is told of a link.
func (a *API) Link(view *links.View, l links.Link) *LinkAnswer {
	to := l.To
	if len(to.URL) == 0 {
		to = view.Program.Homepage
	}
	partner, key := l.Partner.String(), string(l.Spelled)
	return &LinkAnswer{
		ID: l.ID.String(), Domain: a.host, Key: key, ShortLink: a.base + "/" + key, URL: string(to.URL), PartnerID: &partner,
	}
}

// The shapes of the answers, which are Dub's.
type (
	leadAnswer struct {
		Click    clickAnswer    `json:"click"`
		Link     *LinkAnswer    `json:"link"`
		Customer customerAnswer `json:"customer"`
	}
	clickAnswer struct {
		ID string `json:"id"`
	}
	// LinkAnswer is what is told of a link.
	LinkAnswer struct {
		ID         string  `json:"id"`
		Domain     string  `json:"domain"`
		Key        string  `json:"key"`
		ShortLink  string  `json:"shortLink"`
		URL        string  `json:"url"`
		PartnerID  *string `json:"partnerId"`
		ProgramID  *string `json:"programId"`
		TenantID   *string `json:"tenantId"`
		ExternalID *string `json:"externalId"`
	}
	customerAnswer struct {
		Name       *string `json:"name"`
		Email      *string `json:"email"`
		Avatar     *string `json:"avatar"`
		ExternalID string  `json:"externalId"`
	}
	saleAnswer struct {
		EventName string       `json:"eventName"`
		Customer  saleCustomer `json:"customer"`
		Sale      saleDetails  `json:"sale"`
	}
	saleCustomer struct {
		ID string `json:"id"`
		customerAnswer
	}
	saleDetails struct {
		Amount           int64           `json:"amount"`
		Currency         string          `json:"currency"`
		PaymentProcessor string          `json:"paymentProcessor"`
		InvoiceID        *string         `json:"invoiceId"`
		Metadata         json.RawMessage `json:"metadata"`
	}
	refundAnswer struct {
		Refund refundDetails `json:"refund"`
	}
	refundDetails struct {
		InvoiceID string  `json:"invoiceId"`
		RefundID  *string `json:"refundId"`
		Amount    *int64  `json:"amount"` // null: what is left of the sale
		Currency  *string `json:"currency"`
		Reason    *string `json:"reason"`
	}
)

// customerID is our own name of a customer: the same for the same, and telling nothing.
func customerID(external string) string {
	sum := sha256.Sum256([]byte("customer:" + external))
	return "cus_" + hex.EncodeToString(sum[:12])
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// shortened is a text as it is repeated in an error.
func shortened(s string) string {
	return s[:min(len(s), 64)]
}

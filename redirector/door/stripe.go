package door

import (
	"encoding/json"
	"strings"

	"fairlead/redirector/track"
	"fairlead/schema"
)

// Stripe reads Stripe's webhooks (https://docs.stripe.com/webhooks). Versions of Stripe's API differ in what an event
// holds; what is read here is read from each of them.
type Stripe struct {
	Secrets []string // of the endpoint; several while one is replaced by another
	// Connect are the secrets of the endpoint for connected accounts. What is sold on these is their owners' and no sale of the
	// merchant's: of them only those accounts themselves are read.
	Connect []string
}

// HeaderStripe carries the signature.
const HeaderStripe = "Stripe-Signature"

// stripeEvent is the envelope.
type stripeEvent struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Created  int64  `json:"created"`
	Livemode *bool  `json:"livemode"`
	Data     struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
}

// stripeReader reads one event.
type stripeReader struct {
	stripeEvent
	rules Rules
	m     Message
}

// stripeReaders are the events that tell of conversions.
var stripeReaders = map[string]func(*stripeReader) (Report, error){
	"checkout.session.completed":               (*stripeReader).session,
	"checkout.session.async_payment_succeeded": (*stripeReader).session,
	"invoice.paid":                             (*stripeReader).invoice,
	"invoice_payment.paid":                     (*stripeReader).invoicePayment,
	"charge.refunded":                          (*stripeReader).charge,
	"refund.created":                           (*stripeReader).refund,
	"refund.updated":                           (*stripeReader).refund,
	"refund.failed":                            (*stripeReader).refund,
	"charge.refund.updated":                    (*stripeReader).refund,
	"charge.dispute.created":                   (*stripeReader).dispute,
	"charge.dispute.updated":                   (*stripeReader).dispute,
	"charge.dispute.closed":                    (*stripeReader).dispute,
	"charge.dispute.funds_withdrawn":           (*stripeReader).dispute,
	"charge.dispute.funds_reinstated":          (*stripeReader).dispute,
}

// Read reads a delivery. Nothing of a body is looked at before its signature was checked.
func (s Stripe) Read(m Message, rules Rules) (Report, error) {
	r := &stripeReader{rules: rules, m: m}
	if len(s.Connect) > 0 && checkTimed(s.Connect, m.Header(HeaderStripe), HeaderStripe, m.Body, m.Now) == nil {
		return r.connected()
	}
	if err := needSecrets(s.Secrets, "conversions.stripe_secrets"); err != nil {
		return Report{}, err
	}
	if err := checkTimed(s.Secrets, m.Header(HeaderStripe), HeaderStripe, m.Body, m.Now); err != nil {
		return Report{}, err
	}
	if err := read(m.Body, "", &r.stripeEvent); err != nil {
		return Report{}, err
	}
	reader, ok := stripeReaders[r.Type]
	if !ok {
		return ignored(UnknownEvent), nil
	}
	switch {
	case r.ID == "":
		return Report{}, refuse(track.BadRequest, "id", "is missing")
	case r.Livemode == nil:
		return Report{}, refuse(track.BadRequest, "livemode", "is missing: a test could be taken for a sale")
	}
	return reader(r)
}

// object decodes what the event is about.
func (r *stripeReader) object(v any) error { return read(r.Data.Object, "data.object", v) }

// conversion is what all conversions that the event tells of have in common. at is in seconds since 1970; 0: the
// event's time.
func (r *stripeReader) conversion(kind schema.ConversionKind, at int64) schema.Conversion {
	if at == 0 {
		at = r.Created
	}
	return schema.Conversion{
		Kind: kind, Source: schema.SourceStripe, Test: !*r.Livemode, Processor: "stripe", Delivery: r.ID, OccurredAt: at * 1000,
	}
}

// stripeRef is the id of another object. Where a version of the API, or the merchant, has it expanded, it is that object.
type stripeRef struct {
	ID       string
	Metadata map[string]string
	Code     string // of a promotion code
}

// UnmarshalJSON reads an id, an object or null.
func (r *stripeRef) UnmarshalJSON(text []byte) error {
	*r = stripeRef{}
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, &r.ID)
	}
	var object struct {
		ID       string            `json:"id"`
		Metadata map[string]string `json:"metadata"`
		Code     string            `json:"code"`
	}
	err := json.Unmarshal(text, &object)
	r.ID, r.Metadata, r.Code = object.ID, object.Metadata, object.Code
	return err
}

// stripeDiscount is a discount that was given: the id of one, or the whole of it.
type stripeDiscount struct {
	Coupon        stripeRef `json:"coupon"`
	PromotionCode stripeRef `json:"promotion_code"`
	Source        struct {
		Coupon stripeRef `json:"coupon"`
	} `json:"source"` // where versions since 2025-09-30 have the coupon
}

// UnmarshalJSON reads a discount, or passes over the id of one, which says nothing.
func (d *stripeDiscount) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return nil
	}
	type plain stripeDiscount
	return json.Unmarshal(text, (*plain)(d))
}

// stripeCodes are all names of what was entered: the code of a promotion, where it is told, its id, and the id of its
// coupon, which merchants choose themselves. Any of them may be given to a partner.
func stripeCodes(list []stripeDiscount) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.PromotionCode.Code, d.PromotionCode.ID, d.Coupon.ID, d.Source.Coupon.ID)
	}
	return codes(out)
}

// customer names whose conversion it is: as the merchant calls them where a field says so, otherwise by Stripe's id,
// which is an alias in any case, so that the invoices to come find them.
func (r *stripeReader) customer(c *schema.Conversion, reference string, stripe stripeRef, metadata []map[string]string, emails ...string) {
	own := func(name string) string {
		for _, m := range metadata {
			if text := strings.TrimSpace(m[name]); text != "" {
				return text
			}
		}
		return ""
	}
	c.Click = r.rules.clickIn(own)
	reference = strings.TrimSpace(reference)
	for _, prefix := range []string{"fl_click_", "dub_id_"} {
		if id, ok := strings.CutPrefix(reference, prefix); ok {
			reference = ""
			if c.Click == "" {
				c.Click = id
			}
		}
	}
	if looksLikeClick(reference, r.m.Now) {
		if c.Click == "" {
			c.Click = reference
		}
		reference = ""
	}
	for _, name := range []string{own("fl_customer"), own("dubCustomerExternalId"), own("dubCustomerId"), reference, stripe.ID} {
		if c.Customer == "" {
			c.Customer = name
		}
	}
	if stripe.ID != "" {
		c.Aliases = append(c.Aliases, "stripe:"+stripe.ID)
	}
	c.Aliases = append(c.Aliases, r.rules.emailAliases(emails...)...)
	if len(metadata) > 0 {
		c.Metadata = notes(metadata[0])
	}
}

package door

import (
	"cmp"

	"fairlead/redirector/track"
	"fairlead/schema"
)

// The events that conversions are of when the sender has no name for them.
const (
	eventPurchase = "Purchase"
	eventCheckout = "Checkout"
)

// stripeSession is a checkout (https://docs.stripe.com/api/checkout/sessions/object).
type stripeSession struct {
	ID            string            `json:"id"`
	Created       int64             `json:"created"`
	Mode          string            `json:"mode"`
	PaymentStatus string            `json:"payment_status"`
	Currency      string            `json:"currency"`
	Total         int64             `json:"amount_total"`
	Shipping      *stripeShipping   `json:"shipping_cost"`
	Reference     string            `json:"client_reference_id"`
	Customer      stripeRef         `json:"customer"`
	CustomerEmail string            `json:"customer_email"`
	Metadata      map[string]string `json:"metadata"`
	Intent        stripeRef         `json:"payment_intent"`
	Invoice       stripeRef         `json:"invoice"`
	Subscription  stripeRef         `json:"subscription"`
	Discounts     []stripeDiscount  `json:"discounts"`
	Details       struct {
		Shipping int64 `json:"amount_shipping"`
		Tax      int64 `json:"amount_tax"`
	} `json:"total_details"`
	CustomerDetails struct {
		Email string `json:"email"`
	} `json:"customer_details"`
}

// net is what was charged without tax and shipping.
func (s *stripeSession) net() int64 {
	shipping := s.Details.Shipping
	if s.Shipping != nil {
		shipping = s.Shipping.net()
	}
	return s.Total - s.Details.Tax - shipping
}

// session reads a checkout that is complete: a sale, or a sign-up where nothing is paid yet (a trial, a free order, a
// debit that takes days).
func (r *stripeReader) session() (Report, error) {
	var s stripeSession
	if err := r.object(&s); err != nil {
		return Report{}, err
	}
	if s.ID == "" {
		return Report{}, refuse(track.BadRequest, "data.object.id", "is missing")
	}
	paid := s.Total > 0 && s.PaymentStatus != "unpaid" && s.Mode != "setup"
	kind, event := schema.Sale, eventPurchase
	if !paid {
		kind, event = schema.Lead, eventCheckout
	}
	c := r.conversion(kind, r.Created)
	c.Event = event
	c.Coupons = stripeCodes(s.Discounts)
	r.customer(&c, s.Reference, s.Customer, []map[string]string{s.Metadata, s.Subscription.Metadata, s.Intent.Metadata, s.Invoice.Metadata, s.Customer.Metadata},
		s.CustomerDetails.Email, s.CustomerEmail)
	if !paid {
		return r.signUp(c)
	}
	c.Invoice = cmp.Or(s.Invoice.ID, s.Intent.ID, s.ID)
	c.Payments = names(c.Invoice, s.Intent.ID, s.ID)
	if err := r.charged(&c, s.net(), s.Total, "amount_total", s.Currency); err != nil {
		return Report{}, err
	}
	return reported(c), nil
}

// signUp is a checkout or an invoice of nothing. It is told for the sake of the customer.
func (r *stripeReader) signUp(c schema.Conversion) (Report, error) {
	if c.Customer == "" && c.Click == "" {
		return ignored(NoCustomer), nil
	}
	return reported(c), nil
}

// stripeInvoice is an invoice (https://docs.stripe.com/api/invoices/object), of versions before 2025-03-31 and since.
type stripeInvoice struct {
	ID            string            `json:"id"`
	Currency      string            `json:"currency"`
	Total         int64             `json:"total"`
	WithoutTax    *int64            `json:"total_excluding_tax"`
	Tax           int64             `json:"tax"`
	Taxes         []stripeTax       `json:"total_taxes"`
	Paid          int64             `json:"amount_paid"`
	Shipping      *stripeShipping   `json:"shipping_cost"`
	Customer      stripeRef         `json:"customer"`
	CustomerEmail string            `json:"customer_email"`
	Metadata      map[string]string `json:"metadata"`
	Intent        stripeRef         `json:"payment_intent"`
	Charge        stripeRef         `json:"charge"`
	Subscription  stripeRef         `json:"subscription"`
	Discount      *stripeDiscount   `json:"discount"`
	Discounts     []stripeDiscount  `json:"discounts"`
	Details       struct {
		Metadata map[string]string `json:"metadata"`
	} `json:"subscription_details"`
	Parent struct {
		Details struct {
			Metadata map[string]string `json:"metadata"`
		} `json:"subscription_details"`
	} `json:"parent"`
	Lines struct {
		Data []struct {
			Metadata map[string]string `json:"metadata"`
		} `json:"data"`
	} `json:"lines"`
	Payments struct {
		Data []stripeInvoicePayment `json:"data"`
	} `json:"payments"`
	Transitions struct {
		PaidAt int64 `json:"paid_at"`
	} `json:"status_transitions"`
}

type stripeTax struct {
	Amount int64 `json:"amount"`
}

// net is what the invoice is about without tax and shipping.
func (i *stripeInvoice) net() int64 {
	net := i.Total - i.Tax
	for _, t := range i.Taxes {
		net -= t.Amount
	}
	if i.WithoutTax != nil {
		net = *i.WithoutTax
	}
	if i.Shipping != nil {
		net -= i.Shipping.net()
	}
	return net
}

// invoice reads an invoice that was paid: each cycle of a subscription is a sale. What a credit on the customer's
// account covered was paid before, or given, and is not paid now: the sale is the share of it that is.
func (r *stripeReader) invoice() (Report, error) {
	var i stripeInvoice
	if err := r.object(&i); err != nil {
		return Report{}, err
	}
	if i.ID == "" {
		return Report{}, refuse(track.BadRequest, "data.object.id", "is missing")
	}
	kind, event := schema.Sale, eventPurchase
	if i.Paid <= 0 || i.Total <= 0 {
		kind, event = schema.Lead, eventCheckout
	}
	c := r.conversion(kind, i.Transitions.PaidAt)
	c.Event = event
	if i.Discount != nil {
		i.Discounts = append(i.Discounts, *i.Discount)
	}
	c.Coupons = stripeCodes(i.Discounts)
	metadata := []map[string]string{i.Metadata, i.Parent.Details.Metadata, i.Details.Metadata, i.Subscription.Metadata, i.Customer.Metadata, i.Intent.Metadata}
	for _, line := range i.Lines.Data {
		metadata = append(metadata, line.Metadata)
	}
	r.customer(&c, "", i.Customer, metadata, i.CustomerEmail)
	if kind == schema.Lead {
		if c.Click == "" && len(c.Coupons) == 0 {
			return ignored(NoMoney), nil
		}
		return r.signUp(c)
	}
	c.Invoice = i.ID
	payments := []string{i.ID, i.Intent.ID, i.Charge.ID}
	for _, p := range i.Payments.Data {
		payments = append(payments, p.Payment.Intent.ID, p.Payment.Charge.ID)
	}
	c.Payments = names(payments...)
	c.Payments = c.Payments[:min(len(c.Payments), schema.MaxPayments)]
	net, total := i.net(), i.Total
	if i.Paid < i.Total {
		net, total = share(net, i.Paid, i.Total), i.Paid
	}
	if err := r.charged(&c, net, total, "total", i.Currency); err != nil {
		return Report{}, err
	}
	return reported(c), nil
}

// stripeInvoicePayment says which payment an invoice was paid by
// (https://docs.stripe.com/api/invoice-payment/object).
type stripeInvoicePayment struct {
	ID      string    `json:"id"`
	Invoice stripeRef `json:"invoice"`
	Payment struct {
		Intent stripeRef `json:"payment_intent"`
		Charge stripeRef `json:"charge"`
	} `json:"payment"`
}

// invoicePayment reads that a payment was an invoice's. Since 2025-03-31 neither an invoice nor a charge says it, and
// without it the refunds of a subscription would not find their sales. It counts as nothing by itself.
func (r *stripeReader) invoicePayment() (Report, error) {
	var p stripeInvoicePayment
	if err := r.object(&p); err != nil {
		return Report{}, err
	}
	payment := cmp.Or(p.Payment.Intent.ID, p.Payment.Charge.ID)
	switch {
	case p.Invoice.ID == "":
		return Report{}, refuse(track.BadRequest, "data.object.invoice", "is missing")
	case payment == "":
		return ignored(NoMoney), nil // paid otherwise
	}
	c := r.conversion(schema.Deferred, 0)
	c.Invoice = p.Invoice.ID
	c.Payments = names(p.Invoice.ID, p.Payment.Intent.ID, p.Payment.Charge.ID)
	return reported(c), nil
}

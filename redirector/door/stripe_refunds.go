package door

import (
	"cmp"

	"fairlead/redirector/track"
	"fairlead/schema"
)

// stripeRefund is a refund (https://docs.stripe.com/api/refunds/object).
type stripeRefund struct {
	ID       string    `json:"id"`
	Created  int64     `json:"created"`
	Amount   int64     `json:"amount"`
	Currency string    `json:"currency"`
	Charge   stripeRef `json:"charge"`
	Intent   stripeRef `json:"payment_intent"`
	Reason   string    `json:"reason"`
	Status   string    `json:"status"`
}

// failed reports whether the money stayed where it was.
func (f *stripeRefund) failed() bool { return f.Status == "failed" || f.Status == "canceled" }

// refund reads a refund's making, change or failure. A refund that waits for its bank counts, as it does for Stripe; one
// that fails is told together with its refund, which may have come or not.
func (r *stripeReader) refund() (Report, error) {
	var f stripeRefund
	if err := r.object(&f); err != nil {
		return Report{}, err
	}
	list, err := r.refundOf(f, stripeRef{}, stripeRef{}, "data.object")
	if err != nil {
		return Report{}, err
	}
	if len(list) == 0 {
		return ignored(NotDecided), nil
	}
	return reported(list...), nil
}

// refundOf makes conversions of a refund. Charge and intent are where it is found when it does not say them itself.
func (r *stripeReader) refundOf(f stripeRefund, charge, intent stripeRef, path string) ([]schema.Conversion, error) {
	charge.ID, intent.ID = cmp.Or(f.Charge.ID, charge.ID), cmp.Or(f.Intent.ID, intent.ID)
	switch {
	case f.ID == "":
		return nil, refuse(track.BadRequest, path+".id", "is missing")
	case f.Amount <= 0 || f.Status == "requires_action":
		return nil, nil
	}
	c, err := r.givenBack(charge.ID, intent.ID, f.Amount, f.Currency, f.Created, path)
	if err != nil {
		return nil, err
	}
	c.Refund, c.Reason = f.ID, clip(f.Reason)
	if !f.failed() {
		return []schema.Conversion{c}, nil
	}
	return []schema.Conversion{c, r.restored(c)}, nil
}

// givenBack is a refund of a charge in the terms of what was charged.
func (r *stripeReader) givenBack(charge, intent string, amount int64, currency string, at int64, path string) (schema.Conversion, error) {
	c := r.conversion(schema.Refund, at)
	c.Payments = names(charge, intent)
	if len(c.Payments) == 0 {
		return c, refuse(track.BadRequest, path+".charge", "is missing, and so is payment_intent: it could not be said whose sale this takes from")
	}
	c.Invoice = c.Payments[0]
	var err error
	c.Gross, c.Currency, err = stripeMinor(amount, "amount", currency)
	return c, err
}

// restored takes a refund back now.
func (r *stripeReader) restored(refund schema.Conversion) schema.Conversion {
	refund.Kind, refund.OccurredAt = schema.Restored, max(r.Created*1000, refund.OccurredAt)
	return refund
}

// stripeCharge is a charge of which something was given back (https://docs.stripe.com/api/charges/object).
type stripeCharge struct {
	ID       string    `json:"id"`
	Currency string    `json:"currency"`
	Refunded int64     `json:"amount_refunded"`
	Intent   stripeRef `json:"payment_intent"`
	Invoice  stripeRef `json:"invoice"` // before 2025-03-31
	Refunds  *struct {
		Data []stripeRefund `json:"data"`
		More bool           `json:"has_more"`
	} `json:"refunds"` // before 2022-11-15, or where the merchant has it expanded
}

// charge reads how much of a charge was refunded so far. Old versions list the refunds; new ones tell the total only, and
// then that is what is reported: refund.created, where the merchant has Stripe send it, names them one by one.
func (r *stripeReader) charge() (Report, error) {
	var ch stripeCharge
	if err := r.object(&ch); err != nil {
		return Report{}, err
	}
	if ch.ID == "" {
		return Report{}, refuse(track.BadRequest, "data.object.id", "is missing")
	}
	var list []schema.Conversion
	if ch.Refunds != nil {
		for _, f := range ch.Refunds.Data {
			f.Currency = cmp.Or(f.Currency, ch.Currency)
			more, err := r.refundOf(f, stripeRef{ID: ch.ID}, ch.Intent, "data.object.refunds")
			if err != nil {
				return Report{}, err
			}
			list = append(list, more...)
		}
	}
	if ch.Refunded > 0 && (ch.Refunds == nil || ch.Refunds.More || len(list) == 0) {
		c, err := r.givenBack(ch.ID, ch.Intent.ID, ch.Refunded, ch.Currency, 0, "data.object")
		if err != nil {
			return Report{}, err
		}
		c.Running, c.Refund = true, r.ID
		list = append(list, c)
	}
	if len(list) == 0 {
		return ignored(NoMoney), nil
	}
	if ch.Invoice.ID != "" {
		for i := range list {
			list[i].Payments = names(append(list[i].Payments, ch.Invoice.ID)...)
		}
	}
	return reported(list...), nil
}

// stripeDispute is a payer's complaint to their bank (https://docs.stripe.com/api/disputes/object).
type stripeDispute struct {
	ID       string    `json:"id"`
	Created  int64     `json:"created"`
	Amount   int64     `json:"amount"`
	Currency string    `json:"currency"`
	Charge   stripeRef `json:"charge"`
	Intent   stripeRef `json:"payment_intent"`
	Reason   string    `json:"reason"`
	Status   string    `json:"status"`
}

// dispute reads a dispute's way. Whatever event comes tells all that is known by then, so that none of them has to come
// first, or at all: money that is withdrawn is a refund, one that is won takes it back, one that is lost stays. An
// inquiry takes no money and is none. Its name is the dispute's own: the charge's running total of refunds leaves disputes out.
func (r *stripeReader) dispute() (Report, error) {
	var d stripeDispute
	if err := r.object(&d); err != nil {
		return Report{}, err
	}
	if d.ID == "" {
		return Report{}, refuse(track.BadRequest, "data.object.id", "is missing")
	}
	won := r.Type == "charge.dispute.funds_reinstated"
	switch d.Status {
	case "warning_needs_response", "warning_under_review", "warning_closed", "prevented":
		if r.Type != "charge.dispute.funds_withdrawn" && !won {
			return ignored(NotDecided), nil
		}
	case "won":
		won = true
	}
	if d.Amount <= 0 {
		return ignored(NoMoney), nil
	}
	c, err := r.givenBack(d.Charge.ID, d.Intent.ID, d.Amount, d.Currency, d.Created, "data.object")
	if err != nil {
		return Report{}, err
	}
	c.Invoice, c.Refund, c.Reason = d.ID, d.ID, clip("dispute: "+d.Reason)
	c.Payments = names(append([]string{d.ID}, c.Payments...)...)
	if !won {
		return reported(c), nil
	}
	return reported(c, r.restored(c)), nil
}

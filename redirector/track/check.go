package track

import (
	"time"
	"unicode/utf8"

	"golang.org/x/text/currency"

	"fairlead/schema"
)

// maxAhead is how far another clock may be ahead of ours.
const maxAhead = 24 * time.Hour

// earliest is the first moment that a conversion may have happened at.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// Check reports what is wrong with a report that was completed, as an *Error: what every report is held to, whichever
// way it comes.
func Check(c *schema.Conversion, now time.Time) error {
	for _, f := range []struct{ name, text string }{
		{"event", c.Event}, {"customer", c.Customer}, {"click", c.Click}, {"invoice", c.Invoice}, {"refund", c.Refund},
		{"processor", c.Processor}, {"lead_event", c.LeadEvent}, {"reason", c.Reason}, {"delivery", c.Delivery},
	} {
		if err := checkText(f.name, f.text); err != nil {
			return err
		}
	}
	for _, l := range []struct {
		name string
		list []string
		most int
	}{{"aliases", c.Aliases, schema.MaxAliases}, {"payments", c.Payments, schema.MaxPayments}, {"coupons", c.Coupons, schema.MaxCoupons}} {
		if len(l.list) > l.most {
			return refuse(Unprocessable, l.name, "has %d entries, at most %d are taken", len(l.list), l.most)
		}
		for _, text := range l.list {
			if text == "" {
				return refuse(Unprocessable, l.name, "has an empty entry")
			}
			if err := checkText(l.name, text); err != nil {
				return err
			}
		}
	}
	if len(c.Metadata) > schema.MaxMetadata {
		return refuse(Unprocessable, "metadata", "has %d bytes as JSON, at most %d are taken", len(c.Metadata), schema.MaxMetadata)
	}
	if !utf8.ValidString(c.Metadata) {
		return refuse(Unprocessable, "metadata", "is not UTF-8")
	}
	if c.OccurredAt < earliest || c.OccurredAt > now.Add(maxAhead).UnixMilli() {
		return refuse(Unprocessable, "occurred_at", "is before the year 2000 or more than a day ahead")
	}
	if err := checkNames(c); err != nil {
		return err
	}
	return checkMoney(c)
}

func checkText(name, text string) error {
	if len(text) > schema.MaxConversionText {
		return refuse(Unprocessable, name, "has %d bytes, at most %d are taken", len(text), schema.MaxConversionText)
	}
	if !utf8.ValidString(text) {
		return refuse(Unprocessable, name, "is not UTF-8")
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return refuse(Unprocessable, name, "has a control character")
		}
	}
	return nil
}

// checkNames reports whether the report names what it is about.
func checkNames(c *schema.Conversion) error {
	switch c.Kind {
	case schema.Lead, schema.Deferred:
		if c.Kind == schema.Deferred && len(c.Payments) > 1 {
			return nil // it ties the names of a payment together
		}
		if c.Customer == "" && c.Click == "" {
			return refuse(Unprocessable, "customer", "is missing, and there is no click either: a lead is somebody's")
		}
	case schema.Sale:
		if c.Customer == "" && c.Click == "" && c.Invoice == "" && len(c.Coupons) == 0 && c.Credit == 0 {
			return refuse(Unprocessable, "customer", "is missing, and there is neither a click nor an invoice: nobody could be credited")
		}
	case schema.Refund, schema.Restored:
		if c.Invoice == "" {
			return refuse(Unprocessable, "invoice", "is missing: a refund is of a sale")
		}
	default:
		panic("BUG: a conversion of kind " + string(c.Kind))
	}
	return nil
}

// checkMoney reports whether the amounts can be.
func checkMoney(c *schema.Conversion) error {
	for _, a := range []struct {
		name  string
		minor int64
	}{{"amount", c.Amount}, {"gross", c.Gross}} {
		if a.minor < 0 {
			return refuse(Unprocessable, a.name, "is negative: what is given back is reported as a refund")
		}
		if a.minor > schema.MaxAmount {
			return refuse(Unprocessable, a.name, "is more than %d minor units", int64(schema.MaxAmount))
		}
	}
	if c.Currency == "" {
		if c.Kind == schema.Sale {
			return refuse(Unprocessable, "currency", "is missing")
		}
		return nil
	}
	if _, err := currency.ParseISO(c.Currency); err != nil {
		return refuse(Unprocessable, "currency", "%q is not a currency of ISO 4217, such as usd", c.Currency)
	}
	return nil
}

package payout

import (
	"fmt"
	"io"
	"strings"
	"time"

	"fairlead/schema"
)

// major writes an amount in its currency's main unit, without the currency: 25.00.
func major(minor int64, currency string) string {
	return strings.TrimSuffix(schema.FormatAmount(minor, currency), " "+currency)
}

// WriteBank writes what a bank needs to pay a batch, a transfer a row, in the words of SEPA credit transfers.
func WriteBank(out io.Writer, payouts []Payout) error {
	c, err := schema.NewCSV(out, "Batch", "End-to-end ID", "Creditor name", "Creditor account (IBAN)", "Creditor BIC", "Amount", "Currency", "Remittance information")
	if err != nil {
		return err
	}
	for _, p := range payouts {
		if err := p.To.Unread(); err != nil {
			return fmt.Errorf("payout %s: %w", p.ID, err)
		}
		b := p.To.Payee.Bank
		if err := c.Row(p.Ref, p.ID.String(), b.Holder, b.Account, b.BIC, major(p.Amount, p.Currency), p.Currency, p.order().Note); err != nil {
			return err
		}
	}
	return c.Close()
}

// WriteYear writes the payouts of a year that a merchant made, for the accountants, a payout a row; its days are those of a time
// zone.
func WriteYear(out io.Writer, payouts []Payout, merchant Party, zone *time.Location) error {
	c, err := schema.NewCSV(out, "Payout", "Merchant", "Merchant address", "Merchant tax ID", "Partner", "Legal name", "Address", "Tax ID", "Method", "Reference", "Status", "Drafted", "Sent", "Completed", "Amount", "Currency", "Rewards due by")
	if err != nil {
		return err
	}
	day := func(t time.Time) string { return dayIn(zone, t) }
	for _, p := range payouts {
		if err := p.To.Unread(); err != nil {
			return fmt.Errorf("payout %s: %w", p.ID, err)
		}
		to := p.To.Payee
		err := c.Row(p.ID.String(), merchant.Name, merchant.Address, merchant.TaxID, p.Partner.String(), to.LegalName, to.Address, to.TaxID, string(p.To.By), p.Ref, string(p.Status),
			day(p.CreatedAt), day(p.SentAt), day(p.CompletedAt), major(p.Amount, p.Currency), p.Currency, day(p.CutOff))
		if err != nil {
			return err
		}
	}
	return c.Close()
}

// dayIn is the day of a moment in a time zone, 2026-11-13; empty: it has not come.
func dayIn(zone *time.Location, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format(time.DateOnly)
}

package main

import (
	"context"
	"io"

	"fairlead/aggregator/payout"
	"fairlead/aggregator/payout/stripe"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// stripeForPages has partners paid by Stripe from the dashboard.
type stripeForPages struct{ d *deployment }

// PayBy gives a partner an account, and makes a link to it.
func (s stripeForPages) PayBy(ctx context.Context, actor directory.Actor, partner schema.PartnerID, back, again string) (string, error) {
	_, link, err := payByStripe(ctx, s.d, actor, partner, back, again)
	return link, err
}

// Ask notes whether an account can be paid.
func (s stripeForPages) Ask(ctx context.Context, account string) error {
	ready, err := stripe.New(s.d.Config.Payouts.Stripe.SecretKey, "").Ready(ctx, account)
	if err != nil {
		return err
	}
	_, err = s.d.Directory.StripeChanged(ctx, account, ready)
	return err
}

// statementsForPages writes statements for the dashboard.
type statementsForPages struct{ payout.Statements }

// WriteStatement writes the statement of a payout.
func (s statementsForPages) WriteStatement(ctx context.Context, out io.Writer, id schema.PayoutID, csv bool) error {
	said, err := s.Statement(ctx, id)
	if err != nil {
		return err
	}
	if csv {
		return said.WriteCSV(out)
	}
	return said.WriteHTML(out)
}

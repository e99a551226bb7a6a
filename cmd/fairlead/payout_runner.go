package main

import (
	"context"
	"time"

	"fairlead/aggregator/payout"
	"fairlead/aggregator/payout/paypal"
	"fairlead/aggregator/payout/stripe"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// payoutStore is where a deployment's payouts are kept.
func payoutStore(d *deployment) (payout.Database, error) {
	db := payout.Database{ClickHouse: d.CH, Quorum: d.Config.ClickHouse.Cluster != ""}
	key, err := payoutKey(d.Config)
	if key != "" {
		db.Box = key
	}
	return db, err
}

// payoutRunner pays by what a deployment is told.
func payoutRunner(d *deployment) (*payout.Runner, error) {
	c := d.Config.Payouts
	providers := map[schema.PayBy]payout.Provider{}
	if c.Stripe.SecretKey != "" {
		providers[schema.PayByStripe] = stripe.New(c.Stripe.SecretKey, "")
	}
	if c.PayPal.ClientID != "" {
		p, err := paypal.New(paypal.Options{ClientID: c.PayPal.ClientID, Secret: c.PayPal.Secret, Sandbox: c.PayPal.Sandbox})
		if err != nil {
			return nil, err
		}
		providers[schema.PayByPayPal] = p
	}
	store, err := payoutStore(d)
	if err != nil {
		return nil, err
	}
	return payout.New(payout.Options{
		Store: store, Methods: payoutMethods{d.Directory}, Providers: providers, Program: d.Directory.Program,
		ProgramID: func(ctx context.Context) (string, error) {
			key, err := d.Directory.CustomerKey(ctx)
			return key.ProgramID(), err
		},
		Lock:        payout.Lock(d.Redis, d.Keys),
		Booked:      store.Booked,
		Now:         time.Now,
		AutoApprove: c.AutoApprove, TwoAbove: c.TwoApprovalsAbove,
	}), nil
}

// payoutMethods are those of the directory.
type payoutMethods struct{ d *directory.Directory }

// Of returns how partners are paid now.
func (m payoutMethods) Of(ctx context.Context, partners []schema.PartnerID) (map[schema.PartnerID]payout.Method, error) {
	methods, err := m.d.PayoutMethods(ctx, partners)
	if err != nil {
		return nil, err
	}
	known, err := m.d.PartnersByID(ctx, partners)
	if err != nil {
		return nil, err
	}
	out := map[schema.PartnerID]payout.Method{}
	for _, p := range known {
		how := methods[p.ID]
		out[p.ID] = payout.Method{
			Target:    payout.Target{By: how.By, StripeAccount: how.StripeAccount, Payee: how.Payee, Masked: how.Masked()},
			Lacks:     how.Lacks(time.Now()),
			Suspended: p.Status == schema.PartnerSuspended || p.Status == schema.PartnerDeclined,
		}
	}
	return out, nil
}

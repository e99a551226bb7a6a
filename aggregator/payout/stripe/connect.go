package stripe

import (
	"context"
	"fmt"

	"github.com/stripe/stripe-go/v85"

	"fairlead/schema"
)

// Open opens a connected account for a partner, which can receive transfers once the partner has told Stripe who it is. once
// is a name for it that no other deployment gives: asked again with the same one within a day, Stripe answers the same account.
func (s *Stripe) Open(ctx context.Context, partner schema.PartnerID, once string) (account string, err error) {
	p := &stripe.AccountCreateParams{
		Type:         stripe.String(string(stripe.AccountTypeExpress)),
		Capabilities: &stripe.AccountCreateCapabilitiesParams{Transfers: &stripe.AccountCreateCapabilitiesTransfersParams{Requested: stripe.Bool(true)}},
		Metadata:     map[string]string{metaPartner: partner.String()},
	}
	p.SetIdempotencyKey(once)
	a, err := s.api.V1Accounts.Create(ctx, p)
	if err != nil {
		return "", fmt.Errorf("open an account at Stripe for partner %s: %w", partner, plain(err))
	}
	return a.ID, nil
}

// Link makes the address at which a partner tells Stripe who it is and where it banks. It works once, for some minutes. Stripe
// sends the partner to back afterwards, and to again when the address is too old.
func (s *Stripe) Link(ctx context.Context, account, back, again string) (address string, err error) {
	l, err := s.api.V1AccountLinks.Create(ctx, &stripe.AccountLinkCreateParams{
		Account: stripe.String(account), ReturnURL: stripe.String(back), RefreshURL: stripe.String(again),
		Type: stripe.String(string(stripe.AccountLinkTypeAccountOnboarding)),
	})
	if err != nil {
		return "", fmt.Errorf("make the link to Stripe for account %s: %w", account, plain(err))
	}
	return l.URL, nil
}

// Ready reports whether an account can be paid: transfers reach it, and Stripe pays them out to its owner.
func (s *Stripe) Ready(ctx context.Context, account string) (bool, error) {
	a, err := s.api.V1Accounts.GetByID(ctx, account, nil)
	if err != nil {
		return false, fmt.Errorf("ask Stripe for account %s: %w", account, plain(err))
	}
	return a.PayoutsEnabled && a.Capabilities != nil && a.Capabilities.Transfers == stripe.AccountCapabilityStatusActive, nil
}

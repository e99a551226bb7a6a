// Package stripe pays partners by transfers to their connected accounts at Stripe
// (https://docs.stripe.com/connect/separate-charges-and-transfers), and opens these accounts.
//
// A transfer is made under the payout's id as the idempotency key, and carries that id as its transfer group: Stripe forgets
// keys after 24 hours, and finds a transfer by its group for ever. It is in the partner's account as soon as it is made.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"

	"fairlead/aggregator/payout"
	"fairlead/schema"
)

// Stripe is the merchant's account. It is safe for concurrent use.
type Stripe struct{ api *stripe.Client }

var _ payout.Provider = (*Stripe)(nil)

// New takes the account's secret key, or a restricted one that may write transfers, accounts and account links. An empty
// address is Stripe's.
func New(key, address string) *Stripe {
	c := &stripe.BackendConfig{
		HTTPClient: &http.Client{Timeout: 30 * time.Second},
		// Whoever is unsure asks for the transfer first, so the library repeats nothing by itself.
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull}, // errors are told by who called
	}
	if address != "" {
		c.URL = stripe.String(address)
	}
	return &Stripe{stripe.NewClient(key, stripe.WithBackends(stripe.NewBackendsWithConfig(c)))}
}

// What a transfer carries of ours.
const (
	metaPayout  = "fairlead_payout"
	metaPartner = "fairlead_partner"
)

func group(id payout.PayoutID) string { return "fairlead_" + id.String() }

// Send makes a transfer.
func (s *Stripe) Send(ctx context.Context, o payout.Order) (payout.Outcome, error) {
	amount, err := schema.ToStripe(o.Amount, o.Currency)
	if err != nil {
		return payout.Outcome{}, fmt.Errorf("make a transfer for payout %s: %w: %w", o.ID, payout.ErrRefused, err)
	}
	p := &stripe.TransferCreateParams{
		Amount:        stripe.Int64(amount),
		Currency:      stripe.String(strings.ToLower(o.Currency)),
		Destination:   stripe.String(o.Destination),
		Description:   stripe.String(o.Note),
		TransferGroup: stripe.String(group(o.ID)),
		Metadata:      map[string]string{metaPayout: o.ID.String(), metaPartner: o.Partner.String()},
	}
	p.SetIdempotencyKey(o.ID.String())
	t, err := s.api.V1Transfers.Create(ctx, p)
	if err != nil {
		return payout.Outcome{}, said("make a transfer for payout "+o.ID.String(), err)
	}
	return outcome(t, o)
}

// Find looks for the transfer of an order by its group.
func (s *Stripe) Find(ctx context.Context, o payout.Order) (payout.Outcome, error) {
	list := s.api.V1Transfers.List(ctx, &stripe.TransferListParams{TransferGroup: stripe.String(group(o.ID))})
	for t, err := range list.All(ctx) {
		if err != nil {
			return payout.Outcome{}, fmt.Errorf("look for the transfer of payout %s: %w", o.ID, plain(err))
		}
		if t.Metadata[metaPayout] != o.ID.String() {
			continue
		}
		if amount, err := schema.ToStripe(o.Amount, o.Currency); err != nil || t.Amount != amount || !strings.EqualFold(string(t.Currency), o.Currency) {
			return payout.Outcome{}, fmt.Errorf("transfer %s is for payout %s and over %d %s as Stripe counts, which is over %s: look at it in Stripe's dashboard",
				t.ID, o.ID, t.Amount, t.Currency, schema.FormatAmount(o.Amount, o.Currency))
		}
		return outcome(t, o)
	}
	return payout.Outcome{}, fmt.Errorf("payout %s: %w", o.ID, payout.ErrUnknown)
}

// outcome is what a transfer says: the partner has it, or it was taken back whole. What was taken back in part is neither, and
// people decide.
func outcome(t *stripe.Transfer, o payout.Order) (payout.Outcome, error) {
	switch {
	case t.Reversed:
		return payout.Outcome{State: payout.Returned, Ref: t.ID, Reason: "the transfer was reversed at Stripe"}, nil
	case t.AmountReversed > 0:
		return payout.Outcome{}, fmt.Errorf("%d of %d %s (as Stripe counts) of transfer %s for payout %s were reversed: reverse the rest in Stripe's dashboard, which returns the payout, or send the part again there",
			t.AmountReversed, t.Amount, t.Currency, t.ID, o.ID)
	}
	return payout.Outcome{State: payout.Completed, Ref: t.ID}, nil
}

// said tells whether Stripe refused for good. Of what is wrong with a request (400), with the payment (402) or with the
// destination (404) nothing was made. A key that may not, a key in use and too many requests can be mended, and so can a balance
// that is too low; Stripe repeats that answer to the same key until it forgets the key, for a day.
func said(doing string, err error) error {
	var e *stripe.Error
	if errors.As(err, &e) && e.Code == stripe.ErrorCodeBalanceInsufficient {
		return fmt.Errorf("%s: %w: %s", doing, payout.ErrNotNow, plain(err))
	}
	if errors.As(err, &e) && e.Type != stripe.ErrorTypeIdempotency {
		switch e.HTTPStatusCode {
		case http.StatusBadRequest, http.StatusPaymentRequired, http.StatusNotFound:
			return fmt.Errorf("%s: %w: %s", doing, payout.ErrRefused, plain(err))
		}
	}
	return fmt.Errorf("%s: %w", doing, plain(err))
}

// plain is an error of Stripe's as a sentence instead of its JSON.
func plain(err error) error {
	var e *stripe.Error
	if !errors.As(err, &e) {
		return err
	}
	text := "Stripe answers " + http.StatusText(e.HTTPStatusCode)
	if e.Msg != "" {
		text += ": " + e.Msg
	}
	if e.Code != "" {
		text += " (" + string(e.Code) + ")"
	}
	return errors.New(text)
}

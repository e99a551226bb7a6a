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
	p := &stripe.TransferCreateParams{
		Amount:        stripe.Int64(o.Amount),
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
	return outcome(t), nil
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
		if t.Amount != o.Amount || !strings.EqualFold(string(t.Currency), o.Currency) {
			return payout.Outcome{}, fmt.Errorf("transfer %s is for payout %s and over %s, which is over %s: look at it in Stripe's dashboard",
				t.ID, o.ID, schema.FormatAmount(t.Amount, strings.ToUpper(string(t.Currency))), schema.FormatAmount(o.Amount, o.Currency))
		}
		return outcome(t), nil
	}
	return payout.Outcome{}, fmt.Errorf("payout %s: %w", o.ID, payout.ErrUnknown)
}

// outcome is what a transfer says: the partner has it, or it was taken back whole.
func outcome(t *stripe.Transfer) payout.Outcome {
	if t.Reversed {
		return payout.Outcome{State: payout.Returned, Ref: t.ID, Reason: "the transfer was reversed at Stripe"}
	}
	return payout.Outcome{State: payout.Completed, Ref: t.ID}
}

// said tells whether Stripe refused for good. Of what is wrong with a request (400), with the balance (402) or with the
// destination (404) nothing was made. A key that may not, a key in use and too many requests can be mended.
func said(doing string, err error) error {
	var e *stripe.Error
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

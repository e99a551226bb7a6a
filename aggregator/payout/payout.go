package payout

import (
	"context"
	"errors"
	"time"

	"fairlead/schema"
)

// PayoutID names a payout, and is the idempotency key that providers get.
type PayoutID = schema.PayoutID

// Status is how far a payout is.
type Status = schema.PayoutStatus

// The states of payouts.
const (
	Draft      = schema.PayoutDraft
	Approved   = schema.PayoutApproved
	Processing = schema.PayoutProcessing
	Sent       = schema.PayoutSent
	Completed  = schema.PayoutCompleted
	Failed     = schema.PayoutFailed
	Returned   = schema.PayoutReturned
	Canceled   = schema.PayoutCanceled
)

// Provider pays. Any error that is neither ErrRefused nor ErrUnknown leaves open what happened: then Find is asked before
// Send is called again.
type Provider interface {
	// Send asks the provider to pay; it is idempotent by o.ID for as long as the provider remembers its keys. Where it returns
	// without an error the provider has the order. ErrRefused: it does not have it and will not pay it.
	Send(ctx context.Context, o Order) (Outcome, error)
	// Find asks what became of an order, however long ago it was sent. ErrUnknown: the provider never had it.
	Find(ctx context.Context, o Order) (Outcome, error)
}

// Order is what a provider is asked to pay.
type Order struct {
	ID          PayoutID
	Partner     schema.PartnerID
	Amount      int64  // minor units of Currency, above zero
	Currency    string // ISO 4217
	Destination string // acct_… of Stripe, e-mail address of PayPal
	Note        string // what the partner reads beside it
	CreatedAt   time.Time
	SentAt      time.Time // when it was sent first, or is now
}

// Outcome is what a provider knows of an order.
type Outcome struct {
	State  Status // Sent, Completed, Failed or Returned
	Ref    string // the provider's own id for it
	Reason string // in words, why it is Failed or Returned
}

// What a provider says, wrapped, beside an answer.
var (
	// ErrRefused says that nothing was paid for an order, and nothing will be.
	ErrRefused = errors.New("the provider refused the payout")
	// ErrUnknown says that the provider has never had an order.
	ErrUnknown = errors.New("the provider does not know the payout")
)

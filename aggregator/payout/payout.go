// Package payout pays partners what they earned, once.
//
// # What is promised
//
// A payout is drafted with a fixed list of rewards, which are reserved in the ledger before anybody is asked to pay: what is
// in one payout is in no other. Its id follows from the program, the partner, the currency and the cut-off, and is the
// provider's idempotency key. "processing" is stored before the provider is called; whoever finds a payout in that state asks
// the provider what became of it, and sends again only what the provider has never had, be it minutes or years later. So
// a run that crashed at any point, was started many times at once or resumed late pays each payout at most once, and the next
// run finishes what is open before it drafts anything. A refusal of what is sent again ends nothing, because the first try may
// have been taken: people look.
//
// The versions of a payout decide; the ledger's rows of kind payout follow from them, and are booked anew where they lack or
// differ. Runs keep each other out by a lock; its token stands in every row, of two rows for one thing the higher one's holds, and
// the lock is checked before every write and every call of a provider. What a run that lost its lock wrote late is found
// by the next one, and taken back.
//
// # Limits
//
// A process that is stopped between its last check and the call, for longer than its lock lives and than the provider keeps its
// keys, and then goes on, may pay what has been paid meanwhile: providers forget keys after 24 hours (Stripe) or 30 days (PayPal).
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

// Provider pays. Any error but ErrRefused, ErrNotNow and ErrUnknown leaves open what happened: then Find is asked before
// Send is called again.
type Provider interface {
	// Send asks the provider to pay; it is idempotent by o.ID for as long as the provider remembers its keys. Where it returns
	// without an error the provider has the order. ErrRefused: it does not take it, and ErrNotNow: it does not yet; only of an order
	// that is sent for the first time these say that it has none.
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
	Ref         string    // the provider's own id for it, once it has said one
}

// Outcome is what a provider knows of an order.
type Outcome struct {
	State  Status // Sent, Completed, Failed or Returned
	Ref    string // the provider's own id for it
	Reason string // in words, why it is Failed or Returned
}

// What a provider says, wrapped, beside an answer.
var (
	// ErrRefused says that nothing was paid by this call for an order, and would not be by another.
	ErrRefused = errors.New("the provider refused the payout")
	// ErrNotNow says that nothing was paid by this call for an order, for a reason that passes: a balance that is too low.
	ErrNotNow = errors.New("the provider does not pay it now")
	// ErrUnknown says that the provider has never had an order.
	ErrUnknown = errors.New("the provider does not know the payout")
)

// Payout is a version of a payout. Versions are added and never changed; the highest is in force.
type Payout struct {
	ID        PayoutID
	Version   uint32 // from 1
	Status    Status
	Partner   schema.PartnerID
	Amount    int64     // minor units of Currency, above zero
	Currency  string    // ISO 4217
	CutOff    time.Time // what was due by then is in it
	Rewards   int       // so many Parts
	To        Target    // of a draft only how; the rest is fixed as it is sent
	Ref       string    // the provider's id for it, or the name of the bank's batch
	Reason    string    // why it came to this status, in words
	Approvals []string  // who approved it

	CreatedAt   time.Time
	SentAt      time.Time // when it was handed over first; zero: not yet
	CompletedAt time.Time // when it was known that the partner has it; zero: not yet
	At          time.Time // when this version was written
	Actor       string    // by whom
	Token       uint64    // fencing token of the run that wrote it
}

// Target is where a payout goes.
type Target struct {
	By            schema.PayBy
	StripeAccount string
	Payee         schema.Payee // stored sealed only
	Sealed        string       // Payee as the store has it, which every later version keeps; empty: it was not stored yet
	Masked        string       // all that people are shown
}

// ErrUnread says that who is paid by a payout is stored, and cannot be read here.
var ErrUnread = errors.New("who is paid cannot be read: it is sealed under a key that is not set here: payouts.encryption_key or payouts.encryption_key_file name it, or payout.key in the folder of `fairlead up`")

// Unread reports whether who is paid is stored, and was not read: the error is ErrUnread.
func (t Target) Unread() error {
	if t.Sealed != "" && t.Payee == (schema.Payee{}) {
		return ErrUnread
	}
	return nil
}

// Destination is where the provider is to send money.
func (t Target) Destination() string {
	return schema.PayoutMethod{By: t.By, StripeAccount: t.StripeAccount, Payee: t.Payee}.Destination()
}

// order is the payout as the provider knows it.
func (p Payout) order() Order {
	return Order{
		ID: p.ID, Partner: p.Partner, Amount: p.Amount, Currency: p.Currency, Destination: p.To.Destination(),
		Note: "Rewards due by " + p.CutOff.UTC().Format("2 January 2006"), CreatedAt: p.CreatedAt, SentAt: p.SentAt,
		Ref: p.Ref,
	}
}

// Part is what a payout pays of one reward.
type Part struct {
	Reward     schema.RewardID
	Amount     int64 // minor units; below zero: taken back after it was paid
	Rule       uint32
	Conversion string
}

// Total is the sum of parts.
func Total(parts []Part) (sum int64) {
	for _, p := range parts {
		sum += p.Amount
	}
	return sum
}

// CutOff is the last moment up to now at which payouts are drafted: the beginning of the program's payout day.
func CutOff(p schema.Program, now time.Time) time.Time {
	zone := p.Location()
	month := schema.MonthOf(now, zone)
	day := func(m schema.Month) time.Time {
		return (m.FirstDay() + schema.Day(max(p.PayoutDay, 1)-1)).Period(zone).From
	}
	if at := day(month); !at.After(now) {
		return at
	}
	return day(month.Add(-1))
}

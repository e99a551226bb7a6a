// Package trace tells the whole story of a click, a customer, a payment or an e-mail address: the clicks that were seen,
// the reports that came, what was decided of each and why, and what counts. It answers "why was this not credited?".
//
// It reads ClickHouse and the directory and decides nothing itself: what it tells of a decision is what stands in
// attributions. A report that is not decided yet says so.
//
// # What a partner may see
//
// Read tells everything and is for the team. ReadFor is for one partner, and is made of what is known to be theirs
// rather than by taking away what is not: their clicks, what is credited to them, and the rules that decided. What is
// another partner's is "credited elsewhere". Of a customer with whom the partner has nothing to do the answer is the
// same as of one who does not exist. Nothing tells more of a customer than the question did.
package trace

import (
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/schema"
	"fairlead/schema/directory"
	"fairlead/schema/rewards"
)

// Reader reads stories. It is safe for concurrent use.
type Reader struct {
	ch  driver.Conn
	dir *directory.Directory
}

// New returns a reader over an open connection and directory, which stay the caller's.
func New(ch driver.Conn, dir *directory.Directory) *Reader { return &Reader{ch: ch, dir: dir} }

// As is what a question may name.
type As string

// The things that can be asked for.
const (
	AsClick      As = "click"      // a click id
	AsCustomer   As = "customer"   // the merchant's id
	AsPayment    As = "payment"    // any name of a payment: an invoice, an order, a charge
	AsEmail      As = "email"      // an e-mail address
	AsShop       As = "shop"       // a shop's domain
	AsConversion As = "conversion" // conversion_id: 32 hexadecimal digits
	AsAlias      As = "alias"      // as it stands in Conversion.Aliases or Claim.Alias
)

// Asks lists what people can ask for.
func Asks() []As { return []As{AsClick, AsCustomer, AsPayment, AsEmail, AsShop, AsConversion} }

// Question is what somebody wants to know about.
type Question struct {
	Text string
	As   As // empty: whatever it is
}

// Story is what is known of that.
type Story struct {
	Question string `json:"question"`
	// Found is what the question turned out to name; several where a customer is called like a payment. Empty: nothing
	// is known of it.
	Found  []As    `json:"found"`
	Answer string  `json:"answer"` // in a sentence
	Events []Event `json:"events"` // in the order of their time
	Counts []Count `json:"counts"` // what came of it, by partner
	Zone   string  `json:"zone"`   // the program's, in which Text and Answer tell days
	// CompleteTo is the moment up to which all reports that were answered are in the story; zero: not known.
	CompleteTo time.Time `json:"complete_to,omitzero"`
	More       bool      `json:"more,omitempty"` // there are more reports than a story tells
}

// Event is a click, a report with what was decided of it, or a step of a claim. One of Click, Report and Claim is set.
type Event struct {
	At       time.Time `json:"at"`   // when it happened
	Text     string    `json:"text"` // sentences
	Click    *Click    `json:"click,omitempty"`
	Report   *Report   `json:"report,omitempty"`
	Decision *Decision `json:"decision,omitempty"` // on Report; nil: not decided yet
	Reward   *Reward   `json:"reward,omitempty"`   // on Decision; nil: whoever is credited has none in the ledger
	Claim    *Claim    `json:"claim,omitempty"`
}

// Reward is what whoever is credited earned by a sale or lead, as the ledger has it.
type Reward struct {
	ID       string        `json:"reward_id,omitempty"` // empty to partners: it follows from the conversion's
	Rule     uint32        `json:"rule_id,omitempty"`
	Earns    string        `json:"earns,omitempty"` // what the rule gives, in words
	Amount   int64         `json:"amount"`          // minor units of Currency
	Currency string        `json:"currency"`
	State    rewards.State `json:"state"`
	DueAt    time.Time     `json:"due_at,omitzero"`     // when its hold ends or ended
	Payout   string        `json:"payout_id,omitempty"` // in which it is, or was paid
}

// Who is a partner.
type Who struct {
	ID   schema.PartnerID `json:"id"`
	Name string           `json:"name,omitempty"` // empty: not in the program
}

// Click is a click with a genuine id.
type Click struct {
	ID      string        `json:"id,omitempty"` // empty to a partner who did not ask for it
	Link    schema.LinkID `json:"link_id"`
	Slug    string        `json:"slug,omitempty"`
	Partner *Who          `json:"partner,omitempty"`
	// Landed says that the click stands in ClickHouse; what follows is known only then.
	Landed        bool     `json:"landed"`
	Verdict       string   `json:"verdict,omitempty"`
	VerdictReason string   `json:"verdict_reason,omitempty"`
	Destination   string   `json:"destination,omitempty"`
	Referrer      string   `json:"referrer,omitempty"` // host
	Country       string   `json:"country,omitempty"`  // ISO 3166-1 alpha-2
	Device        string   `json:"device,omitempty"`
	SubIDs        []string `json:"sub_ids,omitempty"` // sub_id, sub_id1 … sub_id5, without empty ones at the end
}

// Report is a conversion as it was reported. To a partner only what is theirs of it.
type Report struct {
	Node       string                  `json:"node,omitempty"`
	Seq        uint64                  `json:"seq,omitempty"`
	ID         string                  `json:"conversion_id,omitempty"`
	Kind       schema.ConversionKind   `json:"kind"`
	Source     schema.ConversionSource `json:"source,omitempty"`
	Test       bool                    `json:"test,omitempty"`
	ReceivedAt time.Time               `json:"received_at,omitzero"`
	OccurredAt time.Time               `json:"occurred_at"`
	KeyID      uint32                  `json:"key_id,omitempty"`
	Event      string                  `json:"event,omitempty"`
	Customer   string                  `json:"customer_id,omitempty"`
	Aliases    []string                `json:"aliases,omitempty"`
	Click      string                  `json:"click_id,omitempty"`
	ClickState schema.ClickState       `json:"click_state,omitempty"`
	Amount     int64                   `json:"amount,omitempty"` // minor units of Currency
	Gross      int64                   `json:"gross,omitempty"`  // likewise
	Currency   string                  `json:"currency,omitempty"`
	Invoice    string                  `json:"invoice,omitempty"`
	Payments   []string                `json:"payments,omitempty"`
	Refund     string                  `json:"refund,omitempty"`
	Coupons    []string                `json:"coupons,omitempty"`
	Reason     string                  `json:"reason,omitempty"` // of a refund, in the sender's words
	Delivery   string                  `json:"delivery,omitempty"`
}

// Decision is what was decided of a report. What it says of the click, the coupon and the claim is what decided.
type Decision struct {
	// Elsewhere says to a partner that another one is credited; State and Reason are empty then.
	Elsewhere bool                     `json:"elsewhere,omitempty"`
	State     schema.AttributionState  `json:"state,omitempty"`
	Reason    schema.AttributionReason `json:"reason,omitempty"`
	Partner   *Who                     `json:"partner,omitempty"` // who is credited; nil: nobody
	Link      schema.LinkID            `json:"link_id,omitempty"`
	Slug      string                   `json:"slug,omitempty"`
	Click     string                   `json:"click_id,omitempty"`
	ClickedAt time.Time                `json:"clicked_at,omitzero"`
	Coupon    string                   `json:"coupon,omitempty"`
	Claim     uint32                   `json:"claim_id,omitempty"`
	Sale      string                   `json:"sale_id,omitempty"` // conversion_id of the sale that counts
	Binds     bool                     `json:"binds,omitempty"`   // counted as Referred
	Amount    int64                    `json:"amount,omitempty"`  // minor units of Currency
	Currency  string                   `json:"currency,omitempty"`
	Rate      string                   `json:"rate,omitempty"` // main units of Currency for one of the report's; empty: no amount
	// Window is the program's window when the report occurred, in days.
	Window int `json:"window_days,omitempty"`
}

// Claim is a step of a referral claim.
type Claim struct {
	ID      uint32            `json:"id"`
	Partner *Who              `json:"partner,omitempty"`
	State   schema.ClaimState `json:"state"`
	Shown   string            `json:"shown"` // the customer, as the partner named it
	From    time.Time         `json:"from,omitzero"`
	Actor   string            `json:"actor,omitempty"`
	Reason  string            `json:"reason,omitempty"`
}

// Count is what came of a story for one partner.
type Count struct {
	Partner  *Who   `json:"partner"`
	Currency string `json:"currency,omitempty"` // empty: nothing was sold
	Referred int    `json:"referred"`           // customers
	Sales    int    `json:"sales"`
	Gross    int64  `json:"gross"`    // minor units of Currency
	Refunded int64  `json:"refunded"` // likewise, less what was restored
	Text     string `json:"text"`
}

// Sold is what the partner's customers paid, net of refunds; minor units of Currency.
func (c Count) Sold() int64 { return c.Gross - c.Refunded }

package courier

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"fairlead/schema"
)

// Notice is what is sent to webhooks, as JSON, and what the macros of postbacks stand for.
type Notice struct {
	ID        string            `json:"id"` // the same for every delivery
	Type      schema.NoticeType `json:"type"`
	CreatedAt time.Time         `json:"created_at"`
	Test      bool              `json:"test"` // of a test: nothing was sold
	Data      NoticeData        `json:"data"`
	// Previous is what was told before, of an update and of what is withdrawn.
	Previous *NoticeKnown `json:"previous,omitempty"`
}

// NoticeKnown is what an audience knows of a lead, sale, refund or restoring.
type NoticeKnown struct {
	Partner  schema.PartnerID `json:"partner_id"` // 0: nobody
	Amount   int64            `json:"amount"`     // minor units of Currency
	Currency string           `json:"currency"`   // the program's; empty of a lead
}

// NoticeData is what a notice is about.
type NoticeData struct {
	ConversionID string                   `json:"conversion_id"` // a partner's: its pseudonym, as in analytics.conversions
	Kind         schema.ConversionKind    `json:"kind"`
	OccurredAt   time.Time                `json:"occurred_at"`
	State        schema.AttributionState  `json:"state"`  // counted, or of what is withdrawn what it is instead
	Reason       schema.AttributionReason `json:"reason"` // the rule that decided
	NoticeKnown
	Link     schema.LinkID `json:"link_id,omitempty"`
	Slug     string        `json:"slug,omitempty"` // of the link
	Click    string        `json:"click_id,omitempty"`
	Coupon   string        `json:"coupon,omitempty"`
	Claim    uint32        `json:"claim_id,omitempty"`
	SaleID   string        `json:"sale_id,omitempty"` // conversion_id of the sale that a refund belongs to, of a sale its own
	New      bool          `json:"new_customer"`      // the customer became the partner's by this
	Customer string        `json:"customer_id,omitempty"`
	Event    string        `json:"event,omitempty"`   // as the merchant called it
	Invoice  string        `json:"invoice,omitempty"` // likewise
	Refund   string        `json:"refund,omitempty"`  // likewise
	// Reported is the amount as the merchant reported it.
	Reported *Reported `json:"reported,omitempty"`
}

// Reported is an amount in the currency in which it was reported.
type Reported struct {
	Amount   int64  `json:"amount"` // minor units
	Currency string `json:"currency"`
}

// stored is a notice as it stands in notices.
type stored struct {
	Notice
	told
	test      bool
	body      string
	webhooks  []uint32
	postbacks []uint32
}

// told is what an audience was told last of a subject.
type told struct {
	Subject  string
	Audience uint32 // a partner, 0: the merchant
	Ordinal  uint32
	Type     schema.NoticeType
	Node     string
	Seq      uint64
	Partner  uint32
	Amount   int64
	Currency string
}

func (t *told) fields() []any {
	return []any{&t.Subject, &t.Audience, &t.Ordinal, (*string)(&t.Type), &t.Node, &t.Seq, &t.Partner, &t.Amount, &t.Currency}
}

func (t told) known() NoticeKnown {
	return NoticeKnown{schema.PartnerID(t.Partner), t.Amount, t.Currency}
}

// eventID is a hash of what is told to whom for the how manieth time, so that whoever finds the same again finds the same id,
// and a decision that comes back to what it was has another. The subject goes in by the name that the audience has for it: a
// partner who guesses an invoice cannot check that by the hash.
func eventID(t told, subject string) string {
	h := sha256.New()
	for _, part := range []any{subject, t.Audience, t.Ordinal, t.Type, t.Partner, t.Amount, t.Currency} {
		s := fmt.Sprint(part)
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return "evt_" + hex.EncodeToString(h.Sum(nil)[:16])
}

// seal writes the body.
func (s *stored) seal() error {
	body, err := json.Marshal(s.Notice)
	if err != nil {
		return fmt.Errorf("write notice %s as JSON: %w", s.ID, err)
	}
	s.body = string(body)
	return nil
}

// insert stores notices, all of them or none: they are of one moment, and so of one partition.
func (r *run) insert(list []stored) error {
	if err := r.lock.Check(); err != nil {
		return err
	}
	// What is still under way when the lock goes to another is over before it can go.
	ctx := ch.Context(r.ctx, ch.WithSettings(ch.Settings{"log_comment": "fairlead deliver: notices", "max_execution_time": max(1, int(r.LockLife.Seconds()/2))}))
	batch, err := r.ClickHouse.PrepareBatch(ctx,
		"INSERT INTO fairlead.notices (event_id, subject, audience, ordinal, type, test, node, seq, partner_id, amount, currency, body, webhooks, postbacks, created_at, token)")
	if err != nil {
		return fmt.Errorf("write %d notices: %w", len(list), err)
	}
	defer batch.Close()
	for _, n := range list {
		err := batch.Append(n.ID, n.Subject, n.Audience, n.Ordinal, string(n.told.Type), n.test, n.Node, n.Seq, n.told.Partner, n.told.Amount, n.told.Currency,
			n.body, n.webhooks, n.postbacks, n.CreatedAt, r.lock.Token())
		if err != nil {
			return fmt.Errorf("write notice %s: %w", n.ID, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("write %d notices: %w", len(list), err)
	}
	r.report.Notices += len(list)
	return r.after("noticed")
}

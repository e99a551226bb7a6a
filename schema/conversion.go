package schema

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// ConversionKind is what a merchant reported.
type ConversionKind string

// The kinds of conversions, as in the Enum8 in ClickHouse.
const (
	Lead   ConversionKind = "lead"   // a sign-up: partners see it as Referred
	Sale   ConversionKind = "sale"   // a payment: Sold
	Refund ConversionKind = "refund" // a payment given back, all or part of it; a dispute counts as one
	// Restored takes a refund back: a dispute that was won, a refund that failed. It names the refund.
	Restored ConversionKind = "restored"
	// Deferred tells which click a customer came by who has not signed up yet: evidence for the lead that is
	// reported later, and nothing by itself. Or it tells that names are of one payment (Payments), where nothing else
	// says so. It binds nobody and counts as nothing.
	Deferred ConversionKind = "deferred"
)

// ConversionSource is the way by which a conversion was reported.
type ConversionSource string

// The sources of conversions, as in the Enum8 in ClickHouse.
const (
	SourceAPI      ConversionSource = "api"
	SourceBrowser  ConversionSource = "browser" // fairlead.js
	SourcePostback ConversionSource = "postback"
	SourceStripe   ConversionSource = "stripe"
	SourceShopify  ConversionSource = "shopify"
	SourceImport   ConversionSource = "import"
	SourceShell    ConversionSource = "shell" // `fairlead track`
)

// ClickState says what a conversion's click id was found to be when it was reported.
type ClickState string

// The states of a reported click id, as in the Enum8 in ClickHouse.
const (
	ClickNone      ClickState = "none"      // none was given
	ClickGenuine   ClickState = "genuine"   // given out by this program
	ClickForged    ClickState = "forged"    // of the right form, and not given out by this program
	ClickMalformed ClickState = "malformed" // not of the form of a click id
)

// Limits of what a conversion holds, in bytes, and of its lists, in entries. Longer input is refused
// by name, never cut: money hangs on it.
const (
	MaxConversionText = 255    // customer, event, invoice, refund, processor, …
	MaxMetadata       = 10_000 // JSON
	MaxPayments       = 16
	MaxAliases        = 8
	MaxCoupons        = 16
)

// Conversion is one report of a lead, a sale or a refund as it lies in the journal: what was reported, and what the node
// that took it could tell at once. Who is credited is decided from all reports together, later.
type Conversion struct {
	ReceivedAt int64            `json:"received_at"` // milliseconds since 1970, UTC
	OccurredAt int64            `json:"occurred_at"` // likewise; as the sender says, otherwise ReceivedAt
	Kind       ConversionKind   `json:"kind"`
	Source     ConversionSource `json:"source"`
	Test       bool             `json:"test,omitempty"`   // traced, never reported or paid
	KeyID      uint32           `json:"key_id,omitempty"` // API key that was used
	// ID is the same for every report of the same thing: 32 hexadecimal digits, see Identify.
	ID string `json:"id"`
	// Content is equal for reports of equal content, see Identify.
	Content uint64 `json:"content"`

	Event string `json:"event,omitempty"` // "Sign up", "Purchase"
	// Customer is the merchant's id of the customer; empty where the sender knows none.
	Customer string `json:"customer,omitempty"`
	// Aliases are other names of the customer, "kind:value": "email:" and a keyed hash, "shop:" and a domain.
	Aliases []string `json:"aliases,omitempty"`

	Click      string     `json:"click,omitempty"` // the click id as it came
	ClickState ClickState `json:"click_state"`
	Link       LinkID     `json:"link,omitempty"`       // of a genuine click id
	Partner    PartnerID  `json:"partner,omitempty"`    // whose link that is; 0: not known to the node
	ClickedAt  int64      `json:"clicked_at,omitempty"` // of a genuine click id, milliseconds since 1970

	// Credit is the partner whose customer this is by the merchant's word: of a history that is imported, which has no
	// clicks of ours. 0: none is named.
	Credit PartnerID `json:"credit,omitempty"`

	Amount   int64  `json:"amount,omitempty"`   // minor units of Currency, never negative; 0 of a refund: what is left of its sale
	Currency string `json:"currency,omitempty"` // ISO 4217, upper case; empty of a refund: its sale's
	// Gross is of a sale what was charged in all, tax and shipping included (0: Amount), and of a refund what was given
	// back in those terms: it takes from its sale Gross × the sale's Amount / the sale's Gross, half up. A refund has
	// Amount or Gross, or neither.
	Gross int64 `json:"gross,omitempty"`
	// Running says of a refund that it tells all that was given back under the name of Invoice until then, and is still,
	// rather than one refund. With N the sum of the refunds told one by one under that name up to a moment, those that
	// were restored among them, and R what was restored of them, a running total tells T + R; given back in all is the
	// greater of N and the highest of these, and each report adds what it raises that by. So a sender who tells both ways is counted once.
	Running bool `json:"running,omitempty"`
	// Invoice is what the sale is called by whoever reported it; Payments are all names of the payment,
	// Invoice among them: "in_…", "pi_…", "ch_…", an order's id. Reports that share one are of one sale.
	Invoice   string   `json:"invoice,omitempty"`
	Payments  []string `json:"payments,omitempty"`
	Refund    string   `json:"refund,omitempty"` // id of the refund, within the sale
	Processor string   `json:"processor,omitempty"`
	Coupons   []string `json:"coupons,omitempty"`    // codes as entered
	LeadEvent string   `json:"lead_event,omitempty"` // the lead that a sale belongs to
	Quantity  uint32   `json:"quantity,omitempty"`   // of a lead's event; 0: 1
	Reason    string   `json:"reason,omitempty"`     // of a refund, in the sender's words
	Metadata  string   `json:"metadata,omitempty"`   // the merchant's own, JSON
	Delivery  string   `json:"delivery,omitempty"`   // the sender's id of the message: a webhook's event id
}

// Identify fills in ID and Content. once is the caller's word that repeats carry it too (an Idempotency-Key with the
// API key's id); it tells apart what has no other name.
//
// A lead, and what is deferred, is one per customer (or click, where the customer has no name; or the payments that it
// ties together) and event, a sale one per invoice, a refund and its restoring one per invoice and refund id. Test reports are of a world of their own. A sale without an invoice is named by once, and so
// must have one: whoever takes the report draws it where the sender gave none.
func (c *Conversion) Identify(once string) {
	var what []string
	switch {
	case (c.Kind == Lead || c.Kind == Deferred) && c.Customer != "":
		what = []string{"customer", c.Customer, c.Event}
	case c.Kind == Deferred && c.Click == "":
		what = append([]string{"payments"}, c.Payments...)
	case c.Kind == Lead || c.Kind == Deferred:
		what = []string{"click", c.Click, c.Event}
	case c.Kind == Sale && c.Invoice != "":
		what = []string{"invoice", c.Invoice}
	case c.Kind == Sale:
		what = []string{"once", once}
	default:
		what = []string{"invoice", c.Invoice, c.Refund}
	}
	world := "real"
	if c.Test {
		world = "test"
	}
	sum := hashOf(append([]string{string(c.Kind), world}, what...)...)
	c.ID = hex.EncodeToString(sum[:16])

	content := []string{c.Event, c.Customer, c.Click, c.Currency, fmt.Sprint(c.Amount), c.Invoice, c.Refund, c.LeadEvent, fmt.Sprint(max(c.Quantity, 1)), fmt.Sprint(c.Credit)}
	if c.Gross != 0 || c.Running {
		content = append(content, fmt.Sprint(c.Gross), fmt.Sprint(c.Running))
	}
	content = append(content, c.Coupons...)
	sum = hashOf(content...)
	c.Content = xxhash.Sum64(sum[:])
}

// hashOf is the SHA-256 of strings, each with its length, so that no two lists are alike.
func hashOf(parts ...string) [32]byte {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return [32]byte(h.Sum(nil))
}

const conversionVersion = 1

// AppendConversion appends the record of c to dst and returns it: kind, version, and the fields as JSON. Conversions
// are few, and a record of money that people can read is worth its bytes.
func AppendConversion(dst []byte, c *Conversion) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // < takes one byte, and not six
	if err := e.Encode(c); err != nil {
		return dst, fmt.Errorf("write a conversion as JSON: %w", err)
	}
	dst = append(dst, byte(RecordConversion), conversionVersion)
	return append(dst, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...), nil
}

// DecodeConversion reads a conversion's record. Errors wrap ErrRecord, and ErrRecordNewer where a newer program wrote
// it.
func DecodeConversion(c *Conversion, rec []byte) error {
	if len(rec) < 2 {
		return fmt.Errorf("%w: %d bytes, a conversion has more", ErrRecord, len(rec))
	}
	switch kind, version := RecordKind(rec[0]), rec[1]; {
	case kind > RecordConversion:
		return fmt.Errorf("%w: of kind %d, this program knows %d: %w", ErrRecord, kind, RecordConversion, ErrRecordNewer)
	case kind < RecordConversion:
		return fmt.Errorf("%w: kind %d is not a conversion", ErrRecord, kind)
	case version > conversionVersion:
		return fmt.Errorf("%w: conversion of version %d, this program knows %d: %w", ErrRecord, version, conversionVersion, ErrRecordNewer)
	case version < conversionVersion:
		return fmt.Errorf("%w: conversion of version %d, there is none", ErrRecord, version)
	}
	d := json.NewDecoder(bytes.NewReader(rec[2:]))
	d.DisallowUnknownFields()
	*c = Conversion{}
	if err := d.Decode(c); err != nil {
		return fmt.Errorf("%w: conversion: %w", ErrRecord, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: bytes after the conversion", ErrRecord)
	}
	return nil
}

// NormalEmail is the form of an e-mail address in which addresses of one mailbox are equal: trimmed, in lower case, without
// what follows a plus sign, and for Gmail without dots. It returns "" for what is no address.
func NormalEmail(s string) string {
	local, domain, ok := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(domain, "@ ") {
		return ""
	}
	if plus := strings.IndexByte(local, '+'); plus > 0 {
		local = local[:plus]
	}
	if domain == "googlemail.com" {
		domain = "gmail.com"
	}
	if domain == "gmail.com" {
		local = strings.ReplaceAll(local, ".", "")
	}
	if local == "" {
		return ""
	}
	return local + "@" + domain
}

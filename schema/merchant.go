package schema

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// The kinds of directory entries of what the merchant reports by, and of who is credited for it.
const (
	KindAPIKey   Kind = "api_key"
	KindSecret   Kind = "secret" // one entry, id 1
	KindCoupon   Kind = "coupon"
	KindClaim    Kind = "claim"
	KindPostback Kind = "postback" // id: the partner's
	KindWebhook  Kind = "webhook"
)

// Scope is something that an API key may do.
type Scope string

// The scopes.
const (
	ScopeTrack    Scope = "track"    // report leads, sales and refunds
	ScopePostback Scope = "postback" // report in the trackers' dialect, with the key in the address
	ScopeBrowser  Scope = "browser"  // report leads from a page of the allowed domains: everybody can read this key
)

// Scopes lists the scopes.
func Scopes() []Scope { return []Scope{ScopeTrack, ScopePostback, ScopeBrowser} }

// APIKey is a key that a merchant's systems report with. The key itself is shown once and never stored.
type APIKey struct {
	ID   uint32 `json:"id"`
	Name string `json:"name"`
	// Hash is the SHA-256 of the key in hexadecimal; a key has 256 random bits, so that needs no salt.
	Hash      string    `json:"hash"`
	Hint      string    `json:"hint"` // its last four characters
	Scopes    []Scope   `json:"scopes"`
	Test      bool      `json:"test,omitempty"` // what it reports is traced, never reported or paid
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// Works reports whether the key opens anything at a time.
func (k APIKey) Works(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// Secret is what no other entry holds: the key under which customers' e-mail addresses are hashed. It never changes,
// or aliases would not meet any more.
type Secret struct {
	Customers CustomerKey `json:"customers"`
}

// CustomerKey is 32 random bytes in hexadecimal.
type CustomerKey string

// NewCustomerKey draws a key.
func NewCustomerKey() CustomerKey {
	var b [32]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return CustomerKey(hex.EncodeToString(b[:]))
}

// String hides the key: secrets do not reach logs.
func (CustomerKey) String() string { return "••••" }

// EmailAlias is the alias of whoever has an e-mail address: "email:" and 32 hexadecimal digits of its
// HMAC-SHA256 after NormalEmail; "" for what is no address.
func (k CustomerKey) EmailAlias(email string) string {
	normal := NormalEmail(email)
	if normal == "" {
		return ""
	}
	h := hmac.New(sha256.New, []byte(k))
	h.Write([]byte(normal))
	return "email:" + hex.EncodeToString(h.Sum(nil)[:16])
}

// ShopAlias is the alias of a customer that is a shop: "shop:" and its domain in lower case, without scheme
// and path.
func ShopAlias(domain string) string {
	domain = strings.ToLower(strings.TrimSpace(domain))
	if _, rest, ok := strings.Cut(domain, "://"); ok {
		domain = rest
	}
	domain, _, _ = strings.Cut(domain, "/")
	if domain = strings.TrimSuffix(domain, "."); domain == "" {
		return ""
	}
	return "shop:" + domain
}

// Coupon is a code that credits a partner where a customer enters it.
type Coupon struct {
	ID        uint32    `json:"id"`
	Code      string    `json:"code"` // compared without regard to case
	Partner   PartnerID `json:"partner_id"`
	CreatedAt time.Time `json:"created_at"` // it credits from then on
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// Active reports whether the code credits at a time.
func (c Coupon) Active(at time.Time) bool {
	return !at.Before(c.CreatedAt) && (c.EndedAt.IsZero() || at.Before(c.EndedAt))
}

// FoldCoupon is the form in which codes are compared.
func FoldCoupon(code string) string { return strings.ToUpper(strings.TrimSpace(code)) }

// ClaimState is the state of a referral claim.
type ClaimState string

// The states of a claim.
const (
	ClaimSubmitted ClaimState = "submitted"
	ClaimWaiting   ClaimState = "waiting" // no such customer yet; matches on arrival
	ClaimAccepted  ClaimState = "accepted"
	ClaimDeclined  ClaimState = "declined" // with the reason
)

// Claim is a partner's word that a customer who does not show is theirs.
type Claim struct {
	ID      uint32     `json:"id"`
	Partner PartnerID  `json:"partner_id"`
	State   ClaimState `json:"state"`
	// Alias names the customer, in the form of Conversion.Aliases or "customer:" and the merchant's id.
	Alias string `json:"alias"`
	// Shown is how the partner named the customer, fit for showing: the shop's domain, or an e-mail address of
	// which most is hidden.
	Shown       string    `json:"shown"`
	ReferredAt  time.Time `json:"referred_at"`
	How         string    `json:"how,omitempty"` // in the partner's words
	SubmittedAt time.Time `json:"submitted_at"`
	DecidedAt   time.Time `json:"decided_at,omitzero"`
	Reason      string    `json:"reason,omitempty"` // of a decline, or what the admin added
	// From is from when on the customer's sales earn for the partner, of an accepted claim.
	From time.Time `json:"from,omitzero"`
}

package schema

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// NoticeType says what an endpoint is told: "sale.created".
type NoticeType string

// NoticeChange is what has come about of something that counts.
type NoticeChange string

// The changes. Of each there is a NoticeType for every kind of conversion that counts.
const (
	NoticeCreated   NoticeChange = "created"   // it counts
	NoticeUpdated   NoticeChange = "updated"   // partner or amount are others than was told
	NoticeWithdrawn NoticeChange = "withdrawn" // it counts no more
)

// noticeNouns are what kinds of conversions are called in notices. What is deferred counts as nothing.
var noticeNouns = map[ConversionKind]string{Lead: "lead", Sale: "sale", Refund: "refund", Restored: "restoration"}

// NoticeOf is the type of a change of a kind of conversion; "" for kinds that nobody is told of.
func NoticeOf(kind ConversionKind, change NoticeChange) NoticeType {
	noun, ok := noticeNouns[kind]
	if !ok {
		return ""
	}
	return NoticeType(noun + "." + string(change))
}

// NoticeTypes lists every type.
func NoticeTypes() []NoticeType {
	var out []NoticeType
	for _, kind := range []ConversionKind{Lead, Sale, Refund, Restored} {
		for _, change := range []NoticeChange{NoticeCreated, NoticeUpdated, NoticeWithdrawn} {
			out = append(out, NoticeOf(kind, change))
		}
	}
	return out
}

// Noun is what the notice is about: "sale".
func (t NoticeType) Noun() string {
	noun, _, _ := strings.Cut(string(t), ".")
	return noun
}

// Endpoint is an address of somebody else's that is told what counts, and how that stands.
type Endpoint struct {
	URL    string       `json:"url"`
	Events []NoticeType `json:"events,omitempty"` // that it is told; none: all
	Test   bool         `json:"test,omitempty"`   // it is told of tests too
	// CreatedAt is from when on it is told: what was reported before is not told.
	CreatedAt      time.Time `json:"created_at"`
	DisabledAt     time.Time `json:"disabled_at,omitzero"` // nothing is delivered from then on
	DisabledReason string    `json:"disabled_reason,omitempty"`
	RemovedAt      time.Time `json:"removed_at,omitzero"`
}

// The states of an endpoint.
const (
	EndpointEnabled  = "enabled"
	EndpointDisabled = "disabled"
	EndpointRemoved  = "removed"
)

// State is one of EndpointEnabled, EndpointDisabled, EndpointRemoved.
func (e Endpoint) State() string {
	switch {
	case !e.RemovedAt.IsZero():
		return EndpointRemoved
	case !e.DisabledAt.IsZero():
		return EndpointDisabled
	}
	return EndpointEnabled
}

// Wants reports whether the endpoint is told of a type.
func (e Endpoint) Wants(t NoticeType) bool { return len(e.Events) == 0 || slices.Contains(e.Events, t) }

// Follows reports whether the endpoint is told anything of what a type is about.
func (e Endpoint) Follows(noun string) bool {
	return len(e.Events) == 0 || slices.ContainsFunc(e.Events, func(t NoticeType) bool { return t.Noun() == noun })
}

// Webhook is a merchant's endpoint.
type Webhook struct {
	ID   uint32 `json:"id"`
	Name string `json:"name,omitempty"`
	// Secrets sign what is sent, the newest first: while one replaces another there are two.
	Secrets []StoredSigningSecret `json:"secrets"`
	Endpoint
}

// StoredSigningSecret is a secret as the directory keeps it: it has to, for it signs.
type StoredSigningSecret struct {
	Secret    SigningSecret `json:"secret"`
	CreatedAt time.Time     `json:"created_at"`
	RetiredAt time.Time     `json:"retired_at,omitzero"` // it signs until then
}

// Signing returns the secrets that sign at a time, the newest first.
func (w Webhook) Signing(now time.Time) []SigningSecret {
	var out []SigningSecret
	for _, s := range w.Secrets {
		if s.RetiredAt.IsZero() || now.Before(s.RetiredAt) {
			out = append(out, s.Secret)
		}
	}
	return out
}

// SigningSecret is the key under which what a webhook sends is signed: "whsec_" and 32 random bytes in base64url.
type SigningSecret string

// NewSigningSecret draws a secret.
func NewSigningSecret() SigningSecret {
	var b [32]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return SigningSecret("whsec_" + base64.RawURLEncoding.EncodeToString(b[:]))
}

// String hides the secret: secrets do not reach logs.
func (SigningSecret) String() string { return "••••" }

// GoString hides it from %#v.
func (SigningSecret) GoString() string { return "••••" }

// SignatureHeader is the header that carries Signature.
const SignatureHeader = "Fairlead-Signature"

// Signature is Stripe's scheme (https://docs.stripe.com/webhooks#verify-manually): "t=UNIX,v1=HEX" with a v1 for each
// secret, the HMAC-SHA256 of the time, a point and the body.
func Signature(secrets []SigningSecret, at time.Time, body string) string {
	unix := strconv.FormatInt(at.Unix(), 10)
	out := "t=" + unix
	for _, s := range secrets {
		h := hmac.New(sha256.New, []byte(s))
		h.Write([]byte(unix + "." + body))
		out += ",v1=" + hex.EncodeToString(h.Sum(nil))
	}
	return out
}

// Postback is a partner's endpoint: the address of a tracker in which macros stand for what is told.
type Postback struct {
	Partner PartnerID `json:"partner_id"`
	Endpoint
}

// The macros of a postback, written in braces: "{click_id}".
const (
	MacroClickID   = "click_id"
	MacroEventID   = "event_id"   // the same for every delivery of one notice
	MacroEvent     = "event"      // NoticeType
	MacroStatus    = "status"     // lead, sale, refund, restored; rejected of what is withdrawn
	MacroTxID      = "txid"       // the same for every notice of one lead, sale or refund
	MacroSaleTxID  = "sale_txid"  // txid of the sale that a refund belongs to, of a sale its own
	MacroAmount    = "amount"     // of a sale or refund, in the main unit: 25.00
	MacroPayout    = "payout"     // what the partner earns by it; empty, for notices do not tell rewards
	MacroCurrency  = "currency"   // of amount and payout
	MacroLink      = "link"       // slug of the link that was clicked
	MacroPartnerID = "partner_id" // the partner's own number
	MacroTime      = "time"       // when it happened, in seconds since 1970
	MacroTest      = "test"       // 1 for tests, 0 otherwise
	MacroSubID     = "sub_id"     // sub_id and sub_id1 to sub_id5 of the click
)

// PostbackMacros lists every macro.
func PostbackMacros() []string {
	out := []string{
		MacroClickID, MacroEventID, MacroEvent, MacroStatus, MacroTxID, MacroSaleTxID, MacroAmount, MacroPayout, MacroCurrency,
		MacroLink, MacroPartnerID, MacroTime, MacroTest, MacroSubID,
	}
	for i := 1; i < SubIDs; i++ {
		out = append(out, MacroSubID+strconv.Itoa(i))
	}
	return out
}

var macroForm = regexp.MustCompile(`\{[^{}]*\}`)

// MostMacros is how many macros may stand in a postback.
const MostMacros = 30

// CheckPostback reports whether a postback's address with its macros can be, and answers it in the form to store.
func CheckPostback(template string, loopback bool) (string, error) {
	checked, err := CheckEndpoint(template, loopback)
	if err != nil {
		return "", err
	}
	found := macroForm.FindAllString(checked, -1)
	for _, m := range found {
		if !slices.Contains(PostbackMacros(), strings.Trim(m, "{}")) {
			return "", fmt.Errorf("%w: there is no macro %s; there are {%s}", ErrEndpoint, m, strings.Join(PostbackMacros(), "} {"))
		}
	}
	if len(found) > MostMacros {
		return "", fmt.Errorf("%w: %d macros, at most %d", ErrEndpoint, len(found), MostMacros)
	}
	if rest := macroForm.ReplaceAllString(checked, ""); strings.ContainsAny(rest, "{}") {
		return "", fmt.Errorf("%w: a brace that belongs to no macro", ErrEndpoint)
	}
	return checked, nil
}

// FillMacros puts values, escaped, in the place of a template's macros. What value does not know is empty.
func FillMacros(template string, value func(macro string) string) string {
	return macroForm.ReplaceAllStringFunc(template, func(m string) string { return escapeValue(value(strings.Trim(m, "{}"))) })
}

// UsesMacro reports whether a template has a macro whose name begins with a prefix.
func UsesMacro(template, prefix string) bool { return strings.Contains(template, "{"+prefix) }

// escapeValue writes everything but letters, digits and -._~ as %XX, so that it stands in a path and in a query alike.
func escapeValue(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String()
}

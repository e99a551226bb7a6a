package schema

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// KindPayoutMethod is the kind of directory entries that say how a partner is paid. Its id is the partner's.
const KindPayoutMethod Kind = "payout_method"

// PayBy is a way of being paid.
type PayBy string

// The ways.
const (
	PayByStripe PayBy = "stripe" // a connected account of the merchant's
	PayByPayPal PayBy = "paypal" // an e-mail address that its owner has confirmed
	PayByBank   PayBy = "bank"   // a transfer that the team orders from its own bank
)

// PayoutWait is the waiting time of a change: so long nothing is paid to new details, for whoever's they are to notice.
const PayoutWait = 72 * time.Hour

// PayoutMethod is how a partner is paid. What names a person is sealed in the stores.
type PayoutMethod struct {
	Partner       PartnerID `json:"partner_id"`
	By            PayBy     `json:"method,omitempty"`         // empty: nothing was chosen
	StripeAccount string    `json:"stripe_account,omitempty"` // "acct_…"; it stays when another way is chosen
	StripeReady   bool      `json:"stripe_ready,omitempty"`   // Stripe lets it be paid
	Confirmed     bool      `json:"confirmed,omitempty"`      // the PayPal address is who says so's
	// Account stands for where the money goes, so that two partners with one account are noticed: a keyed hash, see
	// PayoutKey.Account.
	Account string `json:"account,omitempty"`
	// Alias is the PayPal address as customers' addresses are hashed (CustomerKey.EmailAlias): who buys with it is the
	// partner.
	Alias string `json:"alias,omitempty"`
	// Entered says that money could be sent somewhere already: what comes after it is a change and waits.
	Entered    bool      `json:"entered,omitempty"`
	ChangedAt  time.Time `json:"changed_at,omitzero"`  // of where the money goes
	UsableFrom time.Time `json:"usable_from,omitzero"` // ChangedAt, or after the waiting time
	// Sealed is the Payee, encrypted under the key of payouts; empty: nothing of it is known.
	Sealed string `json:"sealed,omitempty"`

	Payee Payee `json:"-"` // as the directory opened it
}

// Payee is what of a payout method names a person. It is stored sealed only.
type Payee struct {
	PayPalEmail string `json:"paypal_email,omitempty"`
	Bank        Bank   `json:"bank,omitzero"`
	LegalName   string `json:"legal_name,omitempty"` // as statements name the partner
	Address     string `json:"address,omitempty"`    // of several lines
	TaxID       string `json:"tax_id,omitempty"`
}

// Bank is an account at a bank.
type Bank struct {
	Holder  string `json:"holder,omitempty"`
	Account string `json:"account,omitempty"` // an IBAN, or a number where there are none; without spaces
	BIC     string `json:"bic,omitempty"`     // may be empty with an IBAN
}

// Destination is where the provider is to send money: "acct_…", an e-mail address or a bank account; empty: nowhere.
func (m PayoutMethod) Destination() string {
	switch m.By {
	case PayByStripe:
		return m.StripeAccount
	case PayByPayPal:
		return m.Payee.PayPalEmail
	case PayByBank:
		return m.Payee.Bank.Account
	}
	return ""
}

// PayoutLack is what keeps a partner from being paid.
type PayoutLack string

// What may be lacking.
const (
	LacksNothing      PayoutLack = ""
	LacksMethod       PayoutLack = "no_method"         // no way was chosen
	LacksConfirmation PayoutLack = "unconfirmed"       // the PayPal address is not confirmed
	LacksOnboarding   PayoutLack = "stripe_incomplete" // Stripe wants to know more before it pays
	LacksTime         PayoutLack = "waiting_time"      // the details have just changed
)

// Lacks says what keeps the partner from being paid at a time. Nothing is paid while it lacks something.
func (m PayoutMethod) Lacks(now time.Time) PayoutLack {
	switch {
	case m.By == "":
		return LacksMethod
	case m.By == PayByPayPal && !m.Confirmed:
		return LacksConfirmation
	case m.By == PayByStripe && !m.StripeReady:
		return LacksOnboarding
	case now.Before(m.UsableFrom):
		return LacksTime
	}
	return LacksNothing
}

// Masked says where the money goes, without telling it to who does not know it: "PayPal a•••@example.com".
func (m PayoutMethod) Masked() string {
	switch m.By {
	case PayByStripe:
		return "Stripe account …" + last(m.StripeAccount)
	case PayByPayPal:
		return "PayPal " + MaskEmail(m.Payee.PayPalEmail)
	case PayByBank:
		return "bank account …" + last(m.Payee.Bank.Account)
	}
	return "nowhere"
}

// last are the last four characters of a text that is longer.
func last(s string) string {
	if len(s) <= 8 {
		return ""
	}
	return s[len(s)-4:]
}

// MaskEmail shows an e-mail address to who knows it: "a•••@example.com".
func MaskEmail(email string) string {
	at := strings.LastIndexByte(email, '@')
	if at <= 0 {
		return "•••"
	}
	_, n := utf8.DecodeRuneInString(email)
	return email[:n] + "•••" + email[at:]
}

// NormalAccount is an account number without the spaces and hyphens of people, in upper case.
func NormalAccount(s string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\t", "").Replace(s))
}

// IsIBAN reports whether a normal account number begins as an IBAN does: a country and two check digits.
func IsIBAN(account string) bool {
	return len(account) >= 4 && isUpper(account[0]) && isUpper(account[1]) && isDigit(account[2]) && isDigit(account[3])
}

// CheckAccount says what is wrong with a normal account number: an IBAN whose check digits are wrong (ISO 7064, mod 97-10), or
// what is no number of an account.
func CheckAccount(account string) error {
	for i := range len(account) {
		if c := account[i]; !isUpper(c) && !isDigit(c) {
			return errors.New("the account's number holds something else than letters and digits")
		}
	}
	switch {
	case len(account) < 5 || len(account) > 34:
		return errors.New("the account's number does not have 5 to 34 letters and digits")
	case IsIBAN(account) && (len(account) < 15 || checkDigits(account) != 1):
		return errors.New("the IBAN is mistyped: its check digits are not those of the rest")
	}
	return nil
}

// checkDigits is the remainder of an IBAN by 97, letters being 10 to 35: 1 if it is right.
func checkDigits(iban string) int {
	n := 0
	for i := range len(iban) {
		if c := iban[(i+4)%len(iban)]; isDigit(c) {
			n = (n*10 + int(c-'0')) % 97
		} else {
			n = (n*100 + int(c-'A') + 10) % 97
		}
	}
	return n
}

// CheckBIC says what is wrong with the code of a bank (ISO 9362) in upper case.
func CheckBIC(bic string) error {
	ok := len(bic) == 8 || len(bic) == 11
	for i := 0; ok && i < len(bic); i++ {
		ok = isUpper(bic[i]) || i >= 6 && isDigit(bic[i])
	}
	if !ok {
		return errors.New("a BIC has 8 or 11 characters, such as DEUTDEFF")
	}
	return nil
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// PayoutKey is 32 random bytes in hexadecimal, under which payout details are sealed. It is kept outside of the stores:
// who has a copy of these has no details. Details that were sealed under a key that is lost have to be entered again.
type PayoutKey string

// NewPayoutKey draws a key.
func NewPayoutKey() PayoutKey {
	var b [32]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return PayoutKey(hex.EncodeToString(b[:]))
}

// ParsePayoutKey reads a key; the error does not repeat it.
func ParsePayoutKey(text string) (PayoutKey, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if b, err := hex.DecodeString(text); err != nil || len(b) != 32 {
		return "", errors.New("a key of payout details has 64 hexadecimal digits")
	}
	return PayoutKey(text), nil
}

// String hides the key: secrets do not reach logs.
func (PayoutKey) String() string { return "••••" }

// derive makes the key of a purpose.
func (k PayoutKey) derive(purpose string) []byte {
	secret, err := hex.DecodeString(string(k))
	if err != nil || len(secret) != 32 {
		panic("BUG: a payout key that was not parsed")
	}
	out, err := hkdf.Key(sha256.New, secret, nil, "fairlead payout method: "+purpose, 32)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return out
}

// mark names the key in what it sealed, and tells nothing of it.
func (k PayoutKey) mark() string { return hex.EncodeToString(k.derive("mark")[:4]) }

// Account is what stands for an account: "payee:" and 32 hexadecimal digits of a keyed hash. A PayPal address is taken in its
// NormalEmail, so that the addresses of one mailbox are one account.
func (k PayoutKey) Account(by PayBy, destination string) string {
	if by == PayByPayPal {
		destination = NormalEmail(destination)
	}
	return "payee:" + k.digest("account", string(by)+":"+destination)
}

// Name is a name for something outside that no other deployment, whose key is another, gives: 32 hexadecimal digits.
func (k PayoutKey) Name(what string) string { return k.digest("name", what) }

func (k PayoutKey) digest(purpose, what string) string {
	h := hmac.New(sha256.New, k.derive(purpose))
	h.Write([]byte(what))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// ErrSealed says that something was sealed under another key.
var ErrSealed = errors.New("payout details were sealed under another key than the one that is set")

// Seal encrypts a payee with AES-256-GCM, for one partner only: what was sealed for one opens for no other.
func (k PayoutKey) Seal(partner PartnerID, p Payee) (string, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("write payout details as JSON: %w", err)
	}
	sealed := k.cipher().Seal(nil, nil, plain, sealedFor(partner))
	return "1:" + k.mark() + ":" + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Open reads what Seal wrote. The error may be ErrSealed.
func (k PayoutKey) Open(partner PartnerID, sealed string) (Payee, error) {
	var p Payee
	if sealed == "" {
		return p, nil
	}
	text, ok := strings.CutPrefix(sealed, "1:"+k.mark()+":")
	if !ok {
		return p, ErrSealed
	}
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return p, fmt.Errorf("read the sealed payout details of partner %s: %w", partner, err)
	}
	plain, err := k.cipher().Open(nil, nil, data, sealedFor(partner))
	if err != nil {
		return p, fmt.Errorf("open the payout details of partner %s: %w: they were altered", partner, err)
	}
	return p, json.Unmarshal(plain, &p)
}

// cipher draws a nonce for each message and puts it before it.
func (k PayoutKey) cipher() cipher.AEAD {
	block, err := aes.NewCipher(k.derive("seal"))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return aead
}

func sealedFor(partner PartnerID) []byte {
	return []byte(string(KindPayoutMethod) + ":" + partner.String())
}

package schema

import "time"

// Kind is the kind of a directory entry: the first part of its key in directory_log and in Redis.
type Kind string

// The kinds of directory entries.
const (
	KindProgram  Kind = "program" // one entry, id 1
	KindPartner  Kind = "partner"
	KindLink     Kind = "link"
	KindLogin    Kind = "login"
	KindClickKey Kind = "click_key"
	KindNode     Kind = "node" // id: hash of the node's name; only what people said of it, e.g. retired
)

// Kinds lists every kind of directory entry.
func Kinds() []Kind {
	return []Kind{
		KindProgram, KindPartner, KindLink, KindLogin, KindClickKey, KindNode,
		KindAPIKey, KindSecret, KindCoupon, KindClaim, KindPostback, KindWebhook, KindImport, KindRule, KindPayoutMethod, KindEntry,
	}
}

// PartnerStatus is the state of a partner.
type PartnerStatus string

// The states of a partner. Links of a suspended or declined one lead to the homepage.
const (
	PartnerInvited   PartnerStatus = "invited"
	PartnerApplied   PartnerStatus = "applied"
	PartnerActive    PartnerStatus = "active"
	PartnerSuspended PartnerStatus = "suspended"
	PartnerDeclined  PartnerStatus = "declined"
)

// Earns reports whether clicks on the partner's links count: an invited partner's link works from
// the moment it exists.
func (s PartnerStatus) Earns() bool { return s == PartnerActive || s == PartnerInvited }

// Partner is who shares links and earns rewards.
type Partner struct {
	ID        PartnerID     `json:"id"`
	Name      string        `json:"name"`
	Email     string        `json:"email"`
	Status    PartnerStatus `json:"status"`
	Link      LinkID        `json:"link_id"` // the personal link
	CreatedAt time.Time     `json:"created_at"`
	// Group is a name by which rules give several partners the same, see FoldGroup; empty: none.
	Group string `json:"group,omitempty"`
	// OpeningBalance is what the partner had earned elsewhere and not been paid when the program moved here.
	OpeningBalance OpeningBalance `json:"opening_balance,omitzero"`
}

// OpeningBalance is an amount that somebody is owed from before.
type OpeningBalance struct {
	Amount   int64     `json:"amount"`   // minor units of Currency
	Currency string    `json:"currency"` // ISO 4217
	AsOf     time.Time `json:"as_of"`
}

// Link is a slug that leads somewhere on behalf of a partner.
type Link struct {
	ID      LinkID    `json:"id"`
	Partner PartnerID `json:"partner_id"`
	Slug    string    `json:"slug"`
	// To is the destination; empty for a personal link, which follows the program's homepage.
	To        string    `json:"to,omitempty"`
	Disabled  bool      `json:"disabled,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	CreatedAt time.Time `json:"created_at"`
}

// Personal reports whether the link leads to the homepage, whatever that is.
func (l Link) Personal() bool { return l.To == "" }

// Role is what a login may do.
type Role string

// The roles.
const (
	RolePartner Role = "partner"
	RoleAdmin   Role = "admin"
)

// Login is a person who may enter the dashboard. It never leaves the stores: no page, log or --json
// answer shows it.
type Login struct {
	ID      LoginID   `json:"id"`
	Email   string    `json:"email"`
	Role    Role      `json:"role"`
	Partner PartnerID `json:"partner_id,omitempty"`
	// Password is an argon2id hash in the PHC string format; empty until one is chosen.
	Password string `json:"password,omitempty"`
	// Invite is the SHA-256 of the one-time code of a set-up or invitation link, in hexadecimal.
	Invite        string    `json:"invite,omitempty"`
	InviteExpires time.Time `json:"invite_expires,omitzero"`
	// Generation rises when every session of this login has to end (new password, suspension).
	Generation uint32    `json:"generation,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
}

// Program is the merchant's partner program: the settings edited on the admin's pages or with
// `fairlead program set`. The configuration file only seeds the first.
type Program struct {
	Name     string `json:"name"`
	Homepage string `json:"homepage"`
	// AllowedDomains are the hosts that links may lead to, subdomains included; an entry may carry a
	// path prefix: "apps.example/our-app".
	AllowedDomains []string `json:"allowed_domains"`
	Currency       string   `json:"currency"` // ISO 4217
	Zone           string   `json:"zone"`     // IANA name; days and months are cut in it
	WindowDays     int      `json:"window_days"`
	Touch          string   `json:"touch"` // "last" or "first"
	HoldDays       int      `json:"hold_days"`
	PayoutDay      int      `json:"payout_day"`     // of the month, 1 to 28
	PayoutMinimum  int64    `json:"payout_minimum"` // minor units of Currency
	// Param is the query parameter that carries the click id to the destination.
	Param string `json:"param"`
	// AlsoParam is a second name for it, for shops that read a peer's: "dub_id" or "via"; empty: none.
	AlsoParam string `json:"also_param,omitempty"`
	// SlugCase says whether a link answers to its slug in any case (SlugsInsensitive, or empty) or only as it is
	// written (SlugsSensitive). Either way no two slugs differ by their case alone.
	SlugCase SlugCase `json:"slug_case,omitempty"`
	// SaleBase is what of a payment a payment processor's webhook reports as the sale; empty is SaleSubtotal. Whoever
	// reports an amount by the API says the sale themselves.
	SaleBase SaleBase `json:"sale_base,omitempty"`
	// RespectGPC leaves the visitor hash out for shoppers whose browser sends Sec-GPC or DNT.
	RespectGPC bool `json:"respect_gpc"`
	// LegalName, LegalAddress (of several lines) and TaxID are the merchant's as statements of payouts name it; empty: not
	// known, and Name stands for the first.
	LegalName    string `json:"legal_name,omitempty"`
	LegalAddress string `json:"legal_address,omitempty"`
	TaxID        string `json:"tax_id,omitempty"`
	// Demo marks a deployment made by `fairlead up --demo`.
	Demo bool `json:"demo,omitempty"`
}

// SaleBase is what of a payment is a sale: what a partner's part is reckoned from.
type SaleBase string

// The bases of sales.
const (
	SaleSubtotal SaleBase = "subtotal" // after discounts, without tax and shipping
	SaleTotal    SaleBase = "total"    // all that is charged
)

// SlugCase is whether the case of a slug's letters matters to whoever follows a link.
type SlugCase string

// The ways of reading slugs.
const (
	SlugsInsensitive SlugCase = "insensitive"
	SlugsSensitive   SlugCase = "sensitive"
)

// Location returns the program's time zone; UTC when the name is unknown, which Validate prevents.
func (p Program) Location() *time.Location {
	loc, err := time.LoadLocation(p.Zone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// StoredClickKey is a click key as the directory keeps it.
type StoredClickKey struct {
	ID        uint32    `json:"id"` // the highest is the newest
	Key       ClickKey  `json:"key"`
	CreatedAt time.Time `json:"created_at"`
	RetiredAt time.Time `json:"retired_at,omitzero"`
}

// NodeRecord is what people said of a journal's node.
type NodeRecord struct {
	Node    string    `json:"node"`
	Retired time.Time `json:"retired,omitzero"` // it will not come back; it no longer holds back "complete up to"
	Reason  string    `json:"reason,omitempty"`
}

package schema

import "fmt"

// Verdict says what a hit was. Only Valid counts as a click in figures; every hit is kept.
type Verdict uint8

// The verdicts, in the order of the Enum8 in ClickHouse. Numbers are for ever.
const (
	VerdictNone Verdict = iota // not decided yet; never stored
	VerdictValid
	VerdictBot
	VerdictPrefetch
	VerdictEmbedded // an iframe or an image, not a visit
	VerdictUnknownLink
	VerdictSuspended
	VerdictDisabled
	VerdictExpired
	verdictEnd
)

var verdictNames = [...]string{"", "valid", "bot", "prefetch", "embedded", "unknown_link", "suspended", "disabled", "expired"}

func (v Verdict) String() string {
	if v >= verdictEnd {
		return fmt.Sprintf("verdict(%d)", uint8(v))
	}
	return verdictNames[v]
}

// Verdicts lists the verdicts that a stored click can have.
func Verdicts() []Verdict {
	out := make([]Verdict, 0, verdictEnd-1)
	for v := VerdictValid; v < verdictEnd; v++ {
		out = append(out, v)
	}
	return out
}

// Hint is what a request's headers told about who sent it, kept because the bot verdict is decided
// after the shopper has gone.
type Hint uint16

// The hints. Bits are for ever.
const (
	HintAcceptLanguage Hint = 1 << iota // sent Accept-Language
	HintAccept                          // sent Accept
	HintSecFetch                        // sent Sec-Fetch-Mode or -Site: a browser since 2020 on https
	HintNavigate                        // Sec-Fetch-Mode: navigate
	HintUser                            // Sec-Fetch-User: ?1, a person's gesture
	HintTLS                             // came over https
	HintGPC                             // Sec-GPC: 1 or DNT: 1
	HintImported                        // read from an access log: no headers but those in the log
)

// SubIDs is how many sub ids a click carries: sub_id and sub_id1 to sub_id5.
const SubIDs = 6

// The utm parameters, in the order of Click.UTM.
const (
	UTMSource = iota
	UTMMedium
	UTMCampaign
	UTMTerm
	UTMContent
	UTMs
)

// Limits of what a click record holds, in bytes; longer values are cut at the edge.
const (
	MaxSubID       = 255
	MaxUTM         = 255
	MaxSlug        = 190
	MaxDestination = 2048
	MaxReferrer    = 2048
	MaxUserAgent   = 1024
	MaxLanguage    = 64
)

// Click is one hit on the edge as it lies in the journal: what was known when the answer left.
// Country, device and the bot verdict are added when it is shipped. The byte slices belong to
// whoever filled the Click; after Decode they alias the record.
type Click struct {
	At      int64 // milliseconds since 1970, UTC
	Nonce   uint64
	Tag     uint64
	Link    LinkID
	Partner PartnerID
	Verdict Verdict // VerdictValid until enrichment finds a bot
	Hints   Hint
	Visitor uint64 // salted hash; 0: not computed
	// Network is the truncated address (IPv4 /24 as mapped IPv6, IPv6 /48) for the country; all
	// zero: unknown. No whole address is ever recorded.
	Network     [16]byte
	Slug        []byte // as asked for, folded
	Destination []byte // the link's, before parameters are merged
	Referrer    []byte
	UserAgent   []byte
	Language    []byte // Accept-Language as sent
	Reason      []byte // why the verdict, e.g. "sec-purpose: prefetch"; empty: the verdict says it
	SubID       [SubIDs][]byte
	UTM         [UTMs][]byte
}

// ID returns the click's id.
func (c *Click) ID() ClickID {
	return ClickID{At: c.At, Link: c.Link, Nonce: c.Nonce, Tag: c.Tag}
}

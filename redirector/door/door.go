// Package door is where other systems tell of conversions in dialects of their own: the postbacks of trackers, and the
// webhooks of Stripe and Shopify.
//
// A door reads one message and says which conversions it tells of. It keeps nothing, asks nobody and looks at no clock
// but the message's, so that a message that is delivered again, late, or after another one tells the same again: what is
// one thing then has one id (schema.Conversion.Identify), for ever, and the facts decide. A message that cannot be
// believed or understood is refused with a *track.Error that names what is wrong; one that says nothing of conversions
// is ignored, with a reason from a closed set.
//
// Amounts are integers on the whole way. No float is ever made of one.
package door

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"fairlead/redirector/track"
	"fairlead/schema"
)

// Message is a request as it came. Query and Body belong to the caller and are not kept.
type Message struct {
	Method string
	Query  []byte // raw, without the question mark
	Header func(name string) string
	Body   []byte // raw
	Now    time.Time
}

// Rules are what a door has to know of the program.
type Rules struct {
	Currency string // the program's, ISO 4217: of amounts that name none
	Total    bool   // sales are what was charged in all, rather than the subtotal
	// Params are the names under which click ids travel, the program's own ones first.
	Params []string
	// EmailAlias is the alias of whoever has an e-mail address; "" for what is none.
	EmailAlias func(email string) string
}

// Ignored is why a message tells of no conversion: a closed set. The empty one says that it does.
type Ignored string

// The reasons for which a message is ignored.
const (
	NotIgnored    Ignored = ""
	UnknownEvent  Ignored = "unknown_event"  // a kind of event that says nothing of conversions
	NoMoney       Ignored = "no_money"       // nothing was paid or given back
	NoCustomer    Ignored = "no_customer"    // a free order of somebody without a name and without a click
	NotDecided    Ignored = "not_decided"    // a payment, refund or dispute that is still under way
	UnknownPayee  Ignored = "unknown_payee"  // a connected account that no partner is paid to
	OtherCurrency Ignored = "other_currency" // a refund in another currency than the shop's, which does not say what it comes to in that
)

// Reasons lists the reasons for which a message is ignored.
func Reasons() []Ignored {
	return []Ignored{UnknownEvent, NoMoney, NoCustomer, NotDecided, UnknownPayee, OtherCurrency}
}

// Report is what a message says.
type Report struct {
	Conversions []schema.Conversion
	Payee       *Payee // nil: it says nothing of one
	Ignored     Ignored
}

// Payee is what Stripe says of a connected account, to which a partner is paid.
type Payee struct {
	Account string // "acct_…"
	Ready   bool   // transfers reach it, and Stripe pays them out to its owner
}

func ignored(why Ignored) Report { return Report{Ignored: why} }

func reported(list ...schema.Conversion) Report { return Report{Conversions: list} }

// refuse is an error of the sender's.
func refuse(code track.Code, field, format string, args ...any) error {
	return &track.Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// read decodes JSON into v, leniently: fields that it does not know are no matter. The error names the field whose type
// is wrong, below the given path.
func read(text []byte, path string, v any) error {
	err := json.Unmarshal(text, v)
	if err == nil {
		return nil
	}
	var refused *track.Error
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &kind):
		return refuse(track.BadRequest, strings.Trim(path+"."+kind.Field, "."), "is a %s, not what it should be", kind.Value)
	}
	return refuse(track.BadRequest, path, "the body is not JSON: %s", err)
}

// maxClick bounds what is kept of a click id that is none: shoppers write what they like into an address, and must not
// make a merchant's order be refused.
const maxClick = 64

// clickIn finds a click id among a customer's or an order's own fields. One of the right form is taken before one that
// is not, whatever its name: "via" may carry a partner's name as well.
func (r Rules) clickIn(get func(name string) string) string {
	first := ""
	for _, name := range r.clickNames() {
		text := clip(get(name))
		if _, err := schema.ParseClickID(text); err == nil {
			return text
		}
		if first == "" && name != "via" {
			first = strings.ToValidUTF8(text[:min(len(text), maxClick)], "")
		}
	}
	return first
}

// clickNames are the program's names for a click id, and those that everybody may use.
func (r Rules) clickNames() []string {
	names := slices.Clone(r.Params)
	for _, name := range []string{"fl_click", "dub_id", "dubClickId"} {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// clickOfAddress finds a click id in the query of an address, which may lack its scheme and host.
func (r Rules) clickOfAddress(address string) string {
	_, query, _ := strings.Cut(address, "?")
	query, _, _ = strings.Cut(query, "#")
	values, _ := url.ParseQuery(query) // what of it can be read
	return r.clickIn(values.Get)
}

// looksLikeClick tells a click id from a name that happens to have its form: its time has to be one that was. Of names
// made at random less than one in a thousand passes.
func looksLikeClick(text string, now time.Time) bool {
	id, err := schema.ParseClickID(text)
	return err == nil && id.At > firstClick && id.At < now.Add(24*time.Hour).UnixMilli()
}

// firstClick is before the first click id that was ever given out.
var firstClick = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// emailAliases is a customer's alias of their address, if that is one.
func (r Rules) emailAliases(emails ...string) []string {
	for _, email := range emails {
		if alias := r.EmailAlias(email); alias != "" {
			return []string{alias}
		}
	}
	return nil
}

// names are the names of a payment, each once, without the empty ones.
func names(list ...string) []string {
	var out []string
	for _, name := range list {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// notes is what a merchant noted, as JSON; nothing if it is more than a conversion may hold, for a sale is worth more
// than the notes on it.
func notes[T any](of map[string]T) string {
	if len(of) == 0 {
		return ""
	}
	text, err := json.Marshal(of)
	if err != nil || len(text) > schema.MaxMetadata {
		return ""
	}
	return string(text)
}

// clip bounds text of people, in which a missing end does no harm.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	for len(text) > schema.MaxConversionText {
		text = strings.ToValidUTF8(text[:schema.MaxConversionText], "")
	}
	return strings.TrimSpace(text)
}

// codes are coupon codes, each once, no more than a conversion holds.
func codes(list []string) []string {
	out := names(list...)
	return out[:min(len(out), schema.MaxCoupons)]
}

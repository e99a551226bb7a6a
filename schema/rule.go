package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// KindRule is the kind of directory entries that say what partners earn.
const KindRule Kind = "rule"

// Rule says what a partner earns for a sale or a lead, from a day on. Rules are never edited: a change is a new rule from
// its day on, and at most a rule is ended. So what was earned by a rule stays.
type Rule struct {
	ID      uint32         `json:"id"`
	Name    string         `json:"name,omitempty"`       // in the merchant's words
	Partner PartnerID      `json:"partner_id,omitempty"` // only for this partner; 0: not only for one
	Group   string         `json:"group,omitempty"`      // only for partners of this group, see FoldGroup; empty: not only for one
	Event   ConversionKind `json:"event"`                // Sale or Lead

	// One of Percent, Flat and None says what is earned.
	Percent int64 `json:"percent,omitempty"` // of a sale, in hundredths of a percent: 1 to WholePercent
	Flat    int64 `json:"flat,omitempty"`    // for each, in minor units of Currency
	None    bool  `json:"none,omitempty"`    // nothing, where a less specific rule would give something

	Months  int   `json:"months,omitempty"`   // only sales of so many months from the day on which the customer was bound; 0: for life
	Once    bool  `json:"once,omitempty"`     // only the customer's first
	MinSale int64 `json:"min_sale,omitempty"` // only sales of at least this, before refunds, in minor units of Currency
	Cap     int64 `json:"cap,omitempty"`      // of a percentage: at most this for each sale, in minor units of Currency; 0: no cap
	// Currency is that of Flat, MinSale and Cap; empty where there are none of them. A rule with a currency holds for what is
	// counted in it, and for nothing after the program's currency was changed.
	Currency string `json:"currency,omitempty"`

	HoldDays *int `json:"hold_days,omitempty"` // before a reward can be paid; nil: as the program says

	From      Day       `json:"from"`                 // the first program-day on which it holds
	EndedFrom Day       `json:"ended_from,omitempty"` // the first on which it does not any more; 0: it was not ended
	CreatedAt time.Time `json:"created_at"`
}

// WholePercent is all of a sale in hundredths of a percent.
const WholePercent = 10_000

// Limits of what a rule says.
const (
	MaxRuleMonths = 120
	MaxHoldDays   = 365
	maxRuleName   = 200 // characters
	maxGroup      = 64  // bytes
)

// RuleError says what of a rule cannot be.
type RuleError struct {
	Field   string // as in the rule's JSON
	Message string // a sentence for people
}

func (e *RuleError) Error() string { return e.Message }

// Validate reports the first thing that cannot be, as a *RuleError. It does not look at ID and CreatedAt.
func (r Rule) Validate() error {
	bad := func(field, format string, args ...any) error {
		return &RuleError{field, fmt.Sprintf(format, args...)}
	}
	gives := 0
	for _, given := range []bool{r.Percent != 0, r.Flat != 0, r.None} {
		if given {
			gives++
		}
	}
	switch {
	case !utf8.ValidString(r.Name) || strings.ContainsFunc(r.Name, unicode.IsControl) || utf8.RuneCountInString(r.Name) > maxRuleName:
		return bad("name", "The name is not a text of at most %d characters.", maxRuleName)
	case r.Partner != 0 && r.Group != "":
		return bad("group", "A rule is for one partner or for a group, not for both.")
	case r.Event != Sale && r.Event != Lead:
		return bad("event", "A rule is for a sale or a lead; %q is neither.", r.Event)
	case gives != 1:
		return bad("percent", "A rule gives a percentage, a flat amount or nothing: one of them.")
	case r.Percent < 0 || r.Percent > WholePercent:
		return bad("percent", "A percentage is from %s to %s.", FormatPercent(1), FormatPercent(WholePercent))
	case r.Percent != 0 && r.Event == Lead:
		return bad("percent", "A lead has no amount of which to give a percentage: give a flat amount.")
	case r.None && (r.Months != 0 || r.Once || r.MinSale != 0 || r.Cap != 0 || r.HoldDays != nil):
		return bad("none", "A rule that gives nothing has no conditions: it gives nothing for any.")
	case r.Months < 0 || r.Months > MaxRuleMonths:
		return bad("months", "A rule is for life or for 1 to %d months.", MaxRuleMonths)
	case r.Event == Lead && r.Months != 0:
		return bad("months", "Months count from the lead or sale that binds the customer, and are for sales.")
	case r.Event == Lead && r.MinSale != 0:
		return bad("min_sale", "A lead has no amount that could reach a minimum.")
	case r.Cap != 0 && r.Percent == 0:
		return bad("cap", "Only a percentage can be capped.")
	case r.HoldDays != nil && (*r.HoldDays < 0 || *r.HoldDays > MaxHoldDays):
		return bad("hold_days", "A reward is held for 0 to %d days.", MaxHoldDays)
	}
	if err := CheckGroup(r.Group); r.Group != "" && err != nil {
		return bad("group", "%s.", err)
	}
	amounts := 0
	for _, a := range []struct {
		field  string
		amount int64
	}{{"flat", r.Flat}, {"min_sale", r.MinSale}, {"cap", r.Cap}} {
		if a.amount < 0 || a.amount > MaxAmount {
			return bad(a.field, "An amount is from %s to %s.", FormatAmount(0, r.Currency), FormatAmount(MaxAmount, r.Currency))
		}
		if a.amount != 0 {
			amounts++
		}
	}
	if known := KnownCurrency(r.Currency); amounts > 0 && !known || amounts == 0 && r.Currency != "" {
		return bad("currency", "A rule has a currency where it names an amount, and only there.")
	}
	for _, d := range []struct {
		field string
		day   Day
	}{{"from", r.From}, {"ended_from", r.EndedFrom}} {
		if (d.day != 0 || d.field == "from") && DayOf(d.day.Time(), time.UTC) != d.day {
			return bad(d.field, "%d is not a day.", d.day)
		}
	}
	return nil
}

// FoldGroup is the form in which groups are stored and compared.
func FoldGroup(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// CheckGroup reports what is wrong with the name of a group of partners, in the form of FoldGroup.
func CheckGroup(name string) error {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
	}
	if name == "" || len(name) > maxGroup || !utf8.ValidString(name) || strings.ContainsFunc(name, odd) || name != FoldGroup(name) {
		return fmt.Errorf("%q is not the name of a group: 1 to %d bytes of letters in lower case, digits, dashes, underscores and dots", name, maxGroup)
	}
	return nil
}

// GroupVersion is the group of a partner from a moment on.
type GroupVersion struct {
	At    time.Time
	Group string // empty: none
}

// GroupAt returns the group at a moment; the first one holds for all that was before it. The versions come by At.
func GroupAt(versions []GroupVersion, at time.Time) string {
	for _, v := range slices.Backward(versions) {
		if !v.At.After(at) {
			return v.Group
		}
	}
	if len(versions) > 0 {
		return versions[0].Group
	}
	return ""
}

// RuleFor is what a rule is looked for.
type RuleFor struct {
	Partner  PartnerID
	Group    string // of the partner, at that moment
	Event    ConversionKind
	Day      Day    // the program-day on which it happened
	Currency string // the program's then
}

// RuleMiss is why a rule does not hold for something.
type RuleMiss string

// The reasons, in the order in which they are found.
const (
	RuleHolds         RuleMiss = ""
	MissEvent         RuleMiss = "event"
	MissPartner       RuleMiss = "partner"
	MissGroup         RuleMiss = "group"
	MissLater         RuleMiss = "later" // it begins after the day
	MissEnded         RuleMiss = "ended"
	MissOtherCurrency RuleMiss = "currency"
)

// Misses returns why the rule does not hold for f, or RuleHolds.
func (r Rule) Misses(f RuleFor) RuleMiss {
	switch {
	case r.Event != f.Event:
		return MissEvent
	case r.Partner != 0 && r.Partner != f.Partner:
		return MissPartner
	case r.Group != "" && r.Group != f.Group:
		return MissGroup
	case f.Day < r.From:
		return MissLater
	case r.EndedFrom != 0 && f.Day >= r.EndedFrom:
		return MissEnded
	case r.Currency != "" && r.Currency != f.Currency:
		return MissOtherCurrency
	}
	return RuleHolds
}

// RuleScope is for whom a rule is.
type RuleScope string

// The scopes, the most specific first.
const (
	ScopePartner RuleScope = "partner"
	ScopeGroup   RuleScope = "group"
	ScopeDefault RuleScope = "default"
)

// Scope is for whom the rule is.
func (r Rule) Scope() RuleScope {
	switch {
	case r.Partner != 0:
		return ScopePartner
	case r.Group != "":
		return ScopeGroup
	}
	return ScopeDefault
}

// Rules finds the rule that is in force. It does not change once it is made.
type Rules struct{ by map[ruleKey][]Rule }

// ruleKey is for whom and what rules are.
type ruleKey struct {
	event   ConversionKind
	partner PartnerID
	group   string
}

// NewRules makes Rules of all rules there are, in any order.
func NewRules(all []Rule) Rules {
	out := Rules{map[ruleKey][]Rule{}}
	for _, r := range all {
		k := ruleKey{r.Event, r.Partner, r.Group}
		out.by[k] = append(out.by[k], r)
	}
	for _, list := range out.by {
		slices.SortFunc(list, func(a, b Rule) int { return cmp.Or(cmp.Compare(b.From, a.From), cmp.Compare(b.ID, a.ID)) })
	}
	return out
}

// InForce returns the rule that is in force: of those that hold the partner's own, else one of the partner's group, else
// one for everybody; among several the one that began last, and of those that began on one day the one that was added
// last. False: none holds, so nothing is earned.
func (s Rules) InForce(f RuleFor) (Rule, bool) {
	for _, k := range []ruleKey{{f.Event, f.Partner, ""}, {f.Event, 0, f.Group}, {f.Event, 0, ""}} {
		for _, r := range s.by[k] {
			if r.Misses(f) == RuleHolds {
				return r, true
			}
		}
	}
	return Rule{}, false
}

// Earns says what the rule gives, in words: "20 % of each sale for 12 months, at most 50.00 USD".
func (r Rule) Earns() string {
	each := "each " + string(r.Event)
	if r.Once {
		each = "the customer's first " + string(r.Event)
	}
	var s string
	switch {
	case r.None:
		return "nothing for a " + string(r.Event)
	case r.Percent != 0:
		s = FormatPercent(r.Percent) + " of " + each
	default:
		s = FormatAmount(r.Flat, r.Currency) + " for " + each
	}
	if r.MinSale != 0 {
		s += " of at least " + FormatAmount(r.MinSale, r.Currency)
	}
	switch {
	case r.Months == 1:
		s += " for 1 month"
	case r.Months != 0:
		s += " for " + strconv.Itoa(r.Months) + " months"
	}
	if r.Cap != 0 {
		s += ", at most " + FormatAmount(r.Cap, r.Currency)
	}
	switch {
	case r.HoldDays == nil:
	case *r.HoldDays == 1:
		s += ", held for 1 day"
	default:
		s += ", held for " + strconv.Itoa(*r.HoldDays) + " days"
	}
	return s
}

// FormatPercent writes hundredths of a percent: "12.5 %".
func FormatPercent(hundredths int64) string {
	s := strconv.FormatInt(hundredths/100, 10)
	if rest := hundredths % 100; rest != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%02d", rest), "0")
	}
	return s + " %"
}

// ParsePercent reads a percentage, "20", "12.5" or "12.5 %", into hundredths of a percent, from 0.01 to 100.
func ParsePercent(s string) (int64, error) {
	number := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "%"))
	whole, fraction, point := strings.Cut(number, ".")
	bad := fmt.Errorf("%q is not a percentage such as 20 or 12.5, with at most two decimals", s)
	if whole == "" || len(whole) > 3 || point && fraction == "" || len(fraction) > 2 || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, bad
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", 2-len(fraction)), 10, 64)
	if err != nil || n < 1 || n > WholePercent {
		return 0, bad
	}
	return n, nil
}

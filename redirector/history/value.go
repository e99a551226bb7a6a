package history

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fairlead/schema"
)

// layouts are the forms of a date that can be read in one way only. Those without a zone are in the program's.
var layouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 Z07:00",
	"2006-01-02 15:04:05.999999999 -0700",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02 15:04",
	"2006-01-02",
	"2006/01/02 15:04:05",
	"2006/01/02",
	"Jan 2, 2006 3:04 PM",
	"Jan 2, 2006, 3:04 PM",
	"Jan 2, 2006",
	"January 2, 2006",
	"2 Jan 2006",
	"2 January 2006",
}

var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// parseTime reads a date: one of the layouts, or seconds or milliseconds since 1970.
func parseTime(s string, zone *time.Location) (time.Time, error) {
	var at time.Time
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) >= 9 {
		if at = time.Unix(n, 0); len(s) > 11 {
			at = time.UnixMilli(n)
		}
	}
	local, utc := strings.CutSuffix(s, " UTC")
	if utc {
		zone = time.UTC
	}
	for i := 0; i < len(layouts) && at.IsZero(); i++ {
		at, _ = time.ParseInLocation(layouts[i], local, zone)
	}
	switch {
	case at.IsZero():
		return at, fmt.Errorf("date: %.60q is none that can be read in one way only: write 2026-11-25, 2026-11-25 14:30 or 2026-11-25T14:30:00Z", s)
	case at.Before(earliest) || !at.Before(latest):
		return at, fmt.Errorf("date: %.60q is outside 2000 to 2099", s)
	}
	return at.UTC().Truncate(time.Millisecond), nil
}

// signs are currencies' signs, and the currencies that write them, longer ones first. Those with letters are as browsers
// write them in English.
var signs = []struct {
	sign  string
	codes []string
}{
	{"CA$", []string{"CAD"}}, {"NZ$", []string{"NZD"}}, {"HK$", []string{"HKD"}}, {"NT$", []string{"TWD"}}, {"MX$", []string{"MXN"}},
	{"A$", []string{"AUD"}}, {"R$", []string{"BRL"}}, {"CN¥", []string{"CNY"}},
	{"$", []string{
		"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "BBD", "BMD", "BND", "BSD", "BZD", "FJD", "GYD", "JMD", "KYD", "LRD", "NAD", "SBD", "SRD", "TTD", "XCD",
		"ARS", "CLP", "COP", "CUP", "DOP", "MXN", "UYU",
	}},
	{"€", []string{"EUR"}}, {"£", []string{"GBP", "EGP", "FKP", "GIP", "LBP", "SHP", "SSP", "SYP"}}, {"¥", []string{"JPY", "CNY"}},
	{"₹", []string{"INR"}}, {"₩", []string{"KRW"}}, {"₪", []string{"ILS"}}, {"₫", []string{"VND"}}, {"₱", []string{"PHP"}},
}

var (
	errNegative = errors.New("amount: is negative: what was given back is a row of kind refund, with the invoice of its sale")
	thousands   = regexp.MustCompile(`^[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$`)
)

// parseAmount reads an amount into minor units. cents says that one without a decimal point and a currency's sign is
// minor units already.
func parseAmount(s, code string, cents bool) (int64, error) {
	number := strings.TrimSpace(s)
	if strings.HasPrefix(number, "-") || strings.HasPrefix(number, "(") || strings.HasSuffix(number, "-") {
		return 0, errNegative
	}
	marked := false
	for _, c := range signs {
		rest := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(number, c.sign), c.sign))
		if rest == number {
			continue
		}
		if !slices.Contains(c.codes, code) {
			return 0, fmt.Errorf("amount: %.60q is not in %s, which is the row's currency", s, code)
		}
		number, marked = rest, true
		break
	}
	if rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSuffix(strings.ToUpper(number), code), code)); len(rest) < len(number) {
		number, marked = rest, true
	}
	if strings.HasPrefix(number, "-") {
		return 0, errNegative
	}
	if thousands.MatchString(number) && (marked || strings.Contains(number, ".")) {
		number = strings.ReplaceAll(number, ",", "")
	}
	if cents && !marked && !strings.Contains(number, ".") {
		return parseMinor(number)
	}
	if _, fraction, _ := strings.Cut(number, "."); len(fraction) == 3 && schema.CurrencyDigits(code) < 3 {
		return 0, fmt.Errorf("amount: %.60q can be read in two ways, the point may part thousands: write it such as %s", s, schema.FormatAmount(123450, code))
	}
	n, err := schema.ParseAmount(number, code)
	if err != nil {
		return 0, fmt.Errorf("amount: %.60q is not an amount in %s such as %s", s, code, schema.FormatAmount(123450, code))
	}
	return n, nil
}

// parseMinor reads an amount in minor units.
func parseMinor(s string) (int64, error) {
	if strings.HasPrefix(s, "-") {
		return 0, errNegative
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n > schema.MaxAmount {
		return 0, fmt.Errorf("amount: %.60q is not a whole number of minor units up to %d", s, int64(schema.MaxAmount))
	}
	return int64(n), nil
}

// parseCurrency reads a currency's code; empty: the program's.
func parseCurrency(s, program string) (string, error) {
	if s == "" {
		return program, nil
	}
	code := strings.ToUpper(s)
	if !schema.KnownCurrency(code) {
		return "", fmt.Errorf("currency: %.20q is not one of ISO 4217, such as USD", s)
	}
	return code, nil
}

// split parts a list in one field. Its entries may hold spaces.
func split(s string) (out []string) {
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(",;|\n", r) }) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// vias are the parameters by which peers' links name a partner.
var vias = []string{"via", "referral", "fpr", "ref", "ps_partner_key"}

// slugOf finds the slug in what names a link: the slug itself, or a link with it as its path or, as peers have it, in a
// parameter.
func slugOf(s string) string {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "://") {
		return strings.Trim(s, "/")
	}
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	for _, via := range vias {
		if slug := u.Query().Get(via); slug != "" {
			return slug
		}
	}
	return strings.Trim(u.Path, "/")
}

package directory

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"fairlead/schema"
)

// DefaultProgram are the settings of a program that nobody has set up: for tests and a first look.
func DefaultProgram() schema.Program {
	return schema.Program{
		Name:           "Partner program",
		Homepage:       "https://shop.example/",
		AllowedDomains: []string{"shop.example"},
		Currency:       "USD",
		Zone:           "UTC",
		WindowDays:     90,
		Touch:          "last",
		HoldDays:       30,
		PayoutDay:      13,
		PayoutMinimum:  2500,
		Param:          "fl_click",
		SlugCase:       schema.SlugsInsensitive,
		SaleBase:       schema.SaleSubtotal,
		RespectGPC:     true,
	}
}

// Limits of the settings.
const (
	maxWindowDays = 730
	maxDomains    = 500
)

// CheckProgram returns the settings in the form to store, or an Error that names the first setting that
// cannot be, its value and what is allowed. allowLoopback admits http on loopback hosts that are among
// the allowed domains, as a demo's settings do anyway.
func CheckProgram(p schema.Program, allowLoopback bool) (schema.Program, error) {
	var err error
	if p.Name, err = checkName("name", p.Name); err != nil {
		return p, err
	}
	if p.AllowedDomains, err = checkDomains(p.AllowedDomains); err != nil {
		return p, err
	}
	allowed, err := destinations(p, allowLoopback)
	if err != nil {
		return p, err
	}
	home, err := allowed.Check(p.Homepage)
	switch {
	case errors.Is(err, schema.ErrDestinationHost):
		return p, invalid("homepage", "homepage %q is outside allowed_domains (%s).", p.Homepage, some(p.AllowedDomains))
	case err != nil:
		return p, invalid("homepage", "homepage: %s.", strings.TrimSuffix(err.Error(), "."))
	}
	p.Homepage = home
	p.Currency = strings.ToUpper(strings.TrimSpace(p.Currency))
	if !schema.KnownCurrency(p.Currency) {
		return p, invalid("currency", "currency %q is not the ISO 4217 code of a currency in use, such as USD or EUR.", p.Currency)
	}
	if err := checkZone(p.Zone); err != nil {
		return p, err
	}
	for _, n := range []struct {
		key           string
		value, lo, hi int
	}{
		{"window_days", p.WindowDays, 1, maxWindowDays},
		{"hold_days", p.HoldDays, 0, schema.MaxHoldDays},
		{"payout_day", p.PayoutDay, 1, 28},
	} {
		if n.value < n.lo || n.value > n.hi {
			return p, invalid(n.key, "%s %d is not between %d and %d.", n.key, n.value, n.lo, n.hi)
		}
	}
	if p.Touch != "last" && p.Touch != "first" {
		return p, invalid("touch", "touch %q is neither last nor first.", p.Touch)
	}
	switch p.SaleBase {
	case "":
		p.SaleBase = schema.SaleSubtotal
	case schema.SaleSubtotal, schema.SaleTotal:
	default:
		return p, invalid("sale_base", "sale_base %q is neither subtotal nor total.", p.SaleBase)
	}
	switch p.SlugCase {
	case "":
		p.SlugCase = schema.SlugsInsensitive
	case schema.SlugsInsensitive, schema.SlugsSensitive:
	default:
		return p, invalid("slug_case", "slug_case %q is neither insensitive nor sensitive.", p.SlugCase)
	}
	if p.PayoutMinimum < 0 || p.PayoutMinimum > schema.MaxAmount {
		return p, invalid("payout_minimum", "payout_minimum %s is not between 0 and %s.",
			schema.FormatAmount(p.PayoutMinimum, p.Currency), schema.FormatAmount(schema.MaxAmount, p.Currency))
	}
	for _, f := range []struct {
		key     string
		at      *string
		longest int
	}{{"legal_name", &p.LegalName, maxName}, {"legal_address", &p.LegalAddress, maxAddress}, {"tax_id", &p.TaxID, maxTaxID}} {
		if *f.at, err = checkIdentity(f.key, *f.at, f.longest); err != nil {
			return p, err
		}
	}
	return p, checkParams(p.Param, p.AlsoParam)
}

func checkDomains(list []string) ([]string, error) {
	out := make([]string, 0, len(list))
	for _, entry := range list {
		entry = strings.TrimSpace(entry)
		host, path, hasPath := strings.Cut(entry, "/")
		host = strings.ToLower(strings.TrimSuffix(host, "."))
		if hasPath {
			host += "/" + path
		}
		if host != "" && !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	switch {
	case len(out) == 0:
		return nil, invalid("allowed_domains", "allowed_domains is empty: links could lead nowhere. Name the shop's domain.")
	case len(out) > maxDomains:
		return nil, invalid("allowed_domains", "allowed_domains has %d entries, at most %d are allowed.", len(out), maxDomains)
	}
	for _, entry := range out {
		if err := checkDomain(entry); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// checkDomain refuses entries under which anybody can have a site.
func checkDomain(entry string) error {
	if _, err := schema.NewDestinations([]string{entry}, true); err != nil {
		return invalid("allowed_domains", "%s; an entry is a domain such as shop.example, optionally with a path: apps.example/our-app.", sentence(err))
	}
	host, _, _ := strings.Cut(entry, "/")
	if suffix, icann := publicsuffix.PublicSuffix(host); icann && suffix == host && host != "localhost" {
		return invalid("allowed_domains", "allowed_domains %q is a public suffix: anybody's site would be allowed. Name the shop's own domain.", host)
	}
	return nil
}

func checkZone(name string) error {
	// "" is UTC and "Local" is the machine's to time.LoadLocation; neither names a zone.
	if _, err := time.LoadLocation(name); err != nil || name == "" || name == "Local" {
		return invalid("zone", "zone %q is not an IANA time zone such as UTC, Europe/Berlin or America/Toronto.", name)
	}
	return nil
}

var paramForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,31}$`)

// takenParams are the query parameters that mean something else on a link.
var takenParams = regexp.MustCompile(`(?i)^(url|utm_[a-z]+|sid|(aff_)?sub_?(id)?_?[0-9]*)$`)

func checkParams(param, also string) error {
	for key, name := range map[string]string{"param": param, "also_param": also} {
		switch {
		case key == "also_param" && name == "":
		case !paramForm.MatchString(name):
			return invalid(key, "%s %q is not a name of 1 to 32 letters, digits and _ - . that begins with a letter.", key, name)
		case takenParams.MatchString(name):
			return invalid(key, "%s %q means something else on a link already.", key, name)
		}
	}
	if strings.EqualFold(param, also) {
		return invalid("also_param", "also_param %q is param's name; leave it empty or choose another, such as dub_id or via.", also)
	}
	return nil
}

// Setting is one of the program's settings as the command line knows it.
type Setting struct {
	Key  string // as in the program's JSON
	Help string
	Get  func(schema.Program) string
	set  func(*schema.Program, string) error
}

// Settings lists the program's settings.
func Settings() []Setting {
	return []Setting{
		text("name", "the program's name", func(p *schema.Program) *string { return &p.Name }),
		text("homepage", "where a partner's personal link leads", func(p *schema.Program) *string { return &p.Homepage }),
		{"allowed_domains", "where links may lead, comma separated: shop.example,apps.example/our-app",
			func(p schema.Program) string { return strings.Join(p.AllowedDomains, ",") },
			func(p *schema.Program, v string) error { p.AllowedDomains = strings.Split(v, ","); return nil }},
		text("currency", "ISO 4217 code", func(p *schema.Program) *string { return &p.Currency }),
		text("zone", "IANA time zone in which days and months are cut", func(p *schema.Program) *string { return &p.Zone }),
		count("window_days", "days from a click within which a sale is credited; holds for what happens from then on, and changes nothing of what is decided", func(p *schema.Program) *int { return &p.WindowDays }),
		text("touch", "which click within the window is credited, last or first; holds for what happens from then on", func(p *schema.Program) *string { return &p.Touch }),
		count("hold_days", "days before a reward can be paid", func(p *schema.Program) *int { return &p.HoldDays }),
		count("payout_day", "day of the month on which payouts are made, 1 to 28", func(p *schema.Program) *int { return &p.PayoutDay }),
		{"payout_minimum", "smallest payout, in the currency's main unit: 25.00",
			func(p schema.Program) string { return schema.FormatAmount(p.PayoutMinimum, p.Currency) },
			func(p *schema.Program, v string) (err error) {
				if p.PayoutMinimum, err = schema.ParseAmount(v, strings.ToUpper(p.Currency)); err != nil {
					err = invalid("payout_minimum", "payout_minimum: %s.", err)
				}
				return err
			}},
		text("param", "query parameter that carries the click id", func(p *schema.Program) *string { return &p.Param }),
		text("also_param", "a second name for it, such as dub_id or via; empty: none", func(p *schema.Program) *string { return &p.AlsoParam }),
		{"sale_base", "what of a payment that Stripe or Shopify reports is the sale: subtotal (after discounts, without tax and shipping) or total",
			func(p schema.Program) string { return string(cmp.Or(p.SaleBase, schema.SaleSubtotal)) },
			func(p *schema.Program, v string) error {
				p.SaleBase = schema.SaleBase(strings.TrimSpace(v))
				return nil
			}},
		{"slug_case", "insensitive: /Ada and /ada are one link; sensitive: a link answers only as it is written (no two links differ by case alone, so changing this confuses none)",
			func(p schema.Program) string { return string(cmp.Or(p.SlugCase, schema.SlugsInsensitive)) },
			func(p *schema.Program, v string) error {
				p.SlugCase = schema.SlugCase(strings.TrimSpace(v))
				return nil
			}},
		{"respect_gpc", "leave the visitor hash out where the browser asks for privacy: true or false",
			func(p schema.Program) string { return strconv.FormatBool(p.RespectGPC) },
			func(p *schema.Program, v string) (err error) {
				if p.RespectGPC, err = strconv.ParseBool(v); err != nil {
					err = invalid("respect_gpc", "respect_gpc %q is neither true nor false.", v)
				}
				return err
			}},
		text("legal_name", "the merchant's name on statements of payouts; empty: the program's", func(p *schema.Program) *string { return &p.LegalName }),
		text("legal_address", "the merchant's address on them, of several lines if need be", func(p *schema.Program) *string { return &p.LegalAddress }),
		text("tax_id", "the merchant's tax id on them", func(p *schema.Program) *string { return &p.TaxID }),
	}
}

func text(key, help string, at func(*schema.Program) *string) Setting {
	return Setting{key, help,
		func(p schema.Program) string { return *at(&p) },
		func(p *schema.Program, v string) error { *at(p) = strings.TrimSpace(v); return nil }}
}

func count(key, help string, at func(*schema.Program) *int) Setting {
	return Setting{key, help,
		func(p schema.Program) string { return strconv.Itoa(*at(&p)) },
		func(p *schema.Program, v string) error {
			n, err := strconv.Atoi(strings.TrimSpace(v))
			if err != nil {
				return invalid(key, "%s %q is not a whole number.", key, v)
			}
			*at(p) = n
			return nil
		}}
}

// Set changes the setting in p, from the text that a person wrote. What the settings must be together
// CheckProgram finds out.
func (s Setting) Set(p *schema.Program, value string) error { return s.set(p, value) }

// FindSetting returns the setting with a key.
func FindSetting(key string) (Setting, error) {
	all := Settings()
	for _, s := range all {
		if s.Key == key {
			return s, nil
		}
	}
	keys := make([]string, len(all))
	for i, s := range all {
		keys[i] = s.Key
	}
	return Setting{}, invalid(key, "There is no setting %q; there are %s.", key, strings.Join(keys, ", "))
}

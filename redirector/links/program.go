package links

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"fairlead/schema"
)

// Destination is an address that a redirect may be sent to, with the places known where parameters go
// in. It is fit for a header: no space, control character or byte beyond ASCII.
type Destination struct {
	URL             []byte
	query, fragment int // where '?' and '#' stand; where they would, if there is none
}

// Path returns the part before the query.
func (d Destination) Path() []byte { return d.URL[:d.query] }

// Query returns the own query without its question mark.
func (d Destination) Query() []byte {
	if d.query == d.fragment {
		return nil
	}
	return d.URL[d.query+1 : d.fragment]
}

// Fragment returns the fragment with its '#'.
func (d Destination) Fragment() []byte { return d.URL[d.fragment:] }

// Split finds the places in an address.
func Split(url []byte) Destination {
	d := Destination{URL: url, fragment: len(url)}
	if i := bytes.IndexByte(url, '#'); i >= 0 {
		d.fragment = i
	}
	d.query = d.fragment
	if i := bytes.IndexByte(url[:d.fragment], '?'); i >= 0 {
		d.query = i
	}
	return d
}

var errNotWeb = errors.New("it does not begin with https:// or http:// and a host")

// compile prepares an address from the directory. What a header cannot carry is escaped; the
// directory's own check has seen to the rest when the address was stored.
func compile(raw string) (Destination, error) {
	rest, ok := bytes.CutPrefix([]byte(raw), []byte("https://"))
	if !ok {
		rest, ok = bytes.CutPrefix([]byte(raw), []byte("http://"))
	}
	if !ok || len(rest) == 0 || bytes.IndexByte([]byte("/?#\\"), rest[0]) >= 0 {
		return Destination{}, errNotWeb
	}
	if len(raw) > schema.MaxDestination {
		return Destination{}, fmt.Errorf("it has %d bytes, at most %d", len(raw), schema.MaxDestination)
	}
	return Split(escapeUnsafe(raw)), nil
}

func escapeUnsafe(raw string) []byte {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(raw))
	for i := range len(raw) {
		if b := raw[i]; b <= ' ' || b >= 0x7f {
			out = append(out, '%', hex[b>>4], hex[b&15])
		} else {
			out = append(out, b)
		}
	}
	return out
}

// Program is what redirects need of the program, compiled once per change.
type Program struct {
	Homepage   Destination
	Param      []byte          // carries the click id to the destination
	AlsoParam  []byte          // a second name for it; empty: none
	Key        schema.ClickKey // tags new click ids
	Zone       *time.Location
	RespectGPC bool
	Currency   string          // ISO 4217
	SaleBase   schema.SaleBase // never empty
	WindowDays int             // from a click within which a sale is credited
	FirstTouch bool            // the first click is credited rather than the last

	caseCounts   bool // of slugs
	destinations *schema.Destinations
	stored       *schema.Program // as it came, for the snapshot
	keys         []schema.StoredClickKey
}

// DeepLink decides whether a request may name its own destination.
func (p *Program) DeepLink(raw string) (Destination, bool) {
	checked, err := p.destinations.Check(raw)
	if err != nil {
		return Destination{}, false
	}
	to, err := compile(checked)
	return to, err == nil
}

// compileProgram says what a directory lacks when no redirect could be made of it.
func compileProgram(p *schema.Program, keys map[uint32]schema.StoredClickKey, allowLoopback bool) (*Program, error) {
	if p == nil {
		return nil, errors.New("there is no program in it: `fairlead up` or `fairlead program set` makes one")
	}
	homepage, err := compile(p.Homepage)
	if err != nil {
		return nil, fmt.Errorf("the program's homepage %q cannot be used: %w", p.Homepage, err)
	}
	destinations, err := schema.NewDestinations(p.AllowedDomains, allowLoopback)
	if err != nil {
		return nil, err
	}
	if !isName(p.Param) || p.AlsoParam != "" && !isName(p.AlsoParam) {
		return nil, fmt.Errorf("the names of the click id's parameters, %q and %q, are not made of letters, digits and -._~", p.Param, p.AlsoParam)
	}
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		return nil, fmt.Errorf("the program's time zone: %w", err)
	}
	key, ok := newestKey(keys)
	if !ok {
		return nil, errors.New("there is no click key in it: `fairlead up` makes one")
	}
	return &Program{
		Homepage: homepage, Param: []byte(p.Param), AlsoParam: []byte(p.AlsoParam),
		Key: key, Zone: zone, RespectGPC: p.RespectGPC,
		Currency: p.Currency, SaleBase: cmp.Or(p.SaleBase, schema.SaleSubtotal), WindowDays: p.WindowDays, FirstTouch: p.Touch == "first",
		caseCounts: p.SlugCase == schema.SlugsSensitive, destinations: destinations,
		stored: p, keys: slices.Collect(maps.Values(keys)),
	}, nil
}

func newestKey(keys map[uint32]schema.StoredClickKey) (schema.ClickKey, bool) {
	var ids []uint32
	for id, k := range keys {
		if k.RetiredAt.IsZero() {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return schema.ClickKey{}, false
	}
	return keys[slices.Max(ids)].Key, true
}

// isName reports whether s can be a parameter's name without being escaped.
func isName(s string) bool {
	for i := range len(s) {
		if s[i] == '/' || !schema.SlugByte(s[i]) {
			return false
		}
	}
	return s != ""
}

package schema

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// reserved are the first path segments that the edge keeps for itself.
var reserved = map[string]bool{
	"robots.txt": true, "favicon.ico": true, "fairlead.js": true, ".well-known": true,
	"track": true, "postback": true, "webhooks": true, "openapi.json": true,
	"healthz": true, "readyz": true, "metrics": true,
}

// CheckSlug reports what is wrong with a slug that somebody wants to create.
func CheckSlug(slug string) error {
	if slug == "" || len(slug) > MaxSlug {
		return fmt.Errorf("a slug has 1 to %d bytes, this one has %d", MaxSlug, len(slug))
	}
	for i := range len(slug) {
		if !SlugByte(slug[i]) {
			return fmt.Errorf("slug %q: byte %d is %q; a slug is made of letters, digits and - . _ ~ /", slug, i+1, slug[i])
		}
	}
	if slug[0] == '/' || slug[len(slug)-1] == '/' || strings.Contains(slug, "//") {
		return fmt.Errorf("slug %q: a / stands between two parts", slug)
	}
	for part := range strings.SplitSeq(slug, "/") {
		if part == "." || part == ".." {
			return fmt.Errorf("slug %q: browsers take the part %q away", slug, part)
		}
	}
	first, _, _ := strings.Cut(slug, "/")
	if Reserved([]byte(first)) {
		return fmt.Errorf("slug %q: %q is kept for the product itself", slug, first)
	}
	return nil
}

// Reserved reports whether a path's first segment is one that the edge keeps for itself, in any case. It
// does not allocate.
func Reserved(segment []byte) bool {
	var folded [16]byte
	if len(segment) > len(folded) {
		return false
	}
	for i, b := range segment {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		folded[i] = b
	}
	return reserved[string(folded[:len(segment)])]
}

// SlugByte reports whether b may stand in a slug.
func SlugByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' ||
		b == '-' || b == '.' || b == '_' || b == '~' || b == '/'
}

// FoldSlug returns the form under which a slug is looked up: case does not matter.
func FoldSlug(slug string) string { return strings.ToLower(slug) }

// FoldEmail returns the form under which an e-mail address is looked up.
func FoldEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// Destination errors.
var (
	ErrDestinationForm = errors.New("destination is not a web address")
	ErrDestinationHost = errors.New("destination is outside the program's allowed domains")
)

// Destinations decides where links may lead: the compiled list of a program's allowed domains.
type Destinations struct {
	rules    []destinationRule
	loopback bool
}

type destinationRule struct {
	host, path string
	address    bool // the host is an address: it has no subdomains
}

// NewDestinations compiles a list of allowed domains: a host each, optionally followed by a path prefix
// ("apps.example/our-app"). allowLoopback admits http on loopback addresses that the list names, for a
// demo or a test on one machine.
func NewDestinations(allowed []string, allowLoopback bool) (*Destinations, error) {
	d := &Destinations{loopback: allowLoopback}
	for _, entry := range allowed {
		host, path, _ := strings.Cut(entry, "/")
		if strings.HasSuffix(host, ":") {
			return nil, fmt.Errorf("allowed domain %q: leave https:// away, only the host counts", entry)
		}
		ascii, err := foldHost(host)
		if err != nil {
			return nil, fmt.Errorf("allowed domain %q: %w", entry, err)
		}
		if path = strings.TrimSuffix(path, "/"); path != "" {
			path = "/" + path
		}
		if u, err := url.Parse(path); err != nil || u.EscapedPath() != path || dotted(path) || strings.ContainsAny(path, `\ `) {
			return nil, fmt.Errorf("allowed domain %q: %q is not a path", entry, path)
		}
		d.rules = append(d.rules, destinationRule{host: ascii, path: path, address: isAddress(ascii)})
	}
	return d, nil
}

// Check parses raw the way a browser does and reports whether a link may lead there. It answers the
// address in the form to store and send: ASCII, scheme and host folded, the rest as it came. An address that is in
// that form already costs no allocation.
func (d *Destinations) Check(raw string) (string, error) {
	if host, path, ok := plain(raw); ok && d.allows(host, path) {
		return raw, nil
	}
	return d.parse(raw)
}

func (d *Destinations) parse(raw string) (string, error) {
	if len(raw) > MaxDestination {
		return "", fmt.Errorf("%w: %d bytes, at most %d", ErrDestinationForm, len(raw), MaxDestination)
	}
	if !utf8.ValidString(raw) {
		return "", fmt.Errorf("%w: %q is not UTF-8", ErrDestinationForm, raw)
	}
	for i := range len(raw) {
		// A browser drops tabs and newlines, reads \ as /, and would see another address than we did.
		if raw[i] <= ' ' || raw[i] == '\\' || raw[i] == 0x7f {
			return "", fmt.Errorf("%w: byte %d is %q", ErrDestinationForm, i+1, raw[i])
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("%w: %q", ErrDestinationForm, raw)
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme != "https" && scheme != "http" || u.Opaque != "" || u.Host == "" {
		return "", fmt.Errorf("%w: %q does not begin with https:// and a host", ErrDestinationForm, raw)
	}
	if u.User != nil {
		return "", fmt.Errorf("%w: %q carries a user name", ErrDestinationForm, raw)
	}
	host, err := foldHost(u.Host)
	if err != nil {
		return "", fmt.Errorf("%w: %q: %w", ErrDestinationForm, raw, err)
	}
	if scheme == "http" && (!d.loopback || !isLoopback(host)) {
		return "", fmt.Errorf("%w: %q is not https", ErrDestinationForm, raw)
	}
	rest := raw[len(u.Scheme)+len("://"):]
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[i:]
		if rest[0] != '/' {
			rest = "/" + rest
		}
	} else {
		rest = "/"
	}
	// The path as it came: url.URL would write an escaped / as a plain one where the rest needs escaping.
	path := rest
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		path = rest[:i]
	}
	if !d.allows(host, path) {
		return "", fmt.Errorf("%w: %s", ErrDestinationHost, host)
	}
	out := scheme + "://" + host + escapeNonASCII(rest)
	if len(out) > MaxDestination {
		return "", fmt.Errorf("%w: %d bytes with its letters escaped, at most %d", ErrDestinationForm, len(out), MaxDestination)
	}
	return out, nil
}

// AllowsOrigin reports whether pages of an origin, "https://shop.example" as browsers send it, are of the allowed
// domains. An origin has no path, so that one app of a domain with a path prefix lets its neighbours in.
func (d *Destinations) AllowsOrigin(origin string) bool {
	scheme, rest, ok := strings.Cut(origin, "://")
	if !ok || strings.ContainsAny(rest, "/?#@\\ ") {
		return false
	}
	host, err := foldHost(rest)
	if err != nil || scheme != "https" && (scheme != "http" || !d.loopback || !isLoopback(host)) {
		return false
	}
	for _, r := range d.rules {
		if d.allows(host, r.path) {
			return true
		}
	}
	return false
}

// escapeNonASCII writes bytes outside ASCII as browsers send them: a header has no encoding of its own.
func escapeNonASCII(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < utf8.RuneSelf {
			b.WriteByte(c)
		} else {
			b.WriteString(string([]byte{'%', hex[c>>4], hex[c&15]}))
		}
	}
	return b.String()
}

func (d *Destinations) allows(host, path string) bool {
	bare := host // without its port, where the machine itself is meant: a demo's shop has any
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") && isLoopback(host) {
		bare = host[:i]
	}
	for _, r := range d.rules {
		if host != r.host && bare != r.host && (r.address || !under(host, r.host)) {
			continue
		}
		if r.path == "" {
			return true
		}
		if dotted(path) {
			continue // "/our-app/../else" leaves the prefix in the browser
		}
		if within(path, r.path) {
			return true
		}
	}
	return false
}

// dotted reports whether a browser would shorten the path: a "." or ".." part, however it is escaped.
func dotted(path string) bool {
	for more := true; more; {
		var part string
		part, path, more = strings.Cut(path, "/")
		dots := 0
		for part != "" && dots <= 2 {
			switch {
			case part[0] == '.':
				part = part[1:]
			case len(part) >= 3 && part[0] == '%' && part[1] == '2' && part[2]|0x20 == 'e':
				part = part[3:]
			default:
				dots, part = 0, "" // a name
				continue
			}
			dots++
		}
		if part == "" && (dots == 1 || dots == 2) {
			return true
		}
	}
	return false
}

// foldHost returns a host, with its port if it is not 443, in ASCII and lower case.
func foldHost(hostport string) (string, error) {
	host, port := hostport, ""
	if i := strings.LastIndexByte(hostport, ':'); i >= 0 && !strings.HasSuffix(hostport, "]") {
		host, port = hostport[:i], hostport[i+1:]
	}
	if strings.HasPrefix(host, "[") {
		a, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil {
			return "", fmt.Errorf("host %q is not an address", host)
		}
		host = "[" + a.String() + "]"
	} else {
		ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(host, "."))
		if err != nil || strings.Contains("."+ascii+".", "..") {
			return "", fmt.Errorf("host %q is not a domain name", host)
		}
		host = ascii
	}
	if port == "" || port == "443" {
		return host, nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", fmt.Errorf("port %q is not a number from 0 to 65535", port)
	}
	return host + ":" + port, nil
}

// SameHost reports whether two web addresses are of one scheme, host and port, however they are written.
func SameHost(a, b string) bool {
	origin := func(raw string) (scheme, host string, ok bool) {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			return "", "", false
		}
		host, err = foldHost(u.Host)
		return strings.ToLower(u.Scheme), host, err == nil
	}
	schemeA, hostA, okA := origin(a)
	schemeB, hostB, okB := origin(b)
	return okA && okB && schemeA == schemeB && hostA == hostB
}

// isAddress reports whether a folded host is an IP address.
func isAddress(hostport string) bool {
	if _, err := netip.ParseAddrPort(hostport); err == nil {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(hostport, "[]"))
	return err == nil
}

func isLoopback(hostport string) bool {
	if ap, err := netip.ParseAddrPort(hostport); err == nil {
		return ap.Addr().IsLoopback()
	}
	if a, err := netip.ParseAddr(strings.Trim(hostport, "[]")); err == nil {
		return a.IsLoopback()
	}
	host, _, _ := strings.Cut(hostport, ":")
	return host == "localhost"
}

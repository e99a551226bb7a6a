package schema

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"
)

// MaxEndpoint is how long an address may be that something is sent to, in bytes.
const MaxEndpoint = 32 << 10

// ErrEndpoint says that an address cannot be told anything.
var ErrEndpoint = errors.New("not an address that can be told anything")

// CheckEndpoint reports whether Fairlead may send to an address, as far as the address itself says: https on the standard
// port, a host, no user name, no fragment. What the host's name leads to is found out with each message. It answers the
// address in the form to store and send. loopback admits this machine itself, by http too and on any port, where the host is a
// loopback address or localhost: for tests.
func CheckEndpoint(raw string, loopback bool) (string, error) {
	if len(raw) > MaxEndpoint {
		return "", fmt.Errorf("%w: %d bytes, at most %d", ErrEndpoint, len(raw), MaxEndpoint)
	}
	if !utf8.ValidString(raw) {
		return "", fmt.Errorf("%w: it is not UTF-8", ErrEndpoint)
	}
	for i := range len(raw) {
		if raw[i] <= ' ' || raw[i] == '\\' || raw[i] == 0x7f {
			return "", fmt.Errorf("%w: byte %d is %q", ErrEndpoint, i+1, raw[i])
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("%w: it cannot be read", ErrEndpoint) // the cause would repeat the address, which may hold a secret
	}
	if u.User != nil {
		return "", fmt.Errorf("%w: it carries a user name", ErrEndpoint)
	}
	if u.Opaque != "" || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", fmt.Errorf("%w: it does not begin with https:// and a host", ErrEndpoint)
	}
	if strings.Contains(raw, "#") {
		return "", fmt.Errorf("%w: it has a fragment, which is never sent", ErrEndpoint)
	}
	host, err := foldHost(u.Host)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrEndpoint, err)
	}
	rest := raw[len(u.Scheme)+len("://"):]
	if i := strings.IndexAny(rest, "/?"); i < 0 {
		rest = "/"
	} else if rest = rest[i:]; rest[0] == '?' {
		rest = "/" + rest
	}
	out := u.Scheme + "://" + host + escapeNonASCII(rest)
	switch {
	case loopback && isLoopback(host):
		return out, nil
	case u.Scheme != "https":
		return "", fmt.Errorf("%w: it is not https", ErrEndpoint)
	case isAddress(host) && strings.HasSuffix(host, "]") || !strings.Contains(host, ":"):
	default:
		return "", fmt.Errorf("%w: port %s, only 443 is", ErrEndpoint, u.Port())
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		if why := NotPublic(a); why != "" {
			return "", fmt.Errorf("%w: %s is %s", ErrEndpoint, a, why)
		}
	}
	return out, nil
}

// Loopback reports whether an endpoint's address, as CheckEndpoint answers it, is this machine itself.
func Loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && isLoopback(u.Host)
}

// notPublic are the ranges of the IANA special-purpose registries whose addresses are not reachable by everybody, and those that
// stand for others (https://www.iana.org/assignments/iana-ipv4-special-registry, …-ipv6-…). Of IPv6 only
// global unicast, 2000::/3, is public at all, and the last four are the exceptions from that.
var notPublic = func() (list []struct {
	netip.Prefix
	why string
}) {
	for _, r := range [][2]string{
		{"0.0.0.0/8", "this network"},
		{"10.0.0.0/8", "private"},
		{"100.64.0.0/10", "shared by a carrier's customers"},
		{"127.0.0.0/8", "loopback"},
		{"168.63.129.16/32", "a cloud's own service"},
		{"169.254.0.0/16", "link-local, where clouds have their metadata"},
		{"172.16.0.0/12", "private"},
		{"192.0.0.0/24", "kept for protocols"},
		{"192.0.2.0/24", "for documentation"},
		{"192.88.99.0/24", "a relay of 6to4"},
		{"192.168.0.0/16", "private"},
		{"198.18.0.0/15", "for benchmarks"},
		{"198.51.100.0/24", "for documentation"},
		{"203.0.113.0/24", "for documentation"},
		{"224.0.0.0/4", "multicast"},
		{"240.0.0.0/4", "reserved"},
		{"2001::/23", "kept for protocols, Teredo among them"},
		{"2001:db8::/32", "for documentation"},
		{"2002::/16", "6to4, which stands for another address"},
		{"3fff::/20", "for documentation"},
	} {
		list = append(list, struct {
			netip.Prefix
			why string
		}{netip.MustParsePrefix(r[0]), r[1]})
	}
	return list
}()

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	nat64         = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: the last 32 bits are an IPv4 address
)

// NotPublic says why an address is not one that everybody reaches, or "" where it is one. An address that stands for an
// IPv4 address, mapped or behind NAT64, is what that one is.
func NotPublic(a netip.Addr) string {
	if a.Zone() != "" {
		return "of one interface"
	}
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !a.IsValid() {
		return "no address"
	}
	if a.Is6() && !globalUnicast.Contains(a) {
		switch {
		case a.IsLoopback():
			return "loopback"
		case a.IsPrivate():
			return "private"
		case a.IsLinkLocalUnicast():
			return "link-local"
		case a.IsMulticast():
			return "multicast"
		}
		return "not a global address"
	}
	for _, r := range notPublic {
		if r.Contains(a) {
			return r.why
		}
	}
	return ""
}

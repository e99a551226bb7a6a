package schema

import "strings"

// plain takes apart an address that is written as most are: https, a host of lower-case letters, digits, hyphens and dots without
// a port, a path, and nothing that a browser would write otherwise. Such an address is its own canonical form, and is
// known without the parsers, which allocate. What is not ok may still be an address.
func plain(raw string) (host, path string, ok bool) {
	rest, ok := strings.CutPrefix(raw, "https://")
	if !ok || len(raw) > MaxDestination {
		return "", "", false
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 || !plainHost(rest[:slash]) {
		return "", "", false
	}
	host, rest = rest[:slash], rest[slash:]
	path = rest
	part := byte('/') // whose bytes these are: of the path, or what begins with ? or #
	for i := range len(rest) {
		switch c := rest[i]; {
		case c <= ' ' || c >= 0x7f || c == '\\':
			return "", "", false
		case c == '#' && part != '#':
			if part == '/' {
				path = rest[:i]
			}
			part = '#'
		case c == '?' && part == '/':
			path, part = rest[:i], '?'
		case c == '%' && part != '?' && !escape(rest[i:]):
			return "", "", false
		}
	}
	return host, path, true
}

// escape reports whether s begins with % and two hexadecimal digits.
func escape(s string) bool { return len(s) > 2 && hexDigit(s[1]) && hexDigit(s[2]) }

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// plainHost reports whether a host is a domain name that IDNA leaves as it is.
func plainHost(host string) bool {
	const maxHost, maxLabel = 253, 63
	if len(host) > maxHost {
		return false
	}
	for more := true; more; {
		var label string
		label, host, more = strings.Cut(host, ".")
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' || len(label) > 3 && label[2:4] == "--" {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

// under reports whether a host is a subdomain of a domain.
func under(host, domain string) bool {
	dot := len(host) - len(domain) - 1
	return dot > 0 && host[dot] == '.' && host[dot+1:] == domain
}

// within reports whether a path is a folder or lies in it.
func within(path, folder string) bool {
	return strings.HasPrefix(path, folder) && (len(path) == len(folder) || path[len(folder)] == '/')
}

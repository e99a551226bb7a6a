package redirector

import (
	"net/netip"
	"testing"

	"fairlead/schema"
)

func netipFrom(b [16]byte) netip.Addr { return netip.AddrFrom16(b) }

func prefixes(list ...string) (out []netip.Prefix) {
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

func TestWhereARequestComesFrom(t *testing.T) {
	e := newEdge(t, func(o *Options) { o.TrustedProxies = prefixes("10.0.0.0/8", "fd00::/8") })
	f := func(from, want string, headers ...string) {
		t.Helper()
		r := get("/ada", headers...)
		r.from = from
		h := &hit{ctx: r.context()}
		h.facts.read(h.ctx)
		addr, _ := e.client(h)
		got := addr.String()
		if !addr.IsValid() {
			got = "nowhere"
		}
		if got != want {
			t.Errorf("from %s with %q: %s, want %s", from, headers, got, want)
		}
	}
	const xff, fwd = "X-Forwarded-For", "Forwarded"
	// Nobody but a trusted proxy is believed.
	f("203.0.113.1", "203.0.113.1")
	f("203.0.113.1", "203.0.113.1", xff, "198.51.100.1")
	f("203.0.113.1", "203.0.113.1", fwd, "for=198.51.100.1")
	f("::ffff:203.0.113.1", "203.0.113.1")
	// The rightmost hop that is not trusted counts: those left of it may be made up.
	f("10.0.0.1", "10.0.0.1")
	f("10.0.0.1", "198.51.100.1", xff, "198.51.100.1")
	f("10.0.0.1", "198.51.100.1", xff, "192.0.2.66, 198.51.100.1")
	f("10.0.0.1", "198.51.100.1", xff, "192.0.2.66,198.51.100.1, 10.2.3.4,10.0.0.9")
	f("10.0.0.1", "198.51.100.1", xff, "192.0.2.66", xff, "198.51.100.1", xff, "10.0.0.9")
	f("10.0.0.1", "10.7.7.7", xff, "10.7.7.7, 10.0.0.9")
	f("fd00::1", "2001:db8::1", xff, "2001:db8::1")
	f("::ffff:10.0.0.1", "198.51.100.1", xff, "::ffff:198.51.100.1")
	// Ports, and what is no address.
	f("10.0.0.1", "198.51.100.1", xff, "198.51.100.1:4711")
	f("10.0.0.1", "2001:db8::1", xff, "[2001:db8::1]:4711")
	f("10.0.0.1", "2001:db8::1", xff, "[2001:db8::1]")
	f("10.0.0.1", "nowhere", xff, "unknown")
	f("10.0.0.1", "nowhere", xff, "198.51.100.1, unknown, 10.0.0.9")
	f("10.0.0.1", "nowhere", xff, "198.51.100.1,")
	f("10.0.0.1", "nowhere", xff, "[2001:db8::1")
	f("10.0.0.1", "nowhere", xff, "fe80::1%eth0")
	f("10.0.0.1", "198.51.100.1", xff, "unknown, 198.51.100.1")
	// RFC 7239, where the other is not there.
	f("10.0.0.1", "198.51.100.1", fwd, "for=198.51.100.1")
	f("10.0.0.1", "198.51.100.1", fwd, `for=192.0.2.66, For="198.51.100.1:99";proto=https;by=10.0.0.1, for=10.0.0.9`)
	f("10.0.0.1", "2001:db8::1", fwd, `proto=http; for="[2001:db8::1]"`)
	f("10.0.0.1", "nowhere", fwd, "for=_hidden")
	f("10.0.0.1", "nowhere", fwd, "proto=https")
	f("10.0.0.1", "198.51.100.1", xff, "198.51.100.1", fwd, "for=192.0.2.66")
}

func TestTLSIsBelievedOfTrustedProxies(t *testing.T) {
	e := newEdge(t, func(o *Options) { o.TrustedProxies = prefixes("10.0.0.0/8") })
	f := func(from, proto string, want bool) {
		t.Helper()
		c, _ := e.one(request{method: "GET", target: "/ada", from: from, headers: []string{"X-Forwarded-For", "198.51.100.1", "X-Forwarded-Proto", proto}})
		if got := c.Hints&schema.HintTLS != 0; got != want {
			t.Errorf("from %s over %s: %v", from, proto, got)
		}
	}
	f("10.0.0.1", "https", true)
	f("10.0.0.1", "http", false)
	f("203.0.113.1", "https", false)
}

package redirector

import (
	"net/netip"
	"strings"
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
	f("10.0.0.1", "198.51.100.1", fwd, `for=192.0.2.66`, fwd, `for="198.51.100.1"`, fwd, `for=10.0.0.9;host=x`)
	f("10.0.0.1", "2001:db8::1", fwd, `for="[2001:db8::1]:4711";by=_x`)
	f("10.0.0.1", "198.51.100.1", fwd, `for="192.0.2.66, for=198.51.100.1`) // a quote that somebody left open
	f("10.0.0.1", "nowhere", fwd, `for=192.0.2.66, for=unknown`)
	f("10.0.0.1", "nowhere", fwd, `for=192.0.2.66, by="a,b"`)
	f("10.0.0.1", "nowhere", fwd, `for=`)
	f("10.0.0.1", "nowhere", fwd, `for = 198.51.100.1`)
	f("10.0.0.1", "nowhere", fwd, `for="[fe80::1%25eth0]"`)
	// Both: nobody knows which of them the proxy wrote, unless they say the same.
	f("10.0.0.1", "nowhere", xff, "198.51.100.1", fwd, "for=192.0.2.66")
	f("10.0.0.1", "nowhere", xff, "198.51.100.1", fwd, "nonsense")
	f("10.0.0.1", "198.51.100.1", xff, "192.0.2.66, 198.51.100.1", fwd, `for="198.51.100.1:4711", for=10.0.0.9`)
	f("203.0.113.1", "203.0.113.1", xff, "198.51.100.1", fwd, "for=192.0.2.66")
	// Garbage.
	f("10.0.0.1", "10.0.0.1", xff, "")
	f("10.0.0.1", "nowhere", xff, " ")
	f("10.0.0.1", "nowhere", xff, "198.51.100.1 198.51.100.2")
	f("10.0.0.1", "nowhere", xff, "198.51.100.256")
	f("10.0.0.1", "nowhere", xff, "198.51.100.1:99999")
	f("10.0.0.1", "nowhere", xff, "0x7f000001")
	f("10.0.0.1", "nowhere", xff, "2001:db8::1:4711:x")
	f("10.0.0.1", "nowhere", xff, "[198.51.100.1]]:80")
	f("10.0.0.1", "nowhere", xff, "\x00\xff")
	f("10.0.0.1", "nowhere", xff, strings.Repeat("9", 500))
	f("10.0.0.1", "198.51.100.1", xff, strings.Repeat("192.0.2.66, ", 500)+"198.51.100.1, "+strings.Repeat("10.0.0.9, ", 100)+"10.0.0.8")
}

func TestTLSIsBelievedOfTrustedProxies(t *testing.T) {
	e := newEdge(t, func(o *Options) { o.TrustedProxies = prefixes("10.0.0.0/8") })
	f := func(from string, want bool, headers ...string) {
		t.Helper()
		c, _ := e.one(request{method: "GET", target: "/ada", from: from, headers: headers})
		if got := c.Hints&schema.HintTLS != 0; got != want {
			t.Errorf("from %s with %q: %v", from, headers, got)
		}
	}
	const proto, fwd = "X-Forwarded-Proto", "Forwarded"
	f("10.0.0.1", true, proto, "https")
	f("10.0.0.1", true, proto, "HTTPS")
	f("10.0.0.1", true, proto, "http, https")
	f("10.0.0.1", false, proto, "https, http")
	f("10.0.0.1", false, proto, "http")
	f("10.0.0.1", false)
	f("10.0.0.1", true, fwd, "for=198.51.100.1;proto=https")
	f("10.0.0.1", true, fwd, `for=192.0.2.66;proto=http, Proto="https";for=198.51.100.1`)
	f("10.0.0.1", false, fwd, "for=198.51.100.1;proto=http")
	f("10.0.0.1", false, proto, "http", fwd, "for=198.51.100.1;proto=https")
	f("203.0.113.1", false, proto, "https", fwd, "proto=https")
}

func FuzzWhereARequestComesFrom(f *testing.F) {
	for _, line := range []string{"198.51.100.1", "192.0.2.66, [2001:db8::1]:80,10.0.0.9", `for="[2001:db8::1]:4711";proto=https, for=10.0.0.9`, "for=_x", "%", "[", `"`, ";;,="} {
		f.Add(line, line)
	}
	e := newEdge(f, func(o *Options) { o.TrustedProxies = prefixes("10.0.0.0/8") })
	f.Fuzz(func(t *testing.T, xff, fwd string) {
		client := func(headers ...string) netip.Addr {
			r := get("/ada", headers...)
			r.from = "10.0.0.1"
			h := &hit{ctx: r.context()}
			h.facts.read(h.ctx)
			addr, _ := e.client(h)
			if addr.Zone() != "" || addr.Is4In6() {
				t.Fatalf("%q: %v", headers, addr)
			}
			return addr
		}
		// What a proxy appends decides, whatever came before it.
		want := netip.MustParseAddr("198.51.100.1")
		if got := client("X-Forwarded-For", xff+",198.51.100.1"); got != want {
			t.Fatalf("after %q: %v", xff, got)
		}
		if got := client("Forwarded", fwd+", for=198.51.100.1"); got != want {
			t.Fatalf("after %q: %v", fwd, got)
		}
		one, other := client("X-Forwarded-For", xff), client("Forwarded", fwd)
		if both := client("X-Forwarded-For", xff, "Forwarded", fwd); xff != "" && fwd != "" && both.IsValid() && (both != one || both != other) {
			t.Fatalf("%q and %q: %v, one by one %v and %v", xff, fwd, both, one, other)
		}
	})
}

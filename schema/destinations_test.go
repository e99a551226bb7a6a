package schema_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"fairlead/schema"
)

func destinations(t testing.TB, loopback bool, allowed ...string) *schema.Destinations {
	t.Helper()
	d, err := schema.NewDestinations(allowed, loopback)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWhosePagesMayAsk(t *testing.T) {
	f := func(loopback bool, origin string, want bool) {
		t.Helper()
		d := destinations(t, loopback, "shop.example", "bücher.example", "apps.example/our-app", "port.example:8443", "127.0.0.1")
		if got := d.AllowsOrigin(origin); got != want {
			t.Errorf("%q: got %v, want %v", origin, got, want)
		}
	}
	f(false, "https://shop.example", true)
	f(false, "https://eu.shop.example", true)
	f(false, "https://xn--bcher-kva.example", true)
	f(false, "https://apps.example", true)
	f(false, "https://port.example:8443", true)
	f(true, "http://127.0.0.1:4000", true)
	f(false, "http://127.0.0.1:4000", false)
	f(true, "http://shop.example", false)
	f(false, "https://shop.example:8443", false)
	f(false, "https://evil.example", false)
	f(false, "https://shop.example.evil.example", false)
	f(false, "https://evil.example/shop.example", false)
	f(false, "https://shop.example@evil.example", false)
	f(false, "null", false)
	f(false, "", false)
	f(false, "https://", false)
}

func TestWhereLinksMayLead(t *testing.T) {
	d := destinations(t, false, "shop.example", "bücher.example", "apps.example/our-app", "port.example:8443", "10.1.2.3", "[2001:db8::1]")
	f := func(raw, want string) {
		t.Helper()
		got, err := d.Check(raw)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", raw, got, err, want)
		}
	}
	f("https://shop.example", "https://shop.example/")
	f("https://shop.example/", "https://shop.example/")
	f("HTTPS://Shop.EXAMPLE/Path", "https://shop.example/Path")
	f("https://shop.example?a=1", "https://shop.example/?a=1")
	f("https://shop.example#top", "https://shop.example/#top")
	f("https://shop.example/a?b=c&b=d#e", "https://shop.example/a?b=c&b=d#e")
	f("https://shop.example/?q=a+b%20c&empty=&x", "https://shop.example/?q=a+b%20c&empty=&x")
	f("https://shop.example/?next=https://evil.example/", "https://shop.example/?next=https://evil.example/")
	f("https://shop.example/?q=%zz", "https://shop.example/?q=%zz")
	f("https://eu.shop.example/", "https://eu.shop.example/")
	f("https://a.b.shop.example/", "https://a.b.shop.example/")
	f("https://shop.example./", "https://shop.example/")
	f("https://shop.example:443/", "https://shop.example/")
	f("https://shop.example:/", "https://shop.example/")
	f("https://shop。example/", "https://shop.example/") // browsers take the ideographic full stop for a dot
	f("https://ｓｈｏｐ.example/", "https://shop.example/")
	f("https://BÜCHER.example/", "https://xn--bcher-kva.example/")
	f("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/")
	f("https://shop.example/größe?ß#ö", "https://shop.example/gr%C3%B6%C3%9Fe?%C3%9F#%C3%B6")
	f("https://apps.example/our-app", "https://apps.example/our-app")
	f("https://apps.example/our-app/x?y", "https://apps.example/our-app/x?y")
	f("https://port.example:8443/", "https://port.example:8443/")
	f("https://10.1.2.3/", "https://10.1.2.3/")
	f("https://[2001:DB8:0::1]/", "https://[2001:db8::1]/")
}

func TestWhereLinksMayNotLead(t *testing.T) {
	d := destinations(t, false, "shop.example", "apps.example/our-app", "localhost", "127.0.0.1")
	f := func(raw string, want error) {
		t.Helper()
		if got, err := d.Check(raw); !errors.Is(err, want) {
			t.Errorf("%q: got %q, %v, want: %v", raw, got, err, want)
		}
	}
	elsewhere := schema.ErrDestinationHost
	f("https://evil.example/", elsewhere)
	f("https://shop.example.evil.example/", elsewhere)
	f("https://evilshop.example/", elsewhere)
	f("https://shop-example/", elsewhere)
	f("https://shop.example:8443/", elsewhere)
	f("https://shop.example:80/", elsewhere)
	f("https://shоp.example/", elsewhere) // a Cyrillic о
	f("https://shop%E3%80%82example.evil.example/", elsewhere)
	f("https://apps.example/", elsewhere)
	f("https://apps.example/our-application", elsewhere)
	f("https://apps.example/our-app/../other", elsewhere)
	f("https://apps.example/our-app/%2e%2E/other", elsewhere)
	f("https://apps.example/our-app/.%2e", elsewhere)
	f("https://apps.example/our-app/./x", elsewhere)
	f("https://apps.example//our-app/", elsewhere)
	f("https://apps.example/Our-App/", elsewhere)
	f("https://apps.example/our-app%2f..", elsewhere)
	f("https://apps.example/our-app%2f<ü", elsewhere)
	f("https://shop.127.0.0.1/", elsewhere)
	f("https://sub.localhost.evil.example/", elsewhere)

	form := schema.ErrDestinationForm
	f("", form)
	f("shop.example", form)
	f("/path", form)
	f("//shop.example/", form)
	f("https:shop.example/", form)
	f("https:/shop.example/", form)
	f("https:///shop.example/", form)
	f("http://shop.example/", form)
	f("http://localhost/", form)
	f("ftp://shop.example/", form)
	f("javascript:alert(1)", form)
	f("javascript://shop.example/%0aalert(1)", form)
	f("data:text/html,x", form)
	f("https://ada@shop.example/", form)
	f("https://@shop.example/", form)
	f("https://ada:secret@shop.example/", form)
	f("https://shop.example@evil.example/", form)
	f("https://evil.example\\@shop.example/", form)
	f("https://evil.example\\.shop.example/", form)
	f("https:\\\\shop.example/", form)
	f("https://shop.example/\\..\\", form)
	f("https://shop.example/a b", form)
	f("https://shop.example/\r\nSet-Cookie: x=1", form)
	f("https://shop.example/\x00", form)
	f("https://shop.example/\x7f", form)
	f("\thttps://shop.example/", form)
	f("https://shop.exam\tple/", form)
	f(" https://shop.example/", form)
	f("https://shop.example/%zz", form)
	f("https://shop.example/\xff", form)
	f("https://shop_.example/", form)
	f("https://-shop.example/", form)
	f("https://shop..example/", form)
	f("https://.shop.example/", form)
	f("https://shop.example../", form)
	f("https://shop.example:99999/", form)
	f("https://shop.example:0443/", form)
	f("https://shop.example:+443/", form)
	f("https://[::1/", form)
	f("https://[shop.example]/", form)
	f("https://shop.example/"+strings.Repeat("x", schema.MaxDestination), form)
	f("https://shop.example/"+strings.Repeat("ü", schema.MaxDestination/3), form)
}

func TestTheMachineItselfIsForDemos(t *testing.T) {
	d := destinations(t, true, "localhost", "127.0.0.1", "[::1]", "shop.example", "pinned.example:8443")
	f := func(raw, want string) {
		t.Helper()
		got, err := d.Check(raw)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", raw, got, err, want)
		}
	}
	f("http://localhost:8070/x", "http://localhost:8070/x")
	f("http://127.0.0.1:8070/", "http://127.0.0.1:8070/")
	f("http://[::1]:8070/", "http://[::1]:8070/")
	f("https://localhost/", "https://localhost/")
	for _, raw := range []string{
		"http://shop.example/", "http://127.0.0.2/", "http://127.0.0.1.evil.example/", "http://localhost.evil.example:80/", "http://2130706433/",
		"http://0x7f.1/", "http://[::ffff:127.0.0.1]/", "http://pinned.example:8443/", "https://shop.example:8443/",
	} {
		if got, err := d.Check(raw); err == nil {
			t.Errorf("%q is allowed as %q", raw, got)
		}
	}
}

func TestAllowedDomainsThatAreNone(t *testing.T) {
	f := func(entry, want string) {
		t.Helper()
		_, err := schema.NewDestinations([]string{"shop.example", entry}, false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", entry, err, want)
		}
	}
	f("", "not a domain name")
	f("https://shop.example", "leave https:// away")
	f("*.shop.example", "not a domain name")
	f("shop example", "not a domain name")
	f("shop.example:http", "port")
	f("shop.example/a?b", "not a path")
	f("shop.example/a#b", "not a path")
	f("shop.example/../a", "not a path")
	f("shop.example//a", "not a path")
	f("shop.example/ü", "not a path")
	f("/path", "not a domain name")
}

func TestOneHostHoweverItIsWritten(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		if got := schema.SameHost(a, b); got != want {
			t.Errorf("%q and %q: got %v, want %v", a, b, got, want)
		}
		if got := schema.SameHost(b, a); got != want {
			t.Errorf("%q and %q: got %v, want %v", b, a, got, want)
		}
	}
	f("https://go.example", "https://go.example/ada?b#c", true)
	f("https://go.example", "HTTPS://Go.EXAMPLE:443/", true)
	f("https://bücher.example", "https://xn--bcher-kva.example/", true)
	f("http://127.0.0.1:8080", "http://127.0.0.1:8080/ada", true)
	f("https://go.example", "https://shop.example/", false)
	f("https://go.example", "https://www.go.example/", false)
	f("https://go.example", "https://go.example:8443/", false)
	f("http://127.0.0.1:8080", "http://127.0.0.1:8091/", false)
	f("http://localhost", "https://localhost", false)
	f("https://go.example", "go.example", false)
	f("", "", false)
	f("https://go.example:x", "https://go.example:x", false)
}

func FuzzDestinations(f *testing.F) {
	for _, raw := range []string{
		"https://shop.example/a?b=c#d", "https://shop.example\\@evil.example", "https://apps.example/our-app/..%2f", "https://ＳＨＯＰ。example:443",
		"http://localhost:80/", "https://[::1]:1/", "javascript://shop.example/%0a", "https://shop.example:443:443/", "https://ü.shop.example/ü",
	} {
		f.Add(raw)
	}
	d := destinations(f, true, "shop.example", "apps.example/our-app", "localhost", "[::1]")
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := d.Check(raw)
		if err != nil {
			if !errors.Is(err, schema.ErrDestinationForm) && !errors.Is(err, schema.ErrDestinationHost) {
				t.Fatalf("%v is of neither kind", err)
			}
			return
		}
		for i := range len(got) {
			if got[i] <= ' ' || got[i] >= 0x7f || got[i] == '\\' {
				t.Fatalf("%q is answered as %q, which holds %q", raw, got, got[i])
			}
		}
		if again, err := d.Check(got); err != nil || again != got {
			t.Fatalf("%q is answered as %q, and that as %q, %v", raw, got, again, err)
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("%q is answered as %q: %v", raw, got, err)
		}
		host := u.Hostname()
		switch {
		case host == "shop.example", strings.HasSuffix(host, ".shop.example"):
		case host == "apps.example" || strings.HasSuffix(host, ".apps.example"):
			if p := u.EscapedPath(); p != "/our-app" && !strings.HasPrefix(p, "/our-app/") {
				t.Fatalf("%q is answered as %q, outside the path that is allowed", raw, got)
			}
		case host == "localhost", strings.HasSuffix(host, ".localhost"), host == "::1":
		default:
			t.Fatalf("%q is answered as %q, on a host that is not allowed", raw, got)
		}
		if u.User != nil || u.Scheme != "https" && host != "localhost" && host != "::1" {
			t.Fatalf("%q is answered as %q", raw, got)
		}
	})
}

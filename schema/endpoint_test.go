package schema

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestEndpointsAreHTTPSOnAPublicHost(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		got, err := CheckEndpoint(raw, false)
		if want == "" {
			if !errors.Is(err, ErrEndpoint) {
				t.Errorf("%q: got %q, %v, want it refused", raw, got, err)
			}
			return
		}
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", raw, got, err, want)
		}
	}
	f("https://hooks.example/in", "https://hooks.example/in")
	f("https://Hooks.Example.:443", "https://hooks.example/")
	f("https://hooks.example?a=1", "https://hooks.example/?a=1")
	f("https://bücher.example/ä?ö=1", "https://xn--bcher-kva.example/%C3%A4?%C3%B6=1")
	f("https://t.example/p/{click_id}?s={sub_id1}", "https://t.example/p/{click_id}?s={sub_id1}")
	f("https://93.184.216.34/in", "https://93.184.216.34/in")
	f("https://[2606:2800:220:1::1]/in", "https://[2606:2800:220:1::1]/in")

	f("", "")
	f("http://hooks.example/in", "")
	f("ftp://hooks.example/in", "")
	f("//hooks.example/in", "")
	f("https:hooks.example", "")
	f("https:///in", "")
	f("https://user@hooks.example/", "")
	f("https://user:secret@hooks.example/", "")
	f("https://hooks.example:80/", "")
	f("https://hooks.example:8443/", "")
	f("https://[2606:2800:220:1::1]:8443/", "")
	f("https://hooks.example/#part", "")
	f("https://{click_id}.example/", "")
	f("https://hooks.example\\@evil.example/", "")
	f("https://hooks.example/a b", "")
	f("https://hooks.example/\r\nHost: x", "")
	f("https://127.0.0.1/", "")
	f("https://[::1]/", "")
	f("https://[::ffff:10.0.0.1]/", "")
	f("https://[64:ff9b::a00:1]/", "")
	f("https://169.254.169.254/latest/meta-data", "")
	f("https://[fe80::1%25eth0]/", "")
	f("https://hooks.example/"+strings.Repeat("x", MaxEndpoint), "")
	f("https://hooks.example/\xff", "")
}

func TestLoopbackIsForTestsOnly(t *testing.T) {
	for _, raw := range []string{"http://127.0.0.1:9999/in", "https://localhost:8443/in", "https://[::1]/in"} {
		if got, err := CheckEndpoint(raw, true); err != nil || !Loopback(got) {
			t.Errorf("%s where loopback is admitted: got %q, %v", raw, got, err)
		}
		if _, err := CheckEndpoint(raw, false); err == nil {
			t.Errorf("%s is admitted", raw)
		}
	}
	for _, raw := range []string{"http://hooks.example/", "https://10.0.0.1/", "http://127.0.0.1.hooks.example/", "https://hooks.example:8443/"} {
		if got, err := CheckEndpoint(raw, true); err == nil {
			t.Errorf("%s: got %q, want it refused although loopback is admitted", raw, got)
		}
	}
}

func TestErrorsOfEndpointsHoldNothingOfTheAddressBehindTheHost(t *testing.T) {
	for _, raw := range []string{"http://h.example/s3cret", "https://u:s3cret@h.example/", "https://h.example:99/s3cret", "https://h.example/%zz?s3cret", "https://h.example/\ns3cret", "https://h.example/s3cret#"} {
		if _, err := CheckEndpoint(raw, false); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: got %v", raw, err)
		}
	}
}

func TestOnlyAddressesThatEverybodyReachesArePublic(t *testing.T) {
	f := func(public bool, addresses ...string) {
		t.Helper()
		for _, a := range addresses {
			if why := NotPublic(netip.MustParseAddr(a)); (why == "") != public {
				t.Errorf("%s: got %q, want public: %v", a, why, public)
			}
		}
	}
	f(true, "1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255",
		"2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888",
		"::ffff:1.1.1.1", "64:ff9b::1.1.1.1")
	f(false, "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.169.254", "172.16.0.1",
		"172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1", "2001::1", "2001:db8::1", "3fff::1", "5f00::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
		"64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1.1.1.1", "2002:a00:1::1", "2002:101:101::1", "2001:0:101:101::1",
		"fe80::1%eth0", "2606:4700:4700::1111%eth0")
	if NotPublic(netip.Addr{}) == "" {
		t.Error("no address is public")
	}
}

func FuzzCheckEndpoint(f *testing.F) {
	for _, seed := range []string{"https://hooks.example/in?a={click_id}", "https://[::1]:8443/", "http://localhost/", "https://u@h:80/#x", "https://0x7f.1/"} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, raw string, loopback bool) {
		out, err := CheckEndpoint(raw, loopback)
		if err != nil {
			return
		}
		again, err := CheckEndpoint(out, loopback)
		if len(out) <= MaxEndpoint && (err != nil || again != out) {
			t.Errorf("%q became %q, which becomes %q, %v", raw, out, again, err)
		}
		if !strings.HasPrefix(out, "https://") && !(loopback && Loopback(out)) {
			t.Errorf("%q became %q", raw, out)
		}
	})
}

package schema

import "testing"

var plainAllowed = []string{"shop.example", "apps.example/our-app", "localhost", "127.0.0.1", "a-very-long-name-of-a-shop-that-needs-its-room.example"}

func plainDestinations(t testing.TB) *Destinations {
	t.Helper()
	d, err := NewDestinations(plainAllowed, true)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAPlainAddressIsCheckedWithoutAllocating(t *testing.T) {
	d := plainDestinations(t)
	for _, raw := range []string{
		"https://shop.example/",
		"https://shop.example/a/b%20c?d=e&f=%zz#g",
		"https://eu.a-very-long-name-of-a-shop-that-needs-its-room.example/spring",
		"https://apps.example/our-app/Some/..page/%2e%2e%2E?x=1",
	} {
		if got, err := d.Check(raw); err != nil || got != raw {
			t.Errorf("%s: %q, %v", raw, got, err)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = d.Check(raw) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", raw, n)
		}
	}
}

func TestWhatIsNotPlainGoesThroughTheParsers(t *testing.T) {
	for _, raw := range []string{
		"https://shop.example", "https://shop.example?a", "HTTPS://shop.example/", "http://shop.example/", "https://Shop.example/", "https://shop.example:443/",
		"https://shop.example./", "https://a@shop.example/", "https://xn--bcher-kva.example/", "https://a..b/", "https://-a.example/", "https://a-.example/",
		"https:///", "https://shop_a.example/", "https://[::1]/", "https://shop.example/ ", "https://shop.example/ü", "https://shop.example/\\", "https://shop.example/%z0",
		"https://shop.example/%2", "https://shop.example/#%zz", "https://shop.example/?a#%", "https://shop.example/\x7f",
	} {
		if _, _, ok := plain(raw); ok {
			t.Errorf("%q is taken for plain", raw)
		}
	}
}

// FuzzPlainDestinations holds that what is known without the parsers is what they say.
func FuzzPlainDestinations(f *testing.F) {
	for _, raw := range []string{
		"https://shop.example/", "https://shop.example/a?b#c", "https://eu.shop.example/%41?%zz#%41", "https://apps.example/our-app/../x", "https://apps.example/our-app/%2e%2E",
		"https://127.0.0.1/", "https://localhost/a//b", "https://x.127.0.0.1/", "https://shop.example/?#?#", "https://shop.example/#?%", "https://ab--c.shop.example/",
	} {
		f.Add(raw)
	}
	d := plainDestinations(f)
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := d.Check(raw)
		want, wantErr := d.parse(raw)
		if got != want || (err == nil) != (wantErr == nil) {
			t.Errorf("%q: %q, %v, and by the parsers %q, %v", raw, got, err, want, wantErr)
		}
	})
}

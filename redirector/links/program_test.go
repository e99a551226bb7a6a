package links

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
)

var testProgram = schema.Program{
	Name: "Test", Homepage: "https://shop.example/", AllowedDomains: []string{"shop.example"},
	Zone: "Europe/Berlin", Param: "fl_click", RespectGPC: true,
}

var (
	programEntry  = entryOf(testProgram)
	clickKeyEntry = entryOf(schema.StoredClickKey{ID: 1, Key: schema.ClickKey{1}})
)

func entryOf[T any](data T) string {
	b, err := json.Marshal(schema.DirectoryEntry[T]{Version: 1, Data: data})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func sorted[T ~uint32](seq iter.Seq[T]) []T { return slices.Sorted(seq) }

func TestCompileMakesAnAddressFitForAHeader(t *testing.T) {
	f := func(raw, path, query, fragment string) {
		t.Helper()
		d, err := compile(raw)
		if err != nil {
			t.Errorf("%q: %v", raw, err)
			return
		}
		if p, q, fr := string(d.Path()), string(d.Query()), string(d.Fragment()); p != path || q != query || fr != fragment {
			t.Errorf("%q splits into %q, %q, %q; want %q, %q, %q", raw, p, q, fr, path, query, fragment)
		}
	}
	f("https://shop.example/", "https://shop.example/", "", "")
	f("https://shop.example/a?b=1&c=%2F#top?x", "https://shop.example/a", "b=1&c=%2F", "#top?x")
	f("https://shop.example/?", "https://shop.example/", "", "")
	f("https://shop.example/#", "https://shop.example/", "", "#")
	f("http://127.0.0.1:9/x", "http://127.0.0.1:9/x", "", "")
	f("https://shop.example/schön", "https://shop.example/sch%C3%B6n", "", "")
	f("https://shop.example/a\r\nSet-Cookie: x=1", "https://shop.example/a%0D%0ASet-Cookie:%20x=1", "", "")
	for _, raw := range []string{"", "shop.example", "ftp://shop.example/", "javascript:alert(1)", "https://", "https:///x", "https://?x", "//shop.example/",
		"HTTPS://shop.example/", "https://\\shop.example", "https://shop.example/" + strings.Repeat("x", schema.MaxDestination)} {
		if d, err := compile(raw); err == nil {
			t.Errorf("%q is taken for %q", raw, d.URL)
		}
	}
}

func TestAProgramIsUsableOrSaysWhyNot(t *testing.T) {
	keys := map[uint32]schema.StoredClickKey{
		1: {ID: 1, Key: schema.ClickKey{1}}, 2: {ID: 2, Key: schema.ClickKey{2}},
		3: {ID: 3, Key: schema.ClickKey{3}, RetiredAt: time.Now()},
	}
	p, err := compileProgram(&testProgram, keys, false)
	if err != nil {
		t.Fatal(err)
	}
	if p.Key != (schema.ClickKey{2}) || p.Zone.String() != "Europe/Berlin" || string(p.Param) != "fl_click" {
		t.Errorf("got key %x, zone %v, parameter %q", p.Key[:1], p.Zone, p.Param)
	}
	f := func(want string, change func(p *schema.Program)) {
		t.Helper()
		p := testProgram
		change(&p)
		if _, err := compileProgram(&p, keys, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	f("homepage", func(p *schema.Program) { p.Homepage = "" })
	f("zone", func(p *schema.Program) { p.Zone = "Mars/Olympus" })
	f("parameter", func(p *schema.Program) { p.Param = "" })
	f("parameter", func(p *schema.Program) { p.AlsoParam = "a&b" })
	f("allowed domain", func(p *schema.Program) { p.AllowedDomains = []string{"not a host"} })
	if _, err := compileProgram(nil, keys, false); err == nil {
		t.Error("no program is taken for one")
	}
	if _, err := compileProgram(&testProgram, map[uint32]schema.StoredClickKey{3: keys[3]}, false); err == nil || !strings.Contains(err.Error(), "click key") {
		t.Errorf("with retired keys only: %v", err)
	}
}

func TestTheCaseOfSlugs(t *testing.T) {
	f := func(setting schema.SlugCase, slug, asked string, want bool) {
		t.Helper()
		program := testProgram
		program.SlugCase = setting
		v, err := Make(Contents{
			Program: program, Keys: []schema.StoredClickKey{{ID: 1}},
			Links: slices.Values([]schema.Link{{ID: 1, Slug: slug, To: "https://shop.example/x?y#z"}, {ID: 2, Slug: "other"}}),
		}, false)
		if err != nil {
			t.Fatal(err)
		}
		l, ok := v.Lookup([]byte(asked))
		if ok != want || ok && (l.ID != 1 || string(l.To.URL) != "https://shop.example/x?y#z") {
			t.Errorf("%s: %s asked for as %s: found %v, %q; want %v", setting, slug, asked, ok, l.To.URL, want)
		}
	}
	for _, asked := range []string{"Spring/Sale", "spring/sale", "SPRING/SALE", "sPRING/sALE"} {
		f("", "Spring/Sale", asked, true)
		f(schema.SlugsInsensitive, "Spring/Sale", asked, true)
		f(schema.SlugsSensitive, "Spring/Sale", asked, asked == "Spring/Sale")
		f(schema.SlugsSensitive, "spring/sale", asked, asked == "spring/sale")
		f(schema.SlugsSensitive, "SPRING/SALE", asked, asked == "SPRING/SALE")
	}
}

func TestDeepLinksLeadToAllowedDomainsOnly(t *testing.T) {
	p, err := compileProgram(&testProgram, map[uint32]schema.StoredClickKey{1: {ID: 1}}, false)
	if err != nil {
		t.Fatal(err)
	}
	f := func(raw, want string) {
		t.Helper()
		d, ok := p.DeepLink(raw)
		if got := string(d.URL); got != want || ok != (want != "") {
			t.Errorf("%q leads to %q, %v; want %q", raw, got, ok, want)
		}
	}
	f("https://shop.example/a?b=c#d", "https://shop.example/a?b=c#d")
	f("https://WWW.Shop.Example", "https://www.shop.example/")
	f("https://shop.example/ü", "https://shop.example/%C3%BC")
	f("https://shop.example.evil.example/", "")
	f("https://evil.example/", "")
	f("https://shop.example@evil.example/", "")
	f("http://shop.example/", "")
	f("//shop.example/", "")
	f("https:\\\\shop.example/", "")
	f("https://shop.example/\r\nX: y", "")
	f("javascript:alert(1)", "")
	f("", "")
}

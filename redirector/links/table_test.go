package links

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
)

func record(t testing.TB, l schema.Link) []byte {
	t.Helper()
	var to Destination
	if l.To != "" {
		var err error
		if to, err = compile(l.To); err != nil {
			t.Fatal(err)
		}
	}
	return appendRecord(nil, &l, schema.FoldSlug(l.Slug), to)
}

func TestTableFindsWhatWasPutIn(t *testing.T) {
	expires := time.UnixMilli(1_800_000_000_123)
	want := schema.Link{ID: 7, Partner: 9, Slug: "Spring/Sale", To: "https://shop.example/a?b=c#d", Disabled: true, ExpiresAt: expires}
	tab, err := newTable(record(t, want))
	if err != nil {
		t.Fatal(err)
	}
	l, ok := tab.find([]byte("spring/sale"), hashSlug([]byte("spring/sale")))
	if !ok {
		t.Fatal("not found")
	}
	if l.ID != 7 || l.Partner != 9 || string(l.Slug) != "spring/sale" || !l.Disabled || l.Expires != expires.UnixMilli() {
		t.Errorf("got %+v", l)
	}
	if p, q, f := string(l.To.Path()), string(l.To.Query()), string(l.To.Fragment()); p != "https://shop.example/a" || q != "b=c" || f != "#d" {
		t.Errorf("destination splits into %q, %q, %q", p, q, f)
	}
}

func TestTableKeepsTheLaterOfTwo(t *testing.T) {
	arena := append(record(t, schema.Link{ID: 1, Slug: "ada"}), record(t, schema.Link{ID: 2, Slug: "bob"})...)
	arena = append(arena, record(t, schema.Link{ID: 1, Slug: "ada", To: "https://shop.example/new"})...)
	tab, err := newTable(arena)
	if err != nil {
		t.Fatal(err)
	}
	l, ok := tab.find([]byte("ada"), hashSlug([]byte("ada")))
	if !ok || string(l.To.URL) != "https://shop.example/new" || tab.live != 2 {
		t.Errorf("got %q, %v, %d live links", l.To.URL, ok, tab.live)
	}
	if got := len(tab.appendLive(nil, nil)); got != len(arena)-len(record(t, schema.Link{ID: 1, Slug: "ada"})) {
		t.Errorf("the live records have %d bytes", got)
	}
}

func TestTableRefusesRecordsThatEndBeyondIt(t *testing.T) {
	whole := record(t, schema.Link{ID: 1, Slug: "ada", To: "https://shop.example/?q#f", ExpiresAt: time.Now()})
	for n := 1; n < len(whole); n++ {
		if _, err := newTable(whole[:n:n]); err == nil {
			t.Errorf("%d of %d bytes make a table", n, len(whole))
		}
	}
	for name, change := range map[string]func(r []byte){
		"no slug":                   func(r []byte) { r[1] = 0 },
		"a slug that is too long":   func(r []byte) { r[1] = 255 },
		"a query after the address": func(r []byte) { r[4], r[5] = 0xff, 0xff },
		"a fragment before a query": func(r []byte) { r[6], r[7] = 0, 0 },
	} {
		bad := append([]byte(nil), whole...)
		change(bad)
		if _, err := newTable(append(bad, make([]byte, 256)...)); err == nil {
			t.Errorf("a record with %s makes a table", name)
		}
	}
}

// A model of the directory: random changes, and after each batch every slug leads where the model says.
func TestViewEqualsAModelThroughRandomChanges(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var f feed
	f.reset()
	f.set(schema.KindProgram, 1, programEntry)
	f.set(schema.KindClickKey, 1, clickKeyEntry)
	links := map[schema.LinkID]schema.Link{}
	partners := map[schema.PartnerID]bool{} // barred
	slugs := map[string]schema.LinkID{}
	for batch := range 60 {
		for range 1 + rnd.IntN(400) {
			id := schema.LinkID(1 + rnd.IntN(20_000))
			if old, ok := links[id]; ok {
				delete(slugs, old.Slug)
				delete(links, id)
			}
			if rnd.IntN(4) == 0 {
				f.set(schema.KindLink, uint64(id), "")
				continue
			}
			l := schema.Link{ID: id, Partner: schema.PartnerID(rnd.IntN(50)), Slug: fmt.Sprint("s", rnd.IntN(40_000)), To: fmt.Sprintf("https://shop.example/%d", batch)}
			if _, taken := slugs[l.Slug]; taken {
				f.set(schema.KindLink, uint64(id), "")
				continue
			}
			links[id], slugs[l.Slug] = l, id
			if err := f.set(schema.KindLink, uint64(id), entryOf(l)); err != nil {
				t.Fatal(err)
			}
		}
		p := schema.PartnerID(rnd.IntN(50))
		partners[p] = !partners[p]
		status := schema.PartnerActive
		if partners[p] {
			status = schema.PartnerSuspended
		}
		f.set(schema.KindPartner, uint64(p), entryOf(schema.Partner{ID: p, Status: status}))
		v, err := f.view(false, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for slug, id := range slugs {
			l, ok := v.Lookup([]byte(slug))
			if !ok || l.ID != id || string(l.To.URL) != links[id].To || l.Suspended != partners[l.Partner] {
				t.Fatalf("batch %d: %s is %+v, %v; want %+v, suspended %v", batch, slug, l, ok, links[id], partners[links[id].Partner])
			}
		}
		for n := range 1000 {
			slug := fmt.Sprint("s", n)
			if _, known := slugs[slug]; known {
				continue
			}
			if l, ok := v.Lookup([]byte(slug)); ok {
				t.Fatalf("batch %d: %s is gone and was found: %+v", batch, slug, l)
			}
		}
	}
	if f.base.live == 0 {
		t.Error("nothing was folded into a base: the test is too small to mean anything")
	}
}

func TestAViewDoesNotChangeWhenAPartnerDoes(t *testing.T) {
	var f feed
	f.reset()
	f.set(schema.KindProgram, 1, programEntry)
	f.set(schema.KindClickKey, 1, clickKeyEntry)
	bar := func(p schema.PartnerID, s schema.PartnerStatus) *View {
		f.set(schema.KindPartner, uint64(p), entryOf(schema.Partner{ID: p, Status: s}))
		v, err := f.view(false, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	views := []*View{
		bar(1, schema.PartnerSuspended), bar(2, schema.PartnerDeclined), bar(3, schema.PartnerActive),
		bar(1, schema.PartnerActive), bar(4, schema.PartnerApplied), bar(4, schema.PartnerInvited),
	}
	for i, want := range []string{"[1]", "[1 2]", "[1 2]", "[2]", "[2 4]", "[2]"} {
		if got := fmt.Sprint(sorted(maps.Keys(views[i].barred))); got != want {
			t.Errorf("view %d bars %s, want %s", i, got, want)
		}
	}
}

func TestLookupTakesAnyCaseAndNoNonsense(t *testing.T) {
	var f feed
	f.reset()
	f.set(schema.KindProgram, 1, programEntry)
	f.set(schema.KindClickKey, 1, clickKeyEntry)
	long := strings.Repeat("x", schema.MaxSlug)
	for i, slug := range []string{"Ada", "a/b", "1~2_3", long} {
		if err := f.set(schema.KindLink, uint64(i+1), entryOf(schema.Link{ID: schema.LinkID(i + 1), Slug: slug})); err != nil {
			t.Fatal(err)
		}
	}
	v, err := f.view(false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for slug, want := range map[string]schema.LinkID{
		"ada": 1, "ADA": 1, "aDa": 1, "A/B": 2, "1~2_3": 3, strings.ToUpper(long): 4,
		"": 0, "adaa": 0, "ad": 0, "a": 0, "äda": 0, "ada\x00": 0, "@DA": 0, long + "x": 0, "1~2?3": 0, "1^2_3": 0,
	} {
		l, ok := v.Lookup([]byte(slug))
		if l.ID != want || ok != (want != 0) {
			t.Errorf("%q is link %d, %v; want %d", slug, l.ID, ok, want)
		}
	}
	slug := []byte("ADA")
	if n := testing.AllocsPerRun(100, func() { v.Lookup(slug) }); n != 0 {
		t.Errorf("a look-up allocates %v times", n)
	}
}

func TestVerdictOfALink(t *testing.T) {
	f := func(l Link, at int64, want schema.Verdict) {
		t.Helper()
		if got := l.Verdict(at); got != want {
			t.Errorf("%+v at %d: %v, want %v", l, at, got, want)
		}
	}
	f(Link{}, 1000, schema.VerdictValid)
	f(Link{Expires: 1000}, 999, schema.VerdictValid)
	f(Link{Expires: 1000}, 1000, schema.VerdictExpired)
	f(Link{Disabled: true, Expires: 1000}, 1000, schema.VerdictDisabled)
	f(Link{Suspended: true, Disabled: true, Expires: 1000}, 1000, schema.VerdictSuspended)
}

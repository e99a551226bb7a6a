package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
)

func TestManyPartnersAreAddedOrNone(t *testing.T) {
	w := seeded(t)
	ctx := t.Context()
	balance := schema.OpeningBalance{Amount: 1250, Currency: "USD", AsOf: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	got, err := w.AddPartners(ctx, CLI, []NewPartner{
		{Name: "Ada", Email: "ada2@example.com"}, // wants no slug; somebody else asks for hers
		{Name: "Ann", Email: "ann@example.com", Slugs: []string{"ada", "ann-old"}, Status: schema.PartnerSuspended, OpeningBalance: balance},
		{Name: "Bob", Email: "bob@example.com", Slug: "bob", Slugs: []string{"b/2"}},
	})
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if p := got[1]; p.Status != schema.PartnerSuspended || p.OpeningBalance != balance || got[0].Status != schema.PartnerInvited {
		t.Errorf("got %+v", got)
	}
	slugs := func(p schema.Partner) (out []string) {
		links, err := w.LinksOf(ctx, p.ID, Page{})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range links {
			out = append(out, l.Slug+" "+l.To)
		}
		slices.Sort(out)
		return out
	}
	for i, want := range [][]string{nil, {"ada ", "ann-old https://shop.example/"}, {"b/2 https://shop.example/", "bob "}} {
		if got := slugs(got[i]); want != nil && !slices.Equal(got, want) {
			t.Errorf("partner %d has %q, want %q", i, got, want)
		}
	}
	if s := slugs(got[0]); len(s) != 1 || s[0] == "ada " {
		t.Errorf("who asked for no slug got %q", s)
	}
	var states string
	if err := w.ch.QueryRow(ctx, `SELECT arrayStringConcat(groupArray(JSONExtractString(data, 'status')), ', ')
		FROM (SELECT data FROM fairlead.directory_log WHERE kind = 'partner' AND id = @id ORDER BY version)`, clickhouse.Named("id", uint32(got[1].ID))).Scan(&states); err != nil || states != "invited, suspended" {
		t.Errorf("who came suspended was %s, %v", states, err)
	}
	if p, err := w.Partner(ctx, got[1].ID); err != nil || p.Status != schema.PartnerSuspended {
		t.Errorf("Redis has %+v, %v", p, err)
	}
	w.whole()
	before, err := w.Version(ctx)
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, code Code, last NewPartner) {
		t.Helper()
		if _, err := w.AddPartners(ctx, CLI, []NewPartner{{Name: "Carl", Email: "carl@example.com"}, last}); CodeOf(err) != code {
			t.Errorf("%s: got %v, want %s", what, err, code)
		}
	}
	f("an address that is taken", Conflict, NewPartner{Name: "X", Email: "ANN@example.com"})
	f("an address twice", Conflict, NewPartner{Name: "X", Email: "Carl@example.com"})
	f("a slug that is taken", Conflict, NewPartner{Name: "X", Email: "x@example.com", Slug: "y", Slugs: []string{"BOB"}})
	f("a slug that cannot be", Invalid, NewPartner{Name: "X", Email: "x@example.com", Slugs: []string{"a b"}})
	f("a balance of nothing known", Invalid, NewPartner{Name: "X", Email: "x@example.com", OpeningBalance: schema.OpeningBalance{Amount: 5, Currency: "ZZZ"}})
	f("a balance below nothing", Invalid, NewPartner{Name: "X", Email: "x@example.com", OpeningBalance: schema.OpeningBalance{Amount: -5, Currency: "USD"}})
	f("a state that there is not", Invalid, NewPartner{Name: "X", Email: "x@example.com", Status: "asleep"})
	if after, err := w.Version(ctx); err != nil || after != before {
		t.Errorf("the directory is at version %d, want %d: %v", after, before, err)
	}
	if _, err := w.AddPartners(ctx, CLI, make([]NewPartner, MostPartners+1)); CodeOf(err) != Invalid {
		t.Errorf("too many: got %v", err)
	}
}

func TestAnOpeningBalanceIsSaidOnce(t *testing.T) {
	w := seeded(t)
	ctx := t.Context()
	p, _, err := w.AddPartner(ctx, CLI, NewPartner{Name: "Ada", Email: "ada2@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	b := schema.OpeningBalance{Amount: 4200, Currency: "EUR", AsOf: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for range 2 {
		if p, err = w.SetOpeningBalance(ctx, CLI, p.ID, b); err != nil || p.OpeningBalance != b {
			t.Errorf("got %+v, %v", p, err)
		}
		b.AsOf = p.OpeningBalance.AsOf
	}
	if stored, err := w.Partner(ctx, p.ID); err != nil || stored.OpeningBalance != b {
		t.Errorf("stored is %+v, %v", stored, err)
	}
	if _, err := w.SetOpeningBalance(ctx, CLI, p.ID, schema.OpeningBalance{Amount: 4201, Currency: "EUR"}); CodeOf(err) != Conflict || !strings.Contains(err.Error(), "42.00 EUR already") {
		t.Errorf("another balance: got %v", err)
	}
	if _, err := w.SetOpeningBalance(ctx, CLI, 9999, b); CodeOf(err) != NotFound {
		t.Errorf("nobody's balance: got %v", err)
	}
}

func TestThePastIsReadAsItWas(t *testing.T) {
	w := seeded(t)
	ctx := t.Context()
	add := func(name string) schema.Partner {
		t.Helper()
		p, _, err := w.AddPartner(ctx, CLI, NewPartner{Name: name, Email: name + "@example.com", Slug: name})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if err := w.EnsureClickKey(ctx); err != nil {
		t.Fatal(err)
	}
	ann := add("ann")
	then, err := w.Version(ctx)
	if err != nil {
		t.Fatal(err)
	}
	bob := add("bob")
	if _, err := w.SetProgram(ctx, CLI, func(p *schema.Program) error { p.Currency = "EUR"; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RotateClickKey(ctx, CLI); err != nil {
		t.Fatal(err)
	}
	now, err := w.Version(ctx)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"ann@example.com", "ANN@Example.com", "Ann", "bob", "bob@example.com", "nobody", "admin@example.com"}
	f := func(version uint64, want map[string]schema.PartnerID, currency string, keys int) {
		t.Helper()
		owners, err := w.At(version).Owners(ctx, names)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]schema.PartnerID{}
		for name, o := range owners {
			got[name] = o.Partner
			if slug := !strings.Contains(name, "@"); slug != (o.Link.ID != 0) {
				t.Errorf("%s: link %+v", name, o.Link)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("version %d: %s", version, d)
		}
		if p, err := w.At(version).Program(ctx); err != nil || p.Currency != currency {
			t.Errorf("version %d: currency %s, %v", version, p.Currency, err)
		}
		if k, err := w.At(version).ClickKeys(ctx); err != nil || len(k) != keys {
			t.Errorf("version %d: %d click keys, %v", version, len(k), err)
		}
	}
	f(then, map[string]schema.PartnerID{"ann@example.com": ann.ID, "ANN@Example.com": ann.ID, "Ann": ann.ID}, "USD", 1)
	f(now, map[string]schema.PartnerID{
		"ann@example.com": ann.ID, "ANN@Example.com": ann.ID, "Ann": ann.ID, "bob": bob.ID, "bob@example.com": bob.ID,
	}, "EUR", 2)
	if _, err := w.At(0).Program(ctx); CodeOf(err) != NotFound {
		t.Errorf("before everything: got %v", err)
	}
}

func TestAnImportIsRememberedAsItFirstWas(t *testing.T) {
	w := seeded(t)
	ctx := t.Context()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	first := schema.Import{Node: "a", What: schema.ImportConversions, Takes: []schema.ImportTake{{At: at, Version: 3, Rows: 10}}}
	later := schema.Import{Node: "a", What: schema.ImportConversions, Takes: []schema.ImportTake{{At: at.Add(time.Hour), Version: 4, Rows: 11}}}
	if _, ok, err := w.Import(ctx, "a"); err != nil || ok {
		t.Errorf("before: %v, %v", ok, err)
	}
	for _, im := range []schema.Import{first, later} {
		if got, err := w.NoteImport(ctx, CLI, im); err != nil || !cmp.Equal(got, first) {
			t.Errorf("got %+v, %v; want %+v", got, err, first)
		}
	}
	again := first
	again.Takes = append(slices.Clone(first.Takes), schema.ImportTake{At: at.Add(2 * time.Hour), Version: 9, Rows: 1})
	for range 2 {
		if got, err := w.NoteImport(ctx, CLI, again); err != nil || !cmp.Equal(got, again) {
			t.Errorf("another take: got %+v, %v", got, err)
		}
	}
	if got, ok, err := w.Import(ctx, "a"); err != nil || !ok || !cmp.Equal(got, again) {
		t.Errorf("stored is %+v, %v, %v", got, ok, err)
	}
	if _, err := w.NoteImport(ctx, CLI, schema.Import{Node: "a", What: schema.ImportClicks, Takes: first.Takes}); CodeOf(err) != Conflict {
		t.Errorf("the same file as clicks: got %v", err)
	}
	others := make(chan schema.Import)
	for i := range 4 {
		go func() {
			got, err := w.another().NoteImport(ctx, CLI, schema.Import{Node: "b", What: schema.ImportClicks, Takes: []schema.ImportTake{{At: at, Rows: uint64(i)}}})
			if err != nil {
				t.Error(err)
			}
			others <- got
		}()
	}
	told := map[string]bool{}
	for range 4 {
		told[fmt.Sprint(<-others)] = true
	}
	if len(told) != 1 {
		t.Errorf("four importers at once were told %v", told)
	}
}

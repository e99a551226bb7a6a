package directory

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
)

func TestLinksAreAddedDisabledAndListed(t *testing.T) {
	w := seeded(t)
	p, personal := w.partner("Ada", "ada@example.com")
	w.partner("Bob", "bob@example.com")
	expires := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	l, err := w.AddLink(t.Context(), CLI, NewLink{Partner: p.ID, Slug: "Spring", To: "HTTPS://Shop.example/spring?a=1", ExpiresAt: expires})
	want := schema.Link{ID: 3, Partner: p.ID, Slug: "Spring", To: "https://shop.example/spring?a=1", ExpiresAt: expires, CreatedAt: l.CreatedAt}
	if err != nil || l != want || l.CreatedAt.IsZero() {
		t.Fatalf("got %+v, %v, want %+v", l, err, want)
	}
	if l, err = w.DisableLink(t.Context(), CLI, l.ID, "off season"); err != nil || !l.Disabled {
		t.Errorf("got %+v, %v", l, err)
	}
	if got, err := w.Link(t.Context(), l.ID); err != nil || got != l {
		t.Errorf("got %+v, %v, want %+v", got, err, l)
	}
	if _, err := w.AddLink(t.Context(), CLI, NewLink{Partner: p.ID, Slug: "SPRING", To: "https://shop.example/"}); CodeOf(err) != Conflict {
		t.Errorf("a disabled link's slug is given away: %v", err)
	}
	if l, err = w.EnableLink(t.Context(), CLI, l.ID, ""); err != nil || l.Disabled {
		t.Errorf("got %+v, %v", l, err)
	}
	_, err = w.DisableLink(t.Context(), CLI, 99, "")
	refused(t, err, NotFound, "")
	_, err = w.Link(t.Context(), 99)
	refused(t, err, NotFound, "")
	links, err := w.LinksOf(t.Context(), p.ID, Page{})
	if diff := cmp.Diff([]schema.Link{personal, l}, links); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	links, err = w.LinksOf(t.Context(), p.ID, Page{After: 1, Limit: 1})
	if diff := cmp.Diff([]schema.Link{l}, links); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	all, err := w.Links(t.Context(), Page{})
	if err != nil || len(all) != 3 {
		t.Errorf("got %+v, %v, want three", all, err)
	}
	w.whole()
}

func TestLinksThatCannotBe(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	f := func(n NewLink, code Code, field string) {
		t.Helper()
		_, err := w.AddLink(t.Context(), CLI, n)
		refused(t, err, code, field)
	}
	f(NewLink{Partner: 1, Slug: "", To: "https://shop.example/"}, Invalid, "slug")
	f(NewLink{Partner: 1, Slug: "track/x", To: "https://shop.example/"}, Invalid, "slug")
	f(NewLink{Partner: 1, Slug: "x", To: ""}, Invalid, "to")
	f(NewLink{Partner: 1, Slug: "x", To: "http://shop.example/"}, Invalid, "to")
	f(NewLink{Partner: 1, Slug: "x", To: "https://evil.example/"}, Invalid, "to")
	f(NewLink{Partner: 9, Slug: "x", To: "https://shop.example/"}, NotFound, "partner")
	f(NewLink{Partner: 0, Slug: "x", To: "https://shop.example/"}, NotFound, "partner")
	f(NewLink{Partner: 1, Slug: "Ada", To: "https://shop.example/"}, Conflict, "slug")
	_, err := w.AddLinks(t.Context(), CLI, []NewLink{
		{Partner: 1, Slug: "one", To: "https://shop.example/"}, {Partner: 1, Slug: "ONE", To: "https://shop.example/"},
	})
	refused(t, err, Conflict, "slug")
	_, err = w.AddLinks(t.Context(), CLI, make([]NewLink, MostLinks+1))
	refused(t, err, Invalid, "")
	if all, err := w.Links(t.Context(), Page{}); err != nil || len(all) != 1 {
		t.Errorf("got %+v, %v, want Ada's alone", all, err)
	}
}

func TestNothingLeadsBackToTheRedirector(t *testing.T) {
	w := seeded(t)
	w.opt.Edge = "https://go.shop.example"
	w.partner("Ada", "ada@example.com")
	add := func(to string) error {
		_, err := w.AddLink(t.Context(), CLI, NewLink{Partner: 1, Slug: "x", To: to})
		return err
	}
	refused(t, add("https://go.shop.example/ada"), Invalid, "to")
	refused(t, add("https://GO.shop.example:443"), Invalid, "to")
	_, err := w.SetProgram(t.Context(), CLI, func(p *schema.Program) error { p.Homepage = "https://go.shop.example/"; return nil })
	refused(t, err, Invalid, "homepage")
	elsewhere := DefaultProgram()
	elsewhere.Homepage = "https://go.shop.example/"
	_, err = w.SeedProgram(t.Context(), elsewhere)
	refused(t, err, Invalid, "homepage")
	if err := add("https://www.go.shop.example/ada"); err != nil {
		t.Error(err)
	}
}

func TestTenThousandLinks(t *testing.T) {
	w := seeded(t)
	p, _ := w.partner("Ada", "ada@example.com")
	const n = 10_000
	links := make([]NewLink, n)
	slugs := make([]string, n)
	for i := range links {
		slugs[i] = fmt.Sprintf("Campaign/%d", i)
		links[i] = NewLink{Partner: p.ID, Slug: slugs[i], To: fmt.Sprintf("https://shop.example/p/%d", i)}
	}
	start := time.Now()
	added, err := w.AddLinks(t.Context(), CLI, links)
	if err != nil || len(added) != n {
		t.Fatalf("%d links, %v", len(added), err)
	}
	took := time.Since(start)
	t.Logf("%d links in %v", n, took)
	if took > 5*time.Second {
		t.Errorf("%d links took %v, want a few seconds", n, took)
	}
	found, err := w.LinksBySlug(t.Context(), append(slugs, "unknown"))
	if err != nil || len(found) != n || found["campaign/77"] != added[77] {
		t.Errorf("found %d of them, %v; one is %+v, want %+v", len(found), err, found["campaign/77"], added[77])
	}
	links[5000].Slug = "other"
	_, err = w.AddLinks(t.Context(), CLI, links)
	refused(t, err, Conflict, "slug")
	if _, ok, _ := w.LinkBySlug(t.Context(), "other"); ok {
		t.Error("one of links that were refused together was added")
	}
	w.whole()
}

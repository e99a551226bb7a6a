package links

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"fairlead/schema"
)

func TestALinkIsFoundByItsID(t *testing.T) {
	var arena []byte
	want := map[schema.LinkID]string{}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		id := schema.LinkID(i + 1)
		if i%7 == 0 {
			id = schema.LinkID(r.Uint32())
		}
		slug := fmt.Sprint("s", i)
		want[id] = slug
		arena = append(arena, record(t, schema.Link{ID: id, Partner: schema.PartnerID(i), Slug: slug})...)
	}
	tab, err := newTable(arena)
	if err != nil {
		t.Fatal(err)
	}
	for id, slug := range want {
		if l, ok := tab.findID(id); !ok || l.ID != id || string(l.Slug) != slug {
			t.Fatalf("link %v: got %q, %v, want %q", id, l.Slug, ok, slug)
		}
	}
	if l, ok := tab.findID(4_000_000_000); ok != (want[4_000_000_000] != "") {
		t.Errorf("a link that there is not: got %+v", l)
	}
	if _, ok := emptyTable.findID(1); ok {
		t.Error("a link is found among none")
	}
}

func TestALinkFoundByItsIDIsTheNewestWord(t *testing.T) {
	d := open(t, "", slog.New(slog.DiscardHandler))
	fill(t, d, 6000) // more than are kept beside a base
	d.feed.set(schema.KindLink, 5, "")
	d.feed.set(schema.KindLink, 6, entryOf(schema.Link{ID: 6, Partner: 77, Slug: "renamed"}))
	if err := d.publish(); err != nil {
		t.Fatal(err)
	}
	f := func(id schema.LinkID, partner schema.PartnerID, found bool) {
		t.Helper()
		l, ok := d.View().Link(id)
		if ok != found || l.Partner != partner {
			t.Errorf("link %v: got partner %v, %v, want %v, %v", id, l.Partner, ok, partner, found)
		}
	}
	f(1, 1, true)
	f(6000, 6000, true)
	f(5, 0, false)
	f(6, 77, true)
	f(6001, 0, false)
	if l, _ := d.View().Link(2); !l.Suspended {
		t.Error("the link of a suspended partner is not marked")
	}
	if n := testing.AllocsPerRun(100, func() { d.View().Link(6) }); n != 0 {
		t.Errorf("finding a link allocates %v times, want 0", n)
	}
}

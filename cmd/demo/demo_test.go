package demo

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/redirector/enrich/enrichtest"
	"fairlead/redirector/links"
	"fairlead/schema"
)

// traffic is a small program's past.
func traffic(t testing.TB) *Traffic {
	t.Helper()
	zone, err := time.LoadLocation("America/Toronto")
	if err != nil {
		t.Fatal(err)
	}
	tr := &Traffic{Seed: 7, Until: time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC), Zone: zone}
	for i, w := range partners {
		e := Enrolled{who: w, Partner: schema.PartnerID(i + 1)}
		e.Links = append(e.Links, EnrolledLink{ID: schema.LinkID(100 * (i + 1)), Slug: w.slug, To: "https://shop.example/"})
		for j, x := range w.links {
			e.Links = append(e.Links, EnrolledLink{ID: schema.LinkID(100*(i+1) + j + 1), Slug: x.slug, To: "https://shop.example/" + x.page, share: x.share})
		}
		tr.Partners = append(tr.Partners, e)
	}
	return tr
}

// testKey signs the tests' clicks.
var testKey = schema.StoredClickKey{ID: 1, Key: schema.ClickKey{1, 2, 3}}

// past is the past of a program's first partners, told once: their clicks, and the records of its trade.
func past(t testing.TB, first int) (*source, *trade, [][]byte) {
	t.Helper()
	tr := traffic(t)
	tr.Partners = tr.Partners[:first]
	trade := newTrade(tr)
	clicks, err := clicksOf(tr, testKey.Key, trade.see)
	if err != nil {
		t.Fatal(err)
	}
	trade.strangers()
	var list []schema.Link
	for _, p := range tr.Partners {
		for _, l := range p.Links {
			list = append(list, schema.Link{ID: l.ID, Partner: p.Partner, Slug: l.Slug, To: l.To})
		}
	}
	view, err := links.Make(links.Contents{
		Program: schema.Program{Homepage: "https://shop.example/", AllowedDomains: []string{"shop.example"}, Zone: "UTC", Param: "fl_click", Currency: "USD"},
		Keys:    []schema.StoredClickKey{testKey}, Secret: schema.Secret{Customers: "0123456789abcdef"}, Links: slices.Values(list),
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	records, err := trade.records(t.Context(), view, 1)
	if err != nil {
		t.Fatal(err)
	}
	return clicks, trade, records
}

func TestThePastIsTheSameHoweverOftenItIsTold(t *testing.T) {
	src, _, records := past(t, 2)
	if _, _, again := past(t, 2); !slices.EqualFunc(records, again, bytes.Equal) {
		t.Error("told again, the shop reports otherwise")
	}
	read := func(from uint64, n int) (out []string) {
		r, err := src.Reader(from)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range n {
			if !r.Next() {
				break
			}
			if len(out) == 0 && r.Seq() != from {
				t.Fatalf("the reader from %d begins at %d", from, r.Seq())
			}
			out = append(out, string(r.Record()))
		}
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	whole := read(1, 5000)
	if diff := cmp.Diff(whole[3000:4000], read(3001, 1000)); diff != "" {
		t.Errorf("read again from the middle, the past differs:\n%s", diff)
	}
	if got := len(read(src.total-9, 100)); got != 10 {
		t.Errorf("%d records from total-9 on, want 10", got)
	}
}

func TestThePastIsBelievable(t *testing.T) {
	tr := traffic(t)
	ids, months, total := map[uint64]bool{}, map[schema.Month]int{}, 0
	ids24 := clickIDs{node: tr.Seed, key: testKey.Key}
	last := int64(0)
	err := tr.Each(func(c *schema.Click) error {
		total++
		ids24.sign(c, uint64(total))
		ids[c.Nonce] = true
		months[schema.MonthOf(time.UnixMilli(c.At), tr.Zone)]++
		if c.At >= tr.Until.UnixMilli() {
			t.Fatalf("click %d lies in the future", total)
		}
		last = max(last, c.At)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(months) != 12 {
		t.Errorf("clicks in %d months, want 12: %v", len(months), months)
	}
	if total < 100_000 || total > 600_000 {
		t.Errorf("%d clicks, want a few hundred thousand", total)
	}
	if len(ids) != total {
		t.Errorf("%d different nonces for %d clicks", len(ids), total)
	}
	if age := tr.Until.Sub(time.UnixMilli(last)); age > time.Hour {
		t.Errorf("the last click is %v old", age)
	}
}

func TestShoppersComeFromWhereTheirNetworksAre(t *testing.T) {
	country, _ := enrichtest.Paths(t)
	nets, err := Networks(country)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range partners {
		for i := 0; i < len(p.channel.countries); i += 2 {
			if code := p.channel.countries[i : i+2]; len(nets[code]) == 0 {
				t.Errorf("no network of %s", code)
			}
		}
	}
}

func TestTheTradeIsBelievable(t *testing.T) {
	src, trade, records := past(t, len(partners))
	shipped := reportsOf(trade.traffic.Seed, records)
	if shipped.Node() == src.Node() {
		t.Error("clicks and conversions are of one node")
	}
	r, err := shipped.Reader(1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	kinds, invoices := map[schema.ConversionKind]int{}, map[string]int{}
	direct, coupons, sold, back, last := 0, 0, int64(0), int64(0), int64(0)
	for r.Next() {
		var c schema.Conversion
		if err := schema.DecodeConversion(&c, r.Record()); err != nil {
			t.Fatal(err)
		}
		if c.ReceivedAt < last || c.ReceivedAt >= trade.traffic.Until.UnixMilli() {
			t.Fatalf("%+v is out of its time", c)
		}
		last = c.ReceivedAt
		kinds[c.Kind]++
		switch {
		case c.Kind == schema.Refund:
			if invoices[c.Invoice] == 0 {
				t.Errorf("%+v gives back what was not bought", c)
			}
			back++
			continue
		case c.ClickState == schema.ClickNone:
			direct++
		case c.ClickState != schema.ClickGenuine || c.Partner == 0 || c.ClickedAt > c.OccurredAt:
			t.Fatalf("%+v could not be credited by its click", c)
		}
		if c.Kind == schema.Sale {
			invoices[c.Invoice]++
			sold += c.Amount
			coupons += len(c.Coupons)
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d clicks, %v, %d of nobody's, %d coupons, sold %d", src.total, kinds, direct, coupons, sold)
	if leads := kinds[schema.Lead]; leads < int(src.total)/100 || leads > int(src.total)/20 {
		t.Errorf("%d leads of %d clicks", leads, src.total)
	}
	if sales := kinds[schema.Sale]; sales < kinds[schema.Lead]/3 || sales > 2*kinds[schema.Lead] || len(invoices) == sales || sales-len(invoices) > sales/50 {
		t.Errorf("%d sales of %d leads under %d invoices", sales, kinds[schema.Lead], len(invoices))
	}
	if refunds := kinds[schema.Refund]; refunds < kinds[schema.Sale]/50 || refunds > kinds[schema.Sale]/10 {
		t.Errorf("%d refunds of %d sales", refunds, kinds[schema.Sale])
	}
	if direct == 0 || coupons == 0 {
		t.Errorf("%d reports without a click, %d coupons", direct, coupons)
	}
}

package dashboard

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fairlead/dashboard/figures"
	"fairlead/schema"
)

func TestTeamSeesAllPartners(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("team@example.com")
	res := v.get("/partners")
	month, whole, before := w.sum(20261101, 20261123), w.sum(20261101, 20261122), w.sum(20261001, 20261022)
	res.reads(t, "overview",
		"Clicks this month so far "+count(month.Clicks)+" "+count(month.Visitors)+" unique visitors, 1 partner with clicks "+arrow(whole.Clicks, before.Clicks)+" against 1–22 Oct 2026",
		"Referred this month so far "+count(month.Referred)+" "+arrow(whole.Referred, before.Referred),
		"Sold this month so far "+usd(netOf(month))+" USD Gross and refunds",
		"Ada Lovelace ada@example.com go.shop.example/ada-lovelace (opens in a new tab) active "+count(month.Clicks)+" "+count(month.Visitors)+" "+count(month.Referred)+" "+usd(netOf(month))+" "+count(month.NotCounted()),
		"Eve Secret eve@example.com go.shop.example/eve-secret (opens in a new tab) active 0 0 0 0.00 0")
	found := v.get("/partners?q=lovelace")
	found.reads(t, "search", "Ada Lovelace")
	if strings.Contains(found.text(), "Eve") {
		t.Error("the search finds whom it should not")
	}
	v.get("/partners?q=ada-boots").reads(t, "search by a slug", "Ada Lovelace")
	v.get("/partners?q="+w.eve.ID.String()).reads(t, "search by id", "Eve Secret")
	v.get("/partners?q=%3Cmarquee%3E").reads(t, "a hostile search", "Nobody has “<marquee>” in the name or e-mail.")
	v.get("/partners?q=%5C%27%09%0A%27%3B--").wants(t, "a search that breaks out of a question", http.StatusOK, "Nobody has")
}

func TestPartnersAreOrderedByAFigure(t *testing.T) {
	w := newWorld(t)
	suffix := "@ordered.example"
	var ids []schema.PartnerID
	for i, name := range []string{"mid", "Low", "high"} { // the case of a name's letters does not matter
		p := w.partner(name, name+suffix)
		ids = append(ids, p.ID)
		w.sold(p.ID, p.Link, figures.Days{20261110: {Referred: uint64([]int{5, 1, 2}[i]), Sold: figures.Sold{
			{Currency: "EUR", Sales: 1, Gross: 1_000_000}, {Currency: "USD", Sales: 1, Gross: int64([]int{200, 0, 300}[i]), Refunded: int64([]int{0, 100, 0}[i])},
		}}})
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, id := range ids {
			w.must(w.conn.Exec(ctx, "ALTER TABLE fairlead.sale_days DELETE WHERE partner_id = "+id.String()+" SETTINGS mutations_sync = 1"))
		}
	})
	v := w.loggedIn("team@example.com")
	f := func(query, sorted string, names ...string) {
		t.Helper()
		res := v.get("/partners?q=ordered.example" + query)
		res.wants(t, query, http.StatusOK)
		var got []string
		for _, row := range res.table()[1:] {
			got = append(got, strings.TrimSuffix(strings.Fields(row[0])[0], suffix))
		}
		if !slices.Equal(got, names) {
			t.Errorf("%s: %v, want %v", query, got, names)
		}
		if sorted != "" && !regexp.MustCompile(`aria-sort="(ascending|descending)"><a class="sorter" href="[^"]*">`+sorted).MatchString(res.body) {
			t.Errorf("%s: the head of %s does not say so", query, sorted)
		}
	}
	f("", "", "mid", "Low", "high")
	f("&sort=name", "Partner", "high", "Low", "mid")
	f("&sort=name&order=down", "Partner", "mid", "Low", "high")
	f("&sort=referred&order=down", "Referred", "mid", "high", "Low")
	f("&sort=referred", "Referred", "Low", "high", "mid")
	f("&sort=sold&order=down", "Sold", "high", "mid", "Low") // by the program's currency
	f("&sort=sold", "Sold", "Low", "mid", "high")
	f("&sort=clicks&order=down", "Clicks", "mid", "Low", "high") // equal ones as they joined
	f("&sort=password", "", "mid", "Low", "high")
	f("&page=99999999999999999999", "", "mid", "Low", "high")
	res := v.get("/partners?q=ordered.example&sort=sold&order=down")
	res.reads(t, "amounts of two currencies", "2.00, 10,000.00 EUR", "−1.00, 10,000.00 EUR")
	for _, href := range []string{`href="/partners?q=ordered.example&amp;sort=sold"`, `href="/partners?order=down&amp;q=ordered.example&amp;sort=clicks"`,
		`href="/partners?q=ordered.example&amp;sort=name"`, `name="sort" value="sold"`, `name="order" value="down"`} {
		if !strings.Contains(res.body, href) {
			t.Errorf("%s is missing", href)
		}
	}
}

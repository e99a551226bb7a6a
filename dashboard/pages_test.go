package dashboard

import (
	"context"
	"encoding/csv"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/directory"
)

func TestHomeShowsWhatStandsInTheRollups(t *testing.T) {
	w := newWorld(t)
	res := w.loggedIn("ada@example.com").get("/home")
	month, year, trend := w.sum(20261101, 20261123), w.sum(20251201, 20261123), w.sum(20261025, 20261123)
	whole, before := w.sum(20261101, 20261122), w.sum(20261001, 20261022)
	wholeYear, yearBefore := w.sum(20251201, 20261122), w.sum(20250505, 20251122)
	res.wants(t, "home", http.StatusOK)
	res.reads(t, "home",
		"Complete up to 14:05, Toronto time",
		"Your link go.shop.example/ada-lovelace (opens in a new tab) Leads to https://shop.example/",
		"Clicks today 17 "+count(w.adaDays[20261123].Visitors)+" unique visitors up to 14:05",
		"Clicks this month so far "+count(month.Clicks)+" "+count(month.Visitors)+" unique visitors "+arrow(whole.Clicks, before.Clicks)+" against 1–22 Oct 2026",
		"Referred this month so far "+count(month.Referred)+" "+arrow(whole.Referred, before.Referred)+" against 1–22 Oct 2026",
		fmt.Sprintf("Sold this month so far %s USD Gross and refunds %d sales %s USD %d refunds %s USD %s against 1–22 Oct 2026",
			usd(netOf(month)), month.Sold[0].Sales, usd(month.Sold[0].Gross), month.Sold[0].Refunds, usd(-month.Sold[0].Refunded), arrow(netOf(whole), netOf(before))),
		"Past 12 months Clicks by month Clicks "+count(year.Clicks)+" "+arrow(wholeYear.Clicks, yearBefore.Clicks)+" against the year before",
		"Unique visitors "+count(year.Visitors)+" "+arrow(wholeYear.Visitors, yearBefore.Visitors)+" against the year before",
		"Referred "+count(year.Referred)+" "+arrow(wholeYear.Referred, yearBefore.Referred)+" against the year before",
		"Sold "+usd(netOf(year))+" USD "+arrow(netOf(wholeYear), netOf(yearBefore))+" against the year before",
		"Rewards - Paid "+usd(year.Rewards[0].Paid)+" USD "+arrow(wholeYear.Rewards[0].Paid, yearBefore.Rewards[0].Paid)+" against the year before",
		"Rewards - Pending "+usd(year.Rewards[0].Pending)+" USD "+arrow(wholeYear.Rewards[0].Pending, yearBefore.Rewards[0].Pending)+" against the year before",
		"Commissions this month so far "+usd(month.Rewards[0].Paid+month.Rewards[0].Pending)+" USD What this month's",
		"Past 30 days Clicks by day "+count(trend.Clicks)+" "+arrow(w.sum(20261025, 20261122).Clicks, w.sum(20260926, 20261024).Clicks)+" against the 29 days before",
		count(trend.NotCounted())+" hits were recorded beside your clicks",
		"Bots "+count(trend.Bots), "Previews "+count(trend.Prefetches), "Embedded "+count(trend.Embedded),
		fmt.Sprintf("Not decided yet Reported, and in no figure on this page so far. Under review %d", trend.Review),
		fmt.Sprintf("Waiting for an exchange rate %d", trend.Held),
		"Days begin at midnight, Toronto time", "what your customers paid, in USD, less what was refunded",
	)
	top := 0
	var second uint64
	for day, c := range w.adaDays {
		if day >= 20261025 {
			second += c.Clicks / 10
		}
	}
	top = int(trend.Clicks - second)
	res.reads(t, "top links", "/ada-lovelace "+count(uint64(top))+" /ada-boots "+count(second))
	bars := regexp.MustCompile(`<g class="column"><title>([^<]+)</title>`).FindAllStringSubmatch(res.body, -1)
	if len(bars) != 12 {
		t.Fatalf("%d bars, want the running month and eleven before it", len(bars))
	}
	october := w.sum(20261001, 20261031)
	for i, want := range map[int]string{
		0:  fmt.Sprintf("December 2025: %s clicks", count(w.sum(20251201, 20251231).Clicks)),
		10: fmt.Sprintf("October 2026: %s clicks", count(october.Clicks)),
		11: fmt.Sprintf("November 2026, so far: %s clicks", count(month.Clicks)),
	} {
		if !strings.HasPrefix(bars[i][1], want) {
			t.Errorf("bar %d: %q, want %q", i, bars[i][1], want)
		}
	}
	if n := strings.Count(res.body, `fill="url(#hatch)"`); n != 1 {
		t.Errorf("%d hatched bars, want the running month's", n)
	}
	if rows := res.table(); len(rows) != 31 || rows[1][0] != "Mon 23 Nov 2026 so far" || rows[30][0] != "Sun 25 Oct 2026" {
		t.Errorf("table of days: %d rows, first %v, last %v", len(rows), rows[1], rows[len(rows)-1])
	} else if c := w.adaDays[20261025]; !slices.Equal(rows[30][1:], []string{count(c.Clicks), count(c.Visitors), count(c.Referred), usd(netOf(c)), usd(c.Rewards[0].Paid), usd(c.Rewards[0].Pending), count(c.NotCounted())}) {
		t.Errorf("25 October: %v, want %+v", rows[30], c)
	}
}

// netOf is what was sold in the program's currency, in cents.
func netOf(c figures.Counts) int64 { return c.Sold.In("USD").Net() }

// arrow is a change as it is read: the arrow's text and its words.
func arrow[N uint64 | int64](now, before N) string {
	words := percent(now, before)
	return words[strings.LastIndexByte(words, ' ')+1:] + " " + words
}

func TestAPageShowsTheMeasureThatWasChosen(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("ada@example.com")
	f := func(path, measure, october, first string, choices int) {
		t.Helper()
		res := v.get(path)
		res.wants(t, path, http.StatusOK)
		bars := regexp.MustCompile(`<g class="column"><title>([^<]+)</title>`).FindAllStringSubmatch(res.body, -1)
		if got := bars[10][1]; got != "October 2026: "+october {
			t.Errorf("%s: the bar of October says %q, want %q", path, got, october)
		}
		if got := regexp.MustCompile(`aria-current="true"><span class="choice">([^<]+)<`).FindStringSubmatch(res.body); got == nil || got[1] != first {
			t.Errorf("%s: chosen %v, want %q", path, got, first)
		}
		by := measure + " by month"
		if measure == "Sold" || strings.HasPrefix(measure, "Rewards") {
			by += ", USD"
		}
		res.reads(t, path, by)
		if n := strings.Count(res.body, `class="choice"`); n != choices {
			t.Errorf("%s: %d choices, want %d", path, n, choices)
		}
	}
	october := w.sum(20261001, 20261031)
	for _, path := range []string{"/home", "/reporting"} {
		f(path, "Clicks", count(october.Clicks)+" clicks", "Clicks", 6)
		f(path+"?show=visitors", "Unique visitors", count(october.Visitors)+" unique visitors", "Unique visitors", 6)
		f(path+"?show=referred", "Referred", count(october.Referred)+" referred", "Referred", 6)
		f(path+"?show=sold", "Sold", usd(netOf(october))+" USD sold", "Sold", 6)
		f(path+"?show=paid", "Rewards - Paid", usd(october.Rewards[0].Paid)+" USD paid", "Rewards - Paid", 6)
		f(path+"?show=pending", "Rewards - Pending", usd(october.Rewards[0].Pending)+" USD pending", "Rewards - Pending", 6)
		f(path+"?show=%3Cscript%3E", "Clicks", count(october.Clicks)+" clicks", "Clicks", 6)
	}
	res := v.get("/reporting?period=30-days&show=sold&open=sold")
	for _, href := range []string{
		`href="/reporting?open=sold&amp;period=30-days#chart"`,                   // clicks again
		`href="/reporting?open=sold&amp;period=30-days&amp;show=referred#chart"`, // the span and what is open stay
		`href="/reporting?period=30-days&amp;show=sold#rows"`,                    // closed
		`href="/reporting.csv?open=sold&amp;period=30-days&amp;show=sold"`,
	} {
		if !strings.Contains(res.body, href) {
			t.Errorf("%s is missing", href)
		}
	}
	res.reads(t, "a month with more refunds than sales", "−") // every thirtieth day
}

func TestPartnersSeeTheirOwnOnly(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("eve@example.com")
	res := v.get("/home")
	res.reads(t, "a first day", "Three steps to your first click", "go.shop.example/eve-secret", "0 today")
	for _, path := range []string{"/home", "/reporting", "/reporting.csv", "/links", "/live",
		fmt.Sprintf("/links?after=%d", w.adaLinks[0].ID-1), fmt.Sprintf("/reporting?partner=%s&partner_id=%s", w.ada.ID, w.ada.ID)} {
		body := v.get(path).body
		for _, secret := range []string{"ada", "Ada", count(w.sum(20261101, 20261123).Clicks), fmt.Sprint(w.sum(20251201, 20261123).Clicks)} {
			if strings.Contains(body, secret) {
				t.Errorf("%s shows Eve %q", path, secret)
			}
		}
	}
	w.liveClicks(w.eve.ID, 1)
	if got := v.get("/live").body; got != "{\"text\":\"1\"}\n" {
		t.Errorf("live: %q", got)
	}
}

func TestReportingIsTheSameAsItsCSV(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("ada@example.com")
	f := func(query string, rows int, from, to schema.Day) {
		t.Helper()
		res := v.get("/reporting" + query)
		res.wants(t, query, http.StatusOK)
		table := res.table()
		if len(table) != rows+2 {
			t.Fatalf("%s: %d rows, want %d", query, len(table)-2, rows)
		}
		sum := w.sum(from, to)
		want := []string{"Total", count(sum.Clicks), count(sum.Visitors), count(sum.Referred), usd(netOf(sum)), usd(sum.Rewards[0].Paid), usd(sum.Rewards[0].Pending), count(sum.NotCounted())}
		if strings.Contains(query, "open=sold") {
			usds := sum.Sold[0]
			want = slices.Insert(want, 4, count(usds.Sales), usd(usds.Gross), usd(usds.Refunded))
		}
		if !slices.Equal(table[rows+1], want) {
			t.Errorf("%s: total %v, want %v", query, table[rows+1], want)
		}
		href := regexp.MustCompile(`href="(/reporting\.csv[^"]*)"`).FindStringSubmatch(res.body)
		if href == nil {
			t.Fatalf("%s: no link to CSV", query)
		}
		file := v.get(html.UnescapeString(href[1]))
		if got := file.header.Get("Content-Disposition"); got != `attachment; filename="figures-`+period.ISO(from)+"-to-"+period.ISO(to)+`.csv"` {
			t.Errorf("%s: file name %s", query, got)
		}
		lines, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
		w.must(err)
		if len(lines) != len(table) {
			t.Fatalf("%s: %d lines of CSV for %d rows", query, len(lines), len(table))
		}
		for i, line := range lines {
			if len(line) != len(table[i]) {
				t.Fatalf("%s: line %d is %v, the page shows %v", query, i, line, table[i])
			}
			for col := 1; col < len(line); col++ {
				shown := strings.NewReplacer(",", "", "–", "", "−", "-").Replace(table[i][col])
				if i == 0 { // the currency stands in brackets
					shown = regexp.MustCompile(` ([A-Z]{3})$`).ReplaceAllString(shown, " ($1)")
				}
				if line[col] != shown {
					t.Errorf("%s: line %d is %v, the page shows %v", query, i, line, table[i])
				}
			}
		}
	}
	f("", 12, 20251201, 20261123)
	f("?period=12-months&month=2026-02", 12+28, 20251201, 20261123)
	f("?open=sold", 12, 20251201, 20261123)
	f("?period=12-months&month=2026-02&open=sold&show=sold", 12+28, 20251201, 20261123)
	f("?period=12-months&month=2026-11", 12+23, 20251201, 20261123)
	f("?period=12-months&month=2020-01", 12, 20251201, 20261123) // not in the span
	f("?period=this-month", 23, 20261101, 20261123)
	f("?period=last-month", 31, 20261001, 20261031)
	f("?period=30-days", 30, 20261025, 20261123)
	f("?period=7-days", 7, 20261117, 20261123)
	f("?from=2026-02-27&to=2026-03-02", 4, 20260227, 20260302)
	f("?from=2026-01-15&to=2026-06-10", 6, 20260115, 20260610) // parts of months hold their days only
	f("?from=2026-01-15&to=2026-06-10&month=2026-01", 6+17, 20260115, 20260610)
	f("?from=2026-11-20&to=2026-12-31", 4, 20261120, 20261123)

	res := v.get("/reporting?period=12-months&month=2026-09")
	table := res.table()
	if table[1][0] != "November 2026 so far" || table[12+30][0] != "December 2025" || table[4][0] != "Wed 30 Sep 2026" {
		t.Errorf("newest first: %v, %v, %v", table[1], table[4], table[12+30])
	}
	res.wants(t, "the open month", http.StatusOK, `aria-expanded="true"`, `href="/reporting?period=12-months"`, `href="/reporting?month=2026-08&amp;period=12-months"`)
	res.reads(t, "tiles", "Clicks "+count(w.sum(20251201, 20261123).Clicks), percent(w.sum(20251201, 20261122).Clicks, w.sum(20250505, 20251122).Clicks)+" against the year before")
	month := v.get("/reporting?period=last-month")
	month.reads(t, "a month that is over", percent(w.sum(20261001, 20261031).Clicks, w.sum(20260901, 20260930).Clicks)+" against Sep 2026")

	wrong := v.get("/reporting?from=2026-03-02&to=2026-03-01")
	wrong.wants(t, "a wrong range", http.StatusUnprocessableEntity, `value="2026-03-02"`)
	wrong.reads(t, "a wrong range", "The last day, 2026-03-01, lies before the first, 2026-03-02.")
	v.get("/reporting.csv?from=x&to=y").wants(t, "a wrong range as CSV", http.StatusUnprocessableEntity)
	v.get("/reporting?month=<script>").wants(t, "a hostile month", http.StatusUnprocessableEntity, "&lt;script&gt;")
}

func TestUnknownFiguresAreDashes(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("eve@example.com") // a partner since today
	table := v.get("/reporting?period=7-days").table()
	if !slices.Equal(table[1], []string{"Mon 23 Nov 2026 so far", "0", "0", "0", "0.00", "0.00", "0.00", "0"}) {
		t.Errorf("today: %v, want zeros", table[1])
	}
	if !slices.Equal(table[2], []string{"Sun 22 Nov 2026", "–", "–", "–", "–", "–", "–", "–"}) {
		t.Errorf("the day before the first: %v, want dashes", table[2])
	}
	w.complete(time.Date(2026, 11, 21, 9, 12, 0, 0, w.zone))
	res := v.get("/reporting?period=7-days")
	res.reads(t, "late figures", "Complete up to 09:12 on 21 November, Toronto time")
	if table := res.table(); !slices.Equal(table[1][1:], []string{"–", "–", "–", "–", "–", "–", "–"}) {
		t.Errorf("a day that is not complete yet and has nothing: %v, want dashes", table[1])
	}
	res.wants(t, "late figures", http.StatusOK, `class="fresh late"`)
	home := w.loggedIn("ada@example.com").get("/home")
	home.reads(t, "comparison up to the last whole day", "against 1–20 Oct 2026")
	w.complete(time.Date(2026, 11, 23, 14, 5, 0, 0, w.zone))
	w.must(w.client.HSet(t.Context(), schema.DefaultKeys.Rollup(), schema.SalesCompleteTo, time.Date(2026, 11, 23, 13, 40, 0, 0, w.zone).UnixMilli()).Err())
	v.get("/home").reads(t, "sales later than clicks", "Complete up to 13:40, Toronto time")
	w.must(w.client.HDel(t.Context(), schema.DefaultKeys.Rollup(), schema.SalesCompleteTo).Err())
	v.get("/home").reads(t, "before the first attribution", "Nothing counted yet")
	w.must(w.client.Del(t.Context(), schema.DefaultKeys.LiveComplete()).Err())
	v.get("/live").wants(t, "live counters being made anew", http.StatusOK, `"–"`)
	w.must(w.client.Del(t.Context(), schema.DefaultKeys.Rollup()).Err())
	v.get("/home").reads(t, "before the first rollup", "Nothing counted yet")
}

func TestLinksShowTheirFigures(t *testing.T) {
	w := newWorld(t)
	_, err := w.dir.DisableLink(t.Context(), directory.CLI, w.adaLinks[1].ID, "test")
	w.must(err)
	t.Cleanup(func() {
		_, err := w.dir.EnableLink(context.WithoutCancel(t.Context()), directory.CLI, w.adaLinks[1].ID, "test")
		w.must(err)
	})
	v := w.loggedIn("ada@example.com")
	f := func(path, span string, from schema.Day) {
		t.Helper()
		res := v.get(path)
		res.wants(t, path, http.StatusOK)
		res.reads(t, path, "Your links "+span)
		table := res.table()
		if len(table) != 4 {
			t.Fatalf("%s: %d links, want 2 and what came by none", path, len(table)-1)
		}
		for i, link := range []schema.LinkID{w.adaLinks[0].ID, w.adaLinks[1].ID, 0} {
			sum := w.adaLink[link].Sum(period.Range{From: from, To: 20261123})
			want := []string{count(sum.Clicks), count(sum.Visitors), count(sum.Referred), usd(netOf(sum))}
			if link == 0 {
				want[0], want[1] = "–", "–"
			}
			if !slices.Equal(table[i+1][1:5], want) {
				t.Errorf("%s: row %d: %v, want %v", path, i, table[i+1], want)
			}
		}
	}
	f("/links", "25 October – 23 November 2026", 20261025)
	f("/links?period=30-days", "25 October – 23 November 2026", 20261025)
	f("/links?period=12-months", "1 December 2025 – 23 November 2026", 20251201)
	f("/links?period=<script>", "25 October – 23 November 2026", 20261025)
	res := v.get("/links")
	table := res.table()
	if !strings.Contains(table[2][0], "disabled") || !strings.Contains(table[2][0], "Leads to https://shop.example/boots?a=1&b=2") || !strings.Contains(table[1][0], "personal") {
		t.Errorf("links: %q and %q", table[1][0], table[2][0])
	}
	res.wants(t, "copying", http.StatusOK, `data-copy="https://go.shop.example/ada-boots"`)

	busy := w.partner("Busy", "busy@example.com")
	var many []directory.NewLink
	for i := range pageSize + 1 {
		many = append(many, directory.NewLink{Partner: busy.ID, Slug: fmt.Sprintf("busy-%03d", i), To: "https://shop.example/"})
	}
	_, err = w.dir.AddLinks(t.Context(), directory.CLI, many)
	w.must(err)
	v = w.loggedIn("busy@example.com")
	first := v.get("/links")
	next := regexp.MustCompile(`href="(/links\?after=\d+)"`).FindStringSubmatch(first.body)
	if kept := v.get("/links?period=12-months").body; !strings.Contains(kept, "&amp;period=12-months\"") {
		t.Error("the next page forgets the span")
	}
	if next == nil || len(first.table()) != pageSize+1 {
		t.Fatalf("a page of %d links, next %v", len(first.table())-1, next)
	}
	second := v.get(next[1])
	if len(second.table()) != 3 || !strings.Contains(second.body, `href="/links"`) {
		t.Errorf("the second page has %d links, want 2 and the way back", len(second.table())-1)
	}
}

func TestCurrenciesAreNeverAddedUp(t *testing.T) {
	w := newWorld(t)
	p := w.partner("Two Currencies", "two@example.com")
	w.sold(p.ID, p.Link, figures.Days{
		20261001: {Sold: figures.Sold{{Currency: "EUR", Sales: 2, Gross: 5000, Refunds: 1, Refunded: 1000}}, Rewards: figures.Rewards{{Currency: "EUR", Paid: 800, Pending: -30}}},
		20261102: {Sold: figures.Sold{{Currency: "EUR", Sales: 1, Gross: 300}}},
		20261120: {Sold: figures.Sold{{Currency: "USD", Sales: 1, Gross: 700}}, Rewards: figures.Rewards{{Currency: "USD", Pending: 140}}},
	})
	t.Cleanup(func() {
		w.must(w.conn.Exec(context.WithoutCancel(t.Context()), "ALTER TABLE fairlead.sale_days DELETE WHERE partner_id = "+p.ID.String()+" SETTINGS mutations_sync = 1"))
		w.must(w.conn.Exec(context.WithoutCancel(t.Context()), "ALTER TABLE fairlead.reward_days DELETE WHERE partner_id = "+p.ID.String()+" SETTINGS mutations_sync = 1"))
	})
	v := w.loggedIn("two@example.com")
	table := v.get("/reporting").table()
	if got := []string{table[1][4], table[2][4], table[13][4]}; !slices.Equal(got, []string{"7.00, 3.00 EUR", "0.00, 40.00 EUR", "7.00, 43.00 EUR"}) {
		t.Errorf("sold: %v", got)
	}
	if got := []string{table[1][5], table[1][6], table[2][5], table[2][6], table[13][5], table[13][6]}; !slices.Equal(got, []string{"0.00", "1.40", "0.00, 8.00 EUR", "0.00, −0.30 EUR", "0.00, 8.00 EUR", "1.40, −0.30 EUR"}) {
		t.Errorf("rewards: %q", got)
	}
	file := v.get("/reporting.csv?open=sold").body
	for _, want := range []string{"Month,Clicks,Unique visitors,Referred,Sales,Gross (USD),Refunds (USD),Sold (USD),Gross (EUR),Refunds (EUR),Sold (EUR),Rewards - Paid (USD),Rewards - Pending (USD),Rewards - Paid (EUR),Rewards - Pending (EUR),Not counted\r\n",
		"2026-11,0,0,0,2,7.00,0.00,7.00,3.00,0.00,3.00,0.00,1.40,0.00,0.00,0\r\n", "2026-10,0,0,0,2,0.00,0.00,0.00,50.00,10.00,40.00,0.00,0.00,8.00,-0.30,0\r\n"} {
		if !strings.Contains(file, want) {
			t.Errorf("%q is missing in\n%s", want, file)
		}
	}
	v.get("/home").reads(t, "home", "Sold 7.00 USD", "Sold before the currency was changed 3.00 EUR")
}

func TestPagesSayWhenTheFiguresAreAway(t *testing.T) {
	w := newWorld(t)
	ada, team := w.loggedIn("ada@example.com"), w.loggedIn("team@example.com")
	w.ch.Kill()
	t.Cleanup(func() { w.must(w.ch.Start(context.WithoutCancel(t.Context()))) })
	home := ada.get("/home")
	home.wants(t, "home", http.StatusServiceUnavailable, "out of reach", "Links go on redirecting")
	home.reads(t, "home", "go.shop.example/ada-lovelace", "Clicks today 17")
	ada.get("/reporting").wants(t, "reporting", http.StatusServiceUnavailable, "out of reach")
	ada.get("/reporting.csv").wants(t, "CSV", http.StatusServiceUnavailable)
	links := ada.get("/links")
	links.wants(t, "links", http.StatusServiceUnavailable, "out of reach", "ada-boots")
	ada.get("/live").wants(t, "live", http.StatusOK, `"17"`)
	team.get("/partners").wants(t, "partners", http.StatusServiceUnavailable, "Links go on redirecting")
	w.loggedIn("ada@example.com") // the directory in Redis is enough to log in
}

func TestHostileNamesAreShownHarmlessly(t *testing.T) {
	w := newWorld(t)
	p := w.partner(`"><script>alert(1)</script><img src=x onerror=alert(2)>`, "mal@example.com")
	_, err := w.dir.AddLink(t.Context(), directory.CLI, directory.NewLink{Partner: p.ID, Slug: "mal2", To: `https://shop.example/?"><script>alert(3)</script>`})
	w.must(err)
	mal, team := w.loggedIn("mal@example.com"), w.loggedIn("team@example.com")
	for _, res := range []answer{mal.get("/home"), mal.get("/links"), mal.get("/reporting"), team.get("/partners")} {
		if res.status != http.StatusOK {
			t.Errorf("%d\n%s", res.status, res.body)
		}
		if strings.Contains(res.body, "<script>") || strings.Contains(res.body, "<img") {
			t.Errorf("a name or an address became a part of the page:\n%s", res.body)
		}
	}
}

func TestSpreadsheetsRunNothing(t *testing.T) {
	f := func(content, want string) {
		t.Helper()
		got, err := csvFile([][]cell{{text(content)}})
		if err != nil || string(got) != want+"\r\n" {
			t.Errorf("%q: %q, %v; want %q", content, got, err, want)
		}
	}
	f("2026-11", "2026-11")
	f("=1+1", "'=1+1")
	f("+1", "'+1")
	f("-1", "'-1")
	f("@SUM(A1)", "'@SUM(A1)")
	f("\t=1", "'\t=1")
	f("\x00=1", "'=1")
	f(`a"b,c`, `"a""b,c"`)
	f("a\nb", "\"a\r\nb\"")
	minus := amount(templates.Money{Known: true, Amounts: []templates.Amount{{Minor: -350, Currency: "USD"}}}, "USD")
	if got, err := csvFile([][]cell{{minus}}); err != nil || string(got) != "-3.50\r\n" {
		t.Errorf("an amount below zero: %q, %v; want a number", got, err)
	}
}

func TestServeEndsInOrder(t *testing.T) {
	w := newWorld(t)
	noLeaks(t)
	d, err := New(w.options())
	w.must(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.url = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- d.Serve(ctx, l) }()
	v := w.visitor()
	v.get("/login").wants(t, "while it serves", http.StatusOK)
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("still listening")
	}
	v.http.CloseIdleConnections()
}

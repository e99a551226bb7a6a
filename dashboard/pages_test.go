package dashboard

import (
	"context"
	"encoding/csv"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/net/html"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// text is what people read on a page, with one space between words.
func (a answer) text() string {
	doc, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		return err.Error()
	}
	return textOf(doc)
}

func textOf(n *html.Node) string {
	if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "title" && n.Parent.Data == "head") {
		return ""
	}
	var words []string
	if n.Type == html.TextNode {
		words = strings.Fields(n.Data)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if s := textOf(c); s != "" {
			words = append(words, s)
		}
	}
	return strings.Join(words, " ")
}

// reads reports what people do not read on a page.
func (a answer) reads(t *testing.T, what string, texts ...string) {
	t.Helper()
	got := a.text()
	for _, want := range texts {
		if !strings.Contains(got, want) {
			t.Errorf("%s: %q is missing in\n%s", what, want, got)
		}
	}
}

// table returns the cells of the last table of a page: its head, body and foot.
func (a answer) table() [][]string {
	doc, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		return nil
	}
	var table [][]string
	for n := range doc.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "table":
			table = nil
		case n.Type == html.ElementNode && n.Data == "tr":
			table = append(table, nil)
		case n.Type == html.ElementNode && (n.Data == "th" || n.Data == "td"):
			table[len(table)-1] = append(table[len(table)-1], textOf(n))
		}
	}
	return table
}

// sum counts what Ada's pages have to show, from what stands in the rollups.
func (w *world) sum(from, to schema.Day) (c figures.Counts) {
	for day := from; day <= to; day = period.Day(day, 1) {
		c = c.Plus(w.adaDays[day])
	}
	return c
}

// percent is a change as a tile says it, computed apart from the product's code.
func percent(now, before uint64) string {
	p := (float64(now) - float64(before)) / float64(before) * 100
	word := "up by"
	if p < 0 {
		word, p = "down by", -p
	}
	if p < 10 {
		return fmt.Sprintf("%s %.1f%%", word, float64(int(p*10))/10)
	}
	return fmt.Sprintf("%s %.0f%%", word, p)
}

func TestHomeShowsWhatStandsInTheRollups(t *testing.T) {
	w := newWorld(t)
	res := w.loggedIn("ada@example.com").get("/home")
	month, year, trend := w.sum(20261101, 20261123), w.sum(20251201, 20261123), w.sum(20261025, 20261123)
	res.wants(t, "home", http.StatusOK)
	res.reads(t, "home",
		"Complete up to 14:05, Toronto time",
		"Your link go.shop.example/ada-lovelace (opens in a new tab) Leads to https://shop.example/",
		"Clicks today 17 "+count(w.adaDays[20261123].Visitors)+" unique visitors up to 14:05",
		"Clicks this month so far "+count(month.Clicks)+" "+count(month.Visitors)+" unique visitors",
		percent(w.sum(20261101, 20261122).Clicks, w.sum(20261001, 20261022).Clicks)+" against 1–22 Oct 2026",
		"Clicks, past 12 months "+count(year.Clicks)+" "+count(year.Visitors)+" unique visitors",
		percent(w.sum(20251201, 20261122).Clicks, w.sum(20250505, 20251122).Clicks)+" against the year before",
		"Past 30 days Clicks by day "+count(trend.Clicks),
		percent(w.sum(20261025, 20261122).Clicks, w.sum(20260926, 20261024).Clicks)+" against the 29 days before",
		count(trend.NotCounted())+" hits were recorded beside your clicks",
		"Bots "+count(trend.Bots), "Previews "+count(trend.Prefetches), "Embedded "+count(trend.Embedded),
		"Days begin at midnight, Toronto time",
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
		10: fmt.Sprintf("October 2026: %s clicks, %s unique visitors", count(october.Clicks), count(october.Visitors)),
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
	}
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
		if want := []string{"Total", count(sum.Clicks), count(sum.Visitors), count(sum.NotCounted())}; !slices.Equal(table[rows+1], want) {
			t.Errorf("%s: total %v, want %v", query, table[rows+1], want)
		}
		href := regexp.MustCompile(`href="(/reporting\.csv[^"]*)"`).FindStringSubmatch(res.body)
		if href == nil {
			t.Fatalf("%s: no link to CSV", query)
		}
		file := v.get(html.UnescapeString(href[1]))
		if got := file.header.Get("Content-Disposition"); got != `attachment; filename="clicks-`+period.ISO(from)+"-to-"+period.ISO(to)+`.csv"` {
			t.Errorf("%s: file name %s", query, got)
		}
		lines, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
		w.must(err)
		if len(lines) != len(table) {
			t.Fatalf("%s: %d lines of CSV for %d rows", query, len(lines), len(table))
		}
		for i, line := range lines {
			for col := 1; col < 4; col++ {
				shown := strings.ReplaceAll(strings.ReplaceAll(table[i][col], ",", ""), "–", "")
				if line[col] != shown {
					t.Errorf("%s: line %d is %v, the page shows %v", query, i, line, table[i])
				}
			}
		}
	}
	f("", 12, 20251201, 20261123)
	f("?period=12-months&month=2026-02", 12+28, 20251201, 20261123)
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
	if !slices.Equal(table[1], []string{"Mon 23 Nov 2026 so far", "0", "0", "0"}) {
		t.Errorf("today: %v, want zeros", table[1])
	}
	if !slices.Equal(table[2], []string{"Sun 22 Nov 2026", "–", "–", "–"}) {
		t.Errorf("the day before the first: %v, want dashes", table[2])
	}
	w.complete(time.Date(2026, 11, 21, 9, 12, 0, 0, w.zone))
	res := v.get("/reporting?period=7-days")
	res.reads(t, "late figures", "Complete up to 09:12 on 21 November, Toronto time")
	if table := res.table(); !slices.Equal(table[1][1:], []string{"–", "–", "–"}) {
		t.Errorf("a day that is not complete yet and has nothing: %v, want dashes", table[1])
	}
	res.wants(t, "late figures", http.StatusOK, `class="fresh late"`)
	home := w.loggedIn("ada@example.com").get("/home")
	home.reads(t, "comparison up to the last whole day", "against 1–20 Oct 2026")
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
	res := v.get("/links")
	var short, long figures.Counts
	for day, c := range w.adaDays {
		part := figures.Counts{Clicks: c.Clicks / 10, Visitors: c.Visitors / 10}
		if day >= 20261025 {
			short = short.Plus(part)
		}
		if day >= 20251201 {
			long = long.Plus(part)
		}
	}
	table := res.table()
	if len(table) != 3 {
		t.Fatalf("%d links, want 2", len(table)-1)
	}
	if want := []string{count(short.Clicks), count(short.Visitors), count(long.Clicks)}; !slices.Equal(table[2][1:4], want) {
		t.Errorf("second link: %v, want %v", table[2], want)
	}
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
	if next == nil || len(first.table()) != pageSize+1 {
		t.Fatalf("a page of %d links, next %v", len(first.table())-1, next)
	}
	second := v.get(next[1])
	if len(second.table()) != 3 || !strings.Contains(second.body, `href="/links"`) {
		t.Errorf("the second page has %d links, want 2 and the way back", len(second.table())-1)
	}
}

func TestTeamSeesAllPartners(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("team@example.com")
	res := v.get("/partners")
	month := w.sum(20261101, 20261123)
	res.reads(t, "overview", "Clicks this month so far "+count(month.Clicks), "Partners with clicks 1 in November 2026",
		"Ada Lovelace ada@example.com go.shop.example/ada-lovelace (opens in a new tab) active "+count(month.Clicks)+" "+count(month.Visitors)+" "+count(month.NotCounted()),
		"Eve Secret eve@example.com go.shop.example/eve-secret (opens in a new tab) active 0 0 0")
	found := v.get("/partners?q=lovelace")
	found.reads(t, "search", "Ada Lovelace")
	if strings.Contains(found.text(), "Eve") {
		t.Error("the search finds whom it should not")
	}
	v.get("/partners?q=%3Cscript%3E").reads(t, "a hostile search", "Nobody has “<script>” in the name or e-mail.")
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
	f := func(cell, want string) {
		t.Helper()
		got, err := csvFile([][]string{{cell}})
		if err != nil || string(got) != want+"\r\n" {
			t.Errorf("%q: %q, %v; want %q", cell, got, err, want)
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
}

// asking counts the questions that reach ClickHouse.
type asking struct {
	driver.Conn
	n atomic.Int64
}

func (a *asking) Select(ctx context.Context, dest any, query string, args ...any) error {
	a.n.Add(1)
	return a.Conn.Select(ctx, dest, query, args...)
}

func (a *asking) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	a.n.Add(1)
	return a.Conn.Query(ctx, query, args...)
}

func (a *asking) QueryRow(ctx context.Context, query string, args ...any) driver.Row {
	a.n.Add(1)
	return a.Conn.QueryRow(ctx, query, args...)
}

func TestAPageAsksClickHouseOnce(t *testing.T) {
	w := newWorld(t)
	conn := &asking{Conn: w.conn}
	opt := w.options()
	opt.ClickHouse = conn
	opt.Directory = directory.New(conn, w.client, directory.Options{})
	d, err := New(opt)
	w.must(err)
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	w.url = server.URL
	v := w.loggedIn("ada@example.com")
	for path, want := range map[string]int64{"/home": 1, "/reporting": 1, "/reporting.csv": 1, "/links": 1, "/live": 0, "/login": 0} {
		before := conn.n.Load()
		v.get(path)
		if got := conn.n.Load() - before; got != want {
			t.Errorf("%s asks %d times, want %d", path, got, want)
		}
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

package redirector

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"fairlead/redirector/journal"
	"fairlead/redirector/links"
	"fairlead/schema"
)

func TestWhereALinkLeads(t *testing.T) {
	e := newEdge(t, nil)
	// f says where a request is sent (ID stands for a genuine click id) and what is recorded of it.
	f := func(target, location, verdict string, link schema.LinkID, slug string) {
		t.Helper()
		c, resp := e.one(get(target))
		got := string(resp.Header.Peek("Location"))
		id := c.ID()
		if want := strings.ReplaceAll(location, "ID", "fl_click="+id.String()); got != want {
			t.Errorf("%s leads to\n     %s\nwant %s", target, got, want)
		}
		if resp.StatusCode() != 302 {
			t.Errorf("%s answers %d", target, resp.StatusCode())
		}
		if c.Verdict.String() != verdict || c.Link != link || string(c.Slug) != slug {
			t.Errorf("%s is recorded as %v of link %d, slug %q; want %s of %d, %q", target, c.Verdict, c.Link, c.Slug, verdict, link, slug)
		}
		if err := (schema.ClickKeys{testKey.Key}).Check(id); err != nil {
			t.Errorf("%s: %v", target, err)
		}
		if cc, x := string(resp.Header.Peek("Cache-Control")), string(resp.Header.Peek("X-Robots-Tag")); cc != "private, no-store" || x != "noindex, nofollow" {
			t.Errorf("%s: Cache-Control %q, X-Robots-Tag %q", target, cc, x)
		}
	}
	// A personal link, a custom one, in any case, with slashes around it, escaped once.
	f("/ada", "https://shop.example/?ID", "valid", 1, "ada")
	f("/ADA", "https://shop.example/?ID", "valid", 1, "ada")
	f("/ada/", "https://shop.example/?ID", "valid", 1, "ada")
	f("//ada", "https://shop.example/?ID", "valid", 1, "ada")
	f("/%61da", "https://shop.example/?ID", "valid", 1, "ada")
	f("/deep/er.x_y~z-1", "https://shop.example/deeper?ID", "valid", 6, "deep/er.x_y~z-1")
	f("/deep%2Fer.x%5Fy%7Ez-1", "https://shop.example/deeper?ID", "valid", 6, "deep/er.x_y~z-1")
	f("/spring", "https://shop.example/spring?ref=own&z=%2F&ID#top", "valid", 2, "spring")
	f("http://go.example/spring", "https://shop.example/spring?ref=own&z=%2F&ID#top", "valid", 2, "spring")
	f("/spring?", "https://shop.example/spring?ref=own&z=%2F&ID#top", "valid", 2, "spring")
	// Parameters.
	f("/spring?sub_id=7&ref=mine&fl_click=forged&q=a+b", "https://shop.example/spring?ref=own&z=%2F&sub_id=7&q=a+b&ID#top", "valid", 2, "spring")
	f("/ada?a=%0d%0aLocation:%20x", "https://shop.example/?a=%0d%0aLocation:%20x&ID", "valid", 1, "ada")
	// Deep links, to allowed domains only.
	f("/ada?url=https%3A%2F%2Fshop.example%2Fp%3Fa%3D1%23f", "https://shop.example/p?a=1&ID#f", "valid", 1, "ada")
	f("/spring?url=https://www.shop.example/p&a=1", "https://www.shop.example/p?a=1&ID", "valid", 2, "spring")
	for _, evil := range []string{"https://evil.example/", "//evil.example", "https:%5C%5Cshop.example", "https://shop.example@evil.example/", "https://shop.example.evil.example/",
		"javascript:alert(1)", "https://shop.example%0d%0aX:y", "http://shop.example/", "https://xn--shp-0na.example/", "https://sh%C3%B6p.example/", "/p", "%00"} {
		f("/spring?url="+evil, "https://shop.example/spring?ref=own&z=%2F&ID#top", "valid", 2, "spring")
	}
	// What leads to the homepage, without a click id.
	f("/", "https://shop.example/", "unknown_link", 0, "")
	f("/?utm_source=x", "https://shop.example/?utm_source=x", "unknown_link", 0, "")
	f("/nobody", "https://shop.example/", "unknown_link", 0, "nobody")
	f("/Nobody?url=https://shop.example/p&a=1", "https://shop.example/?a=1", "unknown_link", 0, "nobody")
	f("/gone?a=1", "https://shop.example/?a=1", "suspended", 3, "gone")
	f("/off", "https://shop.example/", "disabled", 4, "off")
	f("/late", "https://shop.example/", "expired", 5, "late")
	// Odd paths are unknown, and recorded so that nothing is harmed by them.
	f("/ada%00", "https://shop.example/", "unknown_link", 0, "ada%00")
	f("/%FF%FE", "https://shop.example/", "unknown_link", 0, "%ff%fe")
	f("/%2561da", "https://shop.example/", "unknown_link", 0, "%61da")
	f("/Gr%C3%BCn", "https://shop.example/", "unknown_link", 0, "grün")
	f("/a%0Ab", "https://shop.example/", "unknown_link", 0, "a%0ab")
	f("/..%2f..%2fetc/passwd", "https://shop.example/", "unknown_link", 0, "../../etc/passwd")
	f("/./ada", "https://shop.example/", "unknown_link", 0, "./ada")
	f("/x/../ada", "https://shop.example/", "unknown_link", 0, "x/../ada")
	f("/ada;x=1", "https://shop.example/", "unknown_link", 0, "ada;x=1")
	f("/ada,", "https://shop.example/", "unknown_link", 0, "ada,")
	f("/a%", "https://shop.example/", "unknown_link", 0, "a%")
	f("/"+strings.Repeat("x", 400), "https://shop.example/", "unknown_link", 0, strings.Repeat("x", 190))
	f("/"+strings.Repeat("ü", 100), "https://shop.example/", "unknown_link", 0, strings.Repeat("ü", 95))
	f("/ada?a="+strings.Repeat("x", 8000), "https://shop.example/?a="+strings.Repeat("x", 8000)+"&ID", "valid", 1, "ada")
}

func TestSlugsWhoseCaseCounts(t *testing.T) {
	e := newEdge(t, func(o *Options) {
		contents := testContents
		contents.Program.SlugCase = schema.SlugsSensitive
		view, err := links.Make(contents, false)
		if err != nil {
			t.Fatal(err)
		}
		o.Links = fixed{view}
	})
	f := func(target, verdict, slug string) {
		t.Helper()
		if c, _ := e.one(get(target)); c.Verdict.String() != verdict || string(c.Slug) != slug {
			t.Errorf("%s is recorded as %v, slug %q; want %s, %q", target, c.Verdict, c.Slug, verdict, slug)
		}
	}
	f("/Ada", "valid", "ada")
	f("/%41da/", "valid", "ada")
	f("/ada", "unknown_link", "ada")
	f("/ADA", "unknown_link", "ada")
	f("/spring", "valid", "spring")
	f("/Spring", "unknown_link", "spring")
	if resp := e.do(get("/ROBOTS.txt")); resp.StatusCode() != 200 {
		t.Errorf("what the edge keeps for itself answers %d", resp.StatusCode())
	}
}

// clickIDText finds a click id in an address.
var clickIDText = regexp.MustCompile(`fl_click=[A-Za-z0-9_-]{32}`)

func TestHeadIsAnsweredAndNotCounted(t *testing.T) {
	e := newEdge(t, nil)
	f := func(target string, status int, location string) {
		t.Helper()
		resp := e.do(request{method: "HEAD", target: target})
		got := clickIDText.ReplaceAllString(string(resp.Header.Peek("Location")), "fl_click=ID")
		if resp.StatusCode() != status || got != location {
			t.Errorf("HEAD %s: %d, %q; want %d, %q", target, resp.StatusCode(), got, status, location)
		}
		if c := e.clicks(); len(c) != 0 {
			t.Errorf("HEAD %s is recorded", target)
		}
	}
	f("/ada?a=1", 302, "https://shop.example/?a=1&fl_click=ID")
	f("/spring", 302, "https://shop.example/spring?ref=own&z=%2F&fl_click=ID#top")
	f("/nobody", 302, "https://shop.example/")
	f("/robots.txt", 200, "")
	if n := e.count.outcome(outcomeHead); n != 3 {
		t.Errorf("%d counted as HEAD", n)
	}
}

func TestTheIDOfAHeadIsWorthNothing(t *testing.T) {
	e := newEdge(t, nil)
	at := func(method string) (string, schema.ClickID) {
		t.Helper()
		location := string(e.do(request{method: method, target: "/ada?a=1"}).Header.Peek("Location"))
		id, err := schema.ParseClickID(strings.TrimPrefix(clickIDText.FindString(location), "fl_click="))
		if err != nil {
			t.Fatalf("%s leads to %s: %v", method, location, err)
		}
		return location, id
	}
	f := func(method string, genuine bool) {
		t.Helper()
		_, id := at(method)
		if got := (schema.ClickKeys{testKey.Key}).Check(id) == nil; got != genuine {
			t.Errorf("the id of a %s is genuine: %v, want %v", method, got, genuine)
		}
		if id.Link != 1 || id.At != noon.UnixMilli() {
			t.Errorf("the id of a %s is of link %d at %d", method, id.Link, id.At)
		}
	}
	f("GET", true)
	f("HEAD", false)
	head, _ := at("HEAD")
	get, _ := at("GET")
	if blank := func(s string) string { return clickIDText.ReplaceAllString(s, "") }; blank(head) != blank(get) || len(head) != len(get) {
		t.Errorf("HEAD leads to %s and GET to %s: they differ in more than the id", head, get)
	}
}

func TestWhatTheBrowserWantsDecidesTheVerdict(t *testing.T) {
	e := newEdge(t, nil)
	f := func(target, name, value string, status int, verdict, reason string) {
		t.Helper()
		c, resp := e.one(get(target, name, value))
		location := string(resp.Header.Peek("Location"))
		if resp.StatusCode() != status || c.Verdict.String() != verdict || string(c.Reason) != reason {
			t.Errorf("%s with %s: %s answers %d, %v (%s); want %d, %s (%s)", target, name, value, resp.StatusCode(), c.Verdict, c.Reason, status, verdict, reason)
		}
		if hasID := strings.Contains(location, "fl_click="); hasID != (verdict == "valid") {
			t.Errorf("%s with %s: %s leads to %s", target, name, value, location)
		}
		if status == 503 && (location != "" || string(resp.Header.Peek("Cache-Control")) != "no-store") {
			t.Errorf("%s: %s answers 503 with location %q, Cache-Control %q", name, value, location, resp.Header.Peek("Cache-Control"))
		}
	}
	f("/ada", "Sec-Purpose", "prefetch", 503, "prefetch", "sec-purpose: prefetch")
	f("/ada", "Sec-Purpose", "prefetch;prerender", 503, "prefetch", "sec-purpose: prerender")
	f("/ada", "Sec-Purpose", "prefetch;anonymous-client-ip", 503, "prefetch", "sec-purpose: prefetch")
	f("/ada", "Purpose", "prefetch", 503, "prefetch", "purpose: prefetch")
	f("/ada", "purpose", "Prefetch", 503, "prefetch", "purpose: prefetch")
	f("/ada", "X-Moz", "prefetch", 503, "prefetch", "x-moz: prefetch")
	f("/ada", "X-Purpose", "preview", 503, "prefetch", "x-purpose: preview")
	f("/nobody", "Sec-Purpose", "prefetch", 503, "prefetch", "sec-purpose: prefetch")
	f("/gone", "Sec-Purpose", "prefetch", 503, "prefetch", "sec-purpose: prefetch")
	f("/ada", "Sec-Purpose", "prefetch;prerender;preview", 503, "prefetch", "sec-purpose: prerender")
	f("/ada", "Sec-Purpose", "prerender", 503, "prefetch", "sec-purpose: prerender")
	f("/ada", "sec-purpose", "Prefetch", 503, "prefetch", "sec-purpose: prefetch")
	f("/ada", "Sec-Purpose", " prefetch ; anonymous-client-ip", 503, "prefetch", "sec-purpose: prefetch")
	f("/ada", "purpose", "PREFETCH", 503, "prefetch", "purpose: prefetch")
	f("/ada", "Purpose", "prerender", 503, "prefetch", "purpose: prefetch")
	f("/ada", "Purpose", "preview", 503, "prefetch", "purpose: preview")
	f("/ada", "x-moz", "Prefetch", 503, "prefetch", "x-moz: prefetch")
	f("/ada", "X-Purpose", "prefetch", 503, "prefetch", "x-purpose: preview")
	f("/ada", "X-Purpose", ": preview", 503, "prefetch", "x-purpose: preview") // Safari's top sites
	f("/ada", "X-Purpose", "instant", 503, "prefetch", "x-purpose: preview")
	f("/ada", "Sec-Purpose", "", 302, "valid", "")
	f("/ada", "Sec-Purpose", "fetch", 302, "valid", "")
	f("/ada", "X-Moz", "livebookmarks", 302, "valid", "")
	f("/ada", "Purpose", "something else", 302, "valid", "")
	f("/ada", "Sec-Fetch-Dest", "document", 302, "valid", "")
	f("/ada", "Sec-Fetch-Dest", "iframe", 302, "embedded", "sec-fetch-dest: iframe")
	f("/ada", "Sec-Fetch-Dest", "frame", 302, "embedded", "sec-fetch-dest: frame")
	f("/spring", "Sec-Fetch-Dest", "image", 302, "embedded", "sec-fetch-dest: image")
	f("/ada", "Sec-Fetch-Dest", "embed", 302, "embedded", "sec-fetch-dest: embed")
	f("/ada", "Sec-Fetch-Dest", "object", 302, "embedded", "sec-fetch-dest: object")
	f("/ada", "Sec-Fetch-Dest", "script", 302, "embedded", "sec-fetch-dest: script")
	f("/ada", "Sec-Fetch-Dest", "style", 302, "embedded", "sec-fetch-dest: style")
	f("/ada", "Sec-Fetch-Dest", "empty", 302, "embedded", "sec-fetch-dest: empty")
	f("/ada", "Sec-Fetch-Dest", "made-up", 302, "embedded", "sec-fetch-dest: other")
	f("/nobody", "Sec-Fetch-Dest", "image", 302, "unknown_link", "")
	f("/gone", "Sec-Fetch-Dest", "iframe", 302, "suspended", "")
}

func TestWhatIsRecordedOfAVisit(t *testing.T) {
	e := newEdge(t, nil)
	c, _ := e.one(get("/spring?sub_id=s0&sub3=s3&utm_source=news&utm_term=%C3%A9",
		"Referer", "https://blog.example/post?x=1", "Accept", "text/html", "Accept-Language", "de-CH,de;q=0.9", "User-Agent", "Agent/1",
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-User", "?1"))
	if c.At != noon.UnixMilli() || c.Partner != 1 || c.Link != 2 {
		t.Errorf("at %d of partner %d, link %d", c.At, c.Partner, c.Link)
	}
	for what, pair := range map[string][2]string{
		"destination":  {string(c.Destination), "https://shop.example/spring?ref=own&z=%2F#top"},
		"referrer":     {string(c.Referrer), "https://blog.example/post?x=1"},
		"user agent":   {string(c.UserAgent), "Agent/1"},
		"language":     {string(c.Language), "de-CH,de;q=0.9"},
		"sub id":       {string(c.SubID[0]), "s0"},
		"third sub id": {string(c.SubID[3]), "s3"},
		"source":       {string(c.UTM[schema.UTMSource]), "news"},
		"term":         {string(c.UTM[schema.UTMTerm]), "é"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", what, pair[0], pair[1])
		}
	}
	want := schema.HintAcceptLanguage | schema.HintAccept | schema.HintSecFetch | schema.HintNavigate | schema.HintUser
	if c.Hints != want {
		t.Errorf("hints %b, want %b", c.Hints, want)
	}
	if c.Visitor == 0 {
		t.Error("no visitor")
	}

	// Nothing of one request is left in the next.
	c, _ = e.one(get("/ada", "User-Agent", ""))
	if len(c.Referrer)+len(c.Language)+len(c.UserAgent)+len(c.SubID[0])+len(c.UTM[0])+len(c.Reason) > 0 || c.Hints != 0 {
		t.Errorf("left over: %+v", c)
	}

	// Long values are cut, between characters.
	c, _ = e.one(get("/ada", "User-Agent", strings.Repeat("é", 600), "Referer", "https://x.example/"+strings.Repeat("a", 3000), "Accept-Language", strings.Repeat("a", 100)))
	if len(c.UserAgent) != schema.MaxUserAgent || !utf8.Valid(c.UserAgent) || len(c.Referrer) != schema.MaxReferrer || len(c.Language) != schema.MaxLanguage {
		t.Errorf("user agent has %d bytes, referrer %d, language %d", len(c.UserAgent), len(c.Referrer), len(c.Language))
	}
	c, _ = e.one(get("/ada", "User-Agent", "x"+strings.Repeat("é", 600)))
	if len(c.UserAgent) != schema.MaxUserAgent-1 || !utf8.Valid(c.UserAgent) {
		t.Errorf("user agent has %d bytes", len(c.UserAgent))
	}
}

func TestNobodyIsHashedAgainstTheirWill(t *testing.T) {
	e := newEdge(t, nil)
	for _, name := range []string{"Sec-GPC", "DNT"} {
		c, _ := e.one(get("/ada", name, "1"))
		if c.Visitor != 0 || c.Hints&schema.HintGPC == 0 {
			t.Errorf("%s: visitor %x, hints %b", name, c.Visitor, c.Hints)
		}
	}
	if c, _ := e.one(get("/ada", "DNT", "0")); c.Visitor == 0 || c.Hints&schema.HintGPC != 0 {
		t.Error("DNT: 0 is taken for a wish not to be hashed")
	}
	ignoring := newEdge(t, func(o *Options) {
		contents := testContents
		contents.Program.RespectGPC = false
		view, err := links.Make(contents, false)
		if err != nil {
			t.Fatal(err)
		}
		o.Links = fixed{view}
	})
	if c, _ := ignoring.one(get("/ada", "DNT", "1")); c.Visitor == 0 || c.Hints&schema.HintGPC == 0 {
		t.Error("the program's setting is not followed")
	}
}

func TestVisitorsAreToldApart(t *testing.T) {
	e := newEdge(t, nil)
	visitor := func(from, agent string) uint64 {
		c, _ := e.one(request{method: "GET", target: "/ada", from: from, headers: []string{"User-Agent", agent}})
		return c.Visitor
	}
	a := visitor("203.0.113.77", "A")
	if a != visitor("203.0.113.77", "A") {
		t.Error("the same visitor is another")
	}
	if a != visitor("::ffff:203.0.113.77", "A") {
		t.Error("the same address, mapped, is another visitor")
	}
	if a == visitor("203.0.113.78", "A") || a == visitor("203.0.113.77", "B") {
		t.Error("another address or agent is the same visitor")
	}
}

func TestNoAddressIsRecorded(t *testing.T) {
	e := newEdge(t, nil)
	for from, network := range map[string]string{
		"203.0.113.77":             "::ffff:203.0.113.0",
		"::ffff:203.0.113.77":      "::ffff:203.0.113.0",
		"2001:db8:1234:5678::9abc": "2001:db8:1234::",
	} {
		e.do(request{method: "GET", target: "/ada", from: from})
		record := e.journal.records[0]
		c := e.clicks()[0]
		if got := fmt.Sprint(netipFrom(c.Network)); got != network {
			t.Errorf("of %s %s is recorded, want %s", from, got, network)
		}
		for _, whole := range [][]byte{{203, 0, 113, 77}, []byte("203.0.113.77"), {0x9a, 0xbc}, []byte("9abc")} {
			if bytes.Contains(record[:58], whole) && len(whole) > 2 || bytes.Contains(record, []byte(from)) {
				t.Errorf("the record of %s holds %q", from, whole)
			}
		}
	}
}

func TestOtherThingsThanLinks(t *testing.T) {
	e := newEdge(t, nil)
	f := func(method, target string, status int, header, value, body string) {
		t.Helper()
		resp := e.do(request{method: method, target: target})
		if resp.StatusCode() != status || string(resp.Header.Peek(header)) != value || !strings.Contains(string(resp.Body()), body) {
			t.Errorf("%s %s: %d, %s %q, body %q; want %d, %q, %q", method, target, resp.StatusCode(), header, resp.Header.Peek(header), resp.Body(), status, value, body)
		}
		if c := e.clicks(); len(c) != 0 {
			t.Errorf("%s %s is recorded as %v", method, target, c[0].Verdict)
		}
	}
	f("GET", "/robots.txt", 200, "Content-Type", "text/plain; charset=utf-8", "Allow: /\n")
	f("GET", "/Robots.TXT", 200, "Content-Type", "text/plain; charset=utf-8", "User-agent: *\n")
	f("GET", "/favicon.ico", 200, "Content-Type", "image/svg+xml", "<svg")
	for _, path := range []string{"/track/click", "/track", "/postback?cid=1", "/webhooks/stripe", "/.well-known/acme-challenge/x", "/fairlead.js", "/healthz", "/metrics", "/openapi.json", "/robots.txt/x", "/%74rack"} {
		f("GET", path, 404, "Content-Type", "application/json", `"code":"not_found"`)
		f("POST", path, 404, "Cache-Control", "no-store", `"code":"not_found"`)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"} {
		f(method, "/ada", 405, "Allow", "GET, HEAD", "GET and HEAD")
		f(method, "/", 405, "Allow", "GET, HEAD", "")
	}
	f("POST", "/robots.txt", 404, "Cache-Control", "no-store", "")
	f("OPTIONS", "*", 405, "Allow", "GET, HEAD", "")
}

func TestNothingIsRedirectedBeforeTheDirectoryIsLoaded(t *testing.T) {
	e := newEdge(t, func(o *Options) { o.Links = fixed{} })
	resp := e.do(get("/ada"))
	if resp.StatusCode() != 503 || string(resp.Header.Peek("Retry-After")) != "1" || string(resp.Header.Peek("Cache-Control")) != "no-store" {
		t.Errorf("answered %d: %s", resp.StatusCode(), resp.Header.String())
	}
	if resp := e.do(get("/robots.txt")); resp.StatusCode() != 200 {
		t.Errorf("robots.txt answers %d", resp.StatusCode())
	}
	if ok, _ := e.Readiness(); ok {
		t.Error("it says that it is ready")
	}
}

func TestAFullJournalCostsTheShopperNothing(t *testing.T) {
	var said bytes.Buffer
	now := noon
	e := newEdge(t, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&said, nil))
		o.Now = func() time.Time { return now }
	})
	for _, c := range []struct {
		err    error
		reason string
	}{
		{fullDisk, journal.ReasonDiskFull},
		{&journal.FullError{Reason: journal.ReasonBoundReached}, journal.ReasonBoundReached},
		{journal.ErrRecordTooLarge, journal.ReasonRecordTooLarge},
		{errDisk, reasonOther},
	} {
		e.journal.fail = c.err
		for range 3 {
			resp := e.do(get("/ada"))
			if resp.StatusCode() != 302 || !strings.HasPrefix(string(resp.Header.Peek("Location")), "https://shop.example/?fl_click=") {
				t.Errorf("%v: answered %d, %s", c.err, resp.StatusCode(), resp.Header.Peek("Location"))
			}
		}
		if n := e.count.unrecorded[c.reason].Load(); n != 3 {
			t.Errorf("%v: %d counted as %s, want 3", c.err, n, c.reason)
		}
	}
	if lines := strings.Count(said.String(), "NOT recorded"); lines != 1 {
		t.Errorf("said so %d times within a moment, want once: %s", lines, said.String())
	}
	said.Reset()
	now = now.Add(lossEvery)
	e.do(get("/ada"))
	if !strings.Contains(said.String(), "clicks=12") {
		t.Errorf("later it said %q, want that 12 more were lost", said.String())
	}
}

func TestAClosedJournalRefuses(t *testing.T) {
	e := newEdge(t, nil)
	e.journal.fail = journal.ErrClosed
	if resp := e.do(get("/ada")); resp.StatusCode() != 503 || len(resp.Header.Peek("Location")) > 0 {
		t.Errorf("answered %d, %q: a click that nobody counts", resp.StatusCode(), resp.Header.Peek("Location"))
	}
	if resp := e.do(request{method: "HEAD", target: "/ada"}); resp.StatusCode() != 302 {
		t.Errorf("HEAD, which is not recorded, answers %d", resp.StatusCode())
	}
}

func TestABugCostsNobodyTheRedirect(t *testing.T) {
	var said bytes.Buffer
	e := newEdge(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&said, nil)) })
	e.journal.before = func() { panic("something impossible") }
	resp := e.do(get("/spring"))
	if resp.StatusCode() != 302 || string(resp.Header.Peek("Location")) != "https://shop.example/" {
		t.Errorf("answered %d, %q", resp.StatusCode(), resp.Header.Peek("Location"))
	}
	if !strings.Contains(said.String(), "something impossible") || e.count.unrecorded[reasonPanic].Load() != 1 {
		t.Errorf("it was not told: %s", said.String())
	}
	e.journal.before = nil
	if c, _ := e.one(get("/spring")); c.Link != 2 {
		t.Error("the next request suffers from it")
	}
}

type discard struct{}

func (discard) Append([]byte) (uint64, error) { return 1, nil }
func (discard) Ready() error                  { return nil }

// browser is a request as Chrome makes it.
func browser(target string) request {
	return get(target,
		"User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
		"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
		"Accept-Encoding", "gzip, deflate, br, zstd", "Accept-Language", "en-US,en;q=0.9,de;q=0.8",
		"Sec-Ch-Ua", `"Chromium";v="140", "Not=A?Brand";v="24"`, "Sec-Ch-Ua-Mobile", "?0", "Sec-Ch-Ua-Platform", `"Windows"`,
		"Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-User", "?1",
		"Upgrade-Insecure-Requests", "1", "Referer", "https://blog.example/reviews/the-best-shoes-of-the-year")
}

func FuzzHandler(f *testing.F) {
	for _, target := range []string{"/ada", "/spring?sub_id=7&url=https://shop.example/x", "/%ff?%ff=%ff", "//x?#", "*", "http://a/b", "/ada?url=https:%5C%5Cevil.example"} {
		f.Add(target, "203.0.113.9", "document")
	}
	e := newEdge(f, func(o *Options) { o.TrustedProxies = prefixes("0.0.0.0/0") })
	f.Fuzz(func(t *testing.T, target, forwarded, dest string) {
		e.t = t
		ctx := get("/", "X-Forwarded-For", forwarded, "Forwarded", forwarded, "Sec-Fetch-Dest", dest).context()
		ctx.Request.Header.SetRequestURI(target)
		e.Handle(ctx)
		if e.count.outcome(outcomePanic) > 0 {
			t.Fatal("a bug")
		}
		if location := ctx.Response.Header.Peek("Location"); len(location) > 0 {
			if !bytes.HasPrefix(location, []byte("https://shop.example/")) && !bytes.Contains(location, []byte(".shop.example")) {
				t.Fatalf("%q leads to %q", target, location)
			}
			for _, b := range location {
				if b <= ' ' || b >= 0x7f {
					t.Fatalf("%q leads to %q", target, location)
				}
			}
		}
		for _, c := range e.clicks() {
			if !utf8.Valid(c.Slug) || len(c.Slug) > schema.MaxSlug {
				t.Fatalf("slug %q", c.Slug)
			}
		}
	})
}

package enrich_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fairlead/redirector/enrich"
	"fairlead/redirector/enrich/enrichtest"
	"fairlead/schema"
)

const (
	chromeWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
	chromeAndroid = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36"
	safariPhone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"
	firefoxLinux  = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
	asBrowser     = schema.HintAccept | schema.HintAcceptLanguage | schema.HintSecFetch | schema.HintTLS
)

func enricher(t testing.TB) *enrich.Enricher {
	t.Helper()
	return enrich.New(enrichtest.Data(t))
}

func facts(e *enrich.Enricher, c schema.Click) enrich.Facts {
	if c.Verdict == schema.VerdictNone {
		c.Verdict = schema.VerdictValid
	}
	var f enrich.Facts
	e.Enrich(&c, &f)
	return f
}

func TestPeopleAreNotBots(t *testing.T) {
	e := enricher(t)
	for ua, want := range map[string][3]string{
		chromeWindows: {"desktop", "Windows", "Chrome"},
		chromeAndroid: {"mobile", "Android", "Chrome"},
		safariPhone:   {"mobile", "iOS", "Safari"},
		firefoxLinux:  {"desktop", "Linux", "Firefox"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":                                                                                                    {"desktop", "macOS", "Safari"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0":                                                                                            {"desktop", "Windows", "Edge"},
		"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0.0.0 Mobile/15E148 Safari/604.1":                                                                                        {"tablet", "iOS", "Chrome"},
		"Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Safari/537.36":                                                                                       {"tablet", "Android", "Samsung Browser"},
		"Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko":                                                                                                                                                     {"desktop", "Windows", "Internet Explorer"},
		"Mozilla/5.0 (Linux; Android 16; Pixel 10 Pro XL Build/CP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/146.0 Mobile Safari/537.36 MetaIAB Facebook":                                                    {"mobile", "Android", "Facebook App"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 400.0.0.1.2 (iPhone15,2; iOS 18_6; en_US; en; scale=3.00; 1179x2556; 1)":                          {"mobile", "iOS", "Instagram App"},
		"Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809.146/6.0 TV Safari/537.36":                                                                                                       {"tv", "", "Other"},
		"Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.16":                                                                                                                                                         {"desktop", "Windows", "Opera"},
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36":                                                                                                           {"desktop", "ChromeOS", "Chrome"},
		"Mozilla/5.0 (Linux; U; Android 9; en-US; RMX1805) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/78.0 UCBrowser/13.4 Mobile Safari/537.36":                                                                     {"mobile", "Android", "UC Browser"},
		"Mozilla/5.0 (Linux; Android 13; sogou) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/92.0 Mobile Safari/537.36 SogouMobileBrowser/6.0":                                                                        {"mobile", "Android", "Sogou"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) coc_coc_browser/118.0 Chrome/112.0 Safari/537.36":                                                                                        {"desktop", "Windows", "Cốc Cốc"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/143.0 Mobile/15E148 Safari/605.1.15":                                                                                {"mobile", "iOS", "Firefox"},
		"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/141.0 Mobile DuckDuckGo/5 Safari/537.36":                                                                                        {"mobile", "Android", "DuckDuckGo"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/480.0;FBBV/1;FBDV/iPhone14,5;FBMD/iPhone;FBSN/iOS;FBSV/17.6;FBSS/3;FBID/phone;FBLC/en_US]": {"mobile", "iOS", "Facebook App"},
	} {
		f := facts(e, schema.Click{UserAgent: []byte(ua), Hints: asBrowser})
		if f.Verdict != schema.VerdictValid || f.Reason != "" {
			t.Errorf("%s\n\tgot %v (%s), want valid", ua, f.Verdict, f.Reason)
		}
		if got := [3]string{f.Device, f.OS, f.Browser}; got != want {
			t.Errorf("%s\n\tgot %q, want %q", ua, got, want)
		}
	}
}

func TestBots(t *testing.T) {
	e := enricher(t)
	for _, c := range []struct {
		ua     string
		hints  schema.Hint
		reason string
	}{
		{"", asBrowser, "no User-Agent"},
		{"-", schema.HintImported, "no User-Agent"},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 0, "crawler: Googlebot"},
		{"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", 0, "crawler: facebookexternalhit"},
		{"curl/8.5.0", 0, "crawler: curl"},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36", asBrowser, "crawler: HeadlessChrome"},
		{"AdsBot-Google (+http://www.google.com/adsbot.html)", 0, "crawler: AdsBot-Google"},
		{"Mozilla/5.0 (compatible; NoListKnowsMe/1.0; +https://unlisted.example/)", asBrowser, "User-Agent names its owner's address"},
		{"MyOwnScript/0.1", asBrowser, "User-Agent of no browser"},
		{"Mozilla/5.0", asBrowser, "User-Agent of no browser"},
		{chromeWindows, schema.HintTLS, "no Accept and no Accept-Language, which every browser sends"},
		{chromeWindows, schema.HintTLS | schema.HintAccept, "no Sec-Fetch headers and no Accept-Language, which such a browser sends"},
		{safariPhone, schema.HintTLS | schema.HintAccept, "no Sec-Fetch headers and no Accept-Language, which such a browser sends"},
		{firefoxLinux, schema.HintTLS | schema.HintAccept, "no Sec-Fetch headers and no Accept-Language, which such a browser sends"},
	} {
		f := facts(e, schema.Click{UserAgent: []byte(c.ua), Hints: c.hints})
		if f.Verdict != schema.VerdictBot || f.Reason != c.reason {
			t.Errorf("%q with hints %b: got %v (%s), want bot (%s)", c.ua, c.hints, f.Verdict, f.Reason, c.reason)
		}
	}
}

func TestMissingHeadersProveNothing(t *testing.T) {
	e := enricher(t)
	for what, c := range map[string]schema.Click{
		"a line of an access log":                   {UserAgent: []byte(chromeWindows), Hints: schema.HintImported},
		"no Sec-Fetch over http":                    {UserAgent: []byte(chromeWindows), Hints: schema.HintAccept},
		"a proxy that takes Sec-Fetch out":          {UserAgent: []byte(chromeWindows), Hints: schema.HintTLS | schema.HintAccept | schema.HintAcceptLanguage},
		"a browser from before Sec-Fetch":           {UserAgent: []byte("Mozilla/5.0 (Windows NT 6.1; WOW64; rv:27.0) Gecko/20100101 Firefox/27.0"), Hints: schema.HintTLS | schema.HintAccept},
		"Chrome on an iPhone too old for Sec-Fetch": {UserAgent: []byte("Mozilla/5.0 (iPhone; CPU iPhone OS 15_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0.0.0 Mobile/15E148 Safari/604.1"), Hints: schema.HintTLS | schema.HintAccept},
	} {
		if f := facts(e, c); f.Verdict != schema.VerdictValid {
			t.Errorf("%s: got %v (%s), want valid", what, f.Verdict, f.Reason)
		}
	}
}

func TestTheEdgesVerdictStands(t *testing.T) {
	e := enricher(t)
	for _, v := range schema.Verdicts()[1:] {
		f := facts(e, schema.Click{Verdict: v, UserAgent: []byte("curl/8.5.0"), Reason: []byte("sec-purpose: prefetch")})
		if f.Verdict != v || f.Reason != "sec-purpose: prefetch" {
			t.Errorf("%v: got %v (%s)", v, f.Verdict, f.Reason)
		}
	}
}

func TestEveryKnownCrawlerIsABot(t *testing.T) {
	e := enricher(t)
	_, list := enrichtest.Paths(t)
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var entries []struct {
		Pattern   string
		Instances []string
	}
	if err := json.Unmarshal(b, &entries); err != nil {
		t.Fatal(err)
	}
	instances := 0
	for _, entry := range entries {
		if entry.Pattern == "MetaIAB Facebook" {
			continue // a browser that people use
		}
		for _, ua := range entry.Instances {
			instances++
			if f := facts(e, schema.Click{UserAgent: []byte(ua), Hints: asBrowser}); f.Verdict != schema.VerdictBot {
				t.Errorf("%s (pattern %s): got %v", ua, entry.Pattern, f.Verdict)
			}
		}
	}
	if instances < 1000 {
		t.Errorf("the list has only %d examples", instances)
	}
}

func TestCountry(t *testing.T) {
	e := enricher(t)
	for addr, want := range map[string]string{
		"8.8.8.0": "US", "193.99.144.0": "DE", "2001:4860:4860::": "US",
		"127.0.0.0": "", "10.0.0.0": "", "::": "",
	} {
		c := schema.Click{Network: netip.MustParseAddr(addr).As16()}
		if got := facts(e, c).Country; got != want {
			t.Errorf("%s: got %q, want %q", addr, got, want)
		}
	}
}

func TestReferrer(t *testing.T) {
	e := enricher(t)
	f := func(ref, host, path string) {
		t.Helper()
		got := facts(e, schema.Click{Referrer: []byte(ref)})
		if got.ReferrerHost != host || string(got.ReferrerPath) != path {
			t.Errorf("%q: got %q %q, want %q %q", ref, got.ReferrerHost, got.ReferrerPath, host, path)
		}
	}
	f("", "", "")
	f("-", "", "")
	f("about:blank", "", "")
	f("https://www.Example.COM/a/b?q=secret#x", "example.com", "/a/b")
	f("https://blog.example", "blog.example", "/")
	f("https://blog.example?q=1", "blog.example", "/")
	f("http://user:pw@shop.example:8080/x", "shop.example", "/x")
	f("https://www.com/", "www.com", "/")
	f("https://www.shop.example./", "shop.example", "/")
	f("android-app://com.google.android.gm/", "com.google.android.gm", "/")
	f("https://bücher.example/ä", "bücher.example", "/ä")
	f("https://<script>/x", "", "")
	f("https:///path", "", "")
	f("https://[2001:DB8::1]:443/x", "[2001:db8::1]", "/x")
	f("https://a.example/\xff\x00x", "a.example", "/x")
	f("https://a.example/"+strings.Repeat("é", 300), "a.example", "/"+strings.Repeat("é", 255))
	f("https://"+strings.Repeat("a", 300)+".example/", "", "")
}

func TestLanguage(t *testing.T) {
	e := enricher(t)
	for accept, want := range map[string]string{
		"": "", "*": "", "de": "de", "de-ch,de;q=0.9,en;q=0.8": "de-CH", "EN_us": "en-US", "zh-Hans-CN": "zh-CN", "de;q=1": "de", "x": "", "12": "", "german": "",
	} {
		if got := facts(e, schema.Click{Language: []byte(accept)}).Language; got != want {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
	}
}

func TestAnswersDoNotDependOnTheCache(t *testing.T) {
	d := enrichtest.Data(t)
	warm := enrich.New(d)
	clicks := []schema.Click{
		{UserAgent: []byte(chromeWindows), Hints: asBrowser, Referrer: []byte("https://www.a.example/x"), Language: []byte("de-CH"), Network: netip.MustParseAddr("8.8.8.0").As16()},
		{UserAgent: []byte("curl/8"), Referrer: []byte("https://b.example/")},
		{UserAgent: []byte(safariPhone), Hints: schema.HintTLS},
	}
	for range 3 {
		for _, c := range clicks {
			a, b := facts(warm, c), facts(enrich.New(d), c)
			if a.Verdict != b.Verdict || a.Reason != b.Reason || a.Country != b.Country || a.Device != b.Device || a.OS != b.OS || a.Browser != b.Browser ||
				a.Language != b.Language || a.ReferrerHost != b.ReferrerHost || string(a.ReferrerPath) != string(b.ReferrerPath) {
				t.Fatalf("warm %+v, cold %+v", a, b)
			}
			c.Verdict = schema.VerdictValid
			if v := warm.Verdict(&c); v != a.Verdict {
				t.Fatalf("Verdict says %v, Enrich %v", v, a.Verdict)
			}
		}
	}
}

func TestAKnownClickAllocatesNothing(t *testing.T) {
	e := enricher(t)
	c := schema.Click{Verdict: schema.VerdictValid, UserAgent: []byte(chromeWindows), Hints: asBrowser, Referrer: []byte("https://www.a.example/x?y"), Language: []byte("de-CH"), Network: netip.MustParseAddr("8.8.8.0").As16()}
	var f enrich.Facts
	e.Enrich(&c, &f)
	if n := testing.AllocsPerRun(100, func() { e.Enrich(&c, &f) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func TestLoadSaysWhatToDo(t *testing.T) {
	db, list := enrichtest.Paths(t)
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("no data"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ db, list, want string }{
		{filepath.Join(dir, "none.mmdb"), list, "none.mmdb does not exist: run `make build`"},
		{db, filepath.Join(dir, "none.json"), "none.json does not exist: run `make build`"},
		{broken, list, "run `make build` to install it anew"},
		{db, broken, "run `make build` to install it anew"},
	} {
		_, err := enrich.Load(c.db, c.list)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want …%s…", err, c.want)
		}
	}
	d, err := enrich.Load(db, list)
	if err != nil {
		t.Fatal(err)
	}
	if v := d.Version(); !strings.HasPrefix(v, "country=20") || !strings.Contains(v, " crawlers=") || !strings.HasSuffix(v, " rules=2") {
		t.Errorf("version %q", v)
	}
}

func FuzzEnrich(f *testing.F) {
	f.Add(chromeWindows, "https://www.example.com/a?b", "de-CH,de;q=0.9")
	f.Add("Mozilla/5.0 (Linux; Android", "https://a@b:c/\\", "-_")
	f.Add("(;;[]:/ //CrOS x86_64 1;Linux ", "x://[", "a-")
	e := enricher(f)
	f.Fuzz(func(t *testing.T, ua, ref, lang string) {
		fc := facts(e, schema.Click{UserAgent: []byte(ua), Referrer: []byte(ref), Language: []byte(lang)})
		if fc.Verdict != schema.VerdictValid && fc.Verdict != schema.VerdictBot {
			t.Errorf("verdict %v", fc.Verdict)
		}
		if len(fc.ReferrerPath) > 512 || len(fc.ReferrerHost) > 253 || len(fc.Language) > 6 {
			t.Errorf("too long: %+v", fc)
		}
	})
}

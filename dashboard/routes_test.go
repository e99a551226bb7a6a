package dashboard

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"fairlead/schema"
)

// TestEveryRouteForEveryRole asks for every row of the table as everybody there is. What is for somebody
// else looks exactly like what does not exist.
func TestEveryRouteForEveryRole(t *testing.T) {
	w := newWorld(t)
	roles := []struct {
		name string
		who  func() *visitor
		may  map[access]bool
	}{
		{"nobody", w.visitor, map[access]bool{forAnyone: true}},
		{"a partner", func() *visitor { return w.loggedIn("ada@example.com") }, map[access]bool{forAnyone: true, forMembers: true, forPartner: true}},
		{"an admin", func() *visitor { return w.loggedIn("team@example.com") }, map[access]bool{forAnyone: true, forMembers: true, forAdmin: true}},
		{"a suspended partner", func() *visitor {
			w.setStatus(w.eve.ID, schema.PartnerActive)
			v := w.loggedIn("eve@example.com")
			w.setStatus(w.eve.ID, schema.PartnerSuspended)
			return v
		}, map[access]bool{forAnyone: true}},
	}
	t.Cleanup(func() { w.setStatus(w.eve.ID, schema.PartnerActive) })
	for _, role := range roles {
		v := role.who()
		for _, rt := range table() {
			path := strings.TrimSuffix(rt.path, "{$}")
			var form url.Values
			if rt.method == "POST" {
				form = url.Values{}
			}
			res := v.do(rt.method, path, form)
			if rt.path == "/logout" {
				v = role.who()
			}
			what := fmt.Sprintf("%s: %s %s", role.name, rt.method, path)
			anonymous := !role.may[forMembers]
			switch {
			case role.may[rt.access]:
				if res.status == http.StatusNotFound || res.status >= 500 || strings.HasPrefix(res.header.Get("Location"), "/login?next") {
					t.Errorf("%s: %d %s, want to be let in", what, res.status, res.header.Get("Location"))
				}
			case anonymous && rt.quiet:
				res.wants(t, what, http.StatusUnauthorized)
			case anonymous:
				if res.status != http.StatusSeeOther || !strings.HasPrefix(res.header.Get("Location"), "/login") {
					t.Errorf("%s: %d %s, want to be sent to the log-in", what, res.status, res.header.Get("Location"))
				}
			default:
				res.wants(t, what, http.StatusNotFound)
				nowhere := v.get("/nowhere")
				if res.body != nowhere.body {
					t.Errorf("%s: does not look like a page that is not there:\n%s\nbut\n%s", what, res.body, nowhere.body)
				}
			}
		}
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("ada@example.com")
	methods := map[string]map[string]bool{}
	for _, rt := range table() {
		path := strings.TrimSuffix(rt.path, "{$}")
		if methods[path] == nil {
			methods[path] = map[string]bool{}
		}
		methods[path][rt.method] = true
	}
	for path, allowed := range methods {
		for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if allowed[m] {
				continue
			}
			res := v.do(m, path, nil)
			res.wants(t, m+" "+path, http.StatusMethodNotAllowed)
			for a := range allowed {
				if !strings.Contains(res.header.Get("Allow"), a) {
					t.Errorf("%s %s: Allow is %q, want %s in it", m, path, res.header.Get("Allow"), a)
				}
			}
		}
	}
	if w.loggedIn("ada@example.com").get("/logout").status != http.StatusMethodNotAllowed {
		t.Error("a GET logs out")
	}
	v.get("/home").wants(t, "still logged in", http.StatusOK)
	if res := v.do("HEAD", "/home", nil); res.status != http.StatusOK || res.body != "" {
		t.Errorf("HEAD /home: %d, %d bytes", res.status, len(res.body))
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("ada@example.com")
	f := func(what string, status int, header ...string) {
		t.Helper()
		v.do("POST", "/theme", url.Values{"theme": {"dark"}}, header...).wants(t, what, status)
	}
	f("own page", http.StatusSeeOther, "Sec-Fetch-Site", "same-origin", "Origin", w.url)
	f("own page in an old browser", http.StatusSeeOther, "Origin", w.url)
	f("another site", http.StatusForbidden, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
	f("a sister domain", http.StatusForbidden, "Sec-Fetch-Site", "same-site", "Origin", "https://blog.shop.example")
	f("another site in an old browser", http.StatusForbidden, "Origin", "https://evil.example")
	v.do("POST", "/logout", url.Values{}, "Origin", "https://evil.example").wants(t, "log-out from afar", http.StatusForbidden, "another site")
	v.get("/home").wants(t, "still logged in", http.StatusOK)
}

func TestEveryAnswerIsProtected(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("ada@example.com")
	css := regexp.MustCompile(`/static/app\.[0-9a-f]+\.css`).FindString(v.get("/home").body)
	for _, path := range []string{"/home", "/live", "/reporting.csv", "/nowhere", "/login", "/invite?code=1-x", css} {
		h := v.get(path).header
		for name, want := range map[string]string{
			"Content-Security-Policy": contentPolicy,
			"X-Content-Type-Options":  "nosniff",
			"X-Frame-Options":         "DENY",
			"Referrer-Policy":         "same-origin",
			"X-Robots-Tag":            "noindex, nofollow",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
		if h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS on plain http", path)
		}
		if got := h.Get("Cache-Control"); path != css && got != "private, no-store" {
			t.Errorf("%s: Cache-Control %q, want private, no-store", path, got)
		}
	}
	if strings.Contains(contentPolicy, "unsafe") || !strings.Contains(contentPolicy, "default-src 'none'") || !strings.Contains(contentPolicy, "frame-ancestors 'none'") {
		t.Errorf("the policy is too weak: %s", contentPolicy)
	}
	if got := v.get(css).header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("%s: Cache-Control %q", css, got)
	}
	v.get("/static/app.css").wants(t, "a name without its hash", http.StatusNotFound)
	v.get("/static/..%2fdashboard.go").wants(t, "a path out of the folder", http.StatusNotFound)

	opt := w.options()
	opt.PublicURL = "https://partners.shop.example"
	secure, err := New(opt)
	w.must(err)
	rec := httptest.NewRecorder()
	secure.ServeHTTP(rec, httptest.NewRequest("GET", "https://partners.shop.example/login", nil))
	if got := rec.Header().Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("HSTS on https: %q", got)
	}
}

// TestFirstLoadIsSmall adds up what a browser with an empty cache fetches for the first page.
func TestFirstLoadIsSmall(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("ada@example.com")
	page := v.do("GET", "/home", nil, "Accept-Encoding", "gzip")
	total := len(page.body)
	zipped, err := gzip.NewReader(strings.NewReader(page.body))
	w.must(err)
	plain, err := io.ReadAll(zipped)
	w.must(err)
	for _, name := range regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(string(plain), -1) {
		n := len(v.do("GET", name[1], nil, "Accept-Encoding", "gzip").body)
		t.Logf("%s: %d bytes", name[1], n)
		total += n
	}
	t.Logf("page %d bytes of %d, all %d", len(page.body), len(plain), total)
	if total > 60_000 {
		t.Errorf("the first load takes %d bytes, want at most 60,000", total)
	}
	for _, ref := range regexp.MustCompile(`(?:src|href|action)="(https?:)?//[^"]+"`).FindAllString(string(plain), -1) {
		if !strings.HasPrefix(ref, `href="`+shareURL) {
			t.Errorf("the page refers to another host: %s", ref)
		}
	}
}

func TestPublicAddressHasToBeHTTPS(t *testing.T) {
	f := func(address string, secure, ok bool) {
		t.Helper()
		got, err := secureAddress(address)
		if got != secure || (err == nil) != ok {
			t.Errorf("%s: secure %v, error %v; want %v and ok %v", address, got, err, secure, ok)
		}
	}
	f("https://partners.shop.example", true, true)
	f("https://partners.shop.example:8443", true, true)
	f("http://127.0.0.1:8090", false, true)
	f("http://localhost:8090", false, true)
	f("http://[::1]:8090", false, true)
	f("http://partners.shop.example", false, false)
	f("http://10.0.0.1:8090", false, false)
	f("http://127.0.0.1.evil.example", false, false)
	f("partners.shop.example", false, false)
	f("https://partners.shop.example/path", false, false)
	f("", false, false)
}

func TestTooLargeAFormIsRefused(t *testing.T) {
	w := newWorld(t)
	form := url.Values{"email": {strings.Repeat("a", maxBody)}, "password": {"x"}}
	w.visitor().do("POST", "/login", form).wants(t, "a large form", http.StatusRequestEntityTooLarge, "too much at once")
}

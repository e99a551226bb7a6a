package dashboard

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
	"fairlead/schema/directory"
)

func TestSessionBeginsWithANewToken(t *testing.T) {
	w := newWorld(t)
	v := w.visitor()
	u, err := url.Parse(w.url)
	w.must(err)
	planted := strings.Repeat("a", 43)
	v.http.Jar.SetCookies(u, []*http.Cookie{{Name: "fairlead", Value: planted, Path: "/"}})
	res := v.login("ada@example.com", password)
	first := v.token()
	if first == planted || len(first) < 40 {
		t.Fatalf("token %q after logging in with a planted one", first)
	}
	cookie := res.header.Get("Set-Cookie")
	for _, want := range []string{"fairlead=", "Path=/", "HttpOnly", "SameSite=Lax", "Expires="} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q: %s is missing", cookie, want)
		}
	}
	if strings.Contains(cookie, "Secure") || strings.Contains(cookie, "Domain") {
		t.Errorf("cookie on plain http: %q", cookie)
	}
	v.login("ada@example.com", password)
	if v.token() == first {
		t.Error("logging in again kept the token")
	}
	old := w.visitor()
	old.http.Jar.SetCookies(u, []*http.Cookie{{Name: "fairlead", Value: first, Path: "/"}})
	if res := old.get("/home"); res.status != http.StatusSeeOther {
		t.Errorf("the token before the second log-in still works: %d", res.status)
	}
	keys, err := w.client.Keys(t.Context(), schema.DefaultKeys.Session()+"*").Result()
	w.must(err)
	if len(keys) != 1 || strings.Contains(keys[0], v.token()) {
		t.Errorf("sessions in Redis: %v, want one, under the hash of its token", keys)
	}
}

func TestSecureCookiesAreTiedToTheHost(t *testing.T) {
	w := newWorld(t)
	opt := w.options()
	opt.PublicURL = "https://partners.shop.example"
	secure, err := New(opt)
	w.must(err)
	post := func(path string, form url.Values) string {
		req := httptest.NewRequest("POST", "https://partners.shop.example"+path, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		secure.ServeHTTP(rec, req)
		return rec.Header().Get("Set-Cookie")
	}
	for _, cookie := range []string{
		post("/login", url.Values{"email": {"ada@example.com"}, "password": {password}}),
		post("/theme", url.Values{"theme": {"dark"}}),
	} {
		for _, want := range []string{"__Host-fairlead", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
			if !strings.Contains(cookie, want) {
				t.Errorf("cookie %q: %s is missing", cookie, want)
			}
		}
		if strings.Contains(cookie, "Domain") {
			t.Errorf("cookie %q is for other hosts too", cookie)
		}
	}
}

func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	ended := func(what string, v *visitor) {
		t.Helper()
		if res := v.get("/home"); res.status != http.StatusSeeOther || res.header.Get("Location") != "/login?next=%2Fhome" {
			t.Errorf("%s: %d %s, want the log-in", what, res.status, res.header.Get("Location"))
		}
	}
	v := w.loggedIn("ada@example.com")
	token := v.token()
	res := v.do("POST", "/logout", url.Values{})
	if res.header.Get("Location") != "/login?out=1" || v.token() != "" {
		t.Errorf("log out: %d to %s, token %q", res.status, res.header.Get("Location"), v.token())
	}
	u, err := url.Parse(w.url)
	w.must(err)
	v.http.Jar.SetCookies(u, []*http.Cookie{{Name: "fairlead", Value: token, Path: "/"}})
	ended("logged out, with the old cookie", v)

	w.partner("Pat", "pat@example.com")
	v = w.loggedIn("pat@example.com")
	l, ok, err := w.dir.Login(t.Context(), "pat@example.com")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	hash, err := directory.HashPassword(t.Context(), "another password")
	w.must(err)
	w.must(w.dir.SetPassword(t.Context(), directory.CLI, l.ID, hash))
	ended("new password", v)
	v.login("pat@example.com", password).wants(t, "the old password", http.StatusUnprocessableEntity)

	v = w.loggedIn("eve@example.com")
	w.setStatus(w.eve.ID, schema.PartnerSuspended)
	t.Cleanup(func() { w.setStatus(w.eve.ID, schema.PartnerActive) })
	ended("suspended", v)
	v.login("eve@example.com", password).wants(t, "log in while suspended", http.StatusForbidden, "paused")
	v.login("eve@example.com", "wrong password").wants(t, "a wrong password while suspended", http.StatusUnprocessableEntity, "E-mail or password is wrong")
	w.setStatus(w.eve.ID, schema.PartnerActive)
	ended("suspended and back", v)
}

// TestSessionTimesOut holds how long Redis keeps a session: pages put the end off, the live number does
// not, and nothing beyond the whole life.
func TestSessionTimesOut(t *testing.T) {
	w := newWorld(t)
	opt := w.options()
	opt.SessionIdle, opt.SessionLife = time.Hour, 10*time.Hour
	short, err := New(opt)
	w.must(err)
	server := httptest.NewServer(short)
	t.Cleanup(server.Close)
	w.url = server.URL
	v := w.loggedIn("ada@example.com")
	keys, err := w.client.Keys(t.Context(), schema.DefaultKeys.Session()+"*").Result()
	w.must(err)
	left := func() time.Duration {
		t.Helper()
		d, err := w.client.PTTL(t.Context(), keys[0]).Result()
		w.must(err)
		return d
	}
	near := func(what string, want time.Duration) {
		t.Helper()
		if got := left(); got > want || got < want-time.Minute {
			t.Errorf("%s: the session has %v, want %v", what, got, want)
		}
	}
	near("after the log-in", time.Hour)
	w.must(w.client.PExpire(t.Context(), keys[0], 20*time.Minute).Err())
	v.get("/live").wants(t, "live", http.StatusOK)
	near("after the live number", 20*time.Minute)
	v.get("/home").wants(t, "home", http.StatusOK)
	near("after a page", time.Hour)

	opt.SessionIdle, opt.SessionLife = time.Hour, 30*time.Minute
	shorter, err := New(opt)
	w.must(err)
	server2 := httptest.NewServer(shorter)
	t.Cleanup(server2.Close)
	w.url = server2.URL
	w.must(w.client.Del(t.Context(), keys...).Err())
	v = w.loggedIn("ada@example.com")
	keys, err = w.client.Keys(t.Context(), schema.DefaultKeys.Session()+"*").Result()
	w.must(err)
	v.get("/home").wants(t, "home", http.StatusOK)
	near("a life shorter than the idle time", 30*time.Minute)
	w.must(w.client.Del(t.Context(), keys...).Err())
	if res := v.get("/home"); res.status != http.StatusSeeOther {
		t.Errorf("timed out: %d", res.status)
	}
	if n, err := w.client.Exists(t.Context(), keys...).Result(); n != 0 || err != nil {
		t.Errorf("a page revived a session that was over (%d, %v)", n, err)
	}
}

// TestLogInTellsNothing compares the answers for an account that exists, one that does not, and one that has
// no password yet: the same words, and about the same time.
func TestLogInTellsNothing(t *testing.T) {
	w := newWorld(t)
	_, _, err := w.dir.AddPartner(t.Context(), directory.CLI, directory.NewPartner{Name: "Ivo", Email: "ivo@example.com"})
	w.must(err)
	bodies, fastest := map[string]string{}, map[string]time.Duration{}
	for range perAccount.Burst - 1 { // in turns, as what else runs here slows all of them alike; the fastest was disturbed least
		for _, email := range []string{"ada@example.com", "bob@example.com", "ivo@example.com", ""} {
			start := time.Now()
			res := w.visitor().login(email, "wrong password")
			took := time.Since(start)
			res.wants(t, email, http.StatusUnprocessableEntity, "E-mail or password is wrong")
			bodies[email] = strings.ReplaceAll(res.body, email+`"`, `"`)
			if before, ok := fastest[email]; !ok || took < before {
				fastest[email] = took
			}
		}
	}
	for _, email := range []string{"bob@example.com", "ivo@example.com"} {
		if bodies[email] != bodies["ada@example.com"] {
			t.Errorf("%s: the page differs:\n%s\nbut\n%s", email, bodies[email], bodies["ada@example.com"])
		}
		if a, b := fastest[email], fastest["ada@example.com"]; a > 2*b || b > 2*a {
			t.Errorf("%s: %v, an existing account %v", email, a, b)
		}
	}
}

func TestAttemptsAreLimited(t *testing.T) {
	w := newWorld(t)
	for _, email := range []string{"ada@example.com", "nobody@example.com"} {
		for i := range perAccount.Burst {
			w.visitor().login(email, "wrong password").wants(t, email+" attempt "+count(uint64(i)), http.StatusUnprocessableEntity)
		}
		res := w.visitor().login(strings.ToUpper(email), password)
		res.wants(t, email+", one too many", http.StatusTooManyRequests, "Too many attempts. Try again in 2 minutes.")
		if res.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	w.loggedIn("eve@example.com") // others are not locked out
	limited := false
	for range perAddress.Burst {
		if res := w.visitor().login("x@example.com", "w"); res.status == http.StatusTooManyRequests {
			limited = true
		}
	}
	if res := w.visitor().login("eve@example.com", password); !limited || res.status != http.StatusTooManyRequests {
		t.Errorf("an address with %d attempts may go on: %d", perAddress.Burst, res.status)
	}
}

func TestRightPasswordGivesAttemptsBack(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		for range perAccount.Burst - 1 {
			w.visitor().login("ada@example.com", "wrong password")
		}
		w.loggedIn("ada@example.com")
	}
}

func TestNobodyGetsInWhileRedisIsAway(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("ada@example.com")
	w.rdb.Kill()
	v.login("ada@example.com", password).wants(t, "log in", http.StatusServiceUnavailable, "Links go on redirecting")
	res := v.get("/home")
	res.wants(t, "home", http.StatusServiceUnavailable, "Links go on redirecting", "Try again")
	if res.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	v.get("/live").wants(t, "live", http.StatusServiceUnavailable)
	v.get("/login").wants(t, "the log-in's page", http.StatusOK, "Password")
	w.must(w.rdb.Start(t.Context()))
}

func TestOneTimeLinks(t *testing.T) {
	w := newWorld(t)
	_, _, err := w.dir.AddPartner(t.Context(), directory.CLI, directory.NewPartner{Name: "Iva", Email: "iva@example.com"})
	w.must(err)
	l, _, err := w.dir.Login(t.Context(), "iva@example.com")
	w.must(err)
	code, err := w.dir.Invite(t.Context(), directory.CLI, l.ID, directory.InviteLife)
	w.must(err)
	v := w.visitor()
	page := "/invite?code=" + url.QueryEscape(code)
	v.get(page).wants(t, "the link", http.StatusOK, "iva@example.com", "Welcome to Kestrel Outfitters")
	v.get(page).wants(t, "looking does not use it up", http.StatusOK)
	choose := func(password string) answer {
		return v.do("POST", "/invite", url.Values{"code": {code}, "password": {password}})
	}
	choose("short").wants(t, "a short password", http.StatusUnprocessableEntity, "at least 8 characters")
	if res := choose("a long enough one"); res.status != http.StatusSeeOther || res.header.Get("Location") != "/" {
		t.Fatalf("choose: %d\n%s", res.status, res.body)
	}
	v.get("/home").wants(t, "logged in at once", http.StatusOK, "Three steps to your first click", "Iva")
	choose("a second password").wants(t, "used", http.StatusGone, "does not work any more")
	v.get(page).wants(t, "the used link", http.StatusGone)
	v.get("/invite?code=1-made-up").wants(t, "a made-up code", http.StatusGone)
	v.get("/invite").wants(t, "no code", http.StatusGone)

	code, err = w.dir.Invite(t.Context(), directory.CLI, l.ID, directory.InviteLife)
	w.must(err)
	w.now = w.now.Add(directory.InviteLife)
	v.get("/invite?code="+url.QueryEscape(code)).wants(t, "too old", http.StatusGone)
	choose("a third password").wants(t, "too old", http.StatusGone)
}

func TestFirstAdminSetsUp(t *testing.T) {
	w := newWorld(t)
	code, err := w.dir.SetupCode(t.Context(), directory.CLI)
	w.must(err)
	v := w.visitor()
	v.get("/setup?code="+url.QueryEscape(code)).wants(t, "the link", http.StatusOK, "first admin", `name="email"`)
	set := func(email, password string) answer {
		return v.do("POST", "/setup", url.Values{"code": {code}, "email": {email}, "password": {password}})
	}
	set("ada@example.com", "a long enough one").wants(t, "a taken address", http.StatusUnprocessableEntity, "ada@example.com")
	set("not an address", "a long enough one").wants(t, "no address", http.StatusUnprocessableEntity)
	if res := set("first@example.com", "a long enough one"); res.status != http.StatusSeeOther {
		t.Fatalf("set up: %d\n%s", res.status, res.body)
	}
	if res := v.get("/"); res.header.Get("Location") != "/partners" {
		t.Errorf("an admin starts at %q", res.header.Get("Location"))
	}
	v.get("/partners").wants(t, "overview", http.StatusOK, "Ada Lovelace")
}

func TestNextLeadsToOwnPagesOnly(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if got := localPath(raw); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
	f("/home", "/home")
	f("/reporting?period=7-days", "/reporting?period=7-days")
	f("", "/")
	f("/logout", "/")
	f("//evil.example/home", "/")
	f("https://evil.example/home", "/")
	f(`/\evil.example`, "/")
	f("/home\r\nSet-Cookie: a=b", "/")
	f("/reporting?a=\r\nb", "/")
	f("javascript:alert(1)", "/")
	w := newWorld(t)
	v := w.visitor()
	if got := v.get("/reporting?period=7-days").header.Get("Location"); got != "/login?next=%2Freporting%3Fperiod%3D7-days" {
		t.Errorf("sent to %q", got)
	}
	res := v.do("POST", "/login", url.Values{"email": {"ada@example.com"}, "password": {password}, "next": {"/reporting?period=7-days"}})
	if got := res.header.Get("Location"); got != "/reporting?period=7-days" {
		t.Errorf("after the log-in: %q", got)
	}
}

func TestThemeIsRemembered(t *testing.T) {
	w := newWorld(t)
	v := w.loggedIn("ada@example.com")
	v.get("/home").wants(t, "at first", http.StatusOK, `data-theme="auto"`)
	res := v.do("POST", "/theme", url.Values{"theme": {"dark"}, "back": {"/reporting?period=7-days"}})
	if res.status != http.StatusSeeOther || res.header.Get("Location") != "/reporting?period=7-days" {
		t.Errorf("%d to %s", res.status, res.header.Get("Location"))
	}
	v.get("/home").wants(t, "dark", http.StatusOK, `data-theme="dark"`, `content="dark"`)
	v.do("POST", "/theme", url.Values{"theme": {`"><script>`}}).wants(t, "no such theme", http.StatusUnprocessableEntity)
}

func TestClientAddressComesFromTrustedProxiesOnly(t *testing.T) {
	d := &Dashboard{opt: Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}}}
	f := func(remote, forwarded, want string) {
		t.Helper()
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		if got := d.client(r).String(); got != want {
			t.Errorf("%s with %q: %s, want %s", remote, forwarded, got, want)
		}
	}
	f("192.0.2.1:4444", "", "192.0.2.1")
	f("192.0.2.1:4444", "198.51.100.7", "192.0.2.1") // not a trusted proxy
	f("10.0.0.1:4444", "198.51.100.7", "198.51.100.7")
	f("10.0.0.1:4444", "203.0.113.9, 198.51.100.7", "198.51.100.7") // the client's own claim comes first
	f("10.0.0.1:4444", "198.51.100.7, 10.9.9.9", "198.51.100.7")
	f("10.0.0.1:4444", "nonsense", "10.0.0.1")
	f("10.0.0.1:4444", "10.1.1.1", "10.1.1.1")
	f("[::1]:4444", "2001:db8::7", "2001:db8::7")
	f("[::ffff:192.0.2.1]:4444", "", "192.0.2.1")
	l := &limits{prefix: "p:"}
	if a, b := l.addressKey(netip.MustParseAddr("2001:db8::1")), l.addressKey(netip.MustParseAddr("2001:db8::2:1")); a != b {
		t.Errorf("one household counts as two: %s and %s", a, b)
	}
	if a, b := l.addressKey(netip.MustParseAddr("192.0.2.1")), l.addressKey(netip.MustParseAddr("192.0.2.2")); a == b {
		t.Errorf("two addresses count as one: %s", a)
	}
}

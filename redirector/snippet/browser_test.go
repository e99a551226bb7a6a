package snippet

import (
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/valyala/fasthttp"

	"fairlead/dashboard/browsertest"
	"fairlead/redirector/links"
	"fairlead/schema"
)

// street is a shop on one origin and a redirector on another, and a browser that visits them.
type street struct {
	*browsertest.Browser
	t       *testing.T
	program *at
	shop    string // http://localhost:PORT
	edge    string // http://127.0.0.1:PORT

	mu   sync.Mutex
	told []told // what the script sent
}

type told struct {
	path, key string
	body      map[string]any
}

// clickAt is a click id of a moment.
func clickAt(at time.Time) string {
	return schema.NewClickIDs("n").New(schema.NewClickKey(), at.UnixMilli(), 7).String()
}

func newStreet(t *testing.T, change func(*schema.Program)) *street {
	t.Helper()
	s := &street{t: t, program: &at{viewOf(t, change)}}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}

	edge := listen()
	s.edge = "http://" + edge.Addr().String()
	server := &fasthttp.Server{Handler: s.answer}
	go server.Serve(edge)
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
	})

	shop := listen()
	_, port, err := net.SplitHostPort(shop.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.shop = "http://localhost:" + port
	pages := &http.Server{Handler: http.HandlerFunc(s.page)}
	go pages.Serve(shop)
	t.Cleanup(func() { pages.Close() })

	s.Browser = browsertest.Open(t)
	return s
}

// answer is the redirector: the script, and a track API that writes down what it is told.
func (s *street) answer(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.Set("Access-Control-Allow-Origin", s.shop)
	ctx.Response.Header.Set("Access-Control-Allow-Headers", "content-type, authorization")
	switch path := string(ctx.Path()); {
	case path == "/fairlead.js":
		New(s.program).Serve(ctx)
	case path == "/frame": // a page that is not the shop's, and shows the shop in a frame
		ctx.SetContentType("text/html")
		fmt.Fprintf(ctx, `<script>addEventListener("message", e => document.title = e.data)</script><iframe src="%s/?%s"></iframe>`, s.shop, ctx.QueryArgs().Peek("query"))
	case ctx.IsOptions():
		ctx.SetStatusCode(204)
	default:
		one := told{path: path, key: string(ctx.Request.Header.Peek("Authorization"))}
		if err := json.Unmarshal(ctx.PostBody(), &one.body); err != nil {
			ctx.Error(err.Error(), 400)
			return
		}
		s.mu.Lock()
		s.told = append(s.told, one)
		s.mu.Unlock()
		if one.body["key"] == "nobody" || one.body["customerExternalId"] == nil && path == "/track/lead" {
			ctx.SetStatusCode(404)
			ctx.SetBodyString(`{"error":{"code":"not_found","message":"There is no such thing."}}`)
			return
		}
		ctx.SetBodyString(`{"clickId":"` + strings.Repeat("v", 32) + `"}`)
	}
}

func (s *street) heard() []told {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]told(nil), s.told...)
}

// page is the shop's. Its query says what the script is asked to do: set-consent=wait is data-consent="wait".
func (s *street) page(w http.ResponseWriter, r *http.Request) {
	var attributes, before string
	for name, list := range r.URL.Query() {
		if setting, ok := strings.CutPrefix(name, "set-"); ok {
			attributes += fmt.Sprintf(` data-%s="%s"`, setting, html.EscapeString(list[0]))
		}
	}
	if r.URL.Query().Has("unseen") {
		before = `<script>Object.defineProperty(document, "prerendering", {value: true})</script>`
	}
	if r.URL.Query().Has("gpc") {
		before = `<script>Object.defineProperty(navigator, "globalPrivacyControl", {value: true})</script>`
	}
	fmt.Fprintf(w, `<!doctype html><meta charset="utf-8"><title>shop</title>%s<script src="%s/fairlead.js"%s></script>
<a id="pay" href="https://buy.stripe.com/abc?locale=en#x">Pay</a>
<a id="taken" href="https://buy.stripe.com/abc?client_reference_id=order-1">Pay</a>
<a id="own" data-fairlead href="https://pay.shop.example/x">Pay</a>
<a data-fairlead>Nowhere</a>
<a id="other" href="https://elsewhere.example/">Elsewhere</a>
<form><input id="hidden" type="hidden" name="click" data-fairlead><input id="plain" type="hidden" name="plain"></form>
<stripe-buy-button id="button" buy-button-id="b"></stripe-buy-button>
<script>if (parent !== self) fairlead.click(id => parent.postMessage("the id is " + JSON.stringify(id), "*"))</script>`, before, s.edge, attributes)
}

// visit opens a page of the shop.
func (s *street) visit(query string) {
	s.t.Helper()
	s.Visit(s.shop + "/?" + query)
}

// click asks the page for the click id.
func (s *street) click() string {
	s.t.Helper()
	return browsertest.Ask(s.Browser, chromedp.Evaluate[string]("fairlead.click()", chromedp.EvalAwaitPromise))
}

func (s *street) js(expression string) string {
	s.t.Helper()
	return browsertest.Ask(s.Browser, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
}

func (s *street) want(what, got, want string) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestTheClickIDOutlivesTheLandingPage(t *testing.T) {
	s := newStreet(t, func(p *schema.Program) { p.AlsoParam = "dub_id" })
	first, second := clickAt(time.Now().Add(-time.Hour)), clickAt(time.Now())

	s.visit("nothing=1")
	s.want("nobody's link", s.click(), "")
	s.want("nobody's link, asked at once", s.js("fairlead.id"), "")
	s.want("cookies", s.js("document.cookie"), "")

	s.visit("fl_click=" + first)
	s.want("on the landing page", s.click(), first)
	s.want("on the landing page, asked at once", s.js("fairlead.id"), first)
	s.want("cookies", s.js("document.cookie"), "fl_click="+first)
	s.want("told to a callback", s.js("new Promise(then => fairlead.click(then))"), first)
	s.want("the address, left alone", s.js("location.search"), "?fl_click="+first)

	s.visit("")
	s.want("on the next page", s.click(), first)
	s.visit("fl_click=not-a-click")
	s.want("after what is no click id", s.click(), first)
	s.visit("dub_id=" + second)
	s.want("after a second link, under the other name", s.click(), second)
	if n := len(s.heard()); n != 0 {
		t.Errorf("the script sent %d messages without being asked to", n)
	}
}

func TestTheCookieIsTheShopsOwn(t *testing.T) {
	s := newStreet(t, func(p *schema.Program) { p.WindowDays = 30 })
	secure := httptest.NewTLSServer(http.HandlerFunc(s.page))
	t.Cleanup(secure.Close)
	s.TrustAnyone()
	id := clickAt(time.Now())
	for _, shop := range []string{s.shop, secure.URL} {
		s.Visit(shop + "/?fl_click=" + id)
		s.want("the id", s.click(), id)
		host, err := url.Parse(shop)
		if err != nil {
			t.Fatal(err)
		}
		kept := s.Cookies()
		if len(kept) != 1 {
			t.Fatalf("%s keeps %+v, want one cookie", shop, kept)
		}
		c := kept[0]
		if c.Name != "fl_click" || c.Value != id || c.Domain != host.Hostname() || c.Path != "/" ||
			c.SameSite != network.CookieSameSiteLax || c.Secure != (host.Scheme == "https") {
			t.Errorf("%s keeps %+v", shop, c)
		}
		if left := time.Until(time.Unix(int64(c.Expires), 0)); left > 30*24*time.Hour || left < 29*24*time.Hour {
			t.Errorf("%s keeps it for %v, want the program's window of 30 days", shop, left)
		}
	}
}

func TestTheFirstClickStaysWhereItIsCredited(t *testing.T) {
	s := newStreet(t, func(p *schema.Program) { p.Touch, p.WindowDays = "first", 30 })
	first, second := clickAt(time.Now().Add(-29*24*time.Hour)), clickAt(time.Now())
	s.visit("fl_click=" + first)
	s.visit("fl_click=" + second)
	s.want("a click within the window", s.click(), first)

	s.js(`document.cookie = "fl_click=` + clickAt(time.Now().Add(-31*24*time.Hour)) + `; path=/"`)
	s.visit("fl_click=" + second)
	s.want("a click before the window", s.click(), second)
}

func TestTheClickIDGoesWhereItIsAskedFor(t *testing.T) {
	s := newStreet(t, nil)
	id := clickAt(time.Now())
	s.visit("fl_click=" + id)
	s.want("the id", s.click(), id)
	href := func(selector string) string {
		return s.js(`document.querySelector("` + selector + `").href`)
	}
	s.Until(`document.querySelector("#pay").href.includes("client_reference_id")`)
	s.want("a payment link", href("#pay"), "https://buy.stripe.com/abc?locale=en&client_reference_id="+id+"#x")
	s.want("a payment link that has a reference", href("#taken"), "https://buy.stripe.com/abc?client_reference_id=order-1")
	s.want("a link that asks for it", href("#own"), "https://pay.shop.example/x?client_reference_id="+id)
	s.want("another link", href("#other"), "https://elsewhere.example/")
	s.want("a field that asks for it", s.js(`document.querySelector("#hidden").value`), id)
	s.want("another field", s.js(`document.querySelector("#plain").value`), "")
	s.want("a buy button", s.js(`document.querySelector("#button").getAttribute("client-reference-id")`), id)

	s.js(`document.body.insertAdjacentHTML("beforeend", '<a id="late" href="https://buy.stripe.com/late">Pay</a>');
		document.querySelector("#late").addEventListener("click", e => e.preventDefault()); document.querySelector("#late").click(); ""`)
	s.want("a link that came later, when it is followed", href("#late"), "https://buy.stripe.com/late?client_reference_id="+id)
}

func TestViaAsksForAClick(t *testing.T) {
	s := newStreet(t, nil)
	s.visit("via=ada")
	s.want("a click of Ada's", s.click(), strings.Repeat("v", 32))
	edge, err := url.Parse(s.edge)
	if err != nil {
		t.Fatal(err)
	}
	heard := s.heard()
	if len(heard) != 1 || heard[0].path != "/track/click" || heard[0].body["key"] != "ada" || heard[0].body["domain"] != edge.Host || heard[0].body["url"] != s.shop+"/?via=ada" {
		t.Errorf("told %+v", heard)
	}
	s.Do(chromedp.Reload())
	s.want("loaded again", s.click(), strings.Repeat("v", 32))
	if n := len(s.heard()); n != 1 {
		t.Errorf("a page that was loaded again asked for a click: %d in all", n)
	}
	s.visit("ref=bob&set-via=ref,aff")
	s.want("by another name", s.click(), strings.Repeat("v", 32))
	if last := s.heard()[len(s.heard())-1]; last.body["key"] != "bob" {
		t.Errorf("told %+v", last)
	}
	s.visit("via=nobody")
	s.want("nobody's key leaves what was kept", s.click(), strings.Repeat("v", 32))
}

func TestNothingIsKeptBeforeConsent(t *testing.T) {
	id := clickAt(time.Now())
	for what, query := range map[string]string{"data-consent": "set-consent=wait&fl_click=" + id, "the browser asks for privacy": "gpc=1&fl_click=" + id} {
		t.Run(what, func(t *testing.T) {
			s := newStreet(t, nil)
			s.visit(query)
			s.want("answered early", s.js(`Promise.race([fairlead.click(), new Promise(r => setTimeout(r, 50, "nothing yet"))])`), "nothing yet")
			s.want("cookies before", s.js("document.cookie"), "")
			s.want("a field before", s.js(`document.querySelector("#hidden").value`), "")
			s.js(`fairlead.consent(); ""`)
			s.want("the id after", s.click(), id)
			s.want("cookies after", s.js("document.cookie"), "fl_click="+id)
		})
	}
	s := newStreet(t, func(p *schema.Program) { p.RespectGPC = false })
	s.visit("gpc=1&fl_click=" + id)
	s.want("a program that does not ask", s.click(), id)
}

func TestAPageThatIsPreparedAndNotShownIsNoVisit(t *testing.T) {
	s := newStreet(t, nil)
	s.visit("unseen=1&via=ada")
	s.want("before it is shown", s.js(`Promise.race([fairlead.click(), new Promise(r => setTimeout(r, 50, "nothing yet"))])`), "nothing yet")
	if heard := s.heard(); len(heard) != 0 {
		t.Errorf("told %+v", heard)
	}
	s.js(`document.dispatchEvent(new Event("prerenderingchange")); ""`)
	s.want("once it is", s.click(), strings.Repeat("v", 32))
}

func TestAPageInAForeignFrameIsNoVisit(t *testing.T) {
	s := newStreet(t, nil)
	for _, query := range []string{"via=ada", "fl_click=" + clickAt(time.Now())} {
		s.Visit(s.edge + "/frame?query=" + url.QueryEscape(query))
		s.Until(`document.title !== ""`)
		s.want(query+" in a frame", s.js("document.title"), `the id is ""`)
	}
	if heard := s.heard(); len(heard) != 0 {
		t.Errorf("told %+v", heard)
	}
	s.visit("")
	s.want("on the shop's own page then", s.click(), "")
}

func TestASignUpIsToldWhenThePageSaysSo(t *testing.T) {
	s := newStreet(t, nil)
	id := clickAt(time.Now())
	s.visit("fl_click=" + id + "&set-key=fl_live_browser")
	s.js(`fairlead.lead({customerExternalId: "7", customerEmail: "a@example.com"}).then(() => "")`)
	heard := s.heard()
	if len(heard) != 1 || heard[0].path != "/track/lead" || heard[0].key != "Bearer fl_live_browser" ||
		heard[0].body["clickId"] != id || heard[0].body["customerExternalId"] != "7" || heard[0].body["eventName"] != "Sign up" {
		t.Errorf("told %+v", heard)
	}
	s.want("what is refused", s.js(`fairlead.lead({}).catch(e => e.message)`), "There is no such thing.")
}

var _ Directory = (*links.Directory)(nil)

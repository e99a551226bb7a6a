package demo

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"fairlead/dashboard/browsertest"
)

// newShop is a shop that reports to an edge.
func newShop(t *testing.T, edge string) *Shop {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewShop(l, edge, "fl_live_demo", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestTheShopReportsWhatHappensInIt(t *testing.T) {
	type call struct {
		path, key string
		body      map[string]any
	}
	var calls []call
	status := http.StatusOK
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := call{path: r.URL.Path, key: r.Header.Get("Authorization")}
		if err := json.NewDecoder(r.Body).Decode(&c.body); err != nil {
			t.Error(err)
		}
		calls = append(calls, c)
		w.WriteHeader(status)
		io.WriteString(w, `{"error":{"message":"Reported <before>."}}`)
	}))
	defer edge.Close()
	s := newShop(t, edge.URL)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	here, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(here, []*http.Cookie{{Name: clickCookie, Value: "a-click"}})
	client := &http.Client{Jar: jar}
	f := func(path string, form url.Values, want ...string) call {
		t.Helper()
		calls = nil
		resp, err := client.PostForm(strings.TrimSuffix(s.URL(), "/")+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(body), w) {
				t.Errorf("%s: %q is not on the page %s", path, w, body)
			}
		}
		if len(calls) != 1 || calls[0].key != "Bearer fl_live_demo" {
			t.Fatalf("%s: the shop reported %+v", path, calls)
		}
		return calls[0]
	}
	guest := f("/products/mug/buy", nil, "The shop reported this.", "200 OK")
	if guest.path != "/track/sale" || guest.body["clickId"] != "a-click" || guest.body["amount"] != 2400.0 || guest.body["customerExternalId"] == "" {
		t.Errorf("a purchase is reported as %+v", guest)
	}
	lead := f("/signup", url.Values{"email": {" Ines@Shop.example "}}, "<strong>Ines@Shop.example</strong>: you are on the list.")
	if lead.path != "/track/lead" || lead.body["clickId"] != "a-click" || lead.body["customerEmail"] != "Ines@Shop.example" {
		t.Errorf("a sign-up is reported as %+v", lead)
	}
	if again := f("/signup", url.Values{"email": {"ines@shop.example"}}); again.body["customerExternalId"] != lead.body["customerExternalId"] {
		t.Errorf("the same address is %v and %v", again.body["customerExternalId"], lead.body["customerExternalId"])
	}
	status = http.StatusConflict
	sale := f("/products/teapot/buy", nil, "The shop could not report this.", "409 Conflict: Reported &lt;before&gt;.", "$49.00")
	if sale.body["customerExternalId"] != lead.body["customerExternalId"] || sale.body["invoiceId"] == guest.body["invoiceId"] {
		t.Errorf("who signed up buys as %+v", sale)
	}
}

func TestAReportThatFailsCostsNoOrder(t *testing.T) {
	edge := httptest.NewServer(http.NotFoundHandler())
	edge.Close() // nobody answers there
	s := newShop(t, edge.URL)
	resp, err := http.PostForm(s.URL()+"products/bowl/buy", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Thank you", "Tide bowl, $32.00", "The shop could not report this."} {
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("got %s without %q: %s", resp.Status, want, body)
		}
	}
}

func TestPagesOfTheShopThatThereAreNot(t *testing.T) {
	s := newShop(t, "http://127.0.0.1:1")
	for _, path := range []string{"nothing", "products/nothing", "pages/home.html", "layout.html"} {
		resp, err := http.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("/%s answers %s", path, resp.Status)
		}
	}
}

// TestEveryPageOfTheShopIsFineInEveryLook opens every page light and dark, on a desk and on a telephone. With
// FAIRLEAD_SCREENSHOTS=FOLDER it leaves a picture of each there.
func TestEveryPageOfTheShopIsFineInEveryLook(t *testing.T) {
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fairlead.js" {
			w.Header().Set("Content-Type", "text/javascript")
			io.WriteString(w, `window.fairlead = {click: then => then("AZ6XpwMcAAAAAQAAAAAAAAAAAAAAAAAA")}`)
		}
	}))
	defer edge.Close()
	s := newShop(t, edge.URL)
	b := browsertest.Open(t)
	folder := os.Getenv("FAIRLEAD_SCREENSHOTS")
	submit := func(selector string) func() {
		return func() {
			b.Do(chromedp.Click(chromedp.CSS(selector)), chromedp.WaitVisible(chromedp.CSS(".told")), chromedp.Click(chromedp.CSS(".told summary")))
		}
	}
	for _, page := range []struct {
		name, path string
		then       func()
	}{
		{"home", "", nil}, {"product", "products/teapot", nil}, {"signup", "signup", nil}, {"missing", "nothing", nil},
		{"thanks", "products/teapot", submit(".product button")},
		{"welcome", "signup", func() {
			b.Do(chromedp.SendKeys(chromedp.CSS("#email"), "ines@shop.example"))
			submit(".narrow button")()
		}},
	} {
		for _, look := range browsertest.Looks() {
			b.Look(look)
			b.Visit(s.URL() + page.path)
			if page.then != nil {
				page.then()
			}
			b.Until(`!document.querySelector("#came").hidden && document.querySelector("#alone").hidden`)
			for _, v := range b.Axe() {
				t.Errorf("%s %s: %s: %s: %v", page.name, look, v.Rule, v.Help, v.Where)
			}
			if n := b.Overflow(); n > 0 {
				t.Errorf("%s %s is %d pixels wider than the window", page.name, look, n)
			}
			if folder != "" {
				b.Screenshot(look, filepath.Join(folder, "shop-"+page.name+"-"+look.String()+".png"))
			}
		}
	}
}

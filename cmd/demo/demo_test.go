package demo

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/redirector/enrich/enrichtest"
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

func TestThePastIsTheSameHoweverOftenItIsTold(t *testing.T) {
	src, err := newSource(traffic(t))
	if err != nil {
		t.Fatal(err)
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
	ids24 := clickIDs{node: tr.Seed}
	last := int64(0)
	err := tr.Each(func(c *schema.Click) error {
		total++
		ids24.mark(c, uint64(total))
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

func TestTheShopKeepsTheClickIDInAFirstPartyCookie(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewShop(l, "fl_click", slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	defer func() {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	get := func(path string) (*http.Response, string) {
		t.Helper()
		resp, err := http.Get(strings.TrimSuffix(s.URL(), "/") + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
	resp, body := get("/products/mug?fl_click=abc")
	if c := resp.Header.Get("Set-Cookie"); !strings.HasPrefix(c, "fl_click=abc;") {
		t.Errorf("Set-Cookie %q", c)
	}
	if !strings.Contains(body, "<code>abc</code>") || !strings.Contains(body, "Harbour mug") {
		t.Errorf("page %s", body)
	}
	if _, body := get("/?fl_click=" + url.QueryEscape(`"><script>`)); strings.Contains(body, "<script>") {
		t.Error("a hostile click id reaches the page as markup")
	}
	if resp, _ := get("/nothing"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown page answers %s", resp.Status)
	}
	resp, err = http.PostForm(s.URL()+"products/mug/buy", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), "Order 1001") {
		t.Errorf("after Buy: %s", body)
	}
}

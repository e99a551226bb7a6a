// Package demo makes a deployment that a newcomer can look around in: a small shop that links lead to,
// and a believable year of a partner program, written through the product's own paths.
package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

//go:embed pages
var pages embed.FS

var templates = template.Must(template.ParseFS(pages, "pages/*.html"))

const (
	clickCookie    = "fl_click"    // /fairlead.js keeps it on the shop's own domain
	customerCookie = "kq_customer" // the shop's own: who signed up or bought here
	shopCurrency   = "USD"
)

// Product is something the shop sells.
type Product struct {
	Slug, Name, Line, Hue string
	Minor                 int64 // price in minor units
}

// Price is the price as people read it.
func (p Product) Price() string { return fmt.Sprintf("$%d.%02d", p.Minor/100, p.Minor%100) }

var products = []Product{
	{"mug", "Harbour mug", "Stoneware, 300 ml, glazed by hand in sea green.", "172", 2400},
	{"teapot", "Pilot teapot", "For four cups and a long afternoon.", "212", 4900},
	{"bowl", "Tide bowl", "Deep enough for soup, shallow enough for everything else.", "28", 3200},
	{"gift-card", "Gift card", "They choose, you are thanked.", "340", 5000},
}

// Shop is the demo program's homepage: a home page, product pages, a sign-up and a purchase, which it reports as any
// merchant does: /fairlead.js keeps the click id, and the shop's server tells the track API. It listens on loopback and
// keeps nothing.
type Shop struct {
	listener net.Listener
	server   *http.Server
	edge     string // origin of the redirector
	reporter reporter
	last     atomic.Int64 // number of the last order
}

// NewShop serves the shop on an open listener. It reports to the redirector at a URL under an API key.
func NewShop(l net.Listener, redirector, key string, log *slog.Logger) (*Shop, error) {
	u, err := url.Parse(redirector)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the redirector's URL %q is not a web address", redirector)
	}
	s := &Shop{
		listener: l, edge: u.Scheme + "://" + u.Host,
		reporter: reporter{base: strings.TrimSuffix(redirector, "/"), key: key, client: &http.Client{Timeout: 10 * time.Second}},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /products/{slug}", s.product)
	mux.HandleFunc("GET /signup", s.signup)
	mux.HandleFunc("POST /signup", s.signedUp)
	mux.HandleFunc("POST /products/{slug}/buy", s.buy)
	mux.HandleFunc("GET /style.css", s.file)
	mux.HandleFunc("GET /shop.js", s.file)
	mux.HandleFunc("GET /", s.missing)
	s.server = &http.Server{
		Handler:           s.guard(http.NewCrossOriginProtection().Handler(mux)),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// URL is the shop's home page.
func (s *Shop) URL() string { return "http://" + s.listener.Addr().String() + "/" }

// Serve answers until Close.
func (s *Shop) Serve() error {
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("demo shop at %s: %w", s.listener.Addr(), err)
	}
	return nil
}

// Close stops the shop once open requests are answered or ctx is done.
func (s *Shop) Close(ctx context.Context) error {
	defer s.reporter.client.CloseIdleConnections()
	return s.server.Shutdown(ctx)
}

// view is what every page of the shop is given.
type view struct {
	Title    string
	Edge     string // where /fairlead.js is
	Products []Product
	Product  Product
	Order    string
	Email    string
	Told     *told
}

// guard sets the headers of every page: it runs the shop's scripts and /fairlead.js, which talks to the redirector.
func (s *Shop) guard(next http.Handler) http.Handler {
	policy := "default-src 'none'; style-src 'self'; script-src 'self' " + s.edge + "; connect-src " + s.edge + "; form-action 'self'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

func (s *Shop) home(w http.ResponseWriter, r *http.Request) {
	s.render(w, http.StatusOK, "home.html", view{Title: "Kiln & Quay", Products: products})
}

func (s *Shop) product(w http.ResponseWriter, r *http.Request) {
	p, ok := find(r.PathValue("slug"))
	if !ok {
		s.missing(w, r)
		return
	}
	s.render(w, http.StatusOK, "product.html", view{Title: p.Name, Product: p})
}

// buy takes an order and reports it, under the id by which the shop knows the customer.
func (s *Shop) buy(w http.ResponseWriter, r *http.Request) {
	p, ok := find(r.PathValue("slug"))
	if !ok {
		s.missing(w, r)
		return
	}
	customer := cookie(r, customerCookie)
	if customer == "" {
		customer = "kq-guest-" + rand.Text()[:12]
		remember(w, customer)
	}
	order := s.order()
	told := s.reporter.tell(r.Context(), "/track/sale", map[string]any{
		"customerExternalId": customer, "clickId": cookie(r, clickCookie), "amount": p.Minor, "currency": strings.ToLower(shopCurrency),
		"invoiceId": order, "metadata": map[string]any{"product": p.Slug},
	})
	s.render(w, http.StatusOK, "thanks.html", view{Title: "Thank you", Product: p, Order: order, Told: told})
}

// order draws the number of an order: the time, so that no number comes again after a restart.
func (s *Shop) order() string {
	for {
		last := s.last.Load()
		next := max(last+1, time.Now().UnixMilli())
		if s.last.CompareAndSwap(last, next) {
			return "KQ-" + strings.ToUpper(strconv.FormatInt(next, 36))
		}
	}
}

func (s *Shop) signup(w http.ResponseWriter, r *http.Request) {
	s.render(w, http.StatusOK, "signup.html", view{Title: "Sign up"})
}

// signedUp takes a sign-up and reports it. Whoever signs up with one address is one customer.
func (s *Shop) signedUp(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	email := strings.TrimSpace(r.FormValue("email"))
	sum := sha256.Sum256([]byte(strings.ToLower(email)))
	customer := "kq-" + hex.EncodeToString(sum[:6])
	remember(w, customer)
	told := s.reporter.tell(r.Context(), "/track/lead", map[string]any{
		"clickId": cookie(r, clickCookie), "eventName": "Sign up", "customerExternalId": customer, "customerEmail": email,
	})
	s.render(w, http.StatusOK, "welcome.html", view{Title: "Welcome", Email: email, Told: told})
}

// remember keeps who the visitor is to the shop.
func remember(w http.ResponseWriter, customer string) {
	http.SetCookie(w, &http.Cookie{
		Name: customerCookie, Value: customer, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// cookie returns a cookie's value; empty where there is none, or none that the shop or /fairlead.js wrote.
func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil || len(c.Value) > 64 {
		return ""
	}
	return c.Value
}

func (s *Shop) missing(w http.ResponseWriter, r *http.Request) {
	s.render(w, http.StatusNotFound, "missing.html", view{Title: "Not here"})
}

func (s *Shop) file(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, pages, "pages"+r.URL.Path)
}

func (s *Shop) render(w http.ResponseWriter, status int, name string, v view) {
	v.Edge = s.edge
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, v); err != nil {
		http.Error(w, "this page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

func find(slug string) (Product, bool) {
	for _, p := range products {
		if p.Slug == slug {
			return p, true
		}
	}
	return Product{}, false
}

// Package demo makes a deployment that a newcomer can look around in: a small shop that links lead to,
// and a believable year of a partner program, written through the product's own paths.
package demo

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

//go:embed pages
var pages embed.FS

var templates = template.Must(template.ParseFS(pages, "pages/*.html"))

// clickCookie keeps the click id on the shop's own domain, as /fairlead.js will do for a merchant.
const clickCookie = "fl_click"

// Product is something the shop sells.
type Product struct {
	Slug, Name, Line, Price, Hue string
}

var products = []Product{
	{"mug", "Harbour mug", "Stoneware, 300 ml, glazed by hand in sea green.", "$24.00", "172"},
	{"teapot", "Pilot teapot", "For four cups and a long afternoon.", "$49.00", "212"},
	{"bowl", "Tide bowl", "Deep enough for soup, shallow enough for everything else.", "$32.00", "28"},
	{"gift-card", "Gift card", "They choose, you are thanked.", "$50.00", "340"},
}

// Shop is the demo program's homepage: a home page, product pages, a sign-up and a purchase. It listens
// on loopback and keeps nothing.
type Shop struct {
	listener net.Listener
	server   *http.Server
	param    string
	orders   atomic.Int64
}

// NewShop serves the shop on an open listener. param is the query parameter that carries the click id.
func NewShop(l net.Listener, param string, log *slog.Logger) *Shop {
	s := &Shop{listener: l, param: param}
	s.orders.Store(1000)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /products/{slug}", s.product)
	mux.HandleFunc("GET /signup", s.signup)
	mux.HandleFunc("POST /signup", s.signedUp)
	mux.HandleFunc("POST /products/{slug}/buy", s.buy)
	mux.HandleFunc("GET /style.css", s.style)
	mux.HandleFunc("GET /", s.missing)
	s.server = &http.Server{
		Handler:           s.keepClick(http.NewCrossOriginProtection().Handler(mux)),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return s
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
func (s *Shop) Close(ctx context.Context) error { return s.server.Shutdown(ctx) }

// view is what every page of the shop is given.
type view struct {
	Title    string
	Products []Product
	Product  Product
	Click    string // the click id that brought the shopper, if one did
	Order    int64
	Email    string
}

// keepClick moves a click id from the address into a first-party cookie.
func (s *Shop) keepClick(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.URL.Query().Get(s.param); id != "" && len(id) <= 64 {
			http.SetCookie(w, &http.Cookie{
				Name: clickCookie, Value: id, Path: "/", MaxAge: 90 * 24 * 3600,
				SameSite: http.SameSiteLaxMode,
			})
			r.AddCookie(&http.Cookie{Name: clickCookie, Value: id})
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

func (s *Shop) home(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, "home.html", view{Title: "Kiln & Quay", Products: products})
}

func (s *Shop) product(w http.ResponseWriter, r *http.Request) {
	p, ok := find(r.PathValue("slug"))
	if !ok {
		s.missing(w, r)
		return
	}
	s.render(w, r, http.StatusOK, "product.html", view{Title: p.Name, Product: p})
}

func (s *Shop) buy(w http.ResponseWriter, r *http.Request) {
	p, ok := find(r.PathValue("slug"))
	if !ok {
		s.missing(w, r)
		return
	}
	s.render(w, r, http.StatusOK, "thanks.html", view{Title: "Thank you", Product: p, Order: s.orders.Add(1)})
}

func (s *Shop) signup(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, "signup.html", view{Title: "Sign up"})
}

func (s *Shop) signedUp(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	s.render(w, r, http.StatusOK, "welcome.html", view{Title: "Welcome", Email: r.FormValue("email")})
}

func (s *Shop) missing(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusNotFound, "missing.html", view{Title: "Not here"})
}

func (s *Shop) style(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, pages, "pages/style.css")
}

func (s *Shop) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	for _, c := range r.CookiesNamed(clickCookie) {
		v.Click = c.Value
	}
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

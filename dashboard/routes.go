package dashboard

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"fairlead/dashboard/static"
	"fairlead/dashboard/templates"
	"fairlead/schema"
)

// access says who may use a route.
type access int

const (
	forAnyone  access = iota // logged in or not
	forMembers               // whoever is logged in
	forPartner
	forAdmin
)

// allows reports whether a route is for who.
func (a access) allows(who *person) bool {
	switch a {
	case forAnyone:
		return true
	case forMembers:
		return who != nil
	case forPartner:
		return who != nil && who.Login.Role == schema.RolePartner
	case forAdmin:
		return who != nil && who.Login.Role == schema.RoleAdmin
	}
	return false
}

// route is one row of the table of everything that the dashboard answers.
type route struct {
	method, path string
	access       access
	handle       func(*Dashboard, *request) (reply, error)
	// quiet routes are asked by the page itself and do not keep a session alive; they answer without a
	// page.
	quiet bool
	// page names the route in the navigation, with its icon; empty: it is not in there.
	page, icon string
	// within are the pages of the navigation that this one belongs to.
	within []string
}

// table is everything that the dashboard answers, but for its static files. What is not in here is not
// found.
func table() []route {
	return []route{
		{method: "GET", path: "/{$}", access: forMembers, handle: (*Dashboard).start},
		{method: "GET", path: "/login", access: forAnyone, handle: (*Dashboard).loginPage},
		{method: "POST", path: "/login", access: forAnyone, handle: (*Dashboard).login},
		{method: "POST", path: "/logout", access: forAnyone, handle: (*Dashboard).logout},
		{method: "GET", path: "/invite", access: forAnyone, handle: (*Dashboard).passwordPage},
		{method: "POST", path: "/invite", access: forAnyone, handle: (*Dashboard).choosePassword},
		{method: "GET", path: "/setup", access: forAnyone, handle: (*Dashboard).passwordPage},
		{method: "POST", path: "/setup", access: forAnyone, handle: (*Dashboard).choosePassword},
		{method: "POST", path: "/theme", access: forAnyone, handle: (*Dashboard).chooseTheme},

		{method: "GET", path: "/home", access: forPartner, handle: (*Dashboard).home, page: "Home", icon: "home"},
		{method: "GET", path: "/reporting", access: forPartner, handle: (*Dashboard).reporting, page: "Reporting", icon: "reporting"},
		{method: "GET", path: "/reporting.csv", access: forPartner, handle: (*Dashboard).reportingCSV},
		{method: "GET", path: "/links", access: forPartner, handle: (*Dashboard).links, page: "Links", icon: "links"},
		{method: "GET", path: "/payouts", access: forPartner, handle: (*Dashboard).payouts, page: "Payouts", icon: "payouts"},
		{method: "GET", path: "/payouts/statement", access: forPartner, handle: (*Dashboard).statement},
		{method: "GET", path: "/payouts/statement.csv", access: forPartner, handle: (*Dashboard).statementCSV},
		{method: "GET", path: "/payouts/stripe", access: forPartner, handle: (*Dashboard).stripePage, within: []string{"/payouts"}},
		{method: "POST", path: "/payouts/stripe", access: forPartner, handle: (*Dashboard).goToStripe},
		{method: "GET", path: stripeRefresh, access: forPartner, handle: (*Dashboard).stripeAgain, within: []string{"/payouts"}},
		{method: "GET", path: stripeReturn, access: forPartner, handle: (*Dashboard).backFromStripe, within: []string{"/payouts"}},
		{method: "GET", path: "/live", access: forPartner, handle: (*Dashboard).live, quiet: true},

		{method: "GET", path: "/partners", access: forAdmin, handle: (*Dashboard).partners, page: "Partners", icon: "partners"},
		{method: "GET", path: "/conversions", access: forAdmin, handle: (*Dashboard).conversions, page: "Conversions", icon: "reporting"},

		{method: "GET", path: "/lookup", access: forMembers, handle: (*Dashboard).lookUp, within: []string{"/reporting", "/conversions"}},
		{method: "POST", path: "/lookup", access: forMembers, handle: (*Dashboard).lookUp},
	}
}

// routes makes the handler: protections around everything, then the table, then the static files.
func (d *Dashboard) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, rt := range table() {
		mux.Handle(rt.method+" "+rt.path, d.measured(rt.method+" "+rt.path, d.answer(rt)))
		methods[rt.path] = append(methods[rt.path], rt.method)
	}
	for path, allowed := range methods {
		mux.Handle(path, d.measured("wrong method", d.wrongMethod(allowed)))
	}
	notFound := d.answer(route{access: forAnyone, handle: (*Dashboard).nothing})
	mux.Handle("GET "+static.Prefix+"{name}", d.measured("GET "+static.Prefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.assets.Serve(w, r, r.PathValue("name")) {
			notFound.ServeHTTP(w, r)
		}
	})))
	mux.Handle("/", d.measured("not found", notFound))

	crossOrigin := http.NewCrossOriginProtection()
	if err := crossOrigin.AddTrustedOrigin(d.opt.PublicURL); err != nil {
		return nil, fmt.Errorf("dashboard.public_url %q: %w", d.opt.PublicURL, err)
	}
	crossOrigin.SetDenyHandler(d.measured("cross-site", d.answer(route{access: forAnyone, handle: (*Dashboard).crossSite})))

	// Random padding keeps the length of a compressed page from telling what stands in it (BREACH).
	compress, err := gzhttp.NewWrapper(gzhttp.RandomJitter(32, 0, false), gzhttp.CompressionLevel(5))
	if err != nil {
		return nil, fmt.Errorf("prepare compression: %w", err)
	}
	return d.headers(compress(crossOrigin.Handler(mux))), nil
}

// contentPolicy allows what the pages need: their own style sheet, script, pictures and questions.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers sets what every answer carries.
func (d *Dashboard) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		if d.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// wrongMethod answers for a path of the table that was asked with another method.
func (d *Dashboard) wrongMethod(allowed []string) http.Handler {
	next := d.answer(route{access: forAnyone, handle: func(d *Dashboard, r *request) (reply, error) {
		return d.problem(r, http.StatusMethodNotAllowed, "That does not work here",
			"This address does not take what was sent to it.", "To the start", "/"), nil
	}})
	if slices.Contains(allowed, "GET") {
		allowed = append(allowed, "HEAD")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		next.ServeHTTP(w, r)
	})
}

// navigation lists the pages that are for who.
func navigation(who *person, path string) []templates.NavItem {
	var items []templates.NavItem
	var within []string
	for _, rt := range table() {
		if rt.path == path && rt.within != nil {
			within = rt.within
		}
	}
	for _, rt := range table() {
		if rt.page != "" && rt.access.allows(who) {
			items = append(items, templates.NavItem{Label: rt.page, Href: rt.path, Icon: rt.icon, Current: rt.path == path || slices.Contains(within, rt.path)})
		}
	}
	return items
}

// isPage reports whether a path is one that somebody can be sent to.
func isPage(path string) bool {
	return slices.ContainsFunc(table(), func(rt route) bool { return rt.path == path && (rt.page != "" || rt.within != nil) })
}

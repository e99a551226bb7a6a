// Package dashboard is the pages of partners and of the team.
//
// A page is rendered on the server and works without a script. It shows figures from the rollups with the
// moment up to which they are complete, and today's clicks from the live counters, and never mixes the two.
// Whoever is logged in as a partner sees that partner's rows and nobody else's: the partner's id comes
// from the session, never from the request. While a store is away pages say so; links go on redirecting
// without them.
package dashboard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/go-redis/v9"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/static"
	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/directory"
	"fairlead/schema/trace"
)

// Options of a Dashboard. The connections stay the caller's.
type Options struct {
	ClickHouse driver.Conn
	Redis      redis.UniversalClient
	Keys       schema.Keys // names in Redis; zero: schema.DefaultKeys
	Directory  *directory.Directory
	// PublicURL is the dashboard's own address, without a slash at its end. With https cookies are
	// Secure; http is for loopback only.
	PublicURL string
	// RedirectorURL is what partners share: the address before a link's slug, without a slash at its end.
	RedirectorURL string
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	Statements     Statements       // nil: payouts have none
	Stripe         Stripe           // nil: Stripe is not set up
	SessionIdle    time.Duration    // a session ends after this long without a page; 0: 12 h
	SessionLife    time.Duration    // and after this long in any case; 0: 7 days
	Now            func() time.Time // nil: time.Now
	Logger         *slog.Logger     // nil: slog.Default
	Metrics        *metrics.Set     // nil: one of its own
}

// Dashboard serves the pages. It is safe for concurrent use.
type Dashboard struct {
	opt      Options
	log      *slog.Logger
	secure   bool
	pages    *templates.Set
	assets   *static.Assets
	figures  *figures.Reader
	stories  *trace.Reader
	sessions *sessions
	limits   *limits
	handler  http.Handler
}

// New prepares the pages; the stores need not answer yet.
func New(opt Options) (*Dashboard, error) {
	if opt.Keys == (schema.Keys{}) {
		opt.Keys = schema.DefaultKeys
	}
	if opt.SessionIdle == 0 {
		opt.SessionIdle = 12 * time.Hour
	}
	if opt.SessionLife == 0 {
		opt.SessionLife = 7 * 24 * time.Hour
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	if opt.Metrics == nil {
		opt.Metrics = metrics.NewSet()
	}
	secure, err := secureAddress(opt.PublicURL)
	if err != nil {
		return nil, err
	}
	assets, err := static.New()
	if err != nil {
		return nil, err
	}
	pages, err := templates.Parse(assets.URL)
	if err != nil {
		return nil, err
	}
	d := &Dashboard{
		opt:      opt,
		log:      opt.Logger.With("part", "dashboard"),
		secure:   secure,
		pages:    pages,
		assets:   assets,
		figures:  figures.New(opt.ClickHouse, opt.Redis, opt.Keys, opt.Now),
		stories:  trace.New(opt.ClickHouse, opt.Directory),
		sessions: newSessions(opt, secure),
		limits:   newLimits(opt.Redis, opt.Keys),
	}
	if d.handler, err = d.routes(); err != nil {
		return nil, err
	}
	return d, nil
}

// secureAddress reports whether the pages are reached over https; http is only for this machine.
func secureAddress(address string) (bool, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Path != "" {
		return false, fmt.Errorf("dashboard.public_url %q is not an address of the form https://partners.example", address)
	}
	switch u.Scheme {
	case "https":
		return true, nil
	case "http":
		ip, err := netip.ParseAddr(u.Hostname())
		if u.Hostname() == "localhost" || err == nil && ip.IsLoopback() {
			return false, nil
		}
	}
	return false, fmt.Errorf("dashboard.public_url %q: passwords travel over https only, http is for loopback addresses", address)
}

// ServeHTTP answers one request.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

// Serve answers requests that come in on l until ctx is done, then lets the open ones finish for up to
// five seconds. It closes l.
func (d *Dashboard) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           d,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the dashboard on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-served
	return err
}

// linkURL is the address to share of a slug.
func (d *Dashboard) linkURL(slug string) string { return d.opt.RedirectorURL + "/" + slug }

// linkName is linkURL as people read it.
func (d *Dashboard) linkName(slug string) string {
	_, name, _ := strings.Cut(d.linkURL(slug), "://")
	return name
}

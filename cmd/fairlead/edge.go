package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"fairlead/configs"
	"fairlead/redirector"
	"fairlead/redirector/door"
	"fairlead/redirector/enrich"
	"fairlead/redirector/journal"
	"fairlead/redirector/ship"
	"fairlead/redirector/track"
)

func redirectorCommand(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:   "redirector",
		Short: "Run the redirector alone",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runAlone(c, g, func(ctx context.Context, d *deployment, o *ops, log *slog.Logger) error {
				data, err := loadEnrichment(d.Config.Data)
				if err != nil {
					return err
				}
				if err := os.MkdirAll(d.Config.Dir, 0o700); err != nil {
					return fmt.Errorf("make the folder of the journal: %w", err)
				}
				e, err := openEdge(ctx, d, o, data, log, g.faults)
				if err != nil {
					return err
				}
				log.Info("the redirector answers", "url", d.RedirectorURL, "ops", o.URL())
				return e.Run(ctx)
			})
		},
	}
	g.bind(c.Flags(), "redirector.listen", "listen", "address of the redirector")
	g.bind(c.Flags(), "ops.listen", "ops-listen", "address of /healthz, /readyz, /metrics and pprof")
	return c
}

// edge is a redirector with its shippers.
type edge struct {
	node      *redirector.Node
	d         *deployment
	listeners []net.Listener
	shippers  []redirector.Shipper
}

// openEdge opens the journals, the links and the listener. Neither store has to be there.
func openEdge(ctx context.Context, d *deployment, o *ops, data *enrich.Data, log *slog.Logger, faults faults) (_ *edge, err error) {
	c := d.Config
	proxies, err := prefixes(c.Redirector.TrustedProxies)
	if err != nil {
		return nil, err
	}
	e := &edge{d: d}
	var facts, conversions *ship.ClickHouse
	var live *ship.Redis
	stores := o.storesOf(d)
	e.node, err = redirector.OpenNode(redirector.NodeOptions{
		JournalDir: filepath.Join(c.Dir, "journal"),
		Journal: journal.Options{
			SegmentBytes: c.Redirector.Journal.SegmentBytes,
			MaxBytes:     c.Redirector.Journal.MaxBytes,
			SyncEvery:    c.Redirector.Journal.SyncEvery,
			Sinks:        []string{ship.SinkClickHouse, ship.SinkRedis},
			Logger:       log,
			Faults:       faults.journal,
		},
		ConversionsDir: filepath.Join(c.Dir, "conversions"),
		Conversions: journal.Options{
			SegmentBytes: c.Conversions.Journal.SegmentBytes,
			MaxBytes:     c.Conversions.Journal.MaxBytes,
			Sinks:        []string{ship.SinkConversions},
			Logger:       log.With("journal", "conversions"),
			Faults:       faults.journal,
		},
		Snapshot:      filepath.Join(c.Dir, "links.snapshot"),
		SaltFile:      filepath.Join(c.Dir, "visitor.salt"),
		Keys:          d.Keys,
		AllowLoopback: !configs.IsPublic(c.Redirector.Listen),
		Leave:         c.Redirector.LeaveTime(),
		Drain:         c.Redirector.Drain,
		ShipDeadline:  c.Redirector.ShipDeadline,
		Server: redirector.Options{
			TrustedProxies: proxies,
			TLSCert:        c.Redirector.TLSCert,
			TLSKey:         c.Redirector.TLSKey,
			Limits:         redirector.Limits{PerAddress: c.Redirector.PerAddress},
			Metrics:        o.Metrics,
			Logger:         log,
			Stores: map[string]func() any{
				"clickhouse":  func() any { return storeState(stores.clickhouse, facts.Lag()) },
				"conversions": func() any { return storeState(stores.clickhouse, conversions.Lag()) },
				"redis":       func() any { return storeState(stores.redis, live.Lag()) },
			},
		},
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.node.Close())
		}
	}()
	if err := checkPublic(ctx, e.node, d); err != nil {
		return nil, err
	}
	shipping := filepath.Join(c.Dir, "shipping")
	if err := os.MkdirAll(shipping, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of what is being shipped: %w", err)
	}
	if err := takeReports(e.node, d, o, log); err != nil {
		return nil, err
	}
	source := ship.FromJournal(e.node.Journal)
	facts = ship.NewClickHouse(d.CH, ship.ClickHouseOptions{
		Source: source, Enrich: data, Dir: shipping, Cluster: c.ClickHouse.Cluster, Logger: log, Metrics: o.Metrics, Faults: faults.ship,
	})
	conversions = ship.NewConversions(d.CH, ship.ClickHouseOptions{
		Source: ship.FromJournal(e.node.Conversions), Dir: shipping, Cluster: c.ClickHouse.Cluster, Logger: log, Metrics: o.Metrics, Faults: faults.ship,
	})
	live = ship.NewRedis(d.Redis, ship.RedisOptions{Source: source, Enrich: data, Keys: d.Keys, Logger: log, Metrics: o.Metrics, Faults: faults.ship})
	e.shippers = []redirector.Shipper{facts, conversions, live}
	if e.listeners, err = redirector.Listen(c.Redirector.Listen, 1); err != nil {
		return nil, cannotListen(c.Redirector.Listen, "redirector.listen", "--listen", err)
	}
	o.Add("redirector", e.node.Server.Readiness)
	return e, nil
}

// takeReports makes the redirector answer whoever reports conversions: merchants, trackers and payment processors.
func takeReports(n *redirector.Node, d *deployment, o *ops, log *slog.Logger) error {
	desk := track.NewDesk(track.Options{
		Links: n.Links, Journal: n.Conversions, Redis: d.Redis, Keys: d.Keys, Metrics: o.Metrics, Logger: log,
	})
	api, err := track.NewAPI(desk, d.RedirectorURL)
	if err != nil {
		return err
	}
	n.Server.ServeTrack(api)
	c := d.Config.Conversions
	n.Server.ServeDoors(door.New(door.Options{
		Desk: desk, Links: n.Links, Front: api, Stripe: c.StripeSecrets, Shopify: c.ShopifySecrets, Postbacks: c.PostbackSecrets,
		Connect: d.Config.Payouts.Stripe.ConnectSecrets, Payee: d.Directory.StripeChanged,
		Metrics: o.Metrics, Logger: log,
	}))
	return nil
}

// Run answers until ctx is done or a part fails, then stops in order and closes everything.
func (e *edge) Run(ctx context.Context) error {
	return e.node.Run(ctx, e.d.Redis, e.listeners, e.shippers...)
}

// storeState is what /readyz tells of a store. It decides nothing: a redirector does not need them.
func storeState(p *probe, lag ship.Lag) any {
	_, said := p.ready()
	return map[string]any{
		"state": said, "lag_records": lag.Records, "lag_seconds": lag.Time.Seconds(), "holding": lag.Holding,
	}
}

// awaitLinks waits until the redirector can redirect: a first start has to fetch its links.
func (e *edge) awaitLinks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := e.node.Links.Ready()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the redirector is not ready: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// seedHost is the homepage's host in the defaults.
const seedHost = "shop.example"

// checkPublic refuses to serve the world with the homepage of the defaults.
func checkPublic(ctx context.Context, n *redirector.Node, d *deployment) error {
	listen := d.Config.Redirector.Listen
	if !configs.IsPublic(listen) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var homepage string
	if p, err := d.Directory.Program(ctx); err == nil {
		homepage = p.Homepage
	} else if v := n.Links.View(); v != nil {
		homepage = string(v.Program.Homepage.URL)
	}
	if homepage == "" {
		return fmt.Errorf("the redirector would answer on the public address %s without knowing the program's homepage: neither Redis nor a snapshot tells it; "+
			"start the stores first", listen)
	}
	return checkHomepage(listen, homepage)
}

// checkHomepage refuses a homepage of the defaults on a public address.
func checkHomepage(listen, homepage string) error {
	if u, err := url.Parse(homepage); !configs.IsPublic(listen) || err == nil && u.Hostname() != seedHost {
		return nil
	}
	return fmt.Errorf("the redirector would answer on the public address %s while the program's homepage is still %s: before the first start name "+
		"program.homepage and program.allowed_domains in the configuration; later start it on a loopback address and use `fairlead program set homepage=https://… allowed_domains=…`", listen, homepage)
}

// loadEnrichment reads the data that says where a click came from and by what.
func loadEnrichment(c configs.Data) (*enrich.Data, error) {
	country, crawlers, err := dataFiles(c)
	if err != nil {
		return nil, err
	}
	return enrich.Load(country, crawlers)
}

// dataFiles returns the files that the configuration names, or those that the build put beside the
// program.
func dataFiles(c configs.Data) (country, crawlers string, err error) {
	country, crawlers = c.Country, c.Crawlers
	for name, file := range map[string]*string{"country.mmdb": &country, "crawler-user-agents.json": &crawlers} {
		if *file != "" {
			continue
		}
		self, err := os.Executable()
		if err == nil {
			self, err = filepath.EvalSymlinks(self)
		}
		if err != nil {
			return "", "", fmt.Errorf("find this program: %w", err)
		}
		*file = filepath.Join(filepath.Dir(self), "data", name)
		if _, err := os.Stat(*file); err != nil {
			return "", "", fmt.Errorf("there is no %s beside this program: `make build` installs it, or name one with data.country and data.crawlers", name)
		}
	}
	return country, crawlers, nil
}

// prefixes reads networks that Validate has already accepted.
func prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %q: %w", s, err)
		}
		out = append(out, p)
	}
	return out, nil
}

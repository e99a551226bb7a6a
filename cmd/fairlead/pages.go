package main

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"fairlead/dashboard"
)

func dashboardCommand(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:   "dashboard",
		Short: "Run the dashboard alone",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runAlone(c, g, func(ctx context.Context, d *deployment, o *ops, log *slog.Logger) error {
				serve, err := openPages(d, o, log)
				if err != nil {
					return err
				}
				log.Info("the dashboard answers", "url", d.DashboardURL, "ops", o.URL())
				return serve(ctx)
			})
		},
	}
	g.bind(c.Flags(), "dashboard.listen", "dashboard-listen", "address of the dashboard")
	g.bind(c.Flags(), "ops.listen", "ops-listen", "address of /healthz, /readyz, /metrics and pprof")
	return c
}

// openPages takes the dashboard's address and returns what serves it until its context is done.
func openPages(d *deployment, o *ops, log *slog.Logger) (func(context.Context) error, error) {
	c := d.Config.Dashboard
	proxies, err := prefixes(c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	statements, err := payoutStatements(d)
	if err != nil {
		return nil, err
	}
	opt := dashboard.Options{
		ClickHouse:     d.CH,
		Redis:          d.Redis,
		Keys:           d.Keys,
		Directory:      d.Directory,
		PublicURL:      d.DashboardURL,
		RedirectorURL:  d.RedirectorURL,
		TrustedProxies: proxies,
		Statements:     statementsForPages{statements},
		Logger:         log,
		Metrics:        o.Metrics,
	}
	if d.Config.Payouts.Stripe.SecretKey != "" {
		opt.Stripe = stripeForPages{d}
	}
	pages, err := dashboard.New(opt)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, cannotListen(c.Listen, "dashboard.listen", "--dashboard-listen", err)
	}
	o.Add("dashboard", o.storesOf(d).both)
	return func(ctx context.Context) error { return pages.Serve(ctx, l) }, nil
}

// startPages starts the dashboard, the last part: it shows what the others made.
func (u *up) startPages(d *deployment, o *ops, failed chan<- error) error {
	began := time.Now()
	serve, err := openPages(d, o, u.log)
	if err != nil {
		return err
	}
	u.run(serve, failed)
	u.announce("dashboard", d.DashboardURL, began)
	return nil
}

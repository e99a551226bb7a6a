package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"fairlead/cmd/demo"
	"fairlead/cmd/stores"
	"fairlead/configs"
	"fairlead/redirector/enrich"
)

func upCommand(g *global) *cobra.Command {
	var withDemo bool
	c := &cobra.Command{
		Use:   "up",
		Short: "Run everything on this machine: ClickHouse, Redis, redirector, aggregator, dashboard",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := g.load()
			if err != nil {
				return err
			}
			if withDemo && !g.given("dir") {
				conf.Dir = "./demo"
			}
			u := &up{config: conf, dirGiven: conf.Dir, demo: withDemo, faults: g.faults, out: c.OutOrStdout(), err: c.ErrOrStderr(), log: logger(conf.Log, c.ErrOrStderr())}
			return u.Run(c.Context())
		},
	}
	c.Flags().BoolVar(&withDemo, "demo", false, "fill an empty deployment with a demo program and serve its shop (in ./demo unless --dir says otherwise)")
	g.bind(c.Flags(), "redirector.listen", "listen", "address of the redirector")
	g.bind(c.Flags(), "dashboard.listen", "dashboard-listen", "address of the dashboard")
	g.bind(c.Flags(), "ops.listen", "ops-listen", "address of /healthz, /readyz, /metrics and pprof")
	g.bind(c.Flags(), "clickhouse.port", "clickhouse-port", "port of ClickHouse's native protocol")
	g.bind(c.Flags(), "clickhouse.http_port", "clickhouse-http-port", "port of ClickHouse's HTTP interface")
	g.bind(c.Flags(), "redis.port", "redis-port", "port of Redis")
	return c
}

// up is a whole deployment on one machine. Run opens its parts in order, waits, and closes them in
// reverse; whatever was opened is closed, also when a later part fails.
type up struct {
	config   configs.Config
	dirGiven string // as the user wrote it, for commands to copy
	demo     bool
	faults   faults
	out      io.Writer // announcements, for people
	err      io.Writer // progress
	log      *slog.Logger

	began   time.Time
	closers []func() error

	demoState    demo.State
	shopListener net.Listener
}

// Run returns nil after a stop that was asked for by ctx, however far the start had come.
func (u *up) Run(ctx context.Context) error {
	u.began = time.Now()
	err := u.serve(ctx)
	if ctx.Err() != nil {
		fmt.Fprintln(u.out, "\nstopping: pages, clockwork, redirector once its journal is shipped, stores")
		err = nil // what failed did so because of the stop
	}
	for i := len(u.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, u.closers[i]())
	}
	if err == nil {
		fmt.Fprintln(u.out, "stopped")
	}
	return err
}

// serve opens the parts in order and waits until ctx is done or one of them fails.
func (u *up) serve(ctx context.Context) error {
	if err := u.takeFolder(); err != nil {
		return err
	}
	o, err := u.openListeners()
	if err != nil {
		return err
	}
	if err := u.openShop(); err != nil {
		return err
	}
	data, err := loadEnrichment(u.config.Data)
	if err != nil {
		return err
	}
	d, err := u.openStores(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := seed(ctx, d, u.demoState.Shop); err != nil {
		return err
	}
	u.announce("directory", "whole in Redis", began)
	failed := make(chan error, 4)
	if err := u.serveShop(ctx, d, failed); err != nil {
		return err
	}
	if err := u.fillDemo(ctx, d, data); err != nil {
		return err
	}
	if err := u.startEdge(ctx, d, o, data, failed); err != nil {
		return err
	}
	if err := u.startClockwork(d, o); err != nil {
		return err
	}
	if err := u.startPages(d, o, failed); err != nil {
		return err
	}
	fmt.Fprintf(u.out, "\nready in %s\n\n", took(u.began))
	if err := u.firstMinutes(ctx, d); err != nil && ctx.Err() == nil {
		// A store that hiccups now is brought back; what runs must not end for a few printed lines.
		u.log.Warn("the first steps could not be printed; `fairlead admin reset` prints a set-up link", "err", err)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// closing registers what has to be undone at the end, last first.
func (u *up) closing(f func() error) { u.closers = append(u.closers, f) }

// announce says that a part works, where, and how long it took to get there.
func (u *up) announce(what, where string, since time.Time) {
	fmt.Fprintf(u.out, "  %-12s %-42s %9s\n", what, where, took(since))
}

func took(since time.Time) string {
	return fmt.Sprintf("%.2f s", time.Since(since).Seconds())
}

// takeFolder locks the deployment's folder against another `up` and refuses the wrong kind.
func (u *up) takeFolder() error {
	folder, err := stores.Lock(u.config.Dir)
	if err != nil {
		return err
	}
	u.closing(folder.Close)
	dir := folder.Dir
	u.config.Dir = dir
	_, err = os.Stat(filepath.Join(dir, addressFile))
	used := err == nil
	if !used && !u.demo { // the program's first settings are the configuration's
		if err := checkHomepage(u.config.Redirector.Listen, u.config.Program.Homepage); err != nil {
			return err
		}
	}
	switch demoed := demo.Exists(dir); {
	case demoed && !u.demo:
		return fmt.Errorf("%s holds a demo: start it with `fairlead up --demo --dir %s`, or name another folder with --dir for a program of your own", dir, dir)
	case used && !demoed && u.demo:
		return fmt.Errorf("%s holds a deployment that is no demo: name another folder with --dir, or leave --demo out", dir)
	}
	return nil
}

// openListeners takes every address of ours before anything is started, so that one that is in use
// leaves nothing half done.
func (u *up) openListeners() (*ops, error) {
	for _, a := range []struct{ addr, key, flag string }{
		{u.config.Redirector.Listen, "redirector.listen", "--listen"},
		{u.config.Dashboard.Listen, "dashboard.listen", "--dashboard-listen"},
		{loopback(u.config.ClickHouse.Port), "clickhouse.port", "--clickhouse-port"},
		{loopback(u.config.ClickHouse.HTTPPort), "clickhouse.http_port", "--clickhouse-http-port"},
		{loopback(u.config.Redis.Port), "redis.port", "--redis-port"},
	} {
		l, err := listen(a.addr, a.key, a.flag)
		if err != nil {
			return nil, err
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	o, err := listenOps(u.config.Ops.Listen, u.log)
	if err != nil {
		return nil, err
	}
	u.closing(o.Close)
	return o, nil
}

func loopback(port int) string { return fmt.Sprintf("%s:%d", stores.Loopback, port) }

// startEdge starts the redirector. It stops before the stores do, so that its journal empties into them.
func (u *up) startEdge(ctx context.Context, d *deployment, o *ops, data *enrich.Data, failed chan<- error) error {
	began := time.Now()
	e, err := openEdge(ctx, d, o, data, u.log, u.faults)
	if err != nil {
		return err
	}
	u.run(e.Run, failed)
	if err := e.awaitLinks(ctx); err != nil {
		return err
	}
	u.announce("redirector", d.RedirectorURL, began)
	return nil
}

// run gives a part that ends with its context a goroutine, and an end that is waited for.
func (u *up) run(part func(context.Context) error, failed chan<- error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := part(ctx)
		if ctx.Err() == nil {
			if err == nil {
				err = errors.New("BUG: a part ended although nobody stopped it")
			}
			failed <- err
			err = nil // said already
		}
		ended <- err
	}()
	u.closing(func() error {
		cancel()
		return <-ended
	})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"
)

// edgeOptions say how the servers are loaded.
type edgeOptions struct {
	program     string
	rounds      int
	duration    time.Duration
	connections int
	links       int
	procs       int
	asJSON      bool
}

func (o *edgeOptions) bind(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.program, "fairlead", "bin/fairlead", "the program")
	f.IntVar(&o.rounds, "rounds", 5, "how often each server is loaded")
	f.DurationVar(&o.duration, "duration", 5*time.Second, "for how long each time, in whole seconds")
	f.IntVar(&o.connections, "connections", 64, "kept open by the load generator")
	f.IntVar(&o.links, "links", 100_000, "in the directory")
	f.IntVar(&o.procs, "procs", max(1, runtime.NumCPU()/2), "processors that a server is given; the load generator has the rest")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON document")
}

func (o *edgeOptions) check() error {
	if o.rounds < 1 || o.duration < time.Second || o.connections < 1 || o.links < 1 || o.procs < 1 {
		return errors.New("rounds, connections, links and procs have to be 1 or more, duration 1s or more")
	}
	return nil
}

// The servers that are loaded.
const (
	nginx  = "nginx"
	bare   = "fasthttp"
	paused = "fairlead, stores away"
	full   = "fairlead, everything on"
)

// target is a server under measurement.
type target struct {
	name   string
	server *server
	whole  *whole // of the one with everything on
}

// warmUp goes before every measured load.
const warmUp = time.Second

// firstWarmUp is how long a server is loaded before the first round: the shippers that cannot reach their
// stores decode one batch each, and hold it.
const firstWarmUp = 4 * time.Second

// runEdge loads the servers in turn and returns the figures. Messages go to progress.
func runEdge(ctx context.Context, o edgeOptions, progress io.Writer) (_ *edgeReport, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	program, err := filepath.Abs(o.program)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "fairlead-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l := load{script: filepath.Join(dir, "wrk.lua"), threads: max(1, runtime.NumCPU()-o.procs), connections: o.connections, links: o.links}
	l.threads = min(l.threads, l.connections)
	if err := writeScript(l.script); err != nil {
		return nil, err
	}

	fmt.Fprintf(progress, "starting the servers, %d links\n", o.links)
	targets, stop, err := startTargets(ctx, o, program, dir)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		if _, err := l.run(ctx, t.server.url, firstWarmUp); err != nil {
			return nil, fmt.Errorf("warm up %s: %w", t.name, err)
		}
		if t.whole != nil {
			if _, err := t.whole.drained(ctx); err != nil {
				return nil, err
			}
		}
	}
	r := newReport(o, l, targets)
	for round := range o.rounds {
		for i := range targets {
			t := targets[(round+i)%len(targets)]
			m, err := t.measure(ctx, l, o.duration)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
			r.add(t.name, m)
			fmt.Fprintf(progress, "round %d of %d: %-24s %8.0f requests/s, %6.2f µs each\n", round+1, o.rounds, t.name, m.PerSecond, m.CPU)
		}
	}
	for _, t := range targets {
		if t.whole != nil {
			if r.Clicks, err = t.whole.drained(ctx); err != nil {
				return nil, err
			}
			if err := t.whole.verified(ctx, program); err != nil {
				return nil, err
			}
		}
	}
	r.sumUp()
	return r, nil
}

// startTargets starts every server. stop is to be called also after an error.
func startTargets(ctx context.Context, o edgeOptions, program, dir string) (_ []target, stop func() error, err error) {
	var stops []func() error
	stop = func() error {
		var errs []error
		for i := len(stops) - 1; i >= 0; i-- {
			errs = append(errs, stops[i]())
		}
		return errors.Join(errs...)
	}
	n, err := startNginx(ctx, filepath.Join(dir, "nginx"), o.procs)
	if err != nil {
		return nil, stop, err
	}
	stops = append(stops, n.stop)
	b, err := startBare(ctx, o.procs)
	if err != nil {
		return nil, stop, err
	}
	stops = append(stops, b.stop)
	w, err := startWhole(ctx, program, filepath.Join(dir, "whole"), o.procs)
	if err != nil {
		return nil, stop, err
	}
	stops = append(stops, w.stop)
	if err := w.fill(ctx, o.links); err != nil {
		return nil, stop, err
	}
	p, err := w.startPaused(ctx, program, filepath.Join(dir, "paused"), o.links, o.procs)
	if err != nil {
		return nil, stop, err
	}
	stops = append(stops, p.stop)
	targets := []target{{name: nginx, server: n}, {name: bare, server: b}, {name: paused, server: p}, {name: full, server: w.server, whole: w}}
	for _, t := range targets {
		if err := t.server.answering(ctx, "/"+slug(1)); err != nil {
			return nil, stop, err
		}
	}
	return targets, stop, nil
}

// measure loads the server once.
func (t target) measure(ctx context.Context, l load, d time.Duration) (m measured, err error) {
	if _, err := l.run(ctx, t.server.url, warmUp); err != nil {
		return m, err
	}
	var clicks uint64
	if t.whole != nil {
		if clicks, err = t.whole.drained(ctx); err != nil {
			return m, err
		}
	}
	before, err := treeCPU(t.server.pid())
	if err != nil {
		return m, err
	}
	a, err := l.run(ctx, t.server.url, d)
	if err != nil {
		return m, err
	}
	if t.whole != nil {
		now, err := t.whole.drained(ctx)
		if err != nil {
			return m, err
		}
		clicks = now - clicks
		if clicks < uint64(a.Requests) {
			return m, fmt.Errorf("%.0f requests were answered and %d clicks are stored", a.Requests, clicks)
		}
	}
	after, err := treeCPU(t.server.pid())
	if err != nil {
		return m, err
	}
	return measuredOf(a, spent(before, after)), nil
}

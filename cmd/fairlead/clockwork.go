package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/aggregator"
	"fairlead/aggregator/outside"
)

func aggregatorCommand(g *global) *cobra.Command {
	var once string
	c := &cobra.Command{
		Use:   "aggregator",
		Short: "Run the aggregator alone",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runAlone(c, g, func(ctx context.Context, d *deployment, o *ops, log *slog.Logger) error {
				a, err := openClockwork(d, o, log)
				if err != nil {
					return err
				}
				if once != "" {
					return runOnce(ctx, c, a, once)
				}
				log.Info("the aggregator works", "jobs", schedule(d), "ops", o.URL())
				a.Run(ctx)
				return nil
			})
		},
	}
	c.Flags().StringVar(&once, "once", "", "run this job now and end, for an outer scheduler")
	g.bind(c.Flags(), "ops.listen", "ops-listen", "address of /healthz, /readyz, /metrics and pprof")
	return c
}

// openClockwork prepares the jobs.
func openClockwork(d *deployment, o *ops, log *slog.Logger) (*aggregator.Aggregator, error) {
	a, err := aggregator.New(aggregator.Options{
		ClickHouse:    d.CH,
		Redis:         d.Redis,
		Keys:          d.Keys,
		Logger:        log,
		Metrics:       o.Metrics,
		Schedule:      d.Config.Aggregator.Jobs,
		HealDirectory: d.Directory.Heal,
		Endpoints:     d.Directory,
		Sender:        sender(d),
		ClaimArrived:  d.Directory.ClaimArrived,
	})
	if err != nil {
		return nil, fmt.Errorf("aggregator.jobs: %w", err)
	}
	o.Add("aggregator", o.storesOf(d).both)
	return a, nil
}

// sender sends to merchants' webhooks and partners' trackers.
func sender(d *deployment) *outside.Client {
	return outside.New(outside.Options{Loopback: d.Config.Deliveries.AllowLoopback, Timeout: d.Config.Deliveries.Timeout})
}

// startClockwork starts the aggregator; what the pages wait for is brought up to date at once.
func (u *up) startClockwork(d *deployment, o *ops) error {
	began := time.Now()
	a, err := openClockwork(d, o, u.log)
	if err != nil {
		return err
	}
	u.run(func(ctx context.Context) error { a.Run(ctx); return nil }, make(chan error, 1))
	u.announce("aggregator", schedule(d), began)
	return nil
}

// schedule is the jobs and when they run, for people.
func schedule(d *deployment) string {
	jobs := d.Config.Aggregator.Jobs
	var out []string
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		out = append(out, name+" "+jobs[name])
	}
	return strings.Join(out, ", ")
}

// runOnce runs one job and says what came of it.
func runOnce(ctx context.Context, c *cobra.Command, a *aggregator.Aggregator, name string) error {
	status, err := a.RunOnce(ctx, name)
	if err != nil {
		return err
	}
	if status.Error != "" {
		return errors.New(status.Error)
	}
	return writeJSON(c.OutOrStdout(), status)
}

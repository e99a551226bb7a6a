package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/spf13/cobra"

	"fairlead/aggregator"
	"fairlead/aggregator/outside"
	"fairlead/aggregator/payout"
	"fairlead/schema/directory"
)

func aggregatorCommand(g *global) *cobra.Command {
	var once bool
	var a printer
	c := &cobra.Command{
		Use:   "aggregator [--once [JOB…]]",
		Short: "Run the aggregator alone",
		Long: "Runs the jobs on their schedules, which are in UTC, and makes up for runs that were missed.\n\n" +
			"With --once the jobs that are named, or all that have a schedule, run now, one after the other, for an outer scheduler.\n" + exitCodesOfJobs,
		Args: func(_ *cobra.Command, jobs []string) error {
			if len(jobs) > 0 && !once {
				return fmt.Errorf("jobs are named with --once only, as in `fairlead aggregator --once %s`", strings.Join(jobs, " "))
			}
			return nil
		},
		RunE: func(c *cobra.Command, jobs []string) error {
			if once {
				d, err := g.open(c.Context())
				if err != nil {
					return err
				}
				defer d.Close()
				return runJobs(c, d, &a, jobs...)
			}
			return runAlone(c, g, func(ctx context.Context, d *deployment, o *ops, log *slog.Logger) error {
				a, err := openClockwork(d, o, log)
				if err != nil {
					return err
				}
				log.Info("the aggregator works", "jobs", schedule(d), "ops", o.URL())
				a.Run(ctx)
				return nil
			})
		},
	}
	c.Flags().BoolVar(&once, "once", false, "run these jobs now and end, for an outer scheduler; all that have a schedule without a name")
	g.bind(c.Flags(), "ops.listen", "ops-listen", "address of /healthz, /readyz, /metrics and pprof")
	return a.flag(c)
}

// openClockwork prepares the jobs, and what the operator's listener says of them.
func openClockwork(d *deployment, o *ops, log *slog.Logger) (*aggregator.Aggregator, error) {
	a, err := newClockwork(d, o.Metrics, log)
	if err != nil {
		return nil, err
	}
	o.Add("aggregator", o.storesOf(d).both)
	return a, nil
}

// newClockwork prepares the jobs; set may be nil.
func newClockwork(d *deployment, set *metrics.Set, log *slog.Logger) (*aggregator.Aggregator, error) {
	pays, err := payoutRunner(d)
	if err != nil {
		return nil, err
	}
	a, err := aggregator.New(aggregator.Options{
		ClickHouse:    d.CH,
		Redis:         d.Redis,
		Keys:          d.Keys,
		Logger:        log,
		Metrics:       set,
		Schedule:      d.Config.Aggregator.Jobs,
		HealDirectory: d.Directory.Heal,
		Endpoints:     d.Directory,
		Sender:        sender(d),
		ClaimArrived:  d.Directory.ClaimArrived,
		Pay: func(ctx context.Context) (payout.Report, error) {
			return pays.RunDue(ctx, string(directory.System))
		},
	})
	if err != nil {
		return nil, fmt.Errorf("aggregator.jobs: %w", err)
	}
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

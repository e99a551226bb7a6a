package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/aggregator"
	"fairlead/schema"
)

// exitCodesOfJobs tells what the end of a command says that runs jobs.
const exitCodesOfJobs = "Exit code 0 means that each did its work, 1 that one failed (the others ran all the same), 3 that none failed, and that\n" +
	"another process was at one of them."

func jobsCommand(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "jobs",
		Short: "What the aggregator's jobs did last, and when each runs again",
		Long:  "What the aggregator's jobs did last, who is at them, and when each runs again. Times and schedules are in UTC.",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			clockwork, err := newClockwork(d, nil, logger(d.Config.Log, c.ErrOrStderr()))
			if err != nil {
				return err
			}
			jobs, err := clockwork.List(c.Context())
			if err != nil {
				return err
			}
			l := a.list(c, "JOB", "SCHEDULE", "LAST RUN", "TOOK", "ROWS", "DID", "NEXT RUN", "STATE")
			for _, j := range jobs {
				if err := l.add(j, j.Name, j.Schedule, utc(j.Last.BeganAt), briefly(j.Last.Took), rows(j.Last), orDash(j.Last.What), utc(j.Next), stateOf(j, time.Now())); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	c.AddCommand(jobsRun(open))
	return a.flag(c)
}

func jobsRun(open opener) *cobra.Command {
	var a printer
	return a.flag(&cobra.Command{
		Use:   "run JOB…",
		Short: "Run jobs now, one after the other",
		Long:  "Runs jobs now, one after the other.\n\n" + exitCodesOfJobs,
		Args:  cobra.MinimumNArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, jobs []string) error {
			return runJobs(c, d, &a, jobs...)
		}),
	})
}

// ranJSON is what came of a job as --json prints it.
type ranJSON struct {
	Name string `json:"name"`
	schema.JobStatus
}

// runJobs runs jobs, all that have a schedule where none is named, and ends with the exit code that tells.
func runJobs(c *cobra.Command, d *deployment, a *printer, names ...string) error {
	clockwork, err := newClockwork(d, nil, logger(d.Config.Log, c.ErrOrStderr()))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := clockwork.Known(name); err != nil {
			return usageError{err}
		}
	}
	if len(names) == 0 {
		names = clockwork.Scheduled()
	}
	code := 0
	l := a.list(c, "JOB", "TOOK", "ROWS", "DID")
	for _, name := range names {
		status, err := clockwork.RunOnce(c.Context(), name)
		did := orDash(status.What)
		switch {
		case c.Context().Err() != nil:
			return errors.Join(l.close(), fmt.Errorf("stopped at job %s", name))
		case err != nil:
			status.Error, did, code = err.Error(), orDash("failed: "+err.Error()), exitFailed
		case status.Skipped:
			did = "skipped: another process is at it"
			if code == 0 {
				code = exitBusy
			}
		}
		if err := l.add(ranJSON{name, status}, name, briefly(status.Took), rows(status), did); err != nil {
			return err
		}
	}
	if err := l.close(); err != nil || code == 0 {
		return err
	}
	return &exitError{code}
}

// stateOf says in a few words how a job stands.
func stateOf(j aggregator.Listed, now time.Time) string {
	var parts []string
	if j.Held != nil {
		parts = append(parts, fmt.Sprintf("running on %s since %s", j.Held.Process, utc(j.Held.Since)))
	}
	switch last := j.Last; {
	case last.Error != "":
		parts = append(parts, fmt.Sprintf("failing since %s: %s", utc(last.FailingSince), orDash(last.Error)))
	case last.BeganAt.IsZero():
		parts = append(parts, "never ran")
	}
	// What is due begins within seconds where an aggregator runs.
	if late := now.Sub(j.Next); j.Held == nil && !j.Next.IsZero() && late > time.Minute {
		parts = append(parts, fmt.Sprintf("overdue by %s: does an aggregator run?", late.Truncate(time.Minute)))
	}
	if len(parts) == 0 {
		return "ok"
	}
	return strings.Join(parts, "; ")
}

func rows(s schema.JobStatus) string {
	if s.What == "" {
		return "-"
	}
	return strconv.FormatUint(s.Rows, 10)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return strings.ReplaceAll(s, "\n", "; ")
}

// utc writes a moment; a dash for none.
func utc(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// briefly writes how long something took; a dash for nothing.
func briefly(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

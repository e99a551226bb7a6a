package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fairlead/aggregator/attribute"
	"fairlead/aggregator/book"
	"fairlead/aggregator/live"
	"fairlead/aggregator/rewarddays"
	"fairlead/aggregator/rollup"
	"fairlead/aggregator/verify"
	"fairlead/schema"
)

func verifyCommand(open opener) *cobra.Command {
	var since string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Recount everything from the facts and print what differs; exit 1 if anything does",
		Long: "Recounts clicks, conversions, rewards and figures from the facts, checks that every sequence runs without a gap or a double,\n" +
			"holds payouts against the ledger, and compares what stands in Redis. Exit code 1 means that something differs.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			month, err := parseMonth(since)
			if err != nil {
				return err
			}
			d, err := open(c.Context())
			if err != nil {
				return err
			}
			defer d.Close()
			bar := progress(c.ErrOrStderr(), "verify")
			report, err := newVerify(d).Run(c.Context(), verify.Scope{
				Since: month,
				Progress: func(done, total int, what string) {
					bar.ChangeMax(total)
					bar.Describe("  verify " + what)
					bar.Set(done)
				},
			})
			bar.Finish()
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(c.OutOrStdout()).Encode(report)
			} else {
				err = printReport(c.OutOrStdout(), report)
			}
			if err == nil && !report.OK {
				err = &exitError{exitFailed}
			}
			return err
		},
	}
	c.Flags().StringVar(&since, "since", "", "first month to look at, as 2026-11; everything without it")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return c
}

func newVerify(d *deployment) *verify.Verify {
	return verify.New(verify.Options{
		ClickHouse: d.CH, Redis: d.Redis, Keys: d.Keys, Rollup: newRollup(d), Attribute: newAttribute(d), Book: newBook(d), RewardDays: newRewardDays(d), Logger: logger(d.Config.Log, io.Discard),
	})
}

func newRollup(d *deployment) *rollup.Rollup {
	return rollup.New(rollup.Options{ClickHouse: d.CH, Redis: d.Redis, Keys: d.Keys, Logger: logger(d.Config.Log, io.Discard)})
}

func newAttribute(d *deployment) *attribute.Attribute {
	return attribute.New(attribute.Options{ClickHouse: d.CH, Redis: d.Redis, Keys: d.Keys, ClaimArrived: d.Directory.ClaimArrived, Logger: logger(d.Config.Log, io.Discard)})
}

func newBook(d *deployment) *book.Book {
	return book.New(book.Options{ClickHouse: d.CH, Redis: d.Redis, Keys: d.Keys, Logger: logger(d.Config.Log, io.Discard)})
}

func newRewardDays(d *deployment) *rewarddays.RewardDays {
	return rewarddays.New(rewarddays.Options{ClickHouse: d.CH, Redis: d.Redis, Keys: d.Keys, Logger: logger(d.Config.Log, io.Discard)})
}

func newLive(d *deployment) *live.Live {
	return live.New(live.Options{ClickHouse: d.CH, Redis: d.Redis, Keys: d.Keys, Logger: logger(d.Config.Log, io.Discard)})
}

// parseMonth reads 2026-11; empty is every month.
func parseMonth(s string) (schema.Month, error) {
	if s == "" {
		return 0, nil
	}
	t, err := time.Parse("2006-01", s)
	if err != nil {
		return 0, usageError{fmt.Errorf("--since %q is not a month: write it as 2026-11", s)}
	}
	return schema.MonthOf(t, time.UTC), nil
}

// printReport tells people what was found.
func printReport(w io.Writer, r verify.Report) error {
	fmt.Fprintf(w, "%s clicks and %s conversions of %d nodes in %d months recounted in %.1f s, days cut in %s\n",
		grouped(r.Clicks), grouped(r.Conversions), r.Nodes, len(r.Months), r.Took.Seconds(), r.Zone)
	fmt.Fprintf(w, "gaps %d unexplained, %d explained; doubles %d; differences %d\n",
		r.Gaps, r.Explained, r.Doubles, len(r.Differences)+r.Unlisted)
	if len(r.Differences) > 0 {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "\nWHAT\tKEY\tFROM THE FACTS\tFOUND")
		for _, d := range r.Differences {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", d.What, d.Key, d.Want, d.Got)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if r.Unlisted > 0 {
		fmt.Fprintf(w, "and %d more\n", r.Unlisted)
	}
	for _, o := range r.NotCompared {
		fmt.Fprintf(w, "not compared: %s %s: %s\n", o.What, o.Key, o.Why)
	}
	verdict := "everything agrees with the facts"
	if len(r.NotCompared) > 0 {
		verdict = "what could be compared agrees with the facts"
	}
	if !r.OK {
		verdict = "NOT EVERYTHING AGREES WITH THE FACTS"
	}
	_, err := fmt.Fprintln(w, verdict)
	return err
}

// grouped writes a number with a comma between thousands.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

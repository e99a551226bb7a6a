package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func rebuildCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "rebuild", Short: "Throw derived state away and make it anew from the facts"}
	c.AddCommand(
		&cobra.Command{
			Use:   "redis",
			Short: "The directory and the live counters in Redis",
			Args:  cobra.NoArgs,
			RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
				bar := progress(c.ErrOrStderr(), "directory")
				entries := 0
				err := d.Directory.RebuildRedis(c.Context(), func(done, total int) {
					entries = total
					bar.ChangeMax(total)
					bar.Set(done)
				})
				bar.Finish()
				if err != nil {
					return err
				}
				report, err := newLive(d).Rebuild(c.Context())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "Redis holds the directory again (%d entries) and the live counters (%d)\n", entries, report.Counters)
				return err
			}),
		},
		&cobra.Command{
			Use:   "rollups",
			Short: "Every month of the reports",
			Args:  cobra.NoArgs,
			RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
				bar := progress(c.ErrOrStderr(), "months")
				report, err := newRollup(d).Rebuild(c.Context(), func(done, total int) {
					bar.ChangeMax(total)
					bar.Set(done)
				})
				bar.Finish()
				if err != nil {
					return err
				}
				bar = progress(c.ErrOrStderr(), "months of sales")
				sales, err := newAttribute(d).RebuildDays(c.Context(), func(done, total int) {
					bar.ChangeMax(total)
					bar.Set(done)
				})
				bar.Finish()
				if err != nil {
					return err
				}
				bar = progress(c.ErrOrStderr(), "months of rewards")
				rewards, err := newRewardDays(d).Rebuild(c.Context(), func(done, total int) {
					bar.ChangeMax(total)
					bar.Set(done)
				})
				bar.Finish()
				if err != nil {
					return err
				}
				report.Days, report.Took = report.Days+sales.Days, report.Took+sales.Took+rewards.Took
				_, err = fmt.Fprintf(c.OutOrStdout(), "%d days in %d months were counted anew, and %d months of rewards summed, in %.1f s\n",
					report.Days, len(report.Months)+len(sales.Months), len(rewards.Months), report.Took.Seconds())
				return err
			}),
		},
		&cobra.Command{
			Use:   "attributions",
			Short: "Who is credited for each conversion, and the reports of referred and sold",
			Args:  cobra.NoArgs,
			RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
				bar := progress(c.ErrOrStderr(), "reports")
				report, err := newAttribute(d).Rebuild(c.Context(), func(done, total int) {
					bar.ChangeMax(total)
					bar.Set(done)
				})
				bar.Finish()
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%d reports were decided anew, and %d months summed, in %.1f s\n", report.Reports, len(report.Months), report.Took.Seconds())
				return err
			}),
		},
		&cobra.Command{
			Use:   "rewards",
			Short: "What partners earned: every reward is reckoned anew, and the rows that the ledger lacks are booked",
			Long: `Reckons every reward anew from the decisions, the rules and the entries by hand, and adds the rows that the ledger lacks. What
stands in the ledger is never changed: a difference is a row of its own. With a whole ledger nothing is added.`,
			Args: cobra.NoArgs,
			RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
				bar := progress(c.ErrOrStderr(), "decisions")
				report, err := newBook(d).Rebuild(c.Context(), func(done, total int) {
					bar.ChangeMax(total)
					bar.Set(done)
				})
				bar.Finish()
				if err != nil {
					return err
				}
				if _, err := newRewardDays(d).Run(c.Context()); err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%d decisions were reckoned with, and %d rows added to the ledger, in %.1f s\n", report.Decisions, report.Rows, report.Took.Seconds())
				return err
			}),
		},
	)
	return c
}

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/directory"
	"fairlead/schema/rates"
)

func ratesCommand(open opener) *cobra.Command {
	c := &cobra.Command{
		Use:   "rates",
		Short: "What other currencies are worth in the program's",
		Long: "What other currencies are worth in the program's.\n\n" +
			"A sale in another currency counts by the rate of the latest day up to its own, at most seven days old. Without one it\n" +
			"is held, and counts within seconds once there is a rate. Rates are exact: no float is on the way.",
	}
	c.AddCommand(ratesImport(open), ratesSet(open), ratesList(open))
	return c
}

// rateJSON is a rate as --json prints it.
type rateJSON struct {
	Day      string    `json:"day"` // 2026-11-23, the first on which it holds
	Currency string    `json:"currency"`
	Rate     string    `json:"rate"` // what one main unit of Currency is worth in main units of Base
	Base     string    `json:"base"` // the program's currency
	NotedAt  time.Time `json:"noted_at,omitzero"`
	Actor    string    `json:"actor,omitempty"`
}

func rateOf(r rates.Rate) rateJSON {
	return rateJSON{Day: r.Day.Time().Format(time.DateOnly), Currency: r.Currency, Rate: r.Rate, Base: r.Base, NotedAt: r.NotedAt, Actor: r.Actor}
}

// ratesReport says what came of a file.
type ratesReport struct {
	Lines    int            `json:"lines"` // beside the header
	Added    int            `json:"added"`
	Already  int            `json:"already"` // said nothing new
	Rejected int            `json:"rejected"`
	Rejects  []rates.Reject `json:"rejects"`
}

func ratesImport(open opener) *cobra.Command {
	var a printer
	return a.flag(&cobra.Command{
		Use:   "import FILE",
		Short: "Read rates from a CSV file with the columns day, currency and rate, or from standard input for -",
		Long: "Reads a CSV file whose first line names the columns day (2026-11-23), currency (EUR) and rate (1.0853: what one EUR is worth\n" +
			"in the program's currency), in any order. Lines that cannot be read are rejected with their number and the reason, the others\n" +
			"are taken; the exit code is then 1. Reading a file again changes nothing.",
		Args: cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			p, err := d.Directory.Program(c.Context())
			if err != nil {
				return err
			}
			var file io.Reader = c.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				file = f
			}
			list, rejects, lines, err := rates.Read(file, p.Currency, programToday(p))
			if err != nil {
				return fmt.Errorf("read %s: %w", args[0], err)
			}
			added, err := rates.New(d.CH).Note(c.Context(), string(directory.CLI), p.Currency, list)
			if err != nil {
				return err
			}
			r := ratesReport{Lines: lines, Added: added, Already: lines - added - len(rejects), Rejected: len(rejects), Rejects: append([]rates.Reject{}, rejects...)}
			for _, j := range rejects {
				fmt.Fprintf(c.ErrOrStderr(), "%s:%d: %s\n", args[0], j.Line, j.Reason)
			}
			err = a.one(c, r, "%d lines: %d rates added, %d were there already, %d rejected", r.Lines, r.Added, r.Already, r.Rejected)
			if err == nil && r.Rejected > 0 {
				err = &exitError{exitFailed}
			}
			return err
		}),
	})
}

// programToday is the day that it is in the program.
func programToday(p schema.Program) schema.Day { return schema.DayOf(time.Now(), p.Location()) }

func ratesSet(open opener) *cobra.Command {
	var day string
	var a printer
	c := &cobra.Command{
		Use:   "set CURRENCY RATE",
		Short: "Give what one unit of a currency is worth in the program's, from a day on",
		Args:  cobra.ExactArgs(2),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			p, err := d.Directory.Program(c.Context())
			if err != nil {
				return err
			}
			if day == "" {
				day = programToday(p).Time().Format(time.DateOnly)
			}
			r, err := rates.Parse(day, args[0], args[1], p.Currency, programToday(p))
			if err != nil {
				return usageError{err}
			}
			if _, err := rates.New(d.CH).Note(c.Context(), string(directory.CLI), p.Currency, []rates.Rate{r}); err != nil {
				return err
			}
			out := rateOf(r)
			return a.one(c, out, "from %s on 1 %s is worth %s %s", out.Day, out.Currency, out.Rate, out.Base)
		}),
	}
	c.Flags().StringVar(&day, "day", "", "first day on which it holds: 2026-11-23 (default: today in the program's time zone)")
	return a.flag(c)
}

func ratesList(open opener) *cobra.Command {
	var currency string
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List the rates in force, by currency and day",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			p, err := d.Directory.Program(c.Context())
			if err != nil {
				return err
			}
			if currency = strings.ToUpper(currency); currency != "" && !schema.KnownCurrency(currency) {
				return usageError{fmt.Errorf("--currency %q is not the ISO 4217 code of a currency in use, such as EUR", currency)}
			}
			list, err := rates.New(d.CH).InForce(c.Context(), p.Currency, currency)
			if err != nil {
				return err
			}
			l := a.list(c, "CURRENCY", "DAY", "RATE", "IN", "NOTED", "BY")
			for _, r := range list {
				out := rateOf(r)
				if err := l.add(out, out.Currency, out.Day, out.Rate, out.Base, moment(out.NotedAt), out.Actor); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	c.Flags().StringVar(&currency, "currency", "", "only those of a currency: EUR")
	return a.flag(c)
}

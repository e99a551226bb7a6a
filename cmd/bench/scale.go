package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// scaleOptions are the flags of scale.
type scaleOptions struct {
	rows     uint64
	partners int
	days     int    // over which the clicks are spread
	times    int    // that each question of the pages is asked
	dir      string // in which the stores' folder is made; empty: the system's for what is temporary
	asJSON   bool
}

// The least that there is something to measure of.
const (
	fewestRows = 1000
	fewestDays = 14
)

// scaleReport is the outcome of scale, and its JSON.
type scaleReport struct {
	Machine    string      `json:"machine"`
	Processors int         `json:"processors"`
	Rows       uint64      `json:"rows"`
	Partners   int         `json:"partners"`
	Days       int         `json:"days"`
	Generate   float64     `json:"generate_s"`
	Rebuild    float64     `json:"rebuild_s"`
	Plain      []timed     `json:"plain"`
	PlainAll   float64     `json:"plain_s"` // the sum of Plain
	Minutes    []minute    `json:"minutes"`
	Overview   spread      `json:"overview_ms"`  // a partner's first page: twelve months, two times thirty days, the links of a year
	Breakdown  spread      `json:"breakdown_ms"` // a partner's twelve months by one dimension, in turn
	Audit      float64     `json:"audit_s"`
	Tables     []tableSize `json:"tables"`
	Memory     float64     `json:"engine_peak_mb"`
	Goals      []goal      `json:"goals"`
}

// timed is a question and how long ClickHouse took for it.
type timed struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// minute is what it took to take up the clicks of one new minute, with so many clicks before it.
type minute struct {
	Before  uint64  `json:"clicks_before"`
	Clicks  uint64  `json:"clicks"`
	Seconds float64 `json:"seconds"`
}

// tableSize is how much of a table stands on the disk.
type tableSize struct {
	Table string `json:"table" ch:"table"`
	Rows  uint64 `json:"rows" ch:"rows"`
	Bytes uint64 `json:"bytes" ch:"bytes"`
}

func (t tableSize) each() float64 { return float64(t.Bytes) / float64(t.Rows) }

func scaleCommand() *cobra.Command {
	var o scaleOptions
	c := &cobra.Command{
		Use:   "scale",
		Short: "Fill a ClickHouse with a year of clicks, and measure what the aggregator and the pages take for them",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := runScale(c.Context(), o, c.ErrOrStderr())
			if err != nil {
				return err
			}
			if o.asJSON {
				return writeJSON(c.OutOrStdout(), r)
			}
			r.print(c.OutOrStdout())
			return nil
		},
	}
	c.Flags().Uint64Var(&o.rows, "rows", 5_000_000, "clicks")
	c.Flags().IntVar(&o.partners, "partners", 2000, "partners, one in a hundred of whom has half of the clicks")
	c.Flags().IntVar(&o.days, "days", 365, "days over which the clicks are spread")
	c.Flags().IntVar(&o.times, "times", 100, "how often each question of the pages is asked, of as many partners")
	c.Flags().StringVar(&o.dir, "dir", "", "folder in which the stores' own is made, and removed afterwards (default: the system's temporary one)")
	c.Flags().BoolVar(&o.asJSON, "json", false, "print JSON")
	return c
}

// runScale measures. That a goal is missed is said, and no error; that figures are wrong is one.
func runScale(ctx context.Context, o scaleOptions, progress io.Writer) (_ *scaleReport, err error) {
	if o.rows < fewestRows || o.partners < 1 || o.days < fewestDays || o.times < 1 {
		return nil, fmt.Errorf("--rows has to be %d or more, --days %d, --partners and --times 1", fewestRows, fewestDays)
	}
	dir, err := os.MkdirTemp(o.dir, "fairlead-scale-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the stores: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	y, err := startYear(ctx, dir, o, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, y.stop()) }()
	r := &scaleReport{Machine: machine(), Processors: runtime.NumCPU(), Rows: o.rows, Partners: o.partners, Days: o.days}

	// The first measurement is at the end of a day, as the second is: the day counted anew is a whole one.
	for _, days := range []int{tenth(o.days), o.days} {
		if err := r.fillUpTo(ctx, y, days); err != nil {
			return nil, err
		}
	}
	if err := y.compare(ctx); err != nil {
		return nil, err
	}
	if err := r.ask(ctx, y, o.times); err != nil {
		return nil, err
	}
	r.judge()
	return r, nil
}

// fillUpTo generates the clicks up to the end of a day but for those of one minute, counts all anew, and then takes up
// that minute.
func (r *scaleReport) fillUpTo(ctx context.Context, y *year, days int) error {
	end := y.rowsUpTo(days)
	of := y.minuteAt(days)
	took, err := y.generate(ctx, end-of)
	if err != nil {
		return err
	}
	r.Generate += took.Seconds()
	if took, err = y.rebuild(ctx); err != nil {
		return err
	}
	r.Rebuild = took.Seconds()
	if took, err = y.takeUp(ctx, end); err != nil {
		return err
	}
	r.Minutes = append(r.Minutes, minute{Before: end - of, Clicks: of, Seconds: took.Seconds()})
	return nil
}

func (r *scaleReport) judge() {
	small, large := r.Minutes[0], r.Minutes[len(r.Minutes)-1]
	r.Goals = []goal{
		atMost("all figures counted anew, of plain GROUP BYs over the same rows", r.Rebuild/r.PlainAll, 3, "×"),
		atMost("one new minute taken up", large.Seconds, 1, "s"),
		// A day has 1.9 times the clicks by then.
		atMost("the same, of what it took at a tenth of the clicks", large.Seconds/small.Seconds, 2, "×"),
		atMost("a partner's twelve months at the store, median", r.Overview.Median, 5, "ms"),
		atMost("a partner's twelve months by a dimension, median", r.Breakdown.Median, 5, "ms"),
	}
}

func (r *scaleReport) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %d processors; %d clicks of %d days, %d partners, one minute of them %d clicks\n\n",
		r.Machine, r.Processors, r.Rows, r.Days, r.Partners, r.Minutes[len(r.Minutes)-1].Clicks)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	line := func(what string, v float64, unit string) { fmt.Fprintf(t, "%s\t%s %s\n", what, number(v), unit) }
	line("clicks generated and stored", r.Generate, "s")
	line("all figures counted anew", r.Rebuild, "s")
	for _, p := range r.Plain {
		line("plain GROUP BY: "+p.Name, p.Seconds, "s")
	}
	line("plain GROUP BYs together", r.PlainAll, "s")
	for _, m := range r.Minutes {
		line(fmt.Sprintf("a minute taken up after %d clicks", m.Before), m.Seconds*1e3, "ms")
	}
	line("a partner's twelve months: median", r.Overview.Median, "ms")
	line("a partner's twelve months: slowest", r.Overview.Max, "ms")
	line("by a dimension: median", r.Breakdown.Median, "ms")
	line("by a dimension: slowest", r.Breakdown.Max, "ms")
	line("audit of all sequences", r.Audit, "s")
	line("the engine's memory at its highest", r.Memory, "MB")
	fmt.Fprint(t, "\ntable\trows\tMB\tbytes a row\n")
	for _, s := range r.Tables {
		fmt.Fprintf(t, "%s\t%d\t%.1f\t%.1f\n", s.Table, s.Rows, float64(s.Bytes)/1e6, s.each())
	}
	t.Flush()
	fmt.Fprintln(w)
	printGoals(w, r.Goals)
}

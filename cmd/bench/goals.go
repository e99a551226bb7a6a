package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
)

// goal is something that the product has to reach.
type goal struct {
	Name     string  `json:"name"`
	Measured float64 `json:"measured"`
	Limit    float64 `json:"limit"`
	AtLeast  bool    `json:"at_least,omitempty"` // the limit is a lower one
	Unit     string  `json:"unit,omitempty"`
	Met      bool    `json:"met"`
}

func atMost(name string, measured, limit float64, unit string) goal {
	return goal{Name: name, Measured: measured, Limit: limit, Unit: unit, Met: measured <= limit}
}

func atLeast(name string, measured, limit float64, unit string) goal {
	return goal{Name: name, Measured: measured, Limit: limit, AtLeast: true, Unit: unit, Met: measured >= limit}
}

// goals of the edge under load.
func (r *edgeReport) goals() []goal {
	return []goal{
		atMost("a redirect's CPU, of nginx's with its access log on", r.ratio(paused, nginx, cpu), 1.00, "×"),
		atMost("a redirect's CPU, of bare fasthttp's", r.ratio(paused, bare, cpu), 1.10, "×"),
		atLeast("redirects a second, of bare fasthttp's", r.ratio(paused, bare, perSecond), 0.92, "×"),
		atMost("a redirect's p99, of bare fasthttp's", r.ratio(paused, bare, p99), 1.30, "×"),
		atMost("a click's CPU, both stores included", r.server(full).CPU.Median, 20, "µs"),
	}
}

// memoryGoals are those that the benchmarks of the packages tell. It is an error if one of them did not run.
func memoryGoals(list []benchmark) ([]goal, error) {
	var goals []goal
	var errs []error
	f := func(pkg, name, unit string, scale float64, judge func(v float64) goal) {
		v, err := figure(list, "fairlead/"+pkg, name, unit)
		if err != nil {
			errs = append(errs, err)
			return
		}
		goals = append(goals, judge(v*scale))
	}
	f("redirector", "Handler/plain", "ns/op", 1e-3, func(v float64) goal { return atMost("the handler, a million links, journal included", v, 1.5, "µs") })
	f("redirector", "Handler/plain", "allocs/op", 1, func(v float64) goal { return atMost("the handler's allocations", v, 0, "") })
	f("redirector/links", "Million/links=1000000", "s/load", 1, func(v float64) goal { return atMost("a million links from the snapshot", v, 1, "s") })
	f("redirector/links", "Million/links=1000000", "MB-heap", 1, func(v float64) goal { return atMost("a million links in memory", v, 150, "MB") })
	f("redirector/ship", "Drain/both", "clicks/s", 1, func(v float64) goal {
		return atLeast("clicks a second from a full journal into both stores", v, 200_000, "")
	})
	f("redirector", "Conversions/groups", "conversions/s", 1, func(v float64) goal {
		return atLeast("conversions a second, each synced before it is answered", v, 5_000, "")
	})
	return goals, errors.Join(errs...)
}

func printGoals(w io.Writer, goals []goal) {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "goal\tmeasured\tlimit\t")
	for _, g := range goals {
		sign, met := "≤", "met"
		if g.AtLeast {
			sign = "≥"
		}
		if !g.Met {
			met = "NOT MET"
		}
		fmt.Fprintf(t, "%s\t%s %s\t%s %s %s\t%s\n", g.Name, number(g.Measured), g.Unit, sign, number(g.Limit), g.Unit, met)
	}
	t.Flush()
}

// number writes large figures whole and small ones with what matters of them.
func number(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

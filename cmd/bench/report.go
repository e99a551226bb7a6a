package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// measured is what one load of one server came to.
type measured struct {
	PerSecond float64            `json:"requests_per_second"`
	P50       float64            `json:"p50_us"`
	P99       float64            `json:"p99_us"`
	CPU       float64            `json:"cpu_us"` // a request
	Parts     map[string]float64 `json:"cpu_us_by_process,omitempty"`
}

func measuredOf(a answered, cpu map[string]time.Duration) measured {
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / a.Requests }
	m := measured{PerSecond: a.perSecond(), P50: a.P50, P99: a.P99, CPU: each(total(cpu))}
	if _, ok := cpu[redisName]; ok { // a whole deployment
		m.Parts = map[string]float64{}
		for name, d := range cpu {
			m.Parts[name] = each(d)
		}
	}
	return m
}

// edgeReport is the outcome of a run, and its JSON.
type edgeReport struct {
	Machine     string         `json:"machine"`
	Processors  int            `json:"processors"`
	Given       int            `json:"processors_of_a_server"`
	Connections int            `json:"connections"`
	Links       int            `json:"links"`
	Rounds      int            `json:"rounds"`
	Seconds     float64        `json:"seconds_each"`
	Servers     []serverReport `json:"servers"`
	Clicks      uint64         `json:"clicks_stored_and_verified"`
	Goals       []goal         `json:"goals"`
}

// serverReport is what a server's rounds came to.
type serverReport struct {
	Name      string            `json:"name"`
	PerSecond spread            `json:"requests_per_second"`
	P50       spread            `json:"p50_us"`
	P99       spread            `json:"p99_us"`
	CPU       spread            `json:"cpu_us"`
	Parts     map[string]spread `json:"cpu_us_by_process,omitempty"`
	Rounds    []measured        `json:"rounds"`
}

func newReport(o edgeOptions, l load, targets []target) *edgeReport {
	r := &edgeReport{
		Machine: machine(), Processors: runtime.NumCPU(), Given: o.procs, Connections: l.connections,
		Links: o.links, Rounds: o.rounds, Seconds: o.duration.Seconds(),
	}
	for _, t := range targets {
		r.Servers = append(r.Servers, serverReport{Name: t.name})
	}
	return r
}

// machine names the processor.
func machine() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func (r *edgeReport) server(name string) *serverReport {
	i := slices.IndexFunc(r.Servers, func(s serverReport) bool { return s.Name == name })
	if i < 0 {
		panic("BUG: no server " + name)
	}
	return &r.Servers[i]
}

func (r *edgeReport) add(name string, m measured) {
	s := r.server(name)
	s.Rounds = append(s.Rounds, m)
}

func (s *serverReport) values(of func(measured) float64) []float64 {
	out := make([]float64, len(s.Rounds))
	for i, m := range s.Rounds {
		out[i] = of(m)
	}
	return out
}

func perSecond(m measured) float64 { return m.PerSecond }
func p50(m measured) float64       { return m.P50 }
func p99(m measured) float64       { return m.P99 }
func cpu(m measured) float64       { return m.CPU }

// sumUp is called after the last round.
func (r *edgeReport) sumUp() {
	for i := range r.Servers {
		s := &r.Servers[i]
		s.PerSecond, s.P50, s.P99, s.CPU = spreadOf(s.values(perSecond)), spreadOf(s.values(p50)), spreadOf(s.values(p99)), spreadOf(s.values(cpu))
		for name := range s.Rounds[0].Parts {
			if s.Parts == nil {
				s.Parts = map[string]spread{}
			}
			s.Parts[name] = spreadOf(s.values(func(m measured) float64 { return m.Parts[name] }))
		}
	}
	r.Goals = r.goals()
}

// ratio is the median over the rounds of one server's figure divided by another's of the same round.
func (r *edgeReport) ratio(name, by string, of func(measured) float64) float64 {
	return median(ratios(r.server(name).values(of), r.server(by).values(of)))
}

func (r *edgeReport) print(w io.Writer) {
	r.printTable(w)
	printGoals(w, r.Goals)
}

func (r *edgeReport) printTable(w io.Writer) {
	fmt.Fprintf(w, "%s, %d processors, %d for a server; %d connections, %d links; medians of %d rounds of %.0f s (least – most)\n\n",
		r.Machine, r.Processors, r.Given, r.Connections, r.Links, r.Rounds, r.Seconds)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "server\trequests/s\tp50 µs\tp99 µs\tCPU µs/request")
	for _, s := range r.Servers {
		fmt.Fprintf(t, "%s\t%.0f (%.0f – %.0f)\t%.0f\t%.0f (%.0f – %.0f)\t%.2f (%.2f – %.2f)\n", s.Name,
			s.PerSecond.Median, s.PerSecond.Min, s.PerSecond.Max, s.P50.Median, s.P99.Median, s.P99.Min, s.P99.Max, s.CPU.Median, s.CPU.Min, s.CPU.Max)
		for _, name := range slices.Sorted(maps.Keys(s.Parts)) {
			p := s.Parts[name]
			fmt.Fprintf(t, "  %s\t\t\t\t%.2f (%.2f – %.2f)\n", partName(name), p.Median, p.Min, p.Max)
		}
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "ratio\trequests/s\tp50\tp99\tCPU")
	for _, by := range []string{nginx, bare} {
		for _, s := range r.Servers {
			if s.Name != by {
				fmt.Fprintf(t, "%s / %s\t%.2f\t%.2f\t%.2f\t%.2f\n", s.Name, by,
					r.ratio(s.Name, by, perSecond), r.ratio(s.Name, by, p50), r.ratio(s.Name, by, p99), r.ratio(s.Name, by, cpu))
			}
		}
	}
	t.Flush()
	fmt.Fprintf(w, "\n%d clicks were answered, and all stand in ClickHouse; fairlead verify agrees\n\n", r.Clicks)
}

// redisName is Redis's process.
const redisName = "redis-server"

// partName is what a process of a deployment is for.
func partName(name string) string {
	switch name {
	case "":
		return "redirector, aggregator, dashboard"
	case redisName:
		return "Redis"
	}
	return "ClickHouse"
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

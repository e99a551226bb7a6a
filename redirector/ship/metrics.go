package ship

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"fairlead/redirector/journal"
)

// sinkMetrics are the figures of one sink, all labelled with its name.
type sinkMetrics struct {
	set      *metrics.Set
	batches  *metrics.Counter
	rows     *metrics.Counter
	unsure   *metrics.Counter
	failures *metrics.Counter
	lag      atomic.Uint64 // records
	caughtUp atomic.Int64  // ms: everything answered before has been shipped
	holding  atomic.Bool
}

func newSinkMetrics(set *metrics.Set, sink string, now func() time.Time) *sinkMetrics {
	if set == nil {
		set = metrics.NewSet()
	}
	counter := func(name string) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("fairlead_ship_%s_total{sink=%q}", name, sink))
	}
	m := &sinkMetrics{
		set:      set,
		batches:  counter("batches"),
		rows:     counter("rows"),
		unsure:   counter("unsure"),
		failures: counter("failures"),
	}
	gauge := func(name string, f func() float64) {
		name = fmt.Sprintf("fairlead_ship_%s{sink=%q}", name, sink)
		set.UnregisterMetric(name) // of an earlier sink over the same set
		set.GetOrCreateGauge(name, f)
	}
	m.caughtUp.Store(now().UnixMilli())
	gauge("lag_records", func() float64 { return float64(m.lag.Load()) })
	gauge("lag_seconds", func() float64 { return m.lagTime(now()).Seconds() })
	gauge("holding", func() float64 {
		if m.holding.Load() {
			return 1
		}
		return 0
	})
	return m
}

// lagTime is how old the oldest record is that the sink has not got; 0: it has all.
func (m *sinkMetrics) lagTime(now time.Time) time.Duration {
	if m.lag.Load() == 0 {
		return 0
	}
	return max(0, now.Sub(time.UnixMilli(m.caughtUp.Load())))
}

// gap counts what could not be shipped, by its reason, which comes from a closed set.
func (m *sinkMetrics) gap(g journal.Gap) {
	m.set.GetOrCreateCounter(fmt.Sprintf("fairlead_ship_gap_records_total{reason=%q}", g.Reason)).AddInt64(int64(g.To - g.From + 1))
}

// Lag is how far a sink is behind its source.
type Lag struct {
	Records uint64
	Time    time.Duration
	Holding bool // the sink waits for something else than new records
}

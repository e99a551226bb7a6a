package ship

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// sinkMetrics are the figures of one sink, all labelled with its name.
type sinkMetrics struct {
	set      *metrics.Set
	batches  *metrics.Counter
	rows     *metrics.Counter
	unsure   *metrics.Counter
	failures *metrics.Counter
	holding  atomic.Bool

	appended func() uint64 // the source's
	at       atomic.Uint64 // the seq up to which the sink has everything
	oldest   atomic.Int64  // ms; the time of the first record that is at hand and not confirmed; 0: none is
	caughtUp atomic.Int64  // ms; the sink has what was made before
	waits    atomic.Bool   // it has everything that it was shown
}

func newSinkMetrics(set *metrics.Set, sink string, source Source, now func() time.Time) *sinkMetrics {
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
		appended: source.Appended,
	}
	gauge := func(name string, f func() float64) {
		name = fmt.Sprintf("fairlead_ship_%s{sink=%q}", name, sink)
		set.UnregisterMetric(name) // of an earlier sink over the same set
		set.GetOrCreateGauge(name, f)
	}
	m.caughtUp.Store(now().UnixMilli())
	gauge("lag_records", func() float64 { return float64(m.lag()) })
	gauge("lag_seconds", func() float64 { return m.lagTime(now()).Seconds() })
	gauge("holding", func() float64 {
		if m.holding.Load() {
			return 1
		}
		return 0
	})
	return m
}

// lag is how many records the sink has not got, as of now: a store that hangs does not make it stand still.
func (m *sinkMetrics) lag() uint64 {
	at := m.at.Load()
	return max(m.appended(), at) - at
}

// lagTime is how old the oldest record is that the sink has not got; 0: it has all that is on disk. While no record can be
// read, it is the age of the last one that it has got, or the time since it had all.
func (m *sinkMetrics) lagTime(now time.Time) time.Duration {
	since := m.oldest.Load()
	switch {
	case m.lag() == 0 || since == 0 && m.waits.Load():
		return 0
	case since == 0:
		since = m.caughtUp.Load()
	}
	return max(0, now.Sub(time.UnixMilli(since)))
}

// stands notes where the sink is, and since when the first record waits that it has at hand; zero: it has none.
func (m *sinkMetrics) stands(at uint64, oldest time.Time) {
	m.at.Store(at)
	if oldest.IsZero() {
		m.oldest.Store(0)
		return
	}
	m.oldest.Store(oldest.UnixMilli())
	m.waits.Store(false)
}

// reached notes up to which moment the sink has everything.
func (m *sinkMetrics) reached(t time.Time) { m.caughtUp.Store(t.UnixMilli()) }

// rests notes that the sink waits for records.
func (m *sinkMetrics) rests(now time.Time) {
	m.reached(now)
	m.waits.Store(true)
}

// failed notes that the sink could not go on.
func (m *sinkMetrics) failed() {
	m.failures.Inc()
	m.waits.Store(false)
}

// gaps counts in the metric of a name what could not be shipped, by its reason, which comes from a closed set.
func (m *sinkMetrics) gaps(name, reason string) *metrics.Counter {
	return m.set.GetOrCreateCounter(fmt.Sprintf("%s{reason=%q}", name, reason))
}

// Lag is how far a sink is behind its source.
type Lag struct {
	Records uint64
	Time    time.Duration
	Holding bool // the sink waits for something else than new records
}

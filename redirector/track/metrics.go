package track

import (
	"errors"
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"fairlead/schema"
)

// The outcomes of a report: a closed set.
const (
	outcomeRecorded = "recorded"
	outcomeRepeat   = "repeat"   // recorded, and known from before
	outcomeConflict = "conflict" // recorded, and contradicts what is known
	outcomeRefused  = "refused"  // the caller's fault
	outcomeFailed   = "failed"   // ours
)

// counters count reports. The sets of their labels are closed, so that they stay few.
type counters struct {
	set  *metrics.Set
	time *metrics.PrometheusHistogram
}

// seconds are the bounds of the times that reports take: a disk syncs in a few milliseconds, and a sender waits for
// patience at most.
var seconds = []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}

func newCounters(set *metrics.Set) *counters {
	if set == nil {
		set = metrics.NewSet()
	}
	return &counters{set, set.GetOrCreatePrometheusHistogramExt("fairlead_conversion_seconds", seconds)}
}

func (n *counters) took(c *schema.Conversion, r Receipt, err error, d time.Duration) {
	n.add(c.Kind, c.Source, outcomeOf(r, err))
	if err == nil {
		n.time.Update(d.Seconds())
	}
}

func (n *counters) add(kind schema.ConversionKind, source schema.ConversionSource, outcome string) {
	n.set.GetOrCreateCounter(fmt.Sprintf("fairlead_conversions_total{kind=%q,source=%q,outcome=%q}", kind, source, outcome)).Inc()
}

// told counts an error that was answered, whoever's fault it is.
func (n *counters) told(c Code) {
	n.set.GetOrCreateCounter(fmt.Sprintf("fairlead_report_errors_total{code=%q}", c)).Inc()
}

func outcomeOf(r Receipt, err error) string {
	var refused *Error
	switch {
	case errors.As(err, &refused):
		return outcomeRefused
	case err != nil:
		return outcomeFailed
	case r.Conflict:
		return outcomeConflict
	case r.Repeat:
		return outcomeRepeat
	}
	return outcomeRecorded
}

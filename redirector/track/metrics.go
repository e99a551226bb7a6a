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
type counters struct{ set *metrics.Set }

func newCounters(set *metrics.Set) *counters {
	if set == nil {
		set = metrics.NewSet()
	}
	return &counters{set}
}

func (n *counters) took(c *schema.Conversion, r Receipt, err error, d time.Duration) {
	n.add(c.Kind, c.Source, outcomeOf(r, err))
	if err == nil {
		n.set.GetOrCreateHistogram("fairlead_conversion_seconds").Update(d.Seconds())
	}
}

func (n *counters) add(kind schema.ConversionKind, source schema.ConversionSource, outcome string) {
	n.set.GetOrCreateCounter(fmt.Sprintf("fairlead_conversions_total{kind=%q,source=%q,outcome=%q}", kind, source, outcome)).Inc()
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

package rollup

import (
	"iter"
	"maps"
	"slices"
	"time"

	"fairlead/aggregator/shipped"
	"fairlead/schema"
)

// daysByMonth yields the program-days that the shipments touch, by month, both in order. A quarter-hour
// lies within one day in every zone.
func daysByMonth(found []shipped.Shipment, zone *time.Location) iter.Seq2[schema.Month, []schema.Day] {
	days := map[schema.Day]bool{}
	quarters := map[int64]bool{}
	for _, s := range found {
		for _, q := range s.Quarters {
			if !quarters[q.Unix()] {
				quarters[q.Unix()] = true
				days[schema.DayOf(q, zone)] = true
			}
		}
	}
	months := map[schema.Month][]schema.Day{}
	for _, d := range slices.Sorted(maps.Keys(days)) {
		months[d.Month()] = append(months[d.Month()], d)
	}
	return func(yield func(schema.Month, []schema.Day) bool) {
		for _, m := range slices.Sorted(maps.Keys(months)) {
			if !yield(m, months[m]) {
				return
			}
		}
	}
}

package rollup

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"fairlead/aggregator/shipped"
	"fairlead/aggregator/staging"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

//go:embed queries/known_months.sql
var knownMonthsSQL string

// rebuild counts every month anew, each whole, and writes anew which shipments the figures contain:
// those that stood in shipments before the counting began.
func (r *run) rebuild(progress func(done, total int)) error {
	log, nodes := r.staging.Name("rollup_log"), r.staging.Name("rollup_nodes")
	values := map[string]string{"token": strconv.FormatUint(r.lock.Token(), 10), "fact": fact, "log": log.Name}
	if err := r.staging.Create(log); err != nil {
		return err
	}
	if err := r.staging.Fill(log, "all shipments", shipped.StagedLogSQL, values); err != nil {
		return err
	}
	if err := r.staging.Create(nodes); err != nil {
		return err
	}
	if err := r.staging.Fill(nodes, "bounds of all nodes", shipped.StagedBoundsSQL, values); err != nil {
		return err
	}
	months, err := r.monthsToRebuild()
	if err != nil {
		return err
	}
	for i, m := range months {
		if err := r.countMonth(m, m.Days(), true); err != nil {
			return err
		}
		if progress != nil {
			progress(i+1, len(months))
		}
	}
	for _, s := range []staging.Table{log, nodes} {
		if err := r.staging.Swap(s, "tuple()"); err != nil {
			return err
		}
		if err := r.staging.Drop(s.Name); err != nil {
			return err
		}
	}
	r.report.Generation = r.lock.Token()
	return nil
}

// monthsToRebuild returns the program-months in which hits may lie, and those whose figures have no hits
// behind them any more. A month of which shipments knows hits, but clicks has none, keeps its figures:
// its facts were sealed, or lost, which verify tells.
func (r *run) monthsToRebuild() ([]schema.Month, error) {
	var known []struct {
		Month   uint32 `ch:"month"`
		Facts   bool   `ch:"facts"`
		Shipped bool   `ch:"shipped"`
		Figures bool   `ch:"figures"`
	}
	if err := r.ClickHouse.Select(clickhouse.Named(r.ctx, "rollup: known months", nil), &known, knownMonthsSQL); err != nil {
		return nil, fmt.Errorf("look for the months with hits: %w", err)
	}
	again, kept := map[schema.Month]bool{}, map[schema.Month]bool{}
	for _, k := range known {
		m := schema.Month(k.Month)
		for _, in := range []schema.Month{r.monthAt(m, 0), r.monthAt(m.Add(1), -time.Second)} {
			switch {
			case k.Facts:
				again[in] = true
			case k.Shipped:
				kept[in] = true
			}
		}
	}
	for _, k := range known {
		if k.Figures {
			again[schema.Month(k.Month)] = true
		}
	}
	maps.DeleteFunc(again, func(m schema.Month, _ bool) bool { return kept[m] })
	return slices.Sorted(maps.Keys(again)), nil
}

// monthAt returns the program-month at an instant given as an offset from the start of a UTC month.
func (r *run) monthAt(m schema.Month, offset time.Duration) schema.Month {
	return schema.MonthOf(m.FirstDay().Time().Add(offset), r.zone)
}

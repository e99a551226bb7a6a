package rollup

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"fairlead/aggregator/staging"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/breakdown_days.sql
	breakdownDaysSQL string
	//go:embed queries/breakdown_months.sql
	breakdownMonthsSQL string
	//go:embed queries/breakdown_partitions.sql
	breakdownPartitionsSQL string
)

// breakdownPartitions are the days and months that have rows.
type breakdownPartitions struct {
	days   map[schema.Day]bool
	months map[schema.Month]bool
}

func (r *run) breakdownPartitions(days, months string) (breakdownPartitions, error) {
	var all []struct {
		Day   uint32 `ch:"day"`
		Month uint32 `ch:"month"`
	}
	ctx := clickhouse.Named(r.ctx, "rollup: days and months of breakdowns", map[string]string{"days": days, "months": months})
	if err := r.ClickHouse.Select(ctx, &all, breakdownPartitionsSQL); err != nil {
		return breakdownPartitions{}, fmt.Errorf("look for the days and months of the breakdowns: %w", err)
	}
	p := breakdownPartitions{map[schema.Day]bool{}, map[schema.Month]bool{}}
	for _, a := range all {
		if a.Month != 0 {
			p.months[schema.Month(a.Month)] = true
		} else {
			p.days[schema.Day(a.Day)] = true
		}
	}
	return p, nil
}

// swapBreakdownDays swaps the days in one by one: a month has as many rows as clicks, and copying those of the other days
// would cost every run more than counting.
func (r *run) swapBreakdownDays(counted staging.Table, days []schema.Day) error {
	now, err := r.breakdownPartitions(counted.Name, "breakdown_months")
	if err != nil {
		return err
	}
	before, err := r.breakdownPartitions(counted.Of, "breakdown_months")
	if err != nil {
		return err
	}
	for _, day := range days {
		partition := clickhouse.Quote(date(day))
		switch {
		case now.days[day]:
			err = r.staging.Replace(counted, partition)
		case before.days[day]:
			err = r.staging.Clear(counted.Of, partition)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sumBreakdowns sums up the month whose days were counted, and those that are no longer the newest. The newest month has
// no sums: every run would have to make them anew from as many rows as there are clicks in the month.
func (r *run) sumBreakdowns(counted schema.Month) error {
	all, err := r.breakdownPartitions("breakdown_days", "breakdown_months")
	if err != nil {
		return err
	}
	withDays := map[schema.Month]bool{}
	var newest schema.Month
	for day := range all.days {
		withDays[day.Month()] = true
		newest = max(newest, day.Month())
	}
	for _, m := range slices.Sorted(maps.Keys(withDays)) {
		if m < newest && (m == counted || !all.months[m]) {
			if err := r.sumBreakdownMonth(m); err != nil {
				return err
			}
		}
	}
	for _, m := range slices.Sorted(maps.Keys(all.months)) {
		if m == newest || !withDays[m] {
			if err := r.staging.Clear("breakdown_months", strconv.FormatUint(uint64(m), 10)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) sumBreakdownMonth(m schema.Month) error {
	sums := r.staging.Name("breakdown_months")
	if err := r.staging.Create(sums); err != nil {
		return err
	}
	days := m.Days()
	values := map[string]string{
		"token": strconv.FormatUint(r.lock.Token(), 10),
		"first": date(days[0]),
		"last":  date(days[len(days)-1]),
		"most":  strconv.Itoa(schema.BreakdownValues),
	}
	if err := r.staging.Fill(sums, "breakdowns of a month", breakdownMonthsSQL, values); err != nil {
		return err
	}
	if err := r.staging.Swap(sums, strconv.FormatUint(uint64(m), 10)); err != nil {
		return err
	}
	return r.staging.Drop(sums.Name)
}

package attribute

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/touched_quarters.sql
	touchedQuartersSQL string
	//go:embed queries/sale_days.sql
	saleDaysSQL string
	//go:embed queries/known_months.sql
	knownMonthsSQL string
)

// sum sums the program-days anew on which decisions changed since the last run that finished, those of a run that was
// cut short among them; every month where the program's time zone has changed.
func (r *run) sum() error {
	moved, err := r.zoneMoved()
	if err != nil {
		return err
	}
	if moved {
		r.Logger.Info("the program's time zone has changed: summing every month of sales anew", "zone", r.zone.String())
		return r.sumAll(nil)
	}
	rows, err := r.ClickHouse.Query(r.named("days that are touched", map[string]string{"done": strconv.FormatUint(r.state.Token, 10)}), touchedQuartersSQL)
	days := map[schema.Day]bool{}
	if err == nil {
		err = eachName(rows, func(second uint64) { days[schema.DayOf(time.Unix(int64(second), 0), r.zone)] = true })
	}
	if err != nil {
		return fmt.Errorf("look for the days that are touched: %w", err)
	}
	months := map[schema.Month][]schema.Day{}
	for _, d := range slices.Sorted(maps.Keys(days)) {
		months[d.Month()] = append(months[d.Month()], d)
	}
	for _, m := range slices.Sorted(maps.Keys(months)) {
		if err := r.sumMonth(m, months[m], false); err != nil {
			return err
		}
	}
	return nil
}

// sumAll sums every month anew, each whole.
func (r *run) sumAll(progress func(done, total int)) error {
	months, err := r.months()
	if err != nil {
		return err
	}
	for i, m := range months {
		if err := r.sumMonth(m, m.Days(), true); err != nil {
			return err
		}
		if progress != nil {
			progress(i+1, len(months))
		}
	}
	return nil
}

// months returns the program-months in which decisions may lie, and those that have figures.
func (r *run) months() ([]schema.Month, error) {
	var known []struct {
		Month     uint32 `ch:"month"`
		Decisions bool   `ch:"decisions"`
		Figures   bool   `ch:"figures"`
	}
	if err := r.ClickHouse.Select(r.named("known months", nil), &known, knownMonthsSQL); err != nil {
		return nil, fmt.Errorf("look for the months with decisions: %w", err)
	}
	months := map[schema.Month]bool{}
	for _, k := range known {
		m := schema.Month(k.Month)
		if k.Decisions { // a month of UTC
			months[schema.MonthOf(m.FirstDay().Time(), r.zone)] = true
			months[schema.MonthOf(m.Add(1).FirstDay().Time().Add(-time.Second), r.zone)] = true
		}
		if k.Figures {
			months[m] = true
		}
	}
	return slices.Sorted(maps.Keys(months)), nil
}

// zoneMoved reports whether figures stand that were cut in another zone than the program's.
func (r *run) zoneMoved() (bool, error) {
	var n uint64
	ctx := r.named("zones of the months", map[string]string{"zone": r.zone.String()})
	if err := r.ClickHouse.QueryRow(ctx, "SELECT count() FROM fairlead.sale_months FINAL WHERE zone != {zone:String}").Scan(&n); err != nil {
		return false, fmt.Errorf("read the months of the sales: %w", err)
	}
	return n > 0, nil
}

// sumMonth sums days of a month from the decisions and swaps the month in. The month's other days keep their figures;
// with whole there are no others.
func (r *run) sumMonth(month schema.Month, days []schema.Day, whole bool) error {
	stage := r.staging.Name("sale_days")
	if err := r.staging.Create(stage); err != nil {
		return err
	}
	values := map[string]string{
		"token":   strconv.FormatUint(r.lock.Token(), 10),
		"month":   strconv.FormatUint(uint64(month), 10),
		"touched": dates(days),
		"keep":    strconv.FormatBool(!whole),
	}
	for _, some := range schema.Weeks(days) {
		starts := make([]string, len(some))
		for i, d := range some {
			starts[i] = clickhouse.Quote(clickhouse.Instant(d.Period(r.zone).From))
		}
		values["days"], values["starts"] = dates(some), "["+strings.Join(starts, ",")+"]"
		values["from"] = clickhouse.Instant(some[0].Period(r.zone).From)
		values["to"] = clickhouse.Instant(some[len(some)-1].Period(r.zone).To)
		if err := r.staging.Fill(stage, "days of sales", saleDaysSQL, values); err != nil {
			return fmt.Errorf("days %d to %d: %w", some[0], some[len(some)-1], err)
		}
		values["keep"] = "false" // the days that stay came with the first
	}
	if err := r.staging.Swap(stage, strconv.FormatUint(uint64(month), 10)); err != nil {
		return err
	}
	err := r.ClickHouse.Exec(r.named("month done", nil), "INSERT INTO fairlead.sale_months (month, zone, token) VALUES (?, ?, ?)",
		uint32(month), r.zone.String(), r.lock.Token())
	if err != nil {
		return fmt.Errorf("record month %d as done: %w", month, err)
	}
	if err := r.after("month"); err != nil {
		return err
	}
	r.report.Days += len(days)
	r.report.Months = append(r.report.Months, month)
	return r.staging.Drop(stage.Name)
}

func dates(days []schema.Day) string {
	out := make([]string, len(days))
	for i, d := range days {
		out[i] = clickhouse.Quote(d.Time().Format(time.DateOnly))
	}
	return "[" + strings.Join(out, ",") + "]"
}

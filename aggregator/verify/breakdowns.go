package verify

import (
	_ "embed"
	"fmt"
	"maps"
	"strconv"
	"time"

	"fairlead/schema"
)

var (
	//go:embed queries/breakdown_days.sql
	breakdownDaysSQL string
	//go:embed queries/breakdown_months.sql
	breakdownMonthsSQL string
)

// What of a Difference and an Open, of breakdowns.
const (
	BreakdownDays   = "breakdown_days"
	BreakdownMonths = "breakdown_months"
)

// breakdown is a row of breakdowns that differs.
type breakdown struct {
	Partner   uint32    `ch:"partner_id"`
	Day       time.Time `ch:"day"`
	Dimension string    `ch:"dimension"`
	Rest      bool      `ch:"rest"`
	Value     string    `ch:"value"`
	Stored    []uint64  `ch:"stored"`
	Counted   []uint64  `ch:"counted"`
	Open      bool      `ch:"open"`
}

func (b breakdown) key() string {
	if b.Rest {
		return fmt.Sprintf("partner %d, rest of %s", b.Partner, b.Dimension)
	}
	return fmt.Sprintf("partner %d, %s %q", b.Partner, b.Dimension, b.Value)
}

// breakdownDays compares the breakdowns of program-days; values are those of the other questions about them.
func (r *run) breakdownDays(values map[string]string) ([]doubt, error) {
	values = maps.Clone(values)
	values["most"] = strconv.Itoa(schema.BreakdownValues)
	var found []breakdown
	if err := r.ClickHouse.Select(r.named("breakdowns of days", values), &found, breakdownDaysSQL); err != nil {
		return nil, fmt.Errorf("count the breakdowns from %s to %s: %w", values["from"], values["to"], err)
	}
	var doubts []doubt
	for _, b := range found {
		day := schema.DayOf(b.Day, time.UTC)
		doubts = append(doubts, doubt{
			what: BreakdownDays, key: fmt.Sprintf("%s on %d", b.key(), day), day: day,
			want: figures(b.Counted), got: figures(b.Stored), open: b.Open,
		})
	}
	return doubts, nil
}

// breakdownSums compares the breakdowns of a month with the sums of its days.
func (r *run) breakdownSums(month schema.Month) ([]doubt, error) {
	var found []breakdown
	ctx := r.named("breakdowns of a month", map[string]string{
		"month": strconv.FormatUint(uint64(month), 10),
		"most":  strconv.Itoa(schema.BreakdownValues),
	})
	if err := r.ClickHouse.Select(ctx, &found, breakdownMonthsSQL); err != nil {
		return nil, fmt.Errorf("sum up the breakdowns of month %d: %w", month, err)
	}
	var doubts []doubt
	for _, b := range found {
		doubts = append(doubts, doubt{
			what: BreakdownMonths, key: fmt.Sprintf("%s in %d", b.key(), month), want: figures(b.Counted), got: figures(b.Stored),
		})
	}
	return doubts, nil
}

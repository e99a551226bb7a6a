package verify

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/sale_days.sql
	saleDaysSQL string
	//go:embed queries/sale_months.sql
	saleMonthsSQL string
)

// saleNames are the figures of sales in the order of the question's arrays. Amounts are in minor units.
var saleNames = [...]string{"referred", "leads", "sales", "gross", "refunds", "refunded", "held", "review"}

// saleMonths returns the program-months in which decisions or figures of sales may lie.
func (r *run) saleMonths() ([]schema.Month, error) {
	var known []struct {
		Month     uint32 `ch:"month"`
		Decisions bool   `ch:"decisions"`
		Figures   bool   `ch:"figures"`
	}
	if err := r.ClickHouse.Select(r.named("months of sales", nil), &known, saleMonthsSQL); err != nil {
		return nil, fmt.Errorf("look for the months with sales: %w", err)
	}
	found := map[schema.Month]bool{}
	for _, k := range known {
		r.programMonths(found, schema.Month(k.Month), k.Decisions, k.Figures)
	}
	return r.inScope(found), nil
}

// sales compares the figures of sales with the decisions that stand, month by month. What differs is looked at again
// after what is new was attributed and summed once more.
func (r *run) sales(all []schema.Month) error {
	for _, m := range all {
		r.next(fmt.Sprintf("sales of %d", m))
		if err := r.saleMonth(m); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) saleMonth(month schema.Month) error {
	var before []doubt
	for attempt := 1; ; attempt++ {
		doubts, err := r.saleDoubts(month)
		if err != nil || len(doubts) == 0 {
			return err
		}
		if attempt == attempts {
			r.judge(before, doubts)
			return nil
		}
		before = doubts
		r.wait()
		r.attribute()
	}
}

// saleDoubts counts a month of sales from the decisions. A row into which a decision of a run goes that has not finished
// is open.
func (r *run) saleDoubts(month schema.Month) ([]doubt, error) {
	var summed uint64
	if err := r.ClickHouse.QueryRow(r.named("last run of attribution", nil), "SELECT max(token) FROM fairlead.attribution_state").Scan(&summed); err != nil {
		return nil, fmt.Errorf("ask for the last run of attribution: %w", err)
	}
	days := month.Days()
	dates, starts := make([]string, len(days)), make([]string, len(days))
	for i, d := range days {
		dates[i] = clickhouse.Quote(d.Time().Format(time.DateOnly))
		starts[i] = clickhouse.Quote(clickhouse.Instant(d.Period(r.zone).From))
	}
	var found []struct {
		Partner  uint32    `ch:"partner_id"`
		Link     uint32    `ch:"link_id"`
		Day      time.Time `ch:"day"`
		Currency string    `ch:"currency"`
		Stored   []int64   `ch:"stored"`
		Counted  []int64   `ch:"counted"`
		Unsummed bool      `ch:"unsummed"`
	}
	ctx := r.named("days of sales", map[string]string{
		"month":  strconv.FormatUint(uint64(month), 10),
		"days":   "[" + strings.Join(dates, ",") + "]",
		"starts": "[" + strings.Join(starts, ",") + "]",
		"from":   clickhouse.Instant(days[0].Period(r.zone).From),
		"to":     clickhouse.Instant(days[len(days)-1].Period(r.zone).To),
		"summed": strconv.FormatUint(summed, 10),
	})
	if err := r.ClickHouse.Select(ctx, &found, saleDaysSQL); err != nil {
		return nil, fmt.Errorf("count the sales of %d: %w", month, err)
	}
	// A decision that moved from one row to another shows its run in the other only: the whole day is open.
	var unsummed []schema.Day
	for _, f := range found {
		if f.Unsummed {
			unsummed = append(unsummed, schema.DayOf(f.Day, time.UTC))
		}
	}
	var doubts []doubt
	for _, f := range found {
		day := schema.DayOf(f.Day, time.UTC)
		doubts = append(doubts, doubt{
			what: SaleDays, key: fmt.Sprintf("partner %d, link %d on %d, %s", f.Partner, f.Link, day, f.Currency), day: day,
			want: saleFigures(f.Counted), got: saleFigures(f.Stored), open: slices.Contains(unsummed, day),
		})
	}
	return doubts, nil
}

// saleFigures writes the figures that are not 0: "2 sales, 9800 gross".
func saleFigures(f []int64) string {
	var parts []string
	for i, n := range f {
		if n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, saleNames[i]))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

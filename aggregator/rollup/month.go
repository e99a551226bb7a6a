package rollup

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fairlead/aggregator/staging"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/link_days.sql
	linkDaysSQL string
	//go:embed queries/partner_days.sql
	partnerDaysSQL string
	//go:embed queries/partner_months.sql
	partnerMonthsSQL string
)

// countMonth counts days of a month from the facts and swaps the month in, table by table. The
// month's other days keep their figures; with whole there are no others.
func (r *run) countMonth(month schema.Month, days []schema.Day, whole bool) error {
	links, partners, months := r.staging.Name("link_days"), r.staging.Name("partner_days"), r.staging.Name("partner_months")
	breakdowns := r.staging.Name("breakdown_days")
	for _, s := range []staging.Table{links, partners, months, breakdowns} {
		if err := r.staging.Create(s); err != nil {
			return err
		}
	}
	values := map[string]string{
		"token":   strconv.FormatUint(r.lock.Token(), 10),
		"month":   strconv.FormatUint(uint64(month), 10),
		"first":   date(month.FirstDay()),
		"touched": dates(days),
		"keep":    strconv.FormatBool(!whole),
		"counted": partners.Name,
		"most":    strconv.Itoa(schema.BreakdownValues),
	}
	for _, d := range schema.Weeks(days) {
		if err := r.countDays(links, partners, breakdowns, d, values); err != nil {
			return err
		}
		values["keep"] = "false" // the days that stay came with the first
	}
	if err := r.staging.Fill(months, "month", partnerMonthsSQL, values); err != nil {
		return err
	}
	partition := strconv.FormatUint(uint64(month), 10)
	for _, swap := range []struct {
		staging.Table
		partition string
	}{{links, partition}, {partners, partition}, {months, "tuple()"}} {
		if err := r.staging.Swap(swap.Table, swap.partition); err != nil {
			return err
		}
	}
	if err := r.swapBreakdownDays(breakdowns, days); err != nil {
		return err
	}
	if err := r.sumBreakdowns(month); err != nil {
		return err
	}
	if err := r.noteMonth(month); err != nil {
		return err
	}
	for _, s := range []staging.Table{links, partners, months, breakdowns} {
		if err := r.staging.Drop(s.Name); err != nil {
			return err
		}
	}
	r.report.Days += len(days)
	r.report.Months = append(r.report.Months, month)
	r.report.Generation = r.lock.Token()
	return nil
}

// countDays counts days that follow each other from the facts. The bounds on clicked_at prune by month and
// UTC day; where each program-day begins is told, so that its cut is that of the live counters.
func (r *run) countDays(links, partners, breakdowns staging.Table, days []schema.Day, values map[string]string) error {
	starts := make([]string, len(days))
	for i, d := range days {
		starts[i] = clickhouse.Instant(d.Period(r.zone).From)
	}
	values["days"], values["starts"] = dates(days), list(starts)
	values["from"], values["to"] = starts[0], clickhouse.Instant(days[len(days)-1].Period(r.zone).To)
	if err := r.staging.Fill(links, "days of links", linkDaysSQL, values); err != nil {
		return fmt.Errorf("days %d to %d: %w", days[0], days[len(days)-1], err)
	}
	if err := r.staging.Fill(partners, "days of partners", partnerDaysSQL, values); err != nil {
		return fmt.Errorf("days %d to %d: %w", days[0], days[len(days)-1], err)
	}
	if err := r.staging.Fill(breakdowns, "breakdowns of days", breakdownDaysSQL, values); err != nil {
		return fmt.Errorf("days %d to %d: %w", days[0], days[len(days)-1], err)
	}
	return r.after("count")
}

// stagePrefix begins the name of every staging table. Nothing else in the database begins with it.
const stagePrefix = "stage_"

// shapes are the tables that are counted beside themselves and swapped in.
var shapes = map[string]staging.Shape{
	"link_days":        {Key: "PARTITION BY toYYYYMM(day) ORDER BY (partner_id, link_id, day)"},
	"partner_days":     {Key: "PARTITION BY toYYYYMM(day) ORDER BY (partner_id, day)"},
	"partner_months":   {Key: "ORDER BY (partner_id, month)"},
	"breakdown_days":   {Key: "PARTITION BY day ORDER BY (partner_id, dimension, rest, value)"},
	"breakdown_months": {Key: "PARTITION BY toYYYYMM(month) ORDER BY (partner_id, dimension, rest, value)"},
	"rollup_log":       {Engine: "ReplacingMergeTree(token)", Key: "ORDER BY (node, month, first_seq)"},
	"rollup_nodes":     {Engine: "ReplacingMergeTree(token)", Key: "ORDER BY node"},
}

func date(d schema.Day) string { return d.Time().Format(time.DateOnly) }

func dates(days []schema.Day) string {
	texts := make([]string, len(days))
	for i, d := range days {
		texts[i] = date(d)
	}
	return list(texts)
}

// list writes an array of dates or instants.
func list(texts []string) string { return "['" + strings.Join(texts, "','") + "']" }

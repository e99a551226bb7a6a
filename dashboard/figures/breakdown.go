package figures

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"

	"fairlead/dashboard/period"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Part is what of a partner's clicks has one value of a dimension.
type Part struct {
	Rest     bool   `ch:"rest"`  // all that is not told apart
	Value    string `ch:"value"` // empty: unknown, or of the rest
	Clicks   uint64 `ch:"clicks"`
	Visitors uint64 `ch:"visitors"` // of each day, summed up
}

//go:embed breakdown.sql
var breakdownSQL string

// Breakdown reads a partner's clicks of a span by one dimension: at most limit values, the most frequent first, and the
// rest at the end. Together they are the partner's clicks. A value that was not among the most frequent of some day, or
// month, is without the clicks of that day, or month: the rest has them.
func (r *Reader) Breakdown(ctx context.Context, stand Stand, p schema.PartnerID, by schema.Dimension, span period.Range, limit int) ([]Part, error) {
	type question struct {
		partner schema.PartnerID
		by      schema.Dimension
		span    period.Range
		limit   int
	}
	return cached(ctx, r.cache, stand.generation, question{p, by, span, limit}, func(ctx context.Context) ([]Part, error) {
		newest, err := cached(ctx, r.cache, stand.generation, newestMonth{}, r.newestMonth, func(schema.Month) int { return 1 })
		if err != nil {
			return nil, err
		}
		return r.breakdown(ctx, p, by, span, newest, limit)
	}, func(parts []Part) int { return len(parts) })
}

func (r *Reader) breakdown(ctx context.Context, p schema.PartnerID, by schema.Dimension, span period.Range, newest schema.Month, limit int) ([]Part, error) {
	first, last := wholeMonths(span, newest)
	before, after := span.To, period.Day(span.To, 1) // without whole months: all days, and none
	if first <= last {
		before, after = period.Day(first.FirstDay(), -1), last.Add(1).FirstDay()
	}
	var parts []Part
	err := r.ch.Select(clickhouse.Named(ctx, "dashboard: breakdown", map[string]string{
		"partner":     p.String(),
		"dimension":   string(by),
		"first_month": period.ISO(first.FirstDay()),
		"last_month":  period.ISO(last.FirstDay()),
		"from":        period.ISO(span.From),
		"before":      period.ISO(before),
		"after":       period.ISO(after),
		"to":          period.ISO(span.To),
		"limit":       strconv.Itoa(limit),
	}), &parts, breakdownSQL)
	if err != nil {
		return nil, fmt.Errorf("read the clicks of partner %s by %s: %w", p, by, err)
	}
	return parts, nil
}

// wholeMonths returns the months of a span that are summed up; without any the last is before the first.
func wholeMonths(span period.Range, newest schema.Month) (first, last schema.Month) {
	first, last = span.From.Month(), span.To.Month()
	if span.From != first.FirstDay() {
		first = first.Add(1)
	}
	if span.To != period.Month(last).To {
		last = last.Add(-1)
	}
	return first, min(last, newest.Add(-1))
}

// newestMonth asks for the newest month that has breakdowns: it is not summed up.
type newestMonth struct{}

func (r *Reader) newestMonth(ctx context.Context) (schema.Month, error) {
	var day uint32
	err := r.ch.QueryRow(clickhouse.Named(ctx, "dashboard: newest month of breakdowns", nil),
		"SELECT max(toUInt32(_partition_id)) FROM fairlead.breakdown_days").Scan(&day)
	if err != nil {
		return 0, fmt.Errorf("look for the newest month of the breakdowns: %w", err)
	}
	if day == 0 {
		day = 19700101
	}
	return schema.Day(day).Month(), nil
}

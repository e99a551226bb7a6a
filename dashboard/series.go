package dashboard

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"fairlead/dashboard/chart"
	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
)

// plotHeight is the height of a bar chart in pixels.
const plotHeight = 216

// seriesMaker knows which days can have figures: from the partner's first one to the one in which the
// figures are complete. Outside of these a figure is not zero but unknown.
type seriesMaker struct {
	first, complete, today schema.Day
	currency               string // the program's
}

func newSeries(r *request, c clock, p schema.Partner, months figures.Months) seriesMaker {
	s := seriesMaker{first: schema.DayOf(p.CreatedAt, r.zone), complete: c.completeDay, today: r.today(), currency: r.program.Currency}
	for m := range months { // what is older than the partner comes from an import
		s.first = min(s.first, m.FirstDay())
	}
	return s
}

// knows reports whether some day of the range can have figures.
func (s seriesMaker) knows(r period.Range) bool {
	return !r.Clip(period.Range{From: s.first, To: s.complete}).Empty()
}

// entry is a month or a day of a series.
type entry struct {
	days       period.Range
	counts     figures.Counts
	known      bool
	unfinished bool
	byMonth    bool
	currency   string
}

// series is months or days with their figures, oldest first.
type series []entry

// months makes a series of the months that a range touches.
func (s seriesMaker) months(r period.Range, of func(schema.Month) (figures.Counts, bool)) series {
	var out series
	for m := r.From.Month(); m <= r.To.Month(); m = m.Add(1) {
		counts, found := of(m)
		days := period.Month(m).Clip(r)
		out = append(out, entry{
			days:       days,
			counts:     counts,
			known:      found || s.knows(days),
			unfinished: days.Contains(s.today),
			byMonth:    true,
			currency:   s.currency,
		})
	}
	return out
}

// days makes a series of the days of a range.
func (s seriesMaker) days(r period.Range, of figures.Days) series {
	var out series
	for day := r.From; day <= r.To; day = period.Day(day, 1) {
		counts, found := of[day]
		one := period.Range{From: day, To: day}
		out = append(out, entry{
			days:       one,
			counts:     counts,
			known:      found || s.knows(one),
			unfinished: day == s.today,
			currency:   s.currency,
		})
	}
	return out
}

// label names the entry in a table.
func (e entry) label() string {
	switch {
	case !e.byMonth:
		return period.DayLabel(e.days.From)
	case e.whole():
		return period.MonthName(e.days.From.Month())
	}
	return e.days.String()
}

// whole reports whether the entry is a month from its first day to its last, or to today.
func (e entry) whole() bool {
	month := period.Month(e.days.From.Month())
	return e.days == month || e.unfinished && e.days.From == month.From
}

// machine names the entry for machines: 2026-11, 2026-11-23, or an interval as of ISO 8601.
func (e entry) machine() string {
	switch {
	case !e.byMonth:
		return period.ISO(e.days.From)
	case e.whole():
		return period.ISOMonth(e.days.From.Month())
	}
	return period.ISO(e.days.From) + "/" + period.ISO(e.days.To)
}

// title is the tooltip of a measure.
func (e entry) title(m measure) string {
	name := e.label()
	if e.unfinished {
		name += ", so far"
	}
	if !e.known {
		return name + ": no data"
	}
	return name + ": " + m.say(m.of(e.counts))
}

// row makes a line of a table. With opened it tells what was sold in parts.
func (e entry) row(opened bool) templates.Row {
	figure := func(n uint64) templates.Figure { return templates.Figure{Count: templates.Count(n), Known: e.known} }
	amount := func(of func(figures.Sum) int64) templates.Money {
		return money(e.currency, e.counts.Sold, e.known, of)
	}
	var sales uint64
	for _, sum := range e.counts.Sold {
		sales += sum.Sales
	}
	return templates.Row{
		Label:      e.label(),
		Machine:    e.machine(),
		Clicks:     figure(e.counts.Clicks),
		Visitors:   figure(e.counts.Visitors),
		Referred:   figure(e.counts.Referred),
		Sales:      figure(sales),
		Gross:      amount(func(s figures.Sum) int64 { return s.Gross }),
		Refunded:   amount(func(s figures.Sum) int64 { return s.Refunded }),
		Sold:       amount(figures.Sum.Net),
		Paid:       earned(e.currency, e.counts.Rewards, e.known, func(r figures.Reward) int64 { return r.Paid }),
		Pending:    earned(e.currency, e.counts.Rewards, e.known, func(r figures.Reward) int64 { return r.Pending }),
		NotCounted: figure(e.counts.NotCounted()),
		Unfinished: e.unfinished,
		Opened:     opened,
	}
}

// rows makes the rows of a table, newest first.
func (s series) rows(opened bool) []templates.Row {
	rows := make([]templates.Row, 0, len(s))
	for _, e := range slices.Backward(s) {
		rows = append(rows, e.row(opened))
	}
	return rows
}

// points makes the points of a measure's chart; where there is no room for every label some are left out.
func (s series) points(m measure) []chart.Point {
	const labels = 13 // fit on a phone
	every := (len(s) + labels - 1) / labels
	if len(s) > 0 && !s[0].byMonth {
		every = max((len(s)+5)/6, 1) // days have longer labels
	}
	points := make([]chart.Point, len(s))
	for i, e := range s {
		p := chart.Point{Value: m.of(e.counts), Known: e.known, Unfinished: e.unfinished, Title: e.title(m)}
		if (len(s)-1-i)%every == 0 {
			p.Label, p.Sub = e.axis()
		}
		points[i] = p
	}
	return points
}

// axis is what stands below the entry's bar.
func (e entry) axis() (label, sub string) {
	t := e.days.From.Time()
	if !e.byMonth {
		label = t.Format("2 Jan")
	} else {
		label = t.Format("Jan")
		if t.Month() == 1 {
			sub = strconv.Itoa(t.Year())
		}
	}
	if e.unfinished {
		sub = "so far"
	}
	return label, sub
}

// bars draws a measure of the series.
func (s series) bars(m measure, unit string, sum figures.Counts) templates.BarChart {
	return templates.BarChart{Bars: chart.NewBars(s.points(m), plotHeight, m.decimals()), Text: s.text(m, unit, sum)}
}

// text says in a sentence what a chart of the series shows.
func (s series) text(m measure, unit string, sum figures.Counts) string {
	if len(s) == 0 {
		return "No data."
	}
	span := period.Range{From: s[0].days.From, To: s[len(s)-1].days.To}
	most := slices.MaxFunc(s, func(a, b entry) int { return cmp.Compare(m.of(a.counts), m.of(b.counts)) })
	return fmt.Sprintf("%s by %s, %s: %s in all, the most in %s with %s.", m.label, unit, span, m.write(m.of(sum)),
		most.label(), m.write(m.of(most.counts)))
}

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
}

func newSeries(r *request, c clock, p schema.Partner, months figures.Months) seriesMaker {
	s := seriesMaker{first: schema.DayOf(p.CreatedAt, r.zone), complete: c.completeDay, today: r.today()}
	for m := range months { // clicks older than the partner come from an import
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

// title is the tooltip.
func (e entry) title() string {
	name := e.label()
	if e.unfinished {
		name += ", so far"
	}
	if !e.known {
		return name + ": no data"
	}
	return fmt.Sprintf("%s: %s, %s", name, templates.Count(e.counts.Clicks).Of("click", "clicks"),
		templates.Count(e.counts.Visitors).Of("unique visitor", "unique visitors"))
}

// figure is a count of the entry, if it is known.
func (e entry) figure(n uint64) templates.Figure {
	return templates.Figure{Count: templates.Count(n), Known: e.known}
}

// rows makes the rows of a table, newest first.
func (s series) rows() []templates.Row {
	rows := make([]templates.Row, 0, len(s))
	for _, e := range slices.Backward(s) {
		rows = append(rows, templates.Row{
			Label:      e.label(),
			Machine:    e.machine(),
			Clicks:     e.figure(e.counts.Clicks),
			Visitors:   e.figure(e.counts.Visitors),
			NotCounted: e.figure(e.counts.NotCounted()),
			Unfinished: e.unfinished,
		})
	}
	return rows
}

// points makes the points of a chart; where there is no room for every label some are left out.
func (s series) points() []chart.Point {
	const labels = 13 // fit on a phone
	every := (len(s) + labels - 1) / labels
	if len(s) > 0 && !s[0].byMonth {
		every = max((len(s)+5)/6, 1) // days have longer labels
	}
	points := make([]chart.Point, len(s))
	for i, e := range s {
		p := chart.Point{Value: e.counts.Clicks, Known: e.known, Unfinished: e.unfinished, Title: e.title()}
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

// bars draws the series.
func (s series) bars(unit string, sum figures.Counts) templates.BarChart {
	return templates.BarChart{Bars: chart.NewBars(s.points(), plotHeight), Text: s.text(unit, sum)}
}

// text says in a sentence what a chart of the series shows.
func (s series) text(unit string, sum figures.Counts) string {
	if len(s) == 0 {
		return "No data."
	}
	span := period.Range{From: s[0].days.From, To: s[len(s)-1].days.To}
	most := slices.MaxFunc(s, func(a, b entry) int { return cmp.Compare(a.counts.Clicks, b.counts.Clicks) })
	return fmt.Sprintf("Clicks by %s, %s: %s in all, the most in %s with %s.", unit, span, templates.Count(sum.Clicks),
		most.label(), templates.Count(most.counts.Clicks))
}

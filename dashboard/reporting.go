package dashboard

import (
	"maps"
	"net/http"
	"net/url"
	"unicode"
	"unicode/utf8"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
)

// report is the figures that a request asked for.
type report struct {
	choice period.Choice
	open   schema.Month // the month whose days stand below it; 0: none
	days   figures.Days
	clock  clock
	series series
	rows   []templates.Row
	sum    figures.Counts
}

// report reads what a request asks for. The error of a span that cannot be is answered as wrong, a
// sentence for people.
func (d *Dashboard) report(r *request) (rep report, wrong string, err error) {
	q := r.URL.Query()
	choice, err := period.Choose(q, r.today())
	if err != nil {
		return report{}, err.Error(), nil
	}
	rep = report{choice: choice}
	if s := q.Get("month"); s != "" {
		if rep.open, err = period.ParseMonth(s); err != nil {
			return report{}, err.Error(), nil
		}
	}
	if rep.clock, err = d.clock(r); err != nil {
		return report{}, "", err
	}
	now, before := choice.Range, choice.Compare(rep.clock.lastWhole).Before
	if before.Empty() {
		before = now
	}
	if rep.days, err = d.figures.Days(r.Context(), r.who.Partner.ID, now, before); err != nil {
		return report{}, "", err
	}
	rep.sum = rep.days.Sum(now)
	maker := newSeries(r, rep.clock, r.who.Partner, rep.months())
	if !choice.ByMonth() {
		rep.series = maker.days(now, rep.days)
		rep.rows = rep.series.rows()
		return rep, "", nil
	}
	rep.series = maker.months(now, func(m schema.Month) (figures.Counts, bool) {
		sum := rep.days.Sum(period.Month(m).Clip(now))
		return sum, sum != figures.Counts{}
	})
	for i, row := range rep.series.rows() {
		m := rep.series[len(rep.series)-1-i].days.From.Month()
		row.Href, row.Open = rep.address("/reporting", m), m == rep.open
		rep.rows = append(rep.rows, row)
		if row.Open {
			for _, day := range maker.days(period.Month(m).Clip(now), rep.days).rows() {
				day.Day = true
				rep.rows = append(rep.rows, day)
			}
		}
	}
	return rep, "", nil
}

// months are the days added up by month.
func (rep report) months() figures.Months {
	out := figures.Months{}
	for day, c := range rep.days {
		out[day.Month()] = out[day.Month()].Plus(c)
	}
	return out
}

// address is the page of the same span with the days of one month open: of m, or of none if m is
// the one that is open.
func (rep report) address(path string, m schema.Month) string {
	q := maps.Clone(rep.choice.Query())
	if m != 0 && (path != "/reporting" || m != rep.open) {
		q.Set("month", period.ISOMonth(m))
	}
	return (&url.URL{Path: path, RawQuery: q.Encode()}).String()
}

func (d *Dashboard) reporting(r *request) (reply, error) {
	v := templates.Reporting{Shell: d.shell(r, "Reporting"), Zone: period.Zone(r.zone), Last: period.ISO(r.today())}
	rep, wrong, err := d.report(r)
	for _, p := range period.Presets() {
		v.Presets = append(v.Presets, templates.Preset{
			Label:   p.Label(),
			Href:    "/reporting?" + url.Values{"period": {string(p)}}.Encode(),
			Current: wrong == "" && p == rep.choice.Preset,
		})
	}
	switch {
	case wrong != "":
		v.From, v.To, v.Alert = r.FormValue("from"), r.FormValue("to"), sentence(wrong)
		return reply{status: http.StatusUnprocessableEntity, page: v}, nil
	case err != nil:
		d.log.Warn("the figures do not answer", "err", err)
		v.Away = true
		return reply{status: http.StatusServiceUnavailable, page: v}, nil
	}
	v.Fresh = rep.clock.fresh(r)
	v.From, v.To = period.ISO(rep.choice.Range.From), period.ISO(rep.choice.Range.To)
	v.Span = rep.choice.Range.String()
	v.Unit, v.RowHead = "day", "Day"
	if rep.choice.ByMonth() {
		v.Unit, v.RowHead = "month", "Month"
	}
	v.Tiles = rep.tiles()
	v.Chart = rep.series.bars(v.Unit, rep.sum)
	v.Rows = rep.rows
	v.Total = rep.total()
	v.CSV = rep.address("/reporting.csv", rep.open)
	v.NotCounted = notCounted(v.Span, rep.sum)
	return reply{page: v}, nil
}

// sentence begins an error's text with a capital letter and ends it with a full stop.
func sentence(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:] + "."
}

// tiles are the totals, each set against the span before.
func (rep report) tiles() []templates.ReportTile {
	c := rep.choice.Compare(rep.clock.lastWhole)
	against := "the year before"
	switch rep.choice.Preset {
	case period.Past12Months:
	case period.ThisMonth, period.LastMonth:
		against = c.Before.Short()
	default:
		against = daysBefore(c)
	}
	tile := func(label string, quiet bool, of func(figures.Counts) uint64) templates.ReportTile {
		return templates.ReportTile{
			Label:  label,
			Quiet:  quiet,
			Figure: templates.Known(of(rep.sum)),
			Change: changeOf(c, against, func(r period.Range) uint64 { return of(rep.days.Sum(r)) }),
		}
	}
	return []templates.ReportTile{
		tile("Clicks", false, func(c figures.Counts) uint64 { return c.Clicks }),
		tile("Unique visitors", false, func(c figures.Counts) uint64 { return c.Visitors }),
		tile("Not counted", true, figures.Counts.NotCounted),
	}
}

// total is the last row of the table.
func (rep report) total() templates.Row {
	return templates.Row{
		Label:      "Total",
		Machine:    "Total",
		Clicks:     templates.Known(rep.sum.Clicks),
		Visitors:   templates.Known(rep.sum.Visitors),
		NotCounted: templates.Known(rep.sum.NotCounted()),
	}
}

// reportingCSV answers the rows that the page shows, in their order, with the total.
func (d *Dashboard) reportingCSV(r *request) (reply, error) {
	rep, wrong, err := d.report(r)
	if wrong != "" {
		return d.problem(r, http.StatusUnprocessableEntity, "This span cannot be shown", sentence(wrong), "To the report", "/reporting"), nil
	}
	if err != nil {
		return reply{}, err
	}
	head := "Day"
	if rep.choice.ByMonth() {
		head = "Month"
	}
	table := [][]string{{head, "Clicks", "Unique visitors", "Not counted"}}
	for _, row := range append(rep.rows, rep.total()) {
		table = append(table, []string{row.Machine, csvFigure(row.Clicks), csvFigure(row.Visitors), csvFigure(row.NotCounted)})
	}
	file, err := csvFile(table)
	if err != nil {
		return reply{}, err
	}
	return reply{
		file:     file,
		fileType: "text/csv; charset=utf-8",
		fileName: "clicks-" + period.ISO(rep.choice.Range.From) + "-to-" + period.ISO(rep.choice.Range.To) + ".csv",
	}, nil
}

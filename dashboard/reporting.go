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

// openKey is the part of a page's address that opens a figure; openSold opens what was sold: sales, gross, refunds.
const (
	openKey  = "open"
	openSold = "sold"
)

// report is the figures that a request asked for.
type report struct {
	choice period.Choice
	open   schema.Month // the month whose days stand below it; 0: none
	opened bool         // sales, gross and refunds have columns of their own
	shown  measure      // what the chart shows
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
	rep = report{choice: choice, shown: chosen(ownMeasures(r.program), q), opened: q.Get(openKey) == openSold}
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
	if rep.days, err = d.figures.Days(r.Context(), rep.clock.stand, r.who.Partner.ID, now, before); err != nil {
		return report{}, "", err
	}
	rep.sum = rep.days.Sum(now)
	maker := newSeries(r, rep.clock, r.who.Partner, rep.months())
	if !choice.ByMonth() {
		rep.series = maker.days(now, rep.days)
		rep.rows = rep.series.rows(rep.opened)
		return rep, "", nil
	}
	rep.series = maker.months(now, func(m schema.Month) (figures.Counts, bool) {
		days := period.Month(m).Clip(now)
		return rep.days.Sum(days), rep.days.Any(days)
	})
	for i, row := range rep.series.rows(rep.opened) {
		m := rep.series[len(rep.series)-1-i].days.From.Month()
		row.Open = m == rep.open
		other := rep
		if other.open = m; row.Open {
			other.open = 0
		}
		row.Href = other.address("/reporting")
		rep.rows = append(rep.rows, row)
		if row.Open {
			for _, day := range maker.days(period.Month(m).Clip(now), rep.days).rows(rep.opened) {
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

// query is what asks for the report again.
func (rep report) query() url.Values {
	q := maps.Clone(rep.choice.Query())
	if rep.open != 0 {
		q.Set("month", period.ISOMonth(rep.open))
	}
	if rep.opened {
		q.Set(openKey, openSold)
	}
	if rep.shown.name != "" {
		q.Set(showKey, rep.shown.name)
	}
	return q
}

// address is a page of the report, or its CSV.
func (rep report) address(path string) string {
	return (&url.URL{Path: path, RawQuery: rep.query().Encode()}).String()
}

func (d *Dashboard) reporting(r *request) (reply, error) {
	v := templates.Reporting{Shell: d.shell(r, "Reporting"), Zone: period.Zone(r.zone), Currency: r.program.Currency, Last: period.ISO(r.today())}
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
	v.Unit, v.Table.Head = "day", "Day"
	if rep.choice.ByMonth() {
		v.Unit, v.Table.Head = "month", "Month"
	}
	v.Tiles = rep.tiles(r)
	v.Shown, v.ShownIn = rep.shown.label, rep.shown.currency
	v.Chart = rep.series.bars(rep.shown, v.Unit, rep.sum)
	v.Table.Title, v.Table.Currency, v.Table.Opened = "Table of figures", r.program.Currency, rep.opened
	v.Table.Rows, v.Table.Total = rep.rows, rep.total(r)
	other := rep
	other.opened = !rep.opened
	v.Opener = other.address("/reporting") + "#rows"
	v.CSV = rep.address("/reporting.csv")
	v.NotCounted, v.Undecided = notCounted(v.Span, rep.sum), undecided(rep.sum)
	return reply{page: v}, nil
}

// sentence begins an error's text with a capital letter and ends it with a full stop.
func sentence(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:] + "."
}

// tiles are the totals, each set against the span before.
func (rep report) tiles(r *request) []templates.Tile {
	c := rep.choice.Compare(rep.clock.lastWhole)
	against := "the year before"
	switch rep.choice.Preset {
	case period.Past12Months:
	case period.ThisMonth, period.LastMonth:
		against = c.Before.Short()
	default:
		against = daysBefore(c)
	}
	var tiles []templates.Tile
	for _, m := range ownMeasures(r.program) {
		t := m.tile(rep.sum, m.change(c, against, rep.days.Sum))
		t.Href, t.Current = showing("/reporting", rep.query(), m), m.name == rep.shown.name
		tiles = append(tiles, t)
	}
	return tiles
}

// total is the last row of the table.
func (rep report) total(r *request) templates.Row {
	row := entry{counts: rep.sum, known: true, currency: r.program.Currency}.row(rep.opened)
	row.Label, row.Machine = "Total", "Total"
	return row
}

// reportingCSV answers the rows that the page shows, in their order, with the total. Each currency has columns of its own.
func (d *Dashboard) reportingCSV(r *request) (reply, error) {
	rep, wrong, err := d.report(r)
	if wrong != "" {
		return d.problem(r, http.StatusUnprocessableEntity, "This span cannot be shown", sentence(wrong), "To the report", "/reporting"), nil
	}
	if err != nil {
		return reply{}, err
	}
	total := rep.total(r)
	head := []cell{text("Day"), text("Clicks"), text("Unique visitors"), text("Referred")}
	if rep.choice.ByMonth() {
		head[0] = text("Month")
	}
	if rep.opened {
		head = append(head, text("Sales"))
	}
	for _, a := range total.Sold.Amounts {
		if rep.opened {
			head = append(head, text("Gross ("+a.Currency+")"), text("Refunds ("+a.Currency+")"))
		}
		head = append(head, text("Sold ("+a.Currency+")"))
	}
	for _, a := range total.Paid.Amounts {
		head = append(head, text("Rewards - Paid ("+a.Currency+")"), text("Rewards - Pending ("+a.Currency+")"))
	}
	table := [][]cell{append(head, text("Not counted"))}
	for _, row := range append(rep.rows, total) {
		line := []cell{text(row.Machine), number(row.Clicks), number(row.Visitors), number(row.Referred)}
		if rep.opened {
			line = append(line, number(row.Sales))
		}
		for _, a := range total.Sold.Amounts {
			if rep.opened {
				line = append(line, amount(row.Gross, a.Currency), amount(row.Refunded, a.Currency))
			}
			line = append(line, amount(row.Sold, a.Currency))
		}
		for _, a := range total.Paid.Amounts {
			line = append(line, amount(row.Paid, a.Currency), amount(row.Pending, a.Currency))
		}
		table = append(table, append(line, number(row.NotCounted)))
	}
	file, err := csvFile(table)
	if err != nil {
		return reply{}, err
	}
	return reply{
		file:     file,
		fileType: "text/csv; charset=utf-8",
		fileName: "figures-" + period.ISO(rep.choice.Range.From) + "-to-" + period.ISO(rep.choice.Range.To) + ".csv",
	}, nil
}

package dashboard

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"fairlead/dashboard/chart"
	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// trendDays is how many days the line on the first page shows, today included.
const trendDays = 30

// homeSpans are the spans of a partner's first page.
type homeSpans struct {
	today        schema.Day
	first, month schema.Month // of the past 12
	trend        period.Range
	ofMonth      period.Comparison
	ofYear       period.Comparison
	ofTrend      period.Comparison
	query        figures.OverviewSpans
}

func newHomeSpans(today, lastWhole schema.Day) homeSpans {
	s := homeSpans{today: today, month: today.Month(), trend: period.LastDays(today, trendDays)}
	year := period.Months(s.month, 12)
	s.first = year.From.Month()
	s.ofMonth = period.AgainstMonthBefore(s.month, lastWhole)
	s.ofYear = period.AgainstYearBefore(year, lastWhole)
	s.ofTrend = period.AgainstDaysBefore(s.trend, lastWhole)
	days := period.Range{From: period.Day(s.trend.From, -trendDays), To: today}
	days.From = min(days.From, s.month.Add(-1).FirstDay())
	other := days // where nothing is compared with the year before
	if !s.ofYear.None() {
		days.From = min(days.From, s.ofYear.Now.To.Month().FirstDay())
		other = period.Range{From: s.ofYear.Before.To.Month().FirstDay(), To: s.ofYear.Before.To}
	}
	s.query = figures.OverviewSpans{
		FirstMonth: s.first.Add(-12),
		LastMonth:  s.month,
		Days:       days,
		OtherDays:  other,
		Links:      s.trend,
	}
	return s
}

// sumWholeMonths adds up a range that begins with a month: whole months from the months, the last one from
// its days.
func sumWholeMonths(o figures.Overview, r period.Range) figures.Counts {
	last := r.To.Month()
	return o.Months.Sum(r.From.Month(), last.Add(-1)).Plus(o.Days.Sum(period.Range{From: last.FirstDay(), To: r.To}))
}

func (d *Dashboard) home(r *request) (reply, error) {
	p := r.who.Partner
	link, err := d.opt.Directory.Link(r.Context(), p.Link)
	if err != nil && directory.CodeOf(err) != directory.NotFound {
		return reply{}, err
	}
	v := templates.Home{Shell: d.shell(r, "Home"), Link: d.shareLink(r, link), Zone: period.Zone(r.zone), Currency: r.program.Currency}
	if v.Today, err = d.todaysClicks(r); err != nil {
		d.log.Warn("the live counters do not answer", "err", err)
	}
	c, err := d.clock(r)
	var o figures.Overview
	s := newHomeSpans(r.today(), c.lastWhole)
	if err == nil {
		o, err = d.figures.Overview(r.Context(), c.stand, p.ID, s.query)
	}
	if err != nil {
		d.log.Warn("the figures do not answer", "err", err)
		v.Away, v.TodayText = true, "as they arrive"
		return reply{status: http.StatusServiceUnavailable, page: v}, nil
	}
	v.Fresh = c.fresh(r)
	if len(o.Months) == 0 && len(o.Balances) == 0 {
		v.FirstDay = true
		return reply{page: v}, nil
	}
	series := newSeries(r, c, p, o.Months)
	v.TodayText = "as they arrive"
	if c.completeDay == s.today {
		visitors := templates.Count(o.Days[s.today].Visitors)
		v.TodayText = visitors.Of("unique visitor", "unique visitors") + " up to " + c.completeTo.In(r.zone).Format("15:04")
	}
	all := ownMeasures(r.program)
	shown := chosen(all, r.URL.Query())
	month, year := o.Months[s.month], o.Months.Sum(s.first, s.month)
	for _, m := range measures(r.program) {
		if m.name != "visitors" { // they stand beside the clicks
			v.Month = append(v.Month, m.tile(month, m.change(s.ofMonth, s.ofMonth.Before.Short(), o.Days.Sum)))
		}
	}
	v.Commissions = commissions(r, month.Rewards, o.Balances)
	for _, m := range all {
		tile := m.tile(year, m.change(s.ofYear, "the year before", func(r period.Range) figures.Counts { return sumWholeMonths(o, r) }))
		tile.Href, tile.Current = showing("/home", nil, m), m.name == shown.name
		v.Year = append(v.Year, tile)
	}
	v.Month[0].Beside = templates.Count(month.Visitors).Of("unique visitor", "unique visitors")
	v.Shown, v.ShownIn = shown.label, shown.currency
	months := series.months(period.Months(s.month, 12), func(m schema.Month) (figures.Counts, bool) {
		counts, ok := o.Months[m]
		return counts, ok
	})
	v.Chart = months.bars(shown, "month", year)
	v.MonthTable = templates.Table{Title: "Figures by month", Head: "Month", Currency: r.program.Currency, Rows: months.rows(false)}
	days := series.days(s.trend, o.Days)
	sum := o.Days.Sum(s.trend)
	v.Trend = templates.Trend{
		Line:  chart.NewLine(days.points(shown), 104),
		Text:  days.text(shown, "day", sum),
		Tile:  shown.tile(sum, shown.change(s.ofTrend, daysBefore(s.ofTrend), o.Days.Sum)),
		First: s.trend.From.Time().Format("2 Jan"),
		Last:  s.trend.To.Time().Format("2 Jan"),
	}
	v.DayTable = templates.Table{Title: "Figures by day", Head: "Day", Currency: r.program.Currency, Rows: days.rows(false)}
	v.NotCounted, v.Undecided = notCounted("Past 30 days", sum), undecided(sum)
	if v.TopLinks, err = d.topLinks(r, o.Top); err != nil {
		return reply{}, err
	}
	return reply{page: v}, nil
}

// daysBefore names what days are compared with: "the 29 days before".
func daysBefore(c period.Comparison) string {
	return "the " + templates.Count(c.Before.Days()).Of("day", "days") + " before"
}

// showing is the address of a page with a measure in its chart.
func showing(path string, q url.Values, m measure) string {
	with := url.Values{}
	maps.Copy(with, q)
	with.Del(showKey)
	if m.name != "" {
		with.Set(showKey, m.name)
	}
	return (&url.URL{Path: path, RawQuery: with.Encode(), Fragment: "chart"}).String()
}

// todaysClicks is the live number of the partner who asks.
func (d *Dashboard) todaysClicks(r *request) (templates.Figure, error) {
	n, known, err := d.figures.Today(r.Context(), r.who.Partner.ID, r.now, r.zone)
	if err != nil || !known {
		return templates.Figure{}, err
	}
	return templates.Known(n), nil
}

// live answers today's number for the script that keeps it current.
func (d *Dashboard) live(r *request) (reply, error) {
	today, err := d.todaysClicks(r)
	if err != nil {
		return reply{}, away(err)
	}
	return reply{json: map[string]string{"text": today.String()}}, nil
}

// topLinks names the links that were clicked most.
func (d *Dashboard) topLinks(r *request, top []figures.LinkCounts) ([]templates.TopLink, error) {
	ids := make([]schema.LinkID, len(top))
	for i, t := range top {
		ids[i] = t.Link
	}
	links, err := d.opt.Directory.LinksByID(r.Context(), ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[schema.LinkID]schema.Link, len(links))
	for _, l := range links {
		byID[l.ID] = l
	}
	var out []templates.TopLink
	for _, t := range top {
		l, ok := byID[t.Link]
		if !ok {
			continue
		}
		out = append(out, templates.TopLink{
			Name:   "/" + l.Slug,
			Href:   d.linkURL(l.Slug),
			To:     destination(r, l),
			Clicks: templates.Count(t.Clicks),
			Share:  fmt.Sprintf("%.3f%%", float64(t.Clicks)/float64(top[0].Clicks)*100),
		})
	}
	return out, nil
}

// shareLink is a link with what it takes to copy it.
func (d *Dashboard) shareLink(r *request, l schema.Link) templates.ShareLink {
	s := templates.ShareLink{Name: d.linkName(l.Slug), URL: d.linkURL(l.Slug), To: destination(r, l), Personal: l.Personal()}
	switch {
	case l.Disabled:
		s.State = "disabled"
	case !l.ExpiresAt.IsZero() && !r.now.Before(l.ExpiresAt):
		s.State = "expired"
	}
	return s
}

// destination is where a link leads.
func destination(r *request, l schema.Link) string {
	if l.Personal() {
		return r.program.Homepage
	}
	return l.To
}

// notCounted lists why hits were not counted, leaving out what did not happen.
func notCounted(span string, c figures.Counts) templates.NotCounted {
	n := templates.NotCounted{Span: span, Total: templates.Count(c.NotCounted())}
	for _, reason := range []templates.Reason{
		{Label: "Bots", Count: templates.Count(c.Bots), Text: "Search engines, link checkers and other programs."},
		{Label: "Previews", Count: templates.Count(c.Prefetches), Text: "A browser loaded the link ahead of time. If it was then followed, that click is counted."},
		{Label: "Embedded", Count: templates.Count(c.Embedded), Text: "Loaded as an image or inside another page, not visited."},
		{Label: "While suspended", Count: templates.Count(c.Suspended), Text: "Followed while your account was suspended."},
		{Label: "Disabled links", Count: templates.Count(c.Disabled), Text: "Followed after the link was disabled."},
		{Label: "Expired links", Count: templates.Count(c.Expired), Text: "Followed after the link's last day."},
	} {
		if reason.Count > 0 {
			n.Reasons = append(n.Reasons, reason)
		}
	}
	return n
}

// undecided lists what was reported and is in no figure yet, leaving out what there is none of.
func undecided(c figures.Counts) []templates.Reason {
	var out []templates.Reason
	for _, reason := range []templates.Reason{
		{Label: "Under review", Count: templates.Count(c.Review), Text: "The program's team has to look at these sign-ups and sales before they count."},
		{Label: "Waiting for an exchange rate", Count: templates.Count(c.Held), Text: "These sales and refunds are in another currency. They count as soon as its rate of that day is known."},
	} {
		if reason.Count > 0 {
			out = append(out, reason)
		}
	}
	return out
}

package dashboard

import (
	"net/url"
	"strconv"
	"strings"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
)

// teamColumns are the columns by which the team's overview can be ordered.
var teamColumns = []struct {
	by    figures.TeamColumn
	label string
}{
	{figures.ByName, "Partner"},
	{figures.ByClicks, "Clicks"},
	{figures.ByVisitors, "Unique visitors"},
	{figures.ByReferred, "Referred"},
	{figures.BySold, "Sold"},
}

// teamList is which part of the team's overview was asked for.
type teamList struct {
	search string
	order  figures.Order
	page   int // from 1
}

func newTeamList(q url.Values) teamList {
	l := teamList{search: strings.TrimSpace(q.Get("q")), page: pageNumber(q)}
	for _, c := range teamColumns {
		if string(c.by) == q.Get("sort") {
			l.order = figures.Order{By: c.by, Descending: q.Get("order") == "down"}
		}
	}
	return l
}

// address is the page of the list.
func (l teamList) address() string {
	q := url.Values{}
	if l.search != "" {
		q.Set("q", l.search)
	}
	if l.order.By != figures.ByJoining {
		q.Set("sort", string(l.order.By))
		if l.order.Descending {
			q.Set("order", "down")
		}
	}
	if l.page > 1 {
		q.Set("page", strconv.Itoa(l.page))
	}
	return (&url.URL{Path: "/partners", RawQuery: q.Encode()}).String()
}

// columns are the heads of the list: each leads to the list ordered by it, and the one that it is ordered by to the
// other direction. Figures come with the highest first, names with A.
func (l teamList) columns(currency string) []templates.Column {
	var out []templates.Column
	for _, c := range teamColumns {
		to, column := l, templates.Column{Label: c.label, Sorted: "none", Text: c.by == figures.ByName}
		to.page, to.order = 1, figures.Order{By: c.by, Descending: c.by != figures.ByName}
		if c.by == l.order.By {
			column.Sorted, to.order.Descending = "ascending", !l.order.Descending
			if l.order.Descending {
				column.Sorted = "descending"
			}
		}
		if c.by == figures.BySold {
			column.Unit = currency
		}
		column.Href = to.address()
		out = append(out, column)
	}
	return out
}

// partners is the team's overview: who is in the program, this month's figures, and what needs a look.
func (d *Dashboard) partners(r *request) (reply, error) {
	month := r.today().Month()
	list := newTeamList(r.URL.Query())
	v := templates.Partners{
		Shell:     d.shell(r, "Partners"),
		MonthName: period.MonthName(month),
		Search:    list.search,
		Currency:  r.program.Currency,
		Columns:   list.columns(r.program.Currency),
	}
	if list.order.By != figures.ByJoining {
		v.Sort = string(list.order.By)
	}
	v.Descending = list.order.Descending
	c, err := d.clock(r)
	if err != nil {
		return reply{}, err
	}
	span, compared := period.Month(month), period.AgainstMonthBefore(month, c.lastWhole)
	team, err := d.figures.Team(r.Context(), c.stand, figures.TeamQuestion{
		Month:    month,
		Days:     period.Range{From: month.Add(-1).FirstDay(), To: span.To},
		Currency: r.program.Currency,
		Search:   list.search,
		Order:    list.order,
		Limit:    pageSize + 1,
		Offset:   (list.page - 1) * pageSize,
		Since:    lookSince(r),
	})
	if err != nil {
		return reply{}, err
	}
	if len(team.Partners) > pageSize {
		team.Partners = team.Partners[:pageSize] // of our own copy: the answer is kept
		next := list
		next.page++
		v.Next = next.address()
	}
	if list.page > 1 {
		first := list
		first.page = 1
		v.First = first.address()
	}
	linkIDs := make([]schema.LinkID, len(team.Partners))
	for i, p := range team.Partners {
		linkIDs[i] = p.Partner.Link
	}
	links, err := d.opt.Directory.LinksByID(r.Context(), linkIDs)
	if err != nil {
		return reply{}, err
	}
	byID := make(map[schema.LinkID]schema.Link, len(links))
	for _, l := range links {
		byID[l.ID] = l
	}
	v.Fresh = c.fresh(r)
	for _, l := range looksOf(team.States, "") {
		if l.Count > 0 {
			v.Looks = append(v.Looks, l)
		}
	}
	all := team.Days.Sum(span)
	for _, m := range measures(r.program) {
		if m.name != "visitors" { // they stand beside the clicks
			v.Tiles = append(v.Tiles, m.tile(all, m.change(compared, compared.Before.Short(), team.Days.Sum)))
		}
	}
	v.Tiles[0].Beside = templates.Count(all.Visitors).Of("unique visitor", "unique visitors") + ", " +
		templates.Count(team.Active).Of("partner with clicks", "partners with clicks")
	for _, p := range team.Partners {
		row := templates.PartnerRow{
			Name:       p.Partner.Name,
			Email:      p.Partner.Email,
			Status:     string(p.Partner.Status),
			Tone:       templates.Tone(p.Partner.Status),
			Clicks:     templates.Known(p.Counts.Clicks),
			Visitors:   templates.Known(p.Counts.Visitors),
			Referred:   templates.Known(p.Counts.Referred),
			Sold:       money(r.program.Currency, p.Counts.Sold, true, figures.Sum.Net),
			NotCounted: templates.Known(p.Counts.NotCounted()),
		}
		if l, ok := byID[p.Partner.Link]; ok {
			row.Link = d.shareLink(r, l)
		}
		v.Partners = append(v.Partners, row)
	}
	return reply{page: v}, nil
}

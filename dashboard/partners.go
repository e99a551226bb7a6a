package dashboard

import (
	"net/url"
	"strings"

	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// partners is the team's overview: who is in the program, and this month's clicks.
func (d *Dashboard) partners(r *request) (reply, error) {
	month := r.today().Month()
	v := templates.Partners{
		Shell:     d.shell(r, "Partners"),
		MonthName: period.MonthName(month),
		Search:    strings.TrimSpace(r.FormValue("q")),
	}
	after := cursor(r)
	partners, err := d.opt.Directory.Partners(r.Context(), v.Search, directory.Page{After: after, Limit: pageSize + 1})
	if err != nil {
		return reply{}, err
	}
	q := url.Values{}
	if v.Search != "" {
		q.Set("q", v.Search)
	}
	partners, v.First, v.Next = paged("/partners", q, after, partners, func(p schema.Partner) uint32 { return uint32(p.ID) })
	ids, linkIDs := make([]schema.PartnerID, len(partners)), make([]schema.LinkID, len(partners))
	for i, p := range partners {
		ids[i], linkIDs[i] = p.ID, p.Link
	}
	links, err := d.opt.Directory.LinksByID(r.Context(), linkIDs)
	if err != nil {
		return reply{}, err
	}
	byID := make(map[schema.LinkID]schema.Link, len(links))
	for _, l := range links {
		byID[l.ID] = l
	}
	c, err := d.clock(r)
	if err != nil {
		return reply{}, err
	}
	team, err := d.figures.TeamMonth(r.Context(), month, ids)
	if err != nil {
		return reply{}, err
	}
	v.Fresh = c.fresh(r)
	v.Clicks, v.Visitors, v.Active = templates.Known(team.All.Clicks), templates.Known(team.All.Visitors), templates.Known(team.Active)
	for _, p := range partners {
		n := team.Partners[p.ID]
		row := templates.PartnerRow{
			Name:       p.Name,
			Email:      p.Email,
			Status:     string(p.Status),
			Tone:       templates.Tone(p.Status),
			Clicks:     templates.Known(n.Clicks),
			Visitors:   templates.Known(n.Visitors),
			NotCounted: templates.Known(n.NotCounted()),
		}
		if l, ok := byID[p.Link]; ok {
			row.Link = d.shareLink(r, l)
		}
		v.Partners = append(v.Partners, row)
	}
	return reply{page: v}, nil
}

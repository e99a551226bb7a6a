package dashboard

import (
	"net/http"
	"net/url"
	"strconv"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// pageSize is how many rows a list shows at once.
const pageSize = 50

func (d *Dashboard) links(r *request) (reply, error) {
	p := r.who.Partner
	after := cursor(r)
	links, err := d.opt.Directory.LinksOf(r.Context(), p.ID, directory.Page{After: after, Limit: pageSize + 1})
	if err != nil {
		return reply{}, err
	}
	v := templates.Links{Shell: d.shell(r, "Links"), Span: "Figures of the past 30 days and the past 12 months"}
	links, v.First, v.Next = paged("/links", nil, after, links, func(l schema.Link) uint32 { return uint32(l.ID) })
	ids := make([]schema.LinkID, len(links))
	for i, l := range links {
		ids[i] = l.ID
	}
	short, long := period.LastDays(r.today(), trendDays), period.Months(r.today().Month(), 12)
	c, err := d.clock(r)
	var found map[schema.LinkID]figures.LinkFigures
	if err == nil {
		found, err = d.figures.Links(r.Context(), p.ID, ids, short, long)
	}
	status := http.StatusOK
	if err != nil {
		d.log.Warn("the figures do not answer", "err", err)
		v.Away, status = true, http.StatusServiceUnavailable
	} else {
		v.Fresh = c.fresh(r)
	}
	for _, l := range links {
		row := templates.LinkRow{ShareLink: d.shareLink(r, l), Created: l.CreatedAt.In(r.zone).Format("2 January 2006")}
		if !v.Away {
			f := found[l.ID]
			row.Clicks, row.Visitors, row.All = templates.Known(f.Short.Clicks), templates.Known(f.Short.Visitors), templates.Known(f.Long.Clicks)
		}
		v.Links = append(v.Links, row)
	}
	return reply{status: status, page: v}, nil
}

// cursor is after which id a list goes on; 0: from the beginning.
func cursor(r *request) uint32 {
	n, err := strconv.ParseUint(r.FormValue("after"), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// paged cuts a list that was asked for with one row more than a page has, and answers the addresses of the
// first page and of the next, where there are such.
func paged[T any](path string, q url.Values, after uint32, rows []T, id func(T) uint32) (page []T, first, next string) {
	address := func(after uint32) string {
		v := url.Values{}
		for key, values := range q {
			v[key] = values
		}
		if after > 0 {
			v.Set("after", strconv.FormatUint(uint64(after), 10))
		}
		return (&url.URL{Path: path, RawQuery: v.Encode()}).String()
	}
	if after > 0 {
		first = address(0)
	}
	if len(rows) > pageSize {
		rows = rows[:pageSize]
		next = address(id(rows[pageSize-1]))
	}
	return rows, first, next
}

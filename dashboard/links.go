package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// pageSize is how many rows a list shows at once.
const pageSize = 50

// linkSpans are the spans that the list of links can be of, the usual one first.
var linkSpans = []period.Preset{period.Past30Days, period.Past12Months}

func (d *Dashboard) links(r *request) (reply, error) {
	p := r.who.Partner
	after := cursor(r)
	links, err := d.opt.Directory.LinksOf(r.Context(), p.ID, directory.Page{After: after, Limit: pageSize + 1})
	if err != nil {
		return reply{}, err
	}
	v := templates.Links{Shell: d.shell(r, "Links"), Currency: r.program.Currency}
	chosen := linkSpans[0]
	if slices.Contains(linkSpans, period.Preset(r.FormValue("period"))) {
		chosen = period.Preset(r.FormValue("period"))
	}
	for _, s := range linkSpans {
		v.Spans = append(v.Spans, templates.Preset{Label: s.Label(), Href: "/links?" + url.Values{"period": {string(s)}}.Encode(), Current: s == chosen})
	}
	choice, err := period.Choose(url.Values{"period": {string(chosen)}}, r.today())
	if err != nil {
		return reply{}, err
	}
	v.Span = choice.Range.String()
	q := url.Values{}
	if chosen != linkSpans[0] {
		q = choice.Query()
	}
	links, v.First, v.Next = paged("/links", q, after, links, func(l schema.Link) uint32 { return uint32(l.ID) })
	ids := make([]schema.LinkID, len(links))
	for i, l := range links {
		ids[i] = l.ID
	}
	c, err := d.clock(r)
	var found map[schema.LinkID]figures.Counts
	if err == nil {
		found, err = d.figures.Links(r.Context(), c.stand, p.ID, ids, choice.Range)
	}
	status := http.StatusOK
	if err != nil {
		d.log.Warn("the figures do not answer", "err", err)
		v.Away, status = true, http.StatusServiceUnavailable
	} else {
		v.Fresh = c.fresh(r)
	}
	for _, l := range links {
		row := linkRow(r, found[l.ID], !v.Away)
		row.ShareLink, row.Created = d.shareLink(r, l), l.CreatedAt.In(r.zone).Format("2 January 2006")
		v.Links = append(v.Links, row)
	}
	if unlinked, ok := found[0]; ok {
		row := linkRow(r, unlinked, true)
		row.Clicks, row.Visitors = templates.Figure{}, templates.Figure{}
		v.Unlinked = &row
	}
	return reply{status: status, page: v}, nil
}

// linkRow is a link's figures.
func linkRow(r *request, c figures.Counts, known bool) templates.LinkRow {
	figure := func(n uint64) templates.Figure { return templates.Figure{Count: templates.Count(n), Known: known} }
	return templates.LinkRow{
		Clicks:   figure(c.Clicks),
		Visitors: figure(c.Visitors),
		Referred: figure(c.Referred),
		Sold:     money(r.program.Currency, c.Sold, known, figures.Sum.Net),
	}
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

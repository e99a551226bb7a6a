package dashboard

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
)

// look is a state of reports that are in no partner's figures: what the team is told of them.
type look struct {
	state       schema.AttributionState
	label, text string
}

// looks are these states, the ones that somebody can do something about first.
var looks = []look{
	{schema.StateConflict, "Contradictions", "A report of the same thing with other content came before, and that one stands. See which is right, and mend it where the reports come from."},
	{schema.StateReview, "Under review", "The customer has the partner's own e-mail address, so nothing of it counts."},
	{schema.StateHeld, "Waiting for an exchange rate", "Mostly there is no rate of their day or the seven before it: with one (fairlead rates import) they count. Each says why."},
	{schema.StateWaiting, "Waiting for their sale", "Refunds of sales that were not reported. They count once the sale is."},
	{schema.StateUnattributed, "Credited to nobody", "Mostly customers whom no partner sent. Each says why."},
}

// lookDays is how many days back the team is told of these reports, today included.
const lookDays = 30

// lookSince is when the first of these days began.
func lookSince(r *request) time.Time {
	return period.LastDays(r.today(), lookDays).From.Period(r.zone).From
}

// looksOf are the states with their numbers.
func looksOf(states map[schema.AttributionState]uint64, current schema.AttributionState) []templates.Look {
	var out []templates.Look
	for _, l := range looks {
		out = append(out, templates.Look{
			Label:   l.label,
			Text:    l.text,
			Count:   templates.Count(states[l.state]),
			Href:    conversionsPath(l.state, 1),
			Current: l.state == current,
		})
	}
	return out
}

func conversionsPath(state schema.AttributionState, page int) string {
	q := url.Values{"state": {string(state)}}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	return (&url.URL{Path: "/conversions", RawQuery: q.Encode()}).String()
}

// pageNumber is which page of a list was asked for, from 1.
func pageNumber(q url.Values) int {
	if n, err := strconv.ParseUint(q.Get("page"), 10, 20); err == nil && n > 0 {
		return int(n)
	}
	return 1
}

// conversions lists the reports of one state.
func (d *Dashboard) conversions(r *request) (reply, error) {
	q := r.URL.Query()
	chosen := looks[0]
	if i := slices.IndexFunc(looks, func(l look) bool { return string(l.state) == q.Get("state") }); i >= 0 {
		chosen = looks[i]
	}
	page := pageNumber(q)
	c, err := d.clock(r)
	if err != nil {
		return reply{}, err
	}
	found, err := d.figures.Conversions(r.Context(), c.stand, figures.ConversionsQuestion{
		State: chosen.state, Since: lookSince(r), Limit: pageSize + 1, Offset: (page - 1) * pageSize,
	})
	if err != nil {
		return reply{}, err
	}
	v := templates.Conversions{
		Shell: d.shell(r, "Conversions"),
		Looks: looksOf(found.States, chosen.state),
		Label: chosen.label,
		Text:  chosen.text,
		Zone:  period.Zone(r.zone),
	}
	v.Fresh = c.fresh(r)
	if len(found.List) > pageSize {
		found.List = found.List[:pageSize]
		v.Next = conversionsPath(chosen.state, page+1)
	}
	if page > 1 {
		v.First = conversionsPath(chosen.state, 1)
	}
	names, err := d.partnerNames(r, found.List)
	if err != nil {
		return reply{}, err
	}
	for _, c := range found.List {
		v.List = append(v.List, templates.ReportedRow{
			When:     c.At.In(r.zone).Format("2 Jan 2006, 15:04"),
			Machine:  c.At.UTC().Format(time.RFC3339),
			Kind:     kindNames[c.Kind],
			Customer: c.Customer,
			Amount:   reportedAmount(c),
			Partner:  names[c.Partner],
			Why:      c.Reason.Sentence(),
			Href:     "/lookup?" + url.Values{"conversion": {c.ID}}.Encode(),
		})
	}
	return reply{page: v}, nil
}

// kindNames name what was reported, to people.
var kindNames = map[schema.ConversionKind]string{
	schema.Lead: "Sign-up", schema.Sale: "Sale", schema.Refund: "Refund", schema.Restored: "Refund taken back", schema.Deferred: "First word",
}

// reportedAmount is what a report came to in the program's currency, where it did.
func reportedAmount(c figures.Reported) string {
	if c.Currency == "" || c.Kind == schema.Lead {
		return "–"
	}
	return templates.Amount{Minor: c.Amount, Currency: c.Currency}.String()
}

// partnerNames are the names of the partners of a list.
func (d *Dashboard) partnerNames(r *request, list []figures.Reported) (map[schema.PartnerID]string, error) {
	names := map[schema.PartnerID]string{}
	for _, c := range list {
		if c.Partner != 0 {
			names[c.Partner] = "Partner " + c.Partner.String()
		}
	}
	var ids []schema.PartnerID
	for id := range names {
		ids = append(ids, id)
	}
	partners, err := d.opt.Directory.PartnersByID(r.Context(), ids)
	if err != nil {
		return nil, err
	}
	for _, p := range partners {
		names[p.ID] = p.Name
	}
	names[0] = "–"
	return names, nil
}

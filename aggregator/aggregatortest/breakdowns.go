package aggregatortest

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"time"

	"fairlead/schema"
)

// breakdown names a row of breakdowns; the day of a month is its first.
type breakdown struct {
	partner   schema.PartnerID
	dimension schema.Dimension
	day       schema.Day
	rest      bool
	value     string
}

type counted struct{ clicks, visitors uint64 }

// mustEqualBreakdowns fails the test where the stored breakdowns are not those that the shipped hits have, counted in Go.
func (w *World) mustEqualBreakdowns(zone *time.Location) {
	w.t.Helper()
	days := w.recountBreakdowns(zone)
	var newest schema.Month
	for k := range days {
		newest = max(newest, k.day.Month())
	}
	months := map[breakdown]counted{}
	for k, c := range days {
		if k.day.Month() < newest {
			k.day = k.day.Month().FirstDay()
			months[k] = counted{months[k].clicks + c.clicks, months[k].visitors + c.visitors}
		}
	}
	summed, rests := map[breakdown]counted{}, restsOf(months)
	for k, c := range months {
		if rests[k] {
			k.rest, k.value = true, ""
		}
		summed[k] = counted{summed[k].clicks + c.clicks, summed[k].visitors + c.visitors}
	}
	w.mustStand("breakdown_days", "day", days)
	w.mustStand("breakdown_months", "month", summed)
}

func (w *World) recountBreakdowns(zone *time.Location) map[breakdown]counted {
	w.t.Helper()
	clicks, seen := map[breakdown]counted{}, map[breakdown]map[uint64]bool{}
	of := func(h Hit) map[schema.Dimension]string {
		u, err := url.Parse(h.Destination)
		w.must(err)
		page := u.Path
		if h.Destination != "" {
			page = cmp.Or(page, "/")
		}
		return map[schema.Dimension]string{
			schema.DimensionCountry: h.Country, schema.DimensionDevice: h.Device, schema.DimensionBrowser: h.Browser,
			schema.DimensionReferrer: h.Referrer, schema.DimensionSubID: h.SubID, schema.DimensionLandingPage: page,
		}
	}
	each := func(do func(k breakdown, visitor uint64)) {
		for _, h := range w.Hits {
			if h.Verdict == schema.VerdictValid {
				for d, value := range of(h) {
					do(breakdown{h.Partner, d, schema.DayOf(h.At, zone), false, value}, h.Visitor)
				}
			}
		}
	}
	each(func(k breakdown, _ uint64) { clicks[k] = counted{clicks: clicks[k].clicks + 1} })
	rests := restsOf(clicks)
	out := map[breakdown]counted{}
	each(func(k breakdown, visitor uint64) {
		if rests[k] {
			k.rest, k.value = true, ""
		}
		c := out[k]
		c.clicks++
		if seen[k] == nil {
			seen[k] = map[uint64]bool{}
		}
		if visitor != 0 && !seen[k][visitor] {
			seen[k][visitor] = true
			c.visitors++
		}
		out[k] = c
	})
	return out
}

// restsOf returns the rows whose clicks belong to the rest: those beyond the most frequent of their partner, dimension and day.
func restsOf(rows map[breakdown]counted) map[breakdown]bool {
	groups := map[breakdown][]breakdown{}
	for k := range rows {
		if !k.rest {
			group := breakdown{partner: k.partner, dimension: k.dimension, day: k.day}
			groups[group] = append(groups[group], k)
		}
	}
	rests := map[breakdown]bool{}
	for _, g := range groups {
		slices.SortFunc(g, func(a, b breakdown) int {
			return cmp.Or(cmp.Compare(rows[b].clicks, rows[a].clicks), cmp.Compare(a.value, b.value))
		})
		for _, k := range g[min(len(g), schema.BreakdownValues):] {
			rests[k] = true
		}
	}
	return rests
}

// mustStand compares a table of breakdowns with what should stand there.
func (w *World) mustStand(table, date string, want map[breakdown]counted) {
	w.t.Helper()
	rows, err := w.CH.Query(context.Background(), "SELECT partner_id, toString(dimension), "+date+", rest, value, clicks, visitors FROM fairlead."+table)
	w.must(err)
	defer rows.Close()
	got := map[breakdown]counted{}
	for rows.Next() {
		var k breakdown
		var c counted
		var partner uint32
		var dimension string
		var day time.Time
		w.must(rows.Scan(&partner, &dimension, &day, &k.rest, &k.value, &c.clicks, &c.visitors))
		k.partner, k.dimension, k.day = schema.PartnerID(partner), schema.Dimension(dimension), schema.DayOf(day, time.UTC)
		if _, twice := got[k]; twice {
			w.t.Errorf("%s: two rows for %+v", table, k)
		}
		got[k] = c
	}
	w.must(rows.Err())
	if maps.Equal(got, want) {
		return
	}
	wrong := 0
	for k := range want {
		if g, ok := got[k]; (!ok || g != want[k]) && wrong < 5 {
			wrong++
			w.t.Errorf("%s %+v: got %+v, want %+v", table, k, g, want[k])
		}
	}
	w.t.Errorf("%s: %d rows, want %d, and they differ", table, len(got), len(want))
}

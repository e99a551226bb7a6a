package aggregatortest

import (
	"context"
	"fmt"
	"time"

	"fairlead/schema"
)

// Key names a row of figures; Link is 0 in those of partners, the day of a month is its first.
type Key struct {
	Partner schema.PartnerID
	Link    schema.LinkID
	Day     schema.Day
}

// Figures are the figures of a row: clicks, visitors, bots, prefetches, embedded, unknown links, suspended,
// disabled, expired.
type Figures [9]uint64

// Table is a table of figures.
type Table map[Key]Figures

// Rollups are the three tables of figures.
type Rollups struct{ LinkDays, PartnerDays, PartnerMonths Table }

// Recount counts the figures from the shipped hits, in Go.
func (w *World) Recount(zone *time.Location) Rollups {
	type visitor struct {
		Key
		hash uint64
	}
	out := Rollups{LinkDays: Table{}, PartnerDays: Table{}, PartnerMonths: Table{}}
	seen := map[visitor]bool{}
	add := func(t Table, k Key, figure int) {
		f := t[k]
		f[figure]++
		t[k] = f
	}
	figure := map[schema.Verdict]int{
		schema.VerdictValid: 0, schema.VerdictBot: 2, schema.VerdictPrefetch: 3, schema.VerdictEmbedded: 4,
		schema.VerdictUnknownLink: 5, schema.VerdictSuspended: 6, schema.VerdictDisabled: 7, schema.VerdictExpired: 8,
	}
	for _, h := range w.Hits {
		day := schema.DayOf(h.At, zone)
		link := Key{h.Partner, h.Link, day}
		partner := Key{h.Partner, 0, day}
		month := Key{h.Partner, 0, day.Month().FirstDay()}
		add(out.LinkDays, link, figure[h.Verdict])
		add(out.PartnerDays, partner, figure[h.Verdict])
		add(out.PartnerMonths, month, figure[h.Verdict])
		if h.Verdict != schema.VerdictValid || h.Visitor == 0 {
			continue
		}
		if v := (visitor{link, h.Visitor}); !seen[v] {
			seen[v] = true
			add(out.LinkDays, link, 1)
		}
		// The key of the partner's visitors has no link in it and may be that of link 0: mark it.
		v := visitor{partner, h.Visitor}
		v.Link = 1<<32 - 1
		if !seen[v] {
			seen[v] = true
			add(out.PartnerDays, partner, 1)
			add(out.PartnerMonths, month, 1)
		}
	}
	return out
}

// Stored reads the three tables.
func (w *World) Stored() Rollups {
	w.t.Helper()
	return Rollups{
		LinkDays:      w.table("SELECT partner_id, link_id, day AS d, " + columns + " FROM fairlead.link_days"),
		PartnerDays:   w.table("SELECT partner_id, toUInt32(0), day AS d, " + columns + " FROM fairlead.partner_days"),
		PartnerMonths: w.table("SELECT partner_id, toUInt32(0), month AS d, " + columns + " FROM fairlead.partner_months"),
	}
}

const columns = "clicks, visitors, bots, prefetches, embedded, unknown_links, suspended, disabled, expired"

func (w *World) table(question string) Table {
	w.t.Helper()
	rows, err := w.CH.Query(context.Background(), question)
	w.must(err)
	defer rows.Close()
	out := Table{}
	for rows.Next() {
		var k Key
		var partner, link uint32
		var day time.Time
		var f Figures
		w.must(rows.Scan(&partner, &link, &day, &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7], &f[8]))
		k.Partner, k.Link, k.Day = schema.PartnerID(partner), schema.LinkID(link), schema.DayOf(day, time.UTC)
		if _, twice := out[k]; twice {
			w.t.Fatalf("%s: two rows for %+v", question, k)
		}
		out[k] = f
	}
	w.must(rows.Err())
	return out
}

// Differ returns how two tables differ, at most ten lines.
func Differ(name string, got, want Table) (lines []string) {
	for k, f := range want {
		if g, ok := got[k]; !ok || g != f {
			lines = append(lines, fmt.Sprintf("%s %+v: got %v, want %v", name, k, got[k], f))
		}
	}
	for k, f := range got {
		if _, ok := want[k]; !ok {
			lines = append(lines, fmt.Sprintf("%s %+v: got %v, want no row", name, k, f))
		}
	}
	return lines[:min(len(lines), 10)]
}

// MustEqual fails the test where the stored figures are not those of the recount.
func (w *World) MustEqual(zone *time.Location) {
	w.t.Helper()
	got, want := w.Stored(), w.Recount(zone)
	for _, line := range append(append(
		Differ("link_days", got.LinkDays, want.LinkDays),
		Differ("partner_days", got.PartnerDays, want.PartnerDays)...),
		Differ("partner_months", got.PartnerMonths, want.PartnerMonths)...) {
		w.t.Error(line)
	}
	w.mustEqualBreakdowns(zone)
}

package verify

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fairlead/schema"
)

var (
	//go:embed queries/link_days.sql
	linkDaysSQL string
	//go:embed queries/partner_days.sql
	partnerDaysSQL string
	//go:embed queries/partner_months.sql
	partnerMonthsSQL string
)

// figureNames are the figures in the order of the questions' arrays.
var figureNames = [...]string{"clicks", "visitors", "bots", "prefetches", "embedded", "unknown_links", "suspended", "disabled", "expired"}

// doubt is a row of figures that is not, or not yet, as the facts say.
type doubt struct {
	what string
	key  string
	want string
	got  string
	// open: hits of this row have landed and may or may not be in it yet.
	open bool
}

// rollups compares the figures, month by month. What differs is looked at again after the rollups were
// brought up to date once more.
func (r *run) rollups(all []schema.Month) error {
	for _, m := range all {
		r.next(fmt.Sprintf("figures of %d", m))
		if err := r.month(m); err != nil {
			return err
		}
		r.report.Months = append(r.report.Months, m)
	}
	return nil
}

func (r *run) month(month schema.Month) error {
	days := daysOf(month)
	var before []doubt
	for attempt := 1; ; attempt++ {
		nodes, err := r.landed()
		if err != nil {
			return err
		}
		var doubts []doubt
		doubtful := days[:0:0]
		for _, d := range days {
			found, err := r.day(d, nodes)
			if err != nil {
				return err
			}
			if len(found) > 0 {
				doubtful = append(doubtful, d)
				doubts = append(doubts, found...)
			}
		}
		sums, err := r.sums(month)
		if err != nil {
			return err
		}
		doubts = append(doubts, sums...)
		if len(doubts) == 0 {
			return nil
		}
		if attempt == attempts {
			r.judge(before, doubts)
			return nil
		}
		before, days = doubts, doubtful
		r.wait()
		r.rollUp()
	}
}

// judge lists the doubts that were the same kind twice: differences, and rows that hits kept landing on.
func (r *run) judge(before, now []doubt) {
	type name struct{ what, key string }
	differed := map[name]bool{}
	for _, d := range before {
		if !d.open {
			differed[name{d.what, d.key}] = true
		}
	}
	busy := map[name]int{}
	for _, d := range now {
		switch {
		case d.open:
			_, day, _ := strings.Cut(d.key, " on ")
			busy[name{d.what, day}]++
		case differed[name{d.what, d.key}]:
			r.differ(d.what, d.key, d.want, d.got)
		}
	}
	for n, rows := range busy {
		r.leaveOpen(n.what, n.key, fmt.Sprintf("hits of %d rows were landing while they were counted", rows))
	}
	slices.SortFunc(r.report.NotCompared, func(a, b Open) int { return strings.Compare(a.What+a.Key, b.What+b.Key) })
}

// day compares the figures of one program-day. A figure lies between that of the hits which are rolled
// up for certain, and that of all that have landed.
func (r *run) day(day schema.Day, nodes []node) ([]doubt, error) {
	names, numbers := bounds(nodes, func(n node) uint64 { return n.Rolled })
	period := day.Period(r.zone)
	values := map[string]string{
		"day":    day.Time().Format(time.DateOnly),
		"from":   instant(period.From),
		"to":     instant(period.To),
		"nodes":  names,
		"bounds": numbers,
	}
	var links []struct {
		Partner uint32   `ch:"partner_id"`
		Link    uint32   `ch:"link_id"`
		Stored  []uint64 `ch:"stored"`
		Certain []uint64 `ch:"certain"`
		Landed  []uint64 `ch:"landed"`
	}
	if err := r.ClickHouse.Select(r.named("day of links", values), &links, linkDaysSQL); err != nil {
		return nil, fmt.Errorf("count day %d by link: %w", day, err)
	}
	var partners []struct {
		Partner uint32   `ch:"partner_id"`
		Stored  []uint64 `ch:"stored"`
		Certain []uint64 `ch:"certain"`
		Landed  []uint64 `ch:"landed"`
	}
	if err := r.ClickHouse.Select(r.named("day of partners", values), &partners, partnerDaysSQL); err != nil {
		return nil, fmt.Errorf("count day %d by partner: %w", day, err)
	}
	var doubts []doubt
	for _, l := range links {
		doubts = append(doubts, between(LinkDays, fmt.Sprintf("partner %d, link %d on %d", l.Partner, l.Link, day), l.Stored, l.Certain, l.Landed))
	}
	for _, p := range partners {
		doubts = append(doubts, between(PartnerDays, fmt.Sprintf("partner %d on %d", p.Partner, day), p.Stored, p.Certain, p.Landed))
	}
	return doubts, nil
}

// between judges a row of figures by the counts that it has to lie between.
func between(what, key string, stored, certain, landed []uint64) doubt {
	d := doubt{what: what, key: key, want: figures(landed), got: figures(stored), open: true}
	for i := range stored {
		if stored[i] < certain[i] || stored[i] > landed[i] {
			d.open = false
		}
	}
	return d
}

// sums compares the figures of a month with the sums of its days.
func (r *run) sums(month schema.Month) ([]doubt, error) {
	var found []struct {
		Partner uint32   `ch:"partner_id"`
		Stored  []uint64 `ch:"stored"`
		Days    []uint64 `ch:"days"`
	}
	ctx := r.named("month of partners", map[string]string{
		"month": strconv.FormatUint(uint64(month), 10),
		"first": month.FirstDay().Time().Format(time.DateOnly),
	})
	if err := r.ClickHouse.Select(ctx, &found, partnerMonthsSQL); err != nil {
		return nil, fmt.Errorf("sum up month %d: %w", month, err)
	}
	var doubts []doubt
	for _, f := range found {
		doubts = append(doubts, doubt{what: PartnerMonths, key: fmt.Sprintf("partner %d in %d", f.Partner, month), want: figures(f.Days), got: figures(f.Stored)})
	}
	return doubts, nil
}

// figures writes the figures that are not 0: "5 clicks, 3 visitors".
func figures(f []uint64) string {
	var parts []string
	for i, n := range f {
		if n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, figureNames[i]))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// daysOf returns every day of a month.
func daysOf(m schema.Month) []schema.Day {
	var days []schema.Day
	for t := m.FirstDay().Time(); ; t = t.AddDate(0, 0, 1) {
		d := schema.DayOf(t, time.UTC)
		if d.Month() != m {
			return days
		}
		days = append(days, d)
	}
}

package verify

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
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
	day  schema.Day // 0: of a whole month
	want string
	got  string
	// open: something of this row has landed and may or may not be in it yet.
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
	days := month.Days()
	var before []doubt
	for attempt := 1; ; attempt++ {
		nodes, err := r.landed()
		if err != nil {
			return err
		}
		var doubts []doubt
		doubtful := days[:0:0]
		for _, some := range schema.Weeks(days) {
			found, err := r.days(some, nodes)
			if err != nil {
				return err
			}
			for _, d := range found {
				if !slices.Contains(doubtful, d.day) {
					doubtful = append(doubtful, d.day)
				}
			}
			doubts = append(doubts, found...)
		}
		sums, err := r.sums(month)
		if err != nil {
			return err
		}
		doubts = append(doubts, sums...)
		if sums, err = r.breakdownSums(month); err != nil {
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
		slices.Sort(doubtful)
		before, days = doubts, doubtful
		r.wait()
		r.rollUp()
	}
}

// judge lists the doubts that were the same kind twice: differences, and rows on which something kept landing.
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
			busy[name{d.what, fmt.Sprint(d.day)}]++
		case differed[name{d.what, d.key}]:
			r.differ(d.what, d.key, d.want, d.got)
		}
	}
	for n, rows := range busy {
		r.leaveOpen(n.what, n.key, fmt.Sprintf("what goes into %d rows was landing while it was counted", rows))
	}
	slices.SortFunc(r.report.NotCompared, func(a, b Open) int { return strings.Compare(a.What+a.Key, b.What+b.Key) })
}

// days compares the figures of program-days that follow each other within a month. A figure lies between
// that of the hits which are rolled up for certain, and that of all that have landed.
func (r *run) days(days []schema.Day, nodes []node) ([]doubt, error) {
	names, numbers := bounds(nodes, func(n node) uint64 { return n.Rolled })
	dates, starts := make([]string, len(days)), make([]string, len(days))
	for i, d := range days {
		dates[i] = clickhouse.Quote(d.Time().Format(time.DateOnly))
		starts[i] = clickhouse.Quote(clickhouse.Instant(d.Period(r.zone).From))
	}
	first, last := days[0], days[len(days)-1]
	values := map[string]string{
		"month":  strconv.FormatUint(uint64(first.Month()), 10),
		"days":   "[" + strings.Join(dates, ",") + "]",
		"starts": "[" + strings.Join(starts, ",") + "]",
		"from":   clickhouse.Instant(first.Period(r.zone).From),
		"to":     clickhouse.Instant(last.Period(r.zone).To),
		"nodes":  names,
		"bounds": numbers,
	}
	type row struct {
		Partner uint32    `ch:"partner_id"`
		Link    uint32    `ch:"link_id"`
		Day     time.Time `ch:"day"`
		Stored  []uint64  `ch:"stored"`
		Certain []uint64  `ch:"certain"`
		Landed  []uint64  `ch:"landed"`
	}
	var links, partners []row
	if err := r.ClickHouse.Select(r.named("days of links", values), &links, linkDaysSQL); err != nil {
		return nil, fmt.Errorf("count the days %d to %d by link: %w", first, last, err)
	}
	if err := r.ClickHouse.Select(r.named("days of partners", values), &partners, partnerDaysSQL); err != nil {
		return nil, fmt.Errorf("count the days %d to %d by partner: %w", first, last, err)
	}
	var doubts []doubt
	for _, l := range links {
		day := schema.DayOf(l.Day, time.UTC)
		doubts = append(doubts, between(LinkDays, day, fmt.Sprintf("partner %d, link %d on %d", l.Partner, l.Link, day), l.Stored, l.Certain, l.Landed))
	}
	for _, p := range partners {
		day := schema.DayOf(p.Day, time.UTC)
		doubts = append(doubts, between(PartnerDays, day, fmt.Sprintf("partner %d on %d", p.Partner, day), p.Stored, p.Certain, p.Landed))
	}
	told, err := r.breakdownDays(values)
	return append(doubts, told...), err
}

// between judges a row of figures by the counts that it has to lie between.
func between(what string, day schema.Day, key string, stored, certain, landed []uint64) doubt {
	d := doubt{what: what, key: key, day: day, want: figures(landed), got: figures(stored), open: true}
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

// Package figures reads what pages show: from the rollups in ClickHouse, and today's clicks from the live
// counters in Redis. It never reads the facts, and never mixes the two: a live number stands for
// itself.
//
// A page asks ClickHouse once. Every question names one partner, but for those of the team's pages.
package figures

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/dashboard/period"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Reader reads figures. It is safe for concurrent use.
type Reader struct {
	ch   driver.Conn
	rdb  redis.UniversalClient
	keys schema.Keys
}

// New returns a reader over open connections, which stay the caller's.
func New(ch driver.Conn, rdb redis.UniversalClient, keys schema.Keys) *Reader {
	return &Reader{ch: ch, rdb: rdb, keys: keys}
}

// Counts are the hits of a partner or a link in some span, by verdict.
type Counts struct {
	Clicks     uint64 `ch:"clicks"` // valid ones, repeats included
	Visitors   uint64 `ch:"visitors"`
	Bots       uint64 `ch:"bots"`
	Prefetches uint64 `ch:"prefetches"`
	Embedded   uint64 `ch:"embedded"`
	Suspended  uint64 `ch:"suspended"`
	Disabled   uint64 `ch:"disabled"`
	Expired    uint64 `ch:"expired"`
}

// Plus returns the sum of two spans that do not overlap.
func (c Counts) Plus(d Counts) Counts {
	return Counts{
		Clicks:     c.Clicks + d.Clicks,
		Visitors:   c.Visitors + d.Visitors,
		Bots:       c.Bots + d.Bots,
		Prefetches: c.Prefetches + d.Prefetches,
		Embedded:   c.Embedded + d.Embedded,
		Suspended:  c.Suspended + d.Suspended,
		Disabled:   c.Disabled + d.Disabled,
		Expired:    c.Expired + d.Expired,
	}
}

// NotCounted is how many hits were not clicks.
func (c Counts) NotCounted() uint64 {
	return c.Bots + c.Prefetches + c.Embedded + c.Suspended + c.Disabled + c.Expired
}

// Days are counts by program-day. A day without hits is absent.
type Days map[schema.Day]Counts

// Sum adds the days of a range up.
func (d Days) Sum(r period.Range) Counts {
	var sum Counts
	for day, c := range d {
		if r.Contains(day) {
			sum = sum.Plus(c)
		}
	}
	return sum
}

// Months are counts by month. A month without hits is absent.
type Months map[schema.Month]Counts

// Sum adds the months from first to last up.
func (m Months) Sum(first, last schema.Month) Counts {
	var sum Counts
	for month, c := range m {
		if first <= month && month <= last {
			sum = sum.Plus(c)
		}
	}
	return sum
}

// LinkCounts are the counts of one link.
type LinkCounts struct {
	Link schema.LinkID
	Counts
}

// Overview is what a partner's first page needs.
type Overview struct {
	Months Months
	Days   Days
	Top    []LinkCounts // most clicks first, only links with clicks
}

// OverviewSpans says which figures an Overview holds.
type OverviewSpans struct {
	FirstMonth, LastMonth schema.Month
	Days, OtherDays       period.Range // OtherDays for a comparison long before Days
	Links                 period.Range // over which Top is counted
}

//go:embed overview.sql
var overviewSQL string

// Overview reads the figures of a partner's first page.
func (r *Reader) Overview(ctx context.Context, p schema.PartnerID, s OverviewSpans) (Overview, error) {
	var rows []struct {
		Part string    `ch:"part"`
		Date time.Time `ch:"date"`
		Link uint32    `ch:"link"`
		Counts
	}
	err := r.ch.Select(clickhouse.Named(ctx, "dashboard: home", map[string]string{
		"partner":     p.String(),
		"first_month": period.ISO(s.FirstMonth.FirstDay()),
		"last_month":  period.ISO(s.LastMonth.FirstDay()),
		"from":        period.ISO(s.Days.From),
		"to":          period.ISO(s.Days.To),
		"other_from":  period.ISO(s.OtherDays.From),
		"other_to":    period.ISO(s.OtherDays.To),
		"links_from":  period.ISO(s.Links.From),
		"links_to":    period.ISO(s.Links.To),
	}), &rows, overviewSQL)
	if err != nil {
		return Overview{}, fmt.Errorf("read the overview of partner %s: %w", p, err)
	}
	o := Overview{Months: Months{}, Days: Days{}}
	for _, row := range rows {
		day := schema.DayOf(row.Date, time.UTC)
		switch row.Part {
		case "month":
			o.Months[day.Month()] = row.Counts
		case "day":
			o.Days[day] = row.Counts
		case "link":
			o.Top = append(o.Top, LinkCounts{Link: schema.LinkID(row.Link), Counts: row.Counts})
		}
	}
	sortByClicks(o.Top)
	return o, nil
}

//go:embed days.sql
var daysSQL string

// Days reads a partner's days of two ranges.
func (r *Reader) Days(ctx context.Context, p schema.PartnerID, now, before period.Range) (Days, error) {
	var rows []struct {
		Day time.Time `ch:"day"`
		Counts
	}
	err := r.ch.Select(clickhouse.Named(ctx, "dashboard: reporting", map[string]string{
		"partner":     p.String(),
		"from":        period.ISO(now.From),
		"to":          period.ISO(now.To),
		"before_from": period.ISO(before.From),
		"before_to":   period.ISO(before.To),
	}), &rows, daysSQL)
	if err != nil {
		return nil, fmt.Errorf("read the days of partner %s: %w", p, err)
	}
	days := make(Days, len(rows))
	for _, row := range rows {
		days[schema.DayOf(row.Day, time.UTC)] = row.Counts
	}
	return days, nil
}

// LinkFigures are a link's figures over a short and a long span.
type LinkFigures struct{ Short, Long Counts }

//go:embed links.sql
var linksSQL string

// Links reads the figures of some of a partner's links. The long span holds the short one.
func (r *Reader) Links(ctx context.Context, p schema.PartnerID, ids []schema.LinkID, short, long period.Range) (map[schema.LinkID]LinkFigures, error) {
	var rows []struct {
		Link  uint32 `ch:"link"`
		Short bool   `ch:"short"`
		Counts
	}
	err := r.ch.Select(clickhouse.Named(ctx, "dashboard: links", map[string]string{
		"partner": p.String(),
		"links":   array(ids),
		"short":   period.ISO(short.From),
		"from":    period.ISO(long.From),
		"to":      period.ISO(long.To),
	}), &rows, linksSQL)
	if err != nil {
		return nil, fmt.Errorf("read the links of partner %s: %w", p, err)
	}
	out := make(map[schema.LinkID]LinkFigures, len(ids))
	for _, row := range rows {
		id := schema.LinkID(row.Link)
		f := out[id]
		f.Long = f.Long.Plus(row.Counts)
		if row.Short {
			f.Short = f.Short.Plus(row.Counts)
		}
		out[id] = f
	}
	return out, nil
}

// TeamMonth is a month over all partners, and of some of them.
type TeamMonth struct {
	All      Counts
	Active   uint64 // partners with clicks
	Partners map[schema.PartnerID]Counts
}

//go:embed team_month.sql
var teamMonthSQL string

// TeamMonth reads a month for the team's overview.
func (r *Reader) TeamMonth(ctx context.Context, m schema.Month, ids []schema.PartnerID) (TeamMonth, error) {
	var rows []struct {
		Partner uint32 `ch:"partner"` // 0: all of them together
		Active  uint64 `ch:"active"`
		Counts
	}
	err := r.ch.Select(clickhouse.Named(ctx, "dashboard: partners", map[string]string{
		"month":    period.ISO(m.FirstDay()),
		"partners": array(ids),
	}), &rows, teamMonthSQL)
	if err != nil {
		return TeamMonth{}, fmt.Errorf("read %s of all partners: %w", period.MonthName(m), err)
	}
	t := TeamMonth{Partners: make(map[schema.PartnerID]Counts, len(ids))}
	for _, row := range rows {
		if row.Partner == 0 {
			t.All, t.Active = row.Counts, row.Active
			continue
		}
		t.Partners[schema.PartnerID(row.Partner)] = row.Counts
	}
	return t, nil
}

// CompleteTo returns up to when the rollups contain every hit that was answered; the zero time when the last
// rollup has not said so. What has landed in ClickHouse is no answer: the rollups may be behind it.
func (r *Reader) CompleteTo(ctx context.Context) (time.Time, error) {
	ms, err := r.rdb.HGet(ctx, r.keys.Rollup(), schema.RollupCompleteTo).Int64()
	if errors.Is(err, redis.Nil) || err == nil && ms == 0 {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read up to when the figures are complete: %w", err)
	}
	return time.UnixMilli(ms).UTC(), nil
}

// Today returns a partner's clicks of the running day, as they arrive. It is not known while the live
// counters are made anew, or count days of another zone than the program's.
func (r *Reader) Today(ctx context.Context, p schema.PartnerID, now time.Time, zone *time.Location) (clicks uint64, known bool, err error) {
	var epoch, count *redis.StringCmd
	_, err = r.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		epoch = pipe.Get(ctx, r.keys.LiveComplete())
		count = pipe.HGet(ctx, r.keys.Live(schema.LiveShard(p)), schema.LiveClicks(p, schema.DayOf(now, zone)))
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, false, fmt.Errorf("read the live clicks of partner %s: %w", p, err)
	}
	if _, name, ok := strings.Cut(epoch.Val(), ":"); !ok || name != zone.String() {
		return 0, false, nil
	}
	if errors.Is(count.Err(), redis.Nil) {
		return 0, true, nil
	}
	clicks, err = count.Uint64()
	if err != nil {
		return 0, false, fmt.Errorf("read the live clicks of partner %s: %w", p, err)
	}
	return clicks, true, nil
}

// array writes ids as ClickHouse's text form of an array.
func array[ID ~uint32](ids []ID) string {
	out := []byte{'['}
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendUint(out, uint64(id), 10)
	}
	return string(append(out, ']'))
}

// sortByClicks orders links, which a union brings in any order.
func sortByClicks(links []LinkCounts) {
	slices.SortFunc(links, func(a, b LinkCounts) int {
		return cmp.Or(cmp.Compare(b.Clicks, a.Clicks), cmp.Compare(a.Link, b.Link))
	})
}

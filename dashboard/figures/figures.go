// Package figures reads what pages show: from what is derived from the facts in ClickHouse, and today's clicks from the
// live counters in Redis. It never reads the facts, and never mixes the two: a live number stands for itself.
//
// A page asks ClickHouse once, and not again before the figures change. Every question names one partner, but for those
// of the team's pages. Questions read with pread: a page needs a little of many parts, which lies in the kernel's memory,
// and handing each read to another thread made the first page take 18 ms instead of 14. They use no statistics of
// columns: a month that was just swapped in or merged has none in memory, and loading them made it 65 ms instead of 15.
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
	ch    driver.Conn
	rdb   redis.UniversalClient
	keys  schema.Keys
	cache *cache
}

// New returns a reader over open connections, which stay the caller's.
func New(ch driver.Conn, rdb redis.UniversalClient, keys schema.Keys, now func() time.Time) *Reader {
	return &Reader{ch: ch, rdb: rdb, keys: keys, cache: &cache{now: now}}
}

// Stand is which figures stand, and up to when they are complete.
type Stand struct {
	// CompleteTo is up to when the figures contain every hit that was answered and every report that was taken; the zero
	// time when the last rollup, or the last attribution, has not said so. What has landed in ClickHouse is no answer: the
	// figures may be behind it.
	CompleteTo time.Time
	generation string // changes with the figures; empty: not known
	directory  string // changes with the directory; empty: not known
}

// Stand reads which figures stand. Questions are given it: the answers of one stand are alike, are kept, and must not be
// changed.
func (r *Reader) Stand(ctx context.Context) (Stand, error) {
	var of *redis.SliceCmd
	var revision *redis.StringCmd
	_, err := r.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		of = pipe.HMGet(ctx, r.keys.Rollup(), schema.RollupCompleteTo, schema.SalesCompleteTo, schema.RollupGeneration, schema.SalesGeneration, schema.RewardsGeneration)
		revision = pipe.Get(ctx, r.keys.Revision())
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return Stand{}, fmt.Errorf("read up to when the figures are complete: %w", err)
	}
	said, s := of.Val(), Stand{directory: revision.Val()}
	rollup, known := said[2].(string)
	sales, also := said[3].(string)
	if known && also {
		rewards, _ := said[4].(string) // absent as long as nothing was booked
		s.generation = rollup + " " + sales + " " + rewards
	}
	var earliest int64
	for i, v := range said[:2] {
		text, ok := v.(string)
		if !ok {
			return s, nil
		}
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return Stand{}, fmt.Errorf("read up to when the figures are complete: %w", err)
		}
		if i == 0 || ms < earliest {
			earliest = ms
		}
	}
	if earliest > 0 {
		s.CompleteTo = time.UnixMilli(earliest).UTC()
	}
	return s, nil
}

// row is what a question answers: figures of clicks, or of what was referred and sold, or earned, in one currency. The rows
// of one day, month or link are to be added up.
type row struct {
	Counts
	Sum
	Paid    int64 `ch:"paid"`
	Pending int64 `ch:"pending"`
}

// counts are the row's figures.
func (r row) counts() Counts {
	c := r.Counts
	switch {
	case r.Paid != 0 || r.Pending != 0:
		c.Rewards = Rewards{{r.Currency, r.Paid, r.Pending}}
	case r.Currency != "":
		c.Sold = Sold{r.Sum}
	}
	return c
}

// LinkCounts are the clicks of one link.
type LinkCounts struct {
	Link   schema.LinkID
	Clicks uint64
}

// Overview is what a partner's first page needs.
type Overview struct {
	Months Months
	Days   Days
	Top    []LinkCounts // most clicks first, only links with clicks
	// Balances are where the rewards of all times stand, by currency, ordered by it.
	Balances []Balance
}

// OverviewSpans says which figures an Overview holds. The days of what was referred, sold and earned are there for all months.
type OverviewSpans struct {
	FirstMonth, LastMonth schema.Month
	Days, OtherDays       period.Range // OtherDays for a comparison long before Days
	Links                 period.Range // over which Top is counted
}

//go:embed overview.sql
var overviewSQL string

// Overview reads the figures of a partner's first page.
func (r *Reader) Overview(ctx context.Context, stand Stand, p schema.PartnerID, s OverviewSpans) (Overview, error) {
	type question struct {
		partner schema.PartnerID
		spans   OverviewSpans
	}
	return cached(ctx, r.cache, stand.generation, question{p, s}, func(ctx context.Context) (Overview, error) { return r.overview(ctx, p, s) },
		func(o Overview) int { return len(o.Months) + len(o.Days) + len(o.Top) + len(o.Balances) })
}

func (r *Reader) overview(ctx context.Context, p schema.PartnerID, s OverviewSpans) (Overview, error) {
	var rows []struct {
		Part    string    `ch:"part"`
		Date    time.Time `ch:"date"`
		Link    uint32    `ch:"link"`
		Stands  []int64   `ch:"stands"` // of a balance: review, holding, payable, processing, paid
		NextDue time.Time `ch:"next_due"`
		row
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
		case "link":
			o.Top = append(o.Top, LinkCounts{Link: schema.LinkID(row.Link), Clicks: row.Clicks})
			continue
		case "balance":
			b := Balance{Currency: row.Currency, Review: row.Stands[0], Holding: row.Stands[1], Payable: row.Stands[2], Processing: row.Stands[3], Paid: row.Stands[4]}
			if row.NextDue.Unix() > 0 {
				b.NextDue = row.NextDue.UTC()
			}
			o.Balances = append(o.Balances, b)
			continue
		}
		if row.Part != "month" {
			o.Days[day] = o.Days[day].Plus(row.counts())
		}
		if row.Part != "day" {
			o.Months[day.Month()] = o.Months[day.Month()].Plus(row.counts())
		}
	}
	sortByClicks(o.Top)
	slices.SortFunc(o.Balances, func(a, b Balance) int { return cmp.Compare(a.Currency, b.Currency) })
	return o, nil
}

//go:embed days.sql
var daysSQL string

// Days reads a partner's days of two ranges.
func (r *Reader) Days(ctx context.Context, stand Stand, p schema.PartnerID, now, before period.Range) (Days, error) {
	type question struct {
		partner     schema.PartnerID
		now, before period.Range
	}
	return cached(ctx, r.cache, stand.generation, question{p, now, before}, func(ctx context.Context) (Days, error) { return r.days(ctx, p, now, before) },
		func(d Days) int { return len(d) })
}

func (r *Reader) days(ctx context.Context, p schema.PartnerID, now, before period.Range) (Days, error) {
	var rows []struct {
		Day time.Time `ch:"day"`
		row
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
		day := schema.DayOf(row.Day, time.UTC)
		days[day] = days[day].Plus(row.counts())
	}
	return days, nil
}

//go:embed links.sql
var linksSQL string

// Links reads the figures of some of a partner's links over a span. Link 0 has what came by no link: by coupons, claims
// and the merchant's word.
func (r *Reader) Links(ctx context.Context, stand Stand, p schema.PartnerID, ids []schema.LinkID, span period.Range) (map[schema.LinkID]Counts, error) {
	type question struct {
		partner schema.PartnerID
		links   string
		span    period.Range
	}
	return cached(ctx, r.cache, stand.generation, question{p, array(ids), span},
		func(ctx context.Context) (map[schema.LinkID]Counts, error) { return r.links(ctx, p, ids, span) },
		func(links map[schema.LinkID]Counts) int { return len(links) })
}

func (r *Reader) links(ctx context.Context, p schema.PartnerID, ids []schema.LinkID, span period.Range) (map[schema.LinkID]Counts, error) {
	var rows []struct {
		Link uint32 `ch:"link"`
		row
	}
	err := r.ch.Select(clickhouse.Named(ctx, "dashboard: links", map[string]string{
		"partner": p.String(),
		"links":   array(ids),
		"from":    period.ISO(span.From),
		"to":      period.ISO(span.To),
	}), &rows, linksSQL)
	if err != nil {
		return nil, fmt.Errorf("read the links of partner %s: %w", p, err)
	}
	out := make(map[schema.LinkID]Counts, len(ids))
	for _, row := range rows {
		id := schema.LinkID(row.Link)
		out[id] = out[id].Plus(row.counts())
	}
	return out, nil
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

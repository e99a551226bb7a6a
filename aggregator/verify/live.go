package verify

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/redis/go-redis/v9"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

//go:embed queries/live_day.sql
var liveDaySQL string

// counters are the live counters, each hash as it was at one moment.
type counters struct {
	epoch     string
	zone      *time.Location
	clicks    map[counter]uint64
	positions []place
	strange   []int // hashes that are not of the epoch
}

type counter struct {
	partner schema.PartnerID
	day     schema.Day
}

// place is up to where a hash has counted a node's clicks.
type place struct {
	node  string
	shard int
	seq   uint64
}

// live compares the live counters with the clicks up to their positions. Redis may be ahead of ClickHouse;
// then ClickHouse is given time.
func (r *run) live() error {
	var why string
	for range attempts {
		c, err := r.counters()
		if err != nil {
			return err
		}
		if c.epoch == "" {
			why = "the live counters are being made anew"
			r.wait()
			continue
		}
		if len(c.strange) > 0 {
			again, err := r.counters()
			if err != nil {
				return err
			}
			if again.epoch != c.epoch {
				why = "the live counters are being made anew"
				continue
			}
			for _, shard := range c.strange {
				r.differ(Live, r.Keys.Live(shard), "the hash of the epoch "+c.epoch, "none, or another")
			}
		}
		ahead, err := r.ahead(c)
		if err != nil {
			return err
		}
		return r.compareLive(c, ahead)
	}
	r.leaveOpen(Live, "", why)
	return nil
}

// counters reads the live counters, and the mark before and after them.
func (r *run) counters() (counters, error) {
	c := counters{clicks: map[counter]uint64{}}
	mark, err := r.Redis.Get(r.ctx, r.Keys.LiveComplete()).Result()
	if errors.Is(err, redis.Nil) {
		return c, nil
	}
	if err != nil {
		return c, away(err)
	}
	_, name, _ := strings.Cut(mark, ":")
	if c.zone, err = time.LoadLocation(name); err != nil {
		return c, fmt.Errorf("the mark of the live counters, %q, names no time zone: %w", mark, err)
	}
	for shard := range schema.LiveShards {
		hash, err := r.Redis.HGetAll(r.ctx, r.Keys.Live(shard)).Result()
		if err != nil {
			return c, away(err)
		}
		if hash[schema.LiveEpoch] != mark {
			c.strange = append(c.strange, shard)
			continue
		}
		for field, text := range hash {
			if err := c.take(shard, field, text); err != nil {
				return c, fmt.Errorf("%s in %s: %w", field, r.Keys.Live(shard), err)
			}
		}
	}
	after, err := r.Redis.Get(r.ctx, r.Keys.LiveComplete()).Result()
	if err := away(err); err != nil {
		return c, err
	}
	if after == mark {
		c.epoch = mark
	}
	return c, nil
}

// take reads a field of a hash.
func (c *counters) take(shard int, field, text string) error {
	if field == schema.LiveEpoch {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return err
	}
	if node, ok := strings.CutPrefix(field, schema.LivePosition("")); ok {
		c.positions = append(c.positions, place{node: node, shard: shard, seq: n})
		return nil
	}
	var partner schema.PartnerID
	var day schema.Day
	if _, err := fmt.Sscanf(field, "c:%d:%d", &partner, &day); err != nil {
		return fmt.Errorf("neither a counter nor a position: %w", err)
	}
	c.clicks[counter{partner, day}] = n
	return nil
}

// ahead returns the hashes that have counted hits which have not landed in ClickHouse, after giving them
// time to.
func (r *run) ahead(c counters) (map[int]string, error) {
	for attempt := 1; ; attempt++ {
		nodes, err := r.landed()
		if err != nil {
			return nil, err
		}
		shipped := map[string]uint64{}
		for _, n := range nodes {
			shipped[n.Node] = n.Shipped
		}
		out := map[int]string{}
		for _, p := range c.positions {
			if p.seq > shipped[p.node] {
				out[p.shard] = p.node
			}
		}
		if len(out) == 0 || attempt == attempts {
			return out, nil
		}
		r.wait()
	}
}

// compareLive counts the days of the window up to the positions. The oldest day is left out: a
// redirector whose clock is ahead has stopped counting it.
func (r *run) compareLive(c counters, ahead map[int]string) error {
	today := schema.DayOf(r.Now(), c.zone).Time()
	for back := schema.LiveDays - 1; back >= -1; back-- {
		day := schema.DayOf(today.AddDate(0, 0, -back), time.UTC)
		if day.Month() < r.scope.Since {
			continue
		}
		want, err := r.liveDay(c, day)
		if err != nil {
			return err
		}
		got := map[schema.PartnerID]uint64{}
		for k, n := range c.clicks {
			if k.day == day {
				got[k.partner] = n
			}
		}
		partners := slices.Sorted(maps.Keys(want))
		for p := range got {
			if _, ok := want[p]; !ok {
				partners = append(partners, p)
			}
		}
		for _, p := range partners {
			_, waits := ahead[schema.LiveShard(p)]
			if got[p] == want[p] || waits && got[p] > want[p] || slices.Contains(c.strange, schema.LiveShard(p)) {
				continue
			}
			r.differ(Live, fmt.Sprintf("partner %d on %d", p, day), fmt.Sprintf("%d clicks", want[p]), fmt.Sprintf("%d clicks", got[p]))
		}
	}
	for _, shard := range slices.Sorted(maps.Keys(ahead)) {
		r.leaveOpen(Live, r.Keys.Live(shard), fmt.Sprintf("it has counted hits of node %s that have not landed in ClickHouse", ahead[shard]))
	}
	return nil
}

// liveDay counts the valid clicks of a day up to the positions of each hash.
func (r *run) liveDay(c counters, day schema.Day) (map[schema.PartnerID]uint64, error) {
	table, err := ext.NewTable("positions", ext.Column("node", "String"), ext.Column("shard", "UInt8"), ext.Column("seq", "UInt64"))
	if err != nil {
		return nil, fmt.Errorf("BUG: the table of positions: %w", err)
	}
	for _, p := range c.positions {
		if err := table.Append(p.node, uint8(p.shard), p.seq); err != nil {
			return nil, fmt.Errorf("BUG: the table of positions: %w", err)
		}
	}
	period := day.Period(c.zone)
	ctx := clickhouse.Named(r.ctx, "verify: live counters of a day", map[string]string{
		"from": clickhouse.Instant(period.From), "to": clickhouse.Instant(period.To), "shards": strconv.Itoa(schema.LiveShards),
	})
	rows, err := r.ClickHouse.Query(ch.Context(ctx, ch.WithExternalTable(table)), liveDaySQL)
	if err != nil {
		return nil, fmt.Errorf("count the clicks of day %d: %w", day, err)
	}
	defer rows.Close()
	want := map[schema.PartnerID]uint64{}
	for rows.Next() {
		var partner uint32
		var clicks uint64
		if err := rows.Scan(&partner, &clicks); err != nil {
			return nil, fmt.Errorf("count the clicks of day %d: %w", day, err)
		}
		want[schema.PartnerID(partner)] = clicks
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count the clicks of day %d: %w", day, err)
	}
	return want, nil
}

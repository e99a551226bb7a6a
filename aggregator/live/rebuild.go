package live

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/lock"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/positions.sql
	positionsSQL string
	//go:embed queries/day.sql
	daySQL string
)

// rebuild is one rebuild under the lock.
type rebuild struct {
	Options
	ctx    context.Context // ends when the lock is lost
	lock   *lock.Lock
	id     string // random: the first part of the epoch
	epoch  string
	zone   *time.Location
	report Report
	step   func(name string) error
}

// position is up to where all of a node's hits have landed.
type position struct {
	Node string `ch:"node"`
	Seq  uint64 `ch:"position"`
}

// prepared is how long prepared hashes outlive a rebuild that died.
const prepared = time.Hour

func (r *rebuild) run() (err error) {
	if r.zone, err = clickhouse.ProgramZone(r.ctx, r.ClickHouse); err != nil {
		return err
	}
	r.epoch = r.id + ":" + r.zone.String()
	// From here on the redirectors count nothing; so what they would have counted stays in their journals.
	if err := r.Redis.Del(r.ctx, r.Keys.LiveComplete()).Err(); err != nil {
		return fmt.Errorf("take the mark of whole counters away: %w", err)
	}
	if err := r.after("mark"); err != nil {
		return err
	}
	positions, err := r.positions()
	if err != nil {
		return err
	}
	if err := r.open(positions); err != nil {
		return err
	}
	today := schema.DayOf(r.Now(), r.zone).Time()
	// Two days ahead, for redirectors whose clocks are.
	for back := schema.LiveDays; back >= -2; back-- {
		if err := r.count(schema.DayOf(today.AddDate(0, 0, -back), time.UTC), positions); err != nil {
			return err
		}
	}
	if err := r.swap(); err != nil {
		return err
	}
	if err := r.Redis.Set(r.ctx, r.Keys.LiveComplete(), r.epoch, 0).Err(); err != nil {
		return fmt.Errorf("mark the counters as whole: %w", err)
	}
	return r.after("complete")
}

// positions returns up to where each node's hits have landed without a hole.
func (r *rebuild) positions() ([]position, error) {
	var found []position
	if err := r.ClickHouse.Select(clickhouse.Named(r.ctx, "live: positions", nil), &found, positionsSQL); err != nil {
		return nil, fmt.Errorf("ask what has landed: %w", err)
	}
	r.report.Nodes = len(found)
	return found, r.after("positions")
}

// next is the name of the hash that is being prepared: of the same slot as the one it replaces.
func (r *rebuild) next(shard int) string { return r.Keys.Live(shard) + ":new:" + r.id }

// open begins the new hashes: the epoch and all positions.
func (r *rebuild) open(positions []position) error {
	fields := []any{schema.LiveEpoch, r.epoch}
	for _, p := range positions {
		fields = append(fields, schema.LivePosition(p.Node), p.Seq)
	}
	pipe := r.Redis.Pipeline()
	for shard := range schema.LiveShards {
		r.write(pipe, shard, fields)
	}
	if _, err := pipe.Exec(r.ctx); err != nil {
		return fmt.Errorf("begin the new counters: %w", err)
	}
	return r.after("open")
}

// many is how many values one command carries.
const many = 1000

func (r *rebuild) write(pipe redis.Pipeliner, shard int, fields []any) {
	for len(fields) > 0 {
		n := min(len(fields), many)
		pipe.HSet(r.ctx, r.next(shard), fields[:n]...)
		fields = fields[n:]
	}
	pipe.Expire(r.ctx, r.next(shard), prepared)
}

// count counts one program-day up to the positions.
func (r *rebuild) count(day schema.Day, positions []position) error {
	nodes, seqs := make([]string, len(positions)), make([]string, len(positions))
	for i, p := range positions {
		nodes[i], seqs[i] = clickhouse.Quote(p.Node), strconv.FormatUint(p.Seq, 10)
	}
	if len(positions) == 0 {
		return nil
	}
	period := day.Period(r.zone)
	rows, err := r.ClickHouse.Query(clickhouse.Named(r.ctx, "live: clicks of a day", map[string]string{
		"from":      clickhouse.Instant(period.From),
		"to":        clickhouse.Instant(period.To),
		"nodes":     "[" + strings.Join(nodes, ",") + "]",
		"positions": "[" + strings.Join(seqs, ",") + "]",
	}), daySQL)
	if err != nil {
		return fmt.Errorf("count the clicks of day %d: %w", day, err)
	}
	defer rows.Close()
	var shards [schema.LiveShards][]any
	waiting := 0
	for rows.Next() {
		var partner uint32
		var clicks uint64
		if err := rows.Scan(&partner, &clicks); err != nil {
			return fmt.Errorf("count the clicks of day %d: %w", day, err)
		}
		id := schema.PartnerID(partner)
		shard := schema.LiveShard(id)
		shards[shard] = append(shards[shard], schema.LiveClicks(id, day), clicks)
		r.report.Counters++
		r.report.Clicks += clicks
		if waiting++; waiting == 50*many {
			if err := r.send(&shards); err != nil {
				return err
			}
			waiting = 0
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("count the clicks of day %d: %w", day, err)
	}
	return r.send(&shards)
}

// send writes what has been gathered, and empties it.
func (r *rebuild) send(shards *[schema.LiveShards][]any) error {
	pipe := r.Redis.Pipeline()
	for shard, fields := range shards {
		if len(fields) > 0 {
			r.write(pipe, shard, fields)
			shards[shard] = nil
		}
	}
	if pipe.Len() == 0 {
		return nil
	}
	if _, err := pipe.Exec(r.ctx); err != nil {
		return fmt.Errorf("write the new counters: %w", err)
	}
	return r.after("count")
}

// swap puts each new hash in the old one's place, in one transaction each.
func (r *rebuild) swap() error {
	for shard := range schema.LiveShards {
		if err := r.lock.Check(); err != nil {
			return err
		}
		_, err := r.Redis.TxPipelined(r.ctx, func(tx redis.Pipeliner) error {
			tx.Persist(r.ctx, r.next(shard))
			tx.Rename(r.ctx, r.next(shard), r.Keys.Live(shard))
			return nil
		})
		if err != nil {
			return fmt.Errorf("put the new counters in place of %s: %w", r.Keys.Live(shard), err)
		}
		if err := r.after("swap"); err != nil {
			return err
		}
	}
	return nil
}

// after marks the end of a step, where a test may pull the plug.
func (r *rebuild) after(step string) error {
	if r.step == nil {
		return nil
	}
	return r.step(step)
}

package ship

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

//go:embed count.lua
var countScript string

// What the script answers.
const (
	countDone  = 0
	countMoved = 1 // the position is another than expected
	countEpoch = 2 // the hash was rebuilt, or is gone
)

// Shards that lag because no click concerned them are brought up to date after so long, or so many batches.
const (
	evenEvery   = 5 * time.Second
	evenBatches = 256
)

// rebuildPause is between two looks at counters that are being rebuilt.
const rebuildPause = 100 * time.Millisecond

// count brings the batch to Redis. After an error the positions are read back, and the batch is cut anew
// from them.
func (s *Redis) count(ctx context.Context) error {
	b := &s.batch
	if s.node != b.node {
		if on, err := s.resume(ctx, b.node, b.first); err != nil || !on {
			return err
		}
	}
	for {
		cmds := s.cutShards(b, b.last, false)
		if len(cmds) == 0 {
			break
		}
		settled, err := s.send(ctx, cmds, b.last)
		if err != nil {
			s.node = ""
			s.m.unsure.Inc()
			return err
		}
		if !settled {
			return nil
		}
	}
	s.at = max(s.at, b.last)
	s.m.batches.Inc()
	s.m.rows.Add(len(b.clicks))
	s.m.reached(b.till)
	*b = liveBatch{clicks: b.clicks[:0]}
	s.measure()
	s.batches++
	if s.batches >= evenBatches {
		if err := s.evenOut(ctx); err != nil {
			return err
		}
	}
	return s.moveCursor()
}

// shardCount is what one script is to do.
type shardCount struct {
	shard int
	args  []any
}

type liveKey struct {
	partner schema.PartnerID
	day     schema.Day
}

// cutShards counts the clicks of the batch that each shard has not seen. With all, shards without any are moved too.
func (s *Redis) cutShards(b *liveBatch, last uint64, all bool) []shardCount {
	today := schema.DayOf(s.opt.Now(), s.zone)
	oldest := schema.DayOf(today.Time().AddDate(0, 0, -schema.LiveDays), time.UTC)
	days := dayCache{zone: s.zone}
	counts := make(map[liveKey]int)
	for _, c := range b.clicks {
		if c.seq <= s.pos[schema.LiveShard(c.partner)] {
			continue
		}
		if d := days.of(c.at); d >= oldest {
			counts[liveKey{c.partner, d}]++
		}
	}
	var by [schema.LiveShards][]any
	for k, n := range counts {
		i := schema.LiveShard(k.partner)
		by[i] = append(by[i], schema.LiveClicks(k.partner, k.day), n)
	}
	var out []shardCount
	for i, pairs := range by {
		if s.pos[i] >= last || len(pairs) == 0 && !all {
			continue
		}
		args := append([]any{schema.LivePosition(s.node), formatSeq(s.pos[i]), formatSeq(last), schema.LiveEpoch, s.epoch}, pairs...)
		out = append(out, shardCount{shard: i, args: args})
	}
	return out
}

// dayCache knows the program-day of times near the last one.
type dayCache struct {
	zone    *time.Location
	quarter int64
	day     schema.Day
}

func (d *dayCache) of(at int64) schema.Day {
	if q := at / quarterMillis; q != d.quarter || d.day == 0 {
		d.quarter, d.day = q, schema.DayOf(time.UnixMilli(at), d.zone)
	}
	return d.day
}

// send runs the scripts, one a shard, in one exchange. Not settled: the positions are to be read back, or the counters
// are being rebuilt; the batch stays.
func (s *Redis) send(ctx context.Context, cmds []shardCount, last uint64) (settled bool, err error) {
	if err := s.opt.Faults("count"); err != nil {
		return false, err
	}
	pipe := s.rdb.Pipeline()
	epoch := pipe.Get(ctx, s.opt.Keys.LiveComplete())
	results := make([]*redis.Cmd, len(cmds))
	for i, c := range cmds {
		results[i] = pipe.Eval(ctx, countScript, []string{s.opt.Keys.Live(c.shard)}, c.args...)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return false, fmt.Errorf("count clicks up to %d: %w", last, err)
	}
	if err := s.opt.Faults("counted"); err != nil {
		return false, err
	}
	settled = true
	for i, c := range cmds {
		status, pos, err := answer(results[i])
		if err != nil {
			return false, fmt.Errorf("count clicks up to %d in %s: %w", last, s.opt.Keys.Live(c.shard), err)
		}
		switch {
		case status == countEpoch:
			settled = false
		case pos < s.pos[c.shard]:
			settled = false // Redis forgot
		default:
			s.pos[c.shard] = pos // ours, or further along: the next cut begins there
		}
	}
	if epoch.Val() != s.epoch {
		settled = false // rebuilt meanwhile
	}
	if !settled {
		s.node = ""
		sleep(ctx, rebuildPause) // a rebuild swaps hash by hash
	}
	return settled, nil
}

func answer(cmd *redis.Cmd) (status int64, pos uint64, err error) {
	v, err := cmd.Slice()
	if err != nil {
		return 0, 0, err
	}
	if len(v) != 2 {
		return 0, 0, fmt.Errorf("BUG: the script answered %v", v)
	}
	status, _ = v[0].(int64)
	text, _ := v[1].(string)
	pos, err = strconv.ParseUint(text, 10, 64)
	return status, pos, err
}

// read takes a node's positions from Redis. Not ready: the counters wait for a rebuild.
func (s *Redis) read(ctx context.Context, node string) (ready bool, err error) {
	pipe := s.rdb.Pipeline()
	epoch := pipe.Get(ctx, s.opt.Keys.LiveComplete())
	var cmds [schema.LiveShards]*redis.StringCmd
	for i := range cmds {
		cmds[i] = pipe.HGet(ctx, s.opt.Keys.Live(i), schema.LivePosition(node))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return false, fmt.Errorf("read where the live counters are: %w", err)
	}
	if epoch.Val() == "" {
		s.hold(ctx, "live counters are not there; the aggregator rebuilds them from ClickHouse")
		return false, nil
	}
	_, name, _ := strings.Cut(epoch.Val(), ":")
	zone, err := time.LoadLocation(name)
	if err != nil {
		return false, fmt.Errorf("live counters are kept in the time zone of %q: %w; `fairlead rebuild redis` makes them anew", epoch.Val(), err)
	}
	var pos [schema.LiveShards]uint64
	for i, c := range cmds {
		text, err := c.Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err == nil {
			pos[i], err = strconv.ParseUint(text, 10, 64)
		}
		if err != nil {
			return false, fmt.Errorf("read the position of %s in %s: %w", node, s.opt.Keys.Live(i), err)
		}
	}
	if s.m.holding.Swap(false) {
		s.log.Info("live counters go on", "node", node)
	}
	s.node, s.pos, s.epoch, s.zone = node, pos, epoch.Val(), zone
	return true, nil
}

// resume takes the positions of a node whose next entry would be first. When Redis is behind that, the sink begins anew
// from there, and it answers false, as it does when the counters wait for a rebuild.
func (s *Redis) resume(ctx context.Context, node string, first uint64) (on bool, err error) {
	ready, err := s.read(ctx, node)
	if err != nil || !ready {
		return false, err
	}
	s.lastNode = node
	if low := s.lowest(); low+1 < first {
		return false, s.rewind(ctx, node, first, low)
	}
	return true, nil
}

// rewind begins anew from a position that lies before first: Redis has forgotten what it had counted. What the
// journal has forgotten too stands in ClickHouse, and the counters are rebuilt from there.
func (s *Redis) rewind(ctx context.Context, node string, first, to uint64) error {
	s.tail.close()
	s.batch = liveBatch{clicks: s.batch.clicks[:0]}
	if err := s.tail.seek(to); err != nil {
		return err
	}
	was := s.at
	s.at = to
	for s.tail.next() {
		from := s.tail.r.Seq()
		if g, ok := s.tail.r.Gap(); ok {
			from = g.From
		}
		if string(s.tail.r.Node()) != node && from < first {
			s.at = s.tail.r.Seq() // of the node before, whose positions are its own
			continue
		}
		s.tail.putBack()
		if from <= s.at+1 {
			if s.at < was {
				s.log.Info("Redis is behind what it had counted; counting again from there", "node", node, "position", s.at, "was", was)
			}
			return nil
		}
		s.log.Warn("Redis has lost counters that the journal no longer holds; the aggregator rebuilds them from ClickHouse", "node", node, "from", s.at+1, "to", from-1)
		s.node = ""
		return s.invalidate(ctx)
	}
	return s.tail.r.Err()
}

// look finds out, while there is nothing to count, whether the counters were emptied or rebuilt.
func (s *Redis) look(ctx context.Context) error {
	s.looked = s.opt.Now()
	if s.node != "" {
		epoch, err := s.rdb.Get(ctx, s.opt.Keys.LiveComplete()).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return fmt.Errorf("look whether live counters are whole: %w", err)
		}
		if epoch == s.epoch {
			return nil
		}
		s.node = ""
	}
	_, err := s.resume(ctx, s.lastNode, s.at+1)
	return err
}

// invalidateScript takes the mark of whole counters away, unless they were rebuilt meanwhile.
const invalidateScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`

func (s *Redis) invalidate(ctx context.Context) error {
	if err := s.rdb.Eval(ctx, invalidateScript, []string{s.opt.Keys.LiveComplete()}, s.epoch).Err(); err != nil {
		return fmt.Errorf("ask for live counters to be rebuilt: %w", err)
	}
	return nil
}

// hold waits a moment for the aggregator.
func (s *Redis) hold(ctx context.Context, why string) {
	if !s.m.holding.Swap(true) {
		s.log.Warn("live counters are held; clicks wait in the journal: "+why, "lag_records", s.m.lag())
	}
	sleep(ctx, time.Second)
}

// lowest is the seq up to which every shard has counted.
func (s *Redis) lowest() uint64 {
	low := s.pos[0]
	for _, p := range s.pos {
		low = min(low, p)
	}
	return low
}

// even reports whether every shard stands where the sink does.
func (s *Redis) even() bool {
	return s.lastNode == "" || s.node != "" && s.lowest() >= s.at
}

// evenOut moves the shards that no click concerned up to where the others are.
func (s *Redis) evenOut(ctx context.Context) error {
	cmds := s.cutShards(&liveBatch{}, s.at, true)
	if len(cmds) > 0 {
		if _, err := s.send(ctx, cmds, s.at); err != nil {
			s.node = ""
			s.m.unsure.Inc()
			return err
		}
	}
	s.evened, s.batches = s.opt.Now(), 0
	return nil
}

package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/aggregatortest"
	"fairlead/cmd/chaostest"
	"fairlead/schema"
)

// counter counts a node's hits in Redis the way a redirector does: with its script, from a journal that
// forgets nothing. It knows the mark and the positions from before until a script is refused.
type counter struct {
	w         *aggregatortest.World
	script    *redis.Script
	node      string
	journal   []aggregatortest.Hit
	written   atomic.Uint64 // how many of them were answered so far
	rng       *rand.Rand
	mark      string
	zone      *time.Location
	positions [schema.LiveShards]uint64
	refused   int
}

// run counts until the whole journal is counted in every hash.
func (c *counter) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if c.mark == "" {
			if err := c.read(ctx); err != nil {
				return err
			}
			continue
		}
		to := c.written.Load()
		done := to == uint64(len(c.journal))
		for shard := range schema.LiveShards {
			if c.positions[shard] == to {
				continue
			}
			done = false
			if ok, err := c.count(ctx, shard, min(to, c.positions[shard]+1+c.rng.Uint64N(60))); err != nil {
				return err
			} else if !ok {
				c.refused++
				c.mark = ""
				break
			}
		}
		if done {
			// What was counted may have been on its way when a rebuild had begun: ask once more.
			mark := c.mark
			if err := c.read(ctx); err != nil || c.mark == mark && c.lowest() == to {
				return err
			}
		}
	}
	return ctx.Err()
}

func (c *counter) lowest() uint64 { return slices.Min(c.positions[:]) }

// read learns the mark and the positions; without a mark it is to be called again.
func (c *counter) read(ctx context.Context) error {
	mark, err := c.w.Redis.Get(ctx, c.w.Keys.LiveComplete()).Result()
	if errors.Is(err, redis.Nil) {
		c.mark = ""
		return nil
	}
	if err != nil {
		return err
	}
	_, name, _ := strings.Cut(mark, ":")
	if c.zone, err = time.LoadLocation(name); err != nil {
		return err
	}
	for shard := range schema.LiveShards {
		at, err := c.w.Redis.HGet(ctx, c.w.Keys.Live(shard), schema.LivePosition(c.node)).Uint64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		c.positions[shard] = at
	}
	c.mark = mark
	return nil
}

// count brings one hash up to a position.
func (c *counter) count(ctx context.Context, shard int, to uint64) (ok bool, err error) {
	at := c.positions[shard]
	counts := map[string]int{}
	for _, h := range c.journal[at:to] {
		if h.Verdict == schema.VerdictValid && h.Partner != 0 && schema.LiveShard(h.Partner) == shard {
			counts[schema.LiveClicks(h.Partner, schema.DayOf(h.At, c.zone))]++
		}
	}
	args := []any{schema.LivePosition(c.node), at, to, schema.LiveEpoch, c.mark}
	for field, n := range counts {
		args = append(args, field, n)
	}
	answer, err := c.script.Run(ctx, c.w.Redis, []string{c.w.Keys.Live(shard)}, args...).Slice()
	if err != nil {
		return false, err
	}
	if answer[0] != int64(0) {
		return false, nil
	}
	c.positions[shard] = to
	return true, nil
}

func TestCountingBesideRebuildsEndsExact(t *testing.T) {
	script, err := os.ReadFile("../../redirector/ship/count.lua")
	if err != nil {
		t.Fatal(err)
	}
	const nodes, size = 3, 150
	batches := chaostest.Times(6, 60)
	w := empty(t)
	rng := rand.New(rand.NewPCG(8, 8))
	var counters [nodes]*counter
	for i := range counters {
		c := &counter{
			w: w, script: redis.NewScript(string(script)), node: fmt.Sprint("node", i),
			journal: hits(rng, batches*size, 30), rng: rand.New(rand.NewPCG(9, uint64(i))),
		}
		for k := range c.journal {
			c.journal[k].Node, c.journal[k].Seq = c.node, uint64(k+1)
		}
		counters[i] = c
	}
	ended := make(chan error, nodes)
	for _, c := range counters {
		go func() { ended <- c.run(t.Context()) }()
	}
	// The hits land in ClickHouse meanwhile, sometimes before Redis counts them and sometimes after, and
	// the counters are made anew all the time, twice in another zone.
	l := newLive(t, w)
	zone := time.UTC
	for b := range batches {
		for i, c := range counters {
			// One node's hits are answered two batches before they land, another's right then.
			c.written.Store(uint64(min(batches, b+1+i) * size))
			w.Ship(c.node, c.journal[b*size:(b+1)*size]...)
		}
		if name, ok := map[int]string{2: "Asia/Kathmandu", 4: "America/Toronto"}[b]; ok {
			w.SetZone(name)
			zone = mustLoad(t, name)
		}
		if _, err := l.Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refused := 0
	for range nodes {
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range counters {
		refused += c.refused
	}
	positions := map[string]uint64{}
	for _, c := range counters {
		positions[c.node] = uint64(batches * size)
	}
	mustHold(t, w, zone, positions)
	chaostest.Report(t, "%d rebuilds of the live counters beside %d nodes that count; %d batches met one and were refused, the counters are exact", batches, nodes, refused)
	if refused == 0 {
		t.Error("no batch met a rebuild: the test told nothing")
	}
}

package ship

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/cmd/chaostest"
	"fairlead/cmd/stores/storestest"
	"fairlead/redirector/enrich"
	"fairlead/redirector/enrich/enrichtest"
	"fairlead/redirector/journal"
	"fairlead/schema"
)

// liveRig is a Redis whose counters are empty and whole, and a proxy before it.
type liveRig struct {
	t     testing.TB
	store storestest.RedisStore
	rdb   *redis.Client // beside the proxy
	proxy *proxy
	data  *enrich.Data
	log   *logBook
	keys  schema.Keys
	zone  *time.Location
	now   time.Time
	epoch int
}

func newLiveRig(t testing.TB) *liveRig {
	t.Helper()
	return newLiveRigOn(t, storestest.Redis(t).Fresh(t))
}

func newLiveRigOn(t testing.TB, store storestest.RedisStore) *liveRig {
	t.Helper()
	zone, err := time.LoadLocation("America/Toronto")
	if err != nil {
		t.Fatal(err)
	}
	r := &liveRig{t: t, store: store, rdb: store.Client(t), data: enrichtest.Data(t), log: &logBook{}, keys: schema.DefaultKeys, zone: zone, now: noon}
	r.proxy = newProxy(t, store.Addr())
	r.rebuild(nil, 0)
	return r
}

// through opens a client that goes through the proxy.
func (r *liveRig) through(retries int) *redis.Client {
	c := redis.NewClient(&redis.Options{
		Addr: r.proxy.addr(), Password: r.store.Password(), MaxRetries: retries, ReadTimeout: 2 * time.Second, DisableIdentity: true,
	})
	r.t.Cleanup(func() { c.Close() })
	return c
}

func (r *liveRig) sink(rdb redis.UniversalClient, src Source, set ...func(*RedisOptions)) *Redis {
	opt := RedisOptions{
		Source: src, Enrich: r.data, Keys: r.keys, FlushEvery: time.Millisecond, MaxRows: 100, CursorDelay: time.Millisecond, Pause: time.Millisecond,
		Now: func() time.Time { return r.now }, Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	for _, f := range set {
		f(&opt)
	}
	return NewRedis(rdb, opt)
}

func (r *liveRig) drain(s *Redis) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		r.t.Fatalf("%v\n%s", err, r.log)
	}
}

// recount is what the counters have to be when everything up to a seq is counted.
func (r *liveRig) recount(src *memory, upTo uint64) map[string]string {
	e := enrich.New(r.data)
	sums := map[string]int{}
	oldest := schema.DayOf(r.now.AddDate(0, 0, -schema.LiveDays), r.zone)
	for _, entry := range src.entries {
		var c schema.Click
		if entry.reason != "" || entry.to > upTo || schema.DecodeClick(&c, entry.rec) != nil {
			continue
		}
		if d := schema.DayOf(time.UnixMilli(c.At), r.zone); c.Partner != 0 && e.Verdict(&c) == schema.VerdictValid && d >= oldest {
			sums[schema.LiveClicks(c.Partner, d)]++
		}
	}
	out := map[string]string{}
	for k, n := range sums {
		out[k] = strconv.Itoa(n)
	}
	return out
}

// rebuild makes the counters anew from the source up to a seq, as the aggregator does from ClickHouse.
func (r *liveRig) rebuild(src *memory, upTo uint64) {
	r.t.Helper()
	r.epoch++
	epoch := fmt.Sprintf("%d:%s", r.epoch, r.zone)
	fields := map[string]string{}
	if src != nil {
		fields = r.recount(src, upTo)
	}
	ctx := r.t.Context()
	for i := range schema.LiveShards {
		hash := map[string]any{schema.LiveEpoch: epoch}
		if src != nil {
			hash[schema.LivePosition(string(src.node))] = upTo
		}
		for f, n := range fields {
			p, err := schema.ParsePartnerID(strings.Split(f, ":")[1])
			if err != nil {
				r.t.Fatal(err)
			}
			if schema.LiveShard(p) == i {
				hash[f] = n
			}
		}
		next := r.keys.Live(i) + ":new"
		if err := r.rdb.HSet(ctx, next, hash).Err(); err != nil {
			r.t.Fatal(err)
		}
		if err := r.rdb.Rename(ctx, next, r.keys.Live(i)).Err(); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := r.rdb.Set(ctx, r.keys.LiveComplete(), epoch, 0).Err(); err != nil {
		r.t.Fatal(err)
	}
}

// exact fails the test unless the counters are those of a recount.
func (r *liveRig) exact(src *memory) {
	r.t.Helper()
	got := map[string]string{}
	for i := range schema.LiveShards {
		h, err := r.rdb.HGetAll(r.t.Context(), r.keys.Live(i)).Result()
		if err != nil {
			r.t.Fatal(err)
		}
		for f, v := range h {
			if strings.HasPrefix(f, "c:") {
				got[f] = v
			}
		}
	}
	want := r.recount(src, src.synced)
	if !maps.Equal(got, want) {
		r.t.Errorf("counters differ\n got %v\nwant %v\n%s", got, want, r.log)
	}
	if len(want) == 0 {
		r.t.Error("nothing was to be counted")
	}
}

func TestCountersAreExact(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	s := r.sink(r.rdb, src)
	for i := range 20 {
		src.add(records(i*137, 137, noon.Add(-time.Duration(i)*7*time.Hour))...)
		if i == 5 {
			src.addGap(3, journal.ReasonDiskFull)
			src.add([]byte{1, 1, 0xff})
		}
		r.drain(s)
	}
	r.exact(src)
	for i := range schema.LiveShards {
		if pos := r.rdb.HGet(t.Context(), r.keys.Live(i), schema.LivePosition("a1")).Val(); pos != formatSeq(src.synced) {
			t.Errorf("hash %d stands at %s, want %d", i, pos, src.synced)
		}
	}
}

func TestClicksBeforeTheWindowAreNotCounted(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	src.add(records(1, 50, noon.AddDate(0, 0, -schema.LiveDays-1))...)
	src.add(records(51, 50, noon.AddDate(0, 0, -schema.LiveDays))...)
	r.drain(r.sink(r.rdb, src))
	r.exact(src)
}

func TestAReplayAddsNothing(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	src.add(records(1, 1000, noon)...)
	for _, size := range []int{100, 77, 1000, 3} {
		src.cursors[SinkRedis] = 0
		src.add(records(1000+size, 10, noon)...)
		r.drain(r.sink(r.rdb, src, func(o *RedisOptions) { o.MaxRows = size }))
		r.exact(src)
	}
}

func TestACrashAroundACount(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	crashes := chaostest.Times(10, 200)
	for i := range crashes {
		src.add(records(i*300, 300, noon)...)
		err := r.sink(r.rdb, src, func(o *RedisOptions) { o.Faults = crashAt([]string{"count", "counted"}[i%2], 1+i%5) }).Drain(t.Context())
		if err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
	r.drain(r.sink(r.rdb, src))
	r.exact(src)
	chaostest.Report(t, "%d crashes right before and after counting; %d clicks sent, live counters exact", crashes, src.Appended())
}

// TestALostAnswerCountsNothingTwice has go-redis repeat commands by itself too
// (https://github.com/redis/go-redis/issues/2339).
func TestALostAnswerCountsNothingTwice(t *testing.T) {
	for _, retries := range []int{-1, 3} {
		t.Run(fmt.Sprintf("retries %d", retries), func(t *testing.T) {
			t.Parallel()
			r := newLiveRigOn(t, storestest.NewRedis(t))
			src := newMemory("a1")
			s := r.sink(r.through(retries), src, func(o *RedisOptions) {
				o.MaxRows = 10_000
				o.Faults = func(point string) error {
					if point == "count" {
						r.proxy.next(loseAck, 2000)
					}
					return nil
				}
			})
			rounds := chaostest.Times(20, 1000)
			for i := range rounds {
				src.add(records(i*50, 50, noon)...)
				r.drain(s)
			}
			if n := r.proxy.times(); n < rounds {
				t.Errorf("only %d answers were lost in %d rounds", n, rounds)
			}
			r.exact(src)
			chaostest.Report(t, "%d answers of Redis lost after the script had run; %d clicks sent, live counters exact", r.proxy.times(), src.Appended())
		})
	}
}

func TestAConnectionToRedisCutAnywhere(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	s := r.sink(r.through(-1), src)
	for i := range chaostest.Times(20, 500) {
		src.add(records(i*100, 100, noon)...)
		r.proxy.next(cutOff, 1+i*613%9000)
		r.drain(s)
	}
	r.exact(src)
	chaostest.Report(t, "%d connections to Redis cut in the middle of an exchange; %d clicks sent, live counters exact", r.proxy.times(), src.Appended())
}

func TestRedisIsBounced(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	s := r.sink(r.rdb, src, func(o *RedisOptions) { o.CursorDelay = 3 * time.Second })
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- s.Run(ctx) }()
	bounces := chaostest.Times(4, 40)
	for i := range bounces {
		for k := range 30 {
			src.add(records(i*3000+k*100, 100, noon)...)
			waitFor(t, func() bool { return k%10 < 9 || s.Lag().Records < 500 })
		}
		if i%2 == 0 {
			r.store.Kill() // what was not synced to its log is forgotten
		} else {
			r.store.Stop(t.Context())
		}
		src.add(records(i*3000+500_000, 100, noon)...)
		if err := r.store.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, func() bool { return s.Lag().Records == 0 })
	stop()
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	r.drain(s)
	r.exact(src)
	chaostest.Report(t, "Redis stopped and killed %d times under load; %d clicks sent, live counters exact", bounces, src.Appended())
}

func TestRedisIsEmptied(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	src.add(records(1, 500, noon)...)
	s := r.sink(r.rdb, src)
	r.drain(s)
	if err := r.rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	src.add(records(501, 300, noon)...)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if lag := s.Lag(); !lag.Holding || lag.Records != 300 {
		t.Errorf("counters are gone, lag is %+v", lag)
	}
	if n := r.rdb.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys were made before the rebuild", n)
	}
	r.rebuild(src, 450) // ClickHouse is behind what Redis had
	r.drain(s)
	r.exact(src)
	if s.Lag().Holding {
		t.Error("still holding")
	}
}

// TestARebuildInTheMiddle rebuilds the counters at some point of each round, up to some seq, and now and then in another
// time zone.
func TestARebuildInTheMiddle(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	points, at, round := 0, 0, 0
	s := r.sink(r.rdb, src, func(o *RedisOptions) {
		o.Faults = func(string) error {
			if points++; points == at {
				if round%3 == 0 {
					r.zone = map[bool]*time.Location{true: time.UTC, false: kathmandu(t)}[r.zone != time.UTC]
				}
				r.rebuild(src, src.synced*uint64(round%5)/4)
			}
			return nil
		}
	})
	rounds := chaostest.Times(20, 300)
	for round = range rounds {
		points, at = 0, 1+round%6
		src.add(records(round*200, 200, noon.Add(time.Duration(round)*time.Hour))...)
		r.drain(s)
		r.now = r.now.Add(evenEvery) // a rebuild at the very end is noticed later
		if err := s.step(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		r.drain(s)
		r.exact(src)
	}
	chaostest.Report(t, "%d rebuilds of the live counters between any two steps of the sink, in changing time zones; %d clicks sent, live counters exact after each", rounds, src.Appended())
}

func kathmandu(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Kathmandu")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestARebuildWhileNothingHappens(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	src.add(records(1, 500, noon)...)
	s := r.sink(r.rdb, src)
	r.drain(s)
	r.rebuild(src, 200)
	r.now = r.now.Add(evenEvery)
	for range 4 {
		if err := s.step(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	r.drain(s)
	r.exact(src)
}

func TestWhatTheJournalHasForgottenIsRebuilt(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	src.add(records(1, 500, noon)...)
	r.drain(r.sink(r.rdb, src))
	src.forget(400)
	r.rebuild(nil, 0) // Redis came back from an old copy of its data
	s := r.sink(r.rdb, src)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.rdb.Get(t.Context(), r.keys.LiveComplete()).Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("nobody was asked to rebuild: %v\n%s", err, r.log)
	}
	r.rebuild(src, 500)
	src.add(records(501, 100, noon)...)
	r.drain(s)
	r.exact(src)
}

func TestANewNodeCountsFromItsFirst(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	src.add(records(1, 300, noon)...)
	s := r.sink(r.rdb, src)
	r.drain(s)
	if err := src.Renew(301, ""); err != nil {
		t.Fatal(err)
	}
	src.add(records(301, 300, noon)...)
	r.drain(s)
	r.exact(src)
	src.cursors[SinkRedis] = 0
	r.drain(r.sink(r.rdb, src))
	r.exact(src)
}

func TestTheCursorWaitsForWhatRedisMayForget(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	s := r.sink(r.rdb, src, func(o *RedisOptions) { o.CursorDelay = 10 * time.Second })
	for range 4 {
		src.add(records(int(src.synced), 100, noon)...)
		r.drain(s)
		if err := s.moveCursor(); err != nil {
			t.Fatal(err)
		}
		if c, at := src.Cursor(SinkRedis), src.synced; c >= at-100 && c > 0 {
			t.Errorf("the cursor is at %d, just after Redis counted up to %d", c, at)
		}
		r.now = r.now.Add(6 * time.Second)
	}
	if c := src.Cursor(SinkRedis); c == 0 {
		t.Error("the cursor never moves")
	}
}

func TestABatchDoesNotGrowWhileRedisIsAway(t *testing.T) {
	r := newLiveRig(t)
	src := newMemory("a1")
	s := r.sink(r.rdb, src, func(o *RedisOptions) { o.MaxRows = 150 })
	for range 5 {
		src.add(records(int(src.synced), 100, noon)...)
		if _, err := s.fill(); err != nil {
			t.Fatal(err)
		}
	}
	if s.batch.last != 150 {
		t.Errorf("the batch goes to %d, want 150", s.batch.last)
	}
	r.drain(s)
	r.exact(src)
}

func TestRedisAwayAtTheStart(t *testing.T) {
	r := newLiveRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	away := redis.NewClient(&redis.Options{Addr: l.Addr().String(), MaxRetries: -1, DialTimeout: 50 * time.Millisecond})
	defer away.Close()
	src := newMemory("a1")
	src.add(records(1, 10, noon)...)
	s := r.sink(away, src)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- s.Run(ctx) }()
	waitFor(t, func() bool { return strings.Contains(r.log.String(), "live counters wait") && s.Lag().Records == 10 })
	stop()
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
}

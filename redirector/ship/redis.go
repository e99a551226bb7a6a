package ship

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/go-redis/v9"

	"fairlead/redirector/enrich"
	"fairlead/schema"
)

// RedisOptions say what a Redis sink counts, and how. Source, Enrich and Keys must be there.
type RedisOptions struct {
	Source Source
	Enrich *enrich.Data
	Keys   schema.Keys

	FlushEvery  time.Duration // how long a click waits for others, from the moment it was made, 200 ms
	MaxRows     int           // records of a batch, 100,000
	CursorDelay time.Duration // how long the journal keeps what Redis has counted, 10 s: more than Redis can forget in a crash
	Pause       time.Duration // after a first failure, 100 ms; it grows to fifty times that
	GiveUp      int           // after so many failures in a row; 0: never

	Now     func() time.Time
	Logger  *slog.Logger
	Metrics *metrics.Set

	// Faults is for tests: it is told of every step before or after which a crash would matter, and an error
	// from it is a crash there.
	Faults func(point string) error
}

func (o *RedisOptions) fillIn() {
	def(&o.FlushEvery, 200*time.Millisecond)
	def(&o.Pause, firstPause)
	def(&o.MaxRows, 100_000)
	def(&o.CursorDelay, 10*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Faults == nil {
		o.Faults = func(string) error { return nil }
	}
}

// Redis counts a source's valid clicks by partner and program-day. A command that go-redis repeats by itself does no
// harm: its script meets a position that is no longer the expected one. Run and Drain are for one
// goroutine; Lag is for any.
type Redis struct {
	rdb    redis.UniversalClient
	opt    RedisOptions
	m      *sinkMetrics
	log    *slog.Logger
	tail   tail
	enrich *enrich.Enricher
	click  schema.Click
	batch  liveBatch
	opened time.Time

	at       uint64 // every shard that clicks up to here concern has counted them
	node     string // whose positions these are; "": to be read from Redis
	lastNode string // whose they were last
	looked   time.Time
	pos      [schema.LiveShards]uint64
	epoch    string
	zone     *time.Location // that days are cut in, as the epoch says
	evened   time.Time
	batches  int // since then
	cursor   delayedCursor
}

// liveBatch is a range of one node's entries and the valid clicks among them.
type liveBatch struct {
	node        string
	first, last uint64
	since, till time.Time // of the first entry, and of the last click
	entries     int
	clicks      []liveClick
}

type liveClick struct {
	seq     uint64
	at      int64
	partner schema.PartnerID
}

// NewRedis returns a sink that goes on from where Redis says it is.
func NewRedis(rdb redis.UniversalClient, opt RedisOptions) *Redis {
	opt.fillIn()
	s := &Redis{
		rdb:    rdb,
		opt:    opt,
		m:      newSinkMetrics(opt.Metrics, SinkRedis, opt.Source, opt.Now),
		log:    opt.Logger.With("sink", SinkRedis),
		tail:   tail{source: opt.Source},
		enrich: enrich.New(opt.Enrich),
		at:     opt.Source.Cursor(SinkRedis),
		evened: opt.Now(),
		cursor: delayedCursor{delay: opt.CursorDelay},
	}
	s.measure()
	return s
}

// Lag tells how far the sink is behind, and whether it waits for live counters to be rebuilt.
func (s *Redis) Lag() Lag {
	return Lag{Records: s.m.lag(), Time: s.m.lagTime(s.opt.Now()), Holding: s.m.holding.Load()}
}

// Run counts until ctx is done. What fails is logged and tried again with growing pauses. The error is nil, unless GiveUp
// is set.
func (s *Redis) Run(ctx context.Context) error {
	defer s.tail.close()
	if err := s.loop().until(ctx, false, never); ctx.Err() == nil {
		return err
	}
	return nil
}

// Drain counts what is synced now and returns. It must not run beside Run.
func (s *Redis) Drain(ctx context.Context) error {
	defer s.tail.close()
	target := s.opt.Source.Synced()
	err := s.loop().until(ctx, true, func() bool { return s.at >= target && s.batch.node == "" && s.even() })
	if err != nil {
		return fmt.Errorf("count in Redis: %d records are left in the journal, and the next start counts them: %w", target-min(target, s.at), err)
	}
	return nil
}

func (s *Redis) loop() loop {
	return loop{step: s.step, failed: s.failed, giveUp: s.opt.GiveUp, pause: s.opt.Pause}
}

func (s *Redis) failed(err error, attempt int) {
	s.m.failed()
	s.log.Warn("live counters wait: counting in Redis failed and will be tried again; redirects and ClickHouse go on",
		"err", err, "attempt", attempt, "lag_records", s.m.lag(), "position", s.at)
}

// step does one thing: wait, gather, or count.
func (s *Redis) step(ctx context.Context, drain bool) error {
	s.measure()
	full, err := s.fill()
	if err != nil {
		return err
	}
	if s.batch.node == "" {
		return s.idle(ctx, drain)
	}
	if wait := s.opt.FlushEvery - waited(s.opened, s.batch.since, s.opt.Now()); !full && !drain && wait > 0 {
		sleep(ctx, wait)
		return nil
	}
	return s.count(ctx)
}

// fill adds what the source has to the batch; true: it is to be counted as it is.
func (s *Redis) fill() (full bool, err error) {
	if s.tail.r == nil {
		if err := s.tail.seek(max(s.at, s.batch.last)); err != nil {
			return false, err
		}
	}
	b := &s.batch
	for b.entries < s.opt.MaxRows {
		if !s.tail.next() {
			if err := s.tail.r.Err(); err != nil {
				s.tail.close()
				return false, fmt.Errorf("read the journal after %d: %w", b.last, err)
			}
			return false, nil
		}
		node := string(s.tail.r.Node())
		if b.node != "" && b.node != node {
			s.tail.putBack()
			return true, nil
		}
		if newer := s.decode(); newer != nil {
			s.tail.putBack()
			if b.node != "" {
				return true, nil
			}
			return false, newer
		}
		seq, from := s.tail.r.Seq(), s.tail.r.Seq()
		if g, ok := s.tail.r.Gap(); ok {
			from = g.From
		}
		if b.node == "" {
			b.node, b.first, b.since, b.till, s.opened = node, from, s.opt.Now(), s.opt.Now(), time.Now()
			if s.click.At > 0 {
				b.since = time.UnixMilli(s.click.At)
			}
			s.measure()
		}
		if s.click.At > 0 {
			b.till = time.UnixMilli(s.click.At)
		}
		b.last = max(b.last, seq)
		b.entries++
		if s.click.Partner != 0 && s.enrich.Verdict(&s.click) == schema.VerdictValid {
			b.clicks = append(b.clicks, liveClick{seq: seq, at: s.click.At, partner: s.click.Partner})
		}
	}
	return true, nil
}

// decode reads the entry at hand into s.click. A gap, and what cannot be read and is set aside by the ClickHouse sink, is no
// valid click; the error is that of a newer program's record.
func (s *Redis) decode() error {
	s.click = schema.Click{}
	if _, ok := s.tail.r.Gap(); ok {
		return nil
	}
	err := schema.DecodeClick(&s.click, s.tail.r.Record())
	if err == nil {
		return nil
	}
	s.click = schema.Click{}
	if errors.Is(err, schema.ErrRecordNewer) {
		return fmt.Errorf("%w: seq %d of node %s: %w", errNewer, s.tail.r.Seq(), s.tail.r.Node(), err)
	}
	return nil
}

// idle waits for records. Shards that no click concerned for a while are brought up to date first.
func (s *Redis) idle(ctx context.Context, drain bool) error {
	if s.lastNode != "" && (s.node == "" || s.opt.Now().Sub(s.looked) >= evenEvery) {
		return s.look(ctx)
	}
	if !s.even() && (drain || s.opt.Now().Sub(s.evened) >= evenEvery) {
		return s.evenOut(ctx)
	}
	if err := s.moveCursor(); err != nil {
		return err
	}
	if drain {
		return fmt.Errorf("BUG: the journal is synced to %d and shows nothing after %d", s.opt.Source.Synced(), s.at)
	}
	s.m.rests(s.opt.Now())
	waiting, cancel := context.WithTimeout(ctx, evenEvery)
	defer cancel()
	if _, err := s.opt.Source.WaitSynced(waiting, s.at); err != nil && waiting.Err() == nil {
		return fmt.Errorf("wait for the journal: %w", err)
	}
	return nil
}

func (s *Redis) measure() { s.m.stands(s.at, s.batch.since) }

// delayedCursor remembers positions until they are old enough to be forgotten by the journal.
type delayedCursor struct {
	delay time.Duration
	marks []cursorMark
}

type cursorMark struct {
	at  time.Time
	seq uint64
}

// push notes a position, at most about ten in a delay, and returns the newest that is old enough; 0: none.
func (d *delayedCursor) push(now time.Time, seq uint64) (due uint64) {
	if n := len(d.marks); n == 0 || now.Sub(d.marks[n-1].at) >= d.delay/10 {
		d.marks = append(d.marks, cursorMark{now, seq})
	}
	for len(d.marks) > 0 && now.Sub(d.marks[0].at) >= d.delay {
		due = d.marks[0].seq
		d.marks = d.marks[1:]
	}
	return due
}

// moveCursor tells the source what it may forget: what every shard had counted a while ago.
func (s *Redis) moveCursor() error {
	if s.node == "" {
		return nil
	}
	due := s.cursor.push(s.opt.Now(), s.lowest())
	if due <= s.opt.Source.Cursor(SinkRedis) {
		return nil
	}
	if err := s.opt.Source.Advance(SinkRedis, due); err != nil {
		return fmt.Errorf("move the cursor to %d: %w", due, err)
	}
	return nil
}

func formatSeq(seq uint64) string { return strconv.FormatUint(seq, 10) }

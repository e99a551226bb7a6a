package ship

import (
	"context"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fairlead/cmd/chaostest"
	"fairlead/redirector/journal"
	"fairlead/schema"
)

// outage is how long the stores were away, as far as the journal can tell, and what goes on when they are back.
type outage struct {
	backlog   int // clicks that wait
	perSecond int // that come while the sinks catch up
	maxRows   int // of a batch; 0: the product's
	maxBytes  int // of a batch's records; 0: the product's
	liveHeap  uint64
	peakHeap  uint64
}

// The bounds of the shippers' memory, in bytes of heap beyond what a process with their data loaded has. They do
// not know of the backlog: it is the batch that counts, at most MaxRows and MaxBytes, once as columns that are gathered and once as
// the driver's block. Live is what a collection leaves while the stores are away; peak is what is used, garbage
// included, while the sinks catch up.
const (
	liveBound = 256 << 20
	peakBound = 768 << 20
)

// TestLagReturnsAfterAnOutage has the stores away for ten minutes of 20,000 clicks a second, which are written at once, and
// brings them back while clicks go on coming. Scaled down, everything is, but not the way.
func TestLagReturnsAfterAnOutage(t *testing.T) {
	o := outage{backlog: 60_000, perSecond: 2000, maxRows: 4000, maxBytes: 1 << 20, liveHeap: 16 << 20, peakHeap: 128 << 20}
	if chaostest.Full() {
		o = outage{backlog: 12_000_000, perSecond: 20_000, liveHeap: liveBound, peakHeap: peakBound}
	}
	r, live := newRig(t), newLiveRig(t)
	l, err := journal.Open(t.TempDir(), journal.Options{Sinks: []string{SinkClickHouse, SinkRedis}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	facts := r.sink(r.conn, FromJournal(l), func(s *ClickHouseOptions) {
		s.FlushEvery, s.MaxRows, s.MaxBytes, s.InsertTimeout = 0, o.maxRows, o.maxBytes, 0
	})
	counts := live.sink(live.rdb, FromJournal(l), func(s *RedisOptions) {
		s.FlushEvery, s.MaxRows, s.CursorDelay, s.Now = 0, o.maxRows, 0, time.Now
	})
	base := liveHeap()
	r.store.Kill()
	live.store.Kill()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var ran sync.WaitGroup
	ran.Go(func() { report(t, facts.Run(ctx)) })
	ran.Go(func() { report(t, counts.Run(ctx)) })

	away := 10 * time.Minute
	began := time.Now()
	backlog(t, l, o.backlog/4, 0, began.Add(-away), away/4)
	waitFor(t, func() bool { return facts.Lag().Records > 0 && counts.Lag().Records > 0 })
	early := beyond(base)
	backlog(t, l, o.backlog, o.backlog/4, began.Add(-away*3/4), away*3/4)
	late := beyond(base)
	wrote := time.Since(began)
	bytes := l.Stats().Bytes
	if lag := min(facts.Lag().Time, counts.Lag().Time); lag < away {
		t.Errorf("the stores were away for %v, lag is %v", away, lag)
	}
	if late > o.liveHeap {
		t.Errorf("the shippers hold %d MiB while the stores are away (%d MiB with a quarter of the backlog), want at most %d", late>>20, early>>20, o.liveHeap>>20)
	}

	began = time.Now()
	if err := live.store.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	peak, settled := &heapPeak{base: base}, 2*time.Second
	loading, stopLoad := context.WithCancel(t.Context())
	sent := atomic.Int64{}
	sent.Store(int64(o.backlog))
	var load sync.WaitGroup
	load.Go(func() { goOn(loading, t, l, &sent, o.perSecond) })
	load.Go(func() { peak.watch(loading) })
	back := [2]time.Duration{}
	const patience = 20 * time.Minute // at full length, with -race, on a machine that others use too
	for deadline := time.Now().Add(patience); back[0] == 0 || back[1] == 0; time.Sleep(20 * time.Millisecond) {
		for i, lag := range []Lag{facts.Lag(), counts.Lag()} {
			if back[i] == 0 && lag.Time < settled && lag.Records < uint64(o.backlog/2) {
				back[i] = time.Since(began)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("lag is %+v and %+v after %s\n%s", facts.Lag(), counts.Lag(), patience, r.log)
		}
	}
	worst := time.Duration(0)
	if chaostest.Full() {
		worst = worstLag(facts, counts, 10*time.Second)
	}
	stopLoad()
	load.Wait()
	stop()
	ran.Wait()
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	r.drain(facts)
	live.drain(counts)

	n := uint64(sent.Load())
	if rows, different := r.count("SELECT count() FROM fairlead.clicks"), r.count("SELECT uniqExact(node, seq) FROM fairlead.clicks"); rows != n || different != n {
		t.Errorf("%d rows, %d different, want %d", rows, different, n)
	}
	want := r.count("SELECT countIf(verdict = 'valid' AND partner_id > 0) FROM fairlead.clicks")
	if got := live.sum(); uint64(got) != want {
		t.Errorf("%d clicks are counted in Redis, %d valid ones stand in ClickHouse", got, want)
	}
	if p := peak.most.Load(); p > o.peakHeap {
		t.Errorf("the shippers' heap came to %d MiB while they caught up, want at most %d", p>>20, o.peakHeap>>20)
	}
	chaostest.Report(t, "%d clicks waited in %d MiB of journal, written in %v; at %d/s more, ClickHouse's lag was below %v after %v, Redis' after %v, and then at most %v; "+
		"%d clicks stand once in both; heap: %d MiB with a quarter waiting, %d MiB with all, at most %d MiB while catching up",
		o.backlog, bytes>>20, wrote.Round(time.Millisecond), o.perSecond, settled, back[0].Round(time.Millisecond), back[1].Round(time.Millisecond), worst.Round(time.Millisecond),
		n, early>>20, late>>20, peak.most.Load()>>20)
}

func report(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// backlog appends the clicks from the first one to the last, spread over a time that has passed. It waits for the disk
// now and then, as time would have.
func backlog(t *testing.T, l *journal.Log, last, first int, from time.Time, over time.Duration) {
	t.Helper()
	var rec []byte
	for i := first; i < last; i++ {
		c := testClick(i, from.Add(over/time.Duration(last-first)*time.Duration(i-first)))
		rec = schema.AppendClick(rec[:0], &c)
		if _, err := l.Append(rec); err != nil {
			t.Fatal(err)
		}
		if i%100_000 == 0 {
			if err := l.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
}

// goOn appends so many clicks a second until ctx is done.
func goOn(ctx context.Context, t *testing.T, l *journal.Log, sent *atomic.Int64, perSecond int) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var rec []byte
	began, base := time.Now(), sent.Load()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for due := base + int64(time.Since(began).Seconds()*float64(perSecond)); sent.Load() < due; sent.Add(1) {
			c := testClick(int(sent.Load()), time.Now())
			rec = schema.AppendClick(rec[:0], &c)
			if _, err := l.Append(rec); err != nil {
				t.Error(err)
				return
			}
		}
	}
}

// worstLag watches for a while.
func worstLag(facts *ClickHouse, counts *Redis, d time.Duration) (worst time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		worst = max(worst, facts.Lag().Time, counts.Lag().Time)
	}
	return worst
}

// liveHeap is what a collection leaves of the heap.
func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// beyond is how much of the heap is alive beyond base.
func beyond(base uint64) uint64 { return max(liveHeap(), base) - base }

// heapPeak is the most that the heap's objects, dead ones included, came to beyond base.
type heapPeak struct {
	base uint64
	most atomic.Uint64
}

func (p *heapPeak) watch(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(sample)
		if now := sample[0].Value.Uint64(); now > p.base {
			p.most.Store(max(p.most.Load(), now-p.base))
		}
	}
}

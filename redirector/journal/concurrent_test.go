package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fairlead/cmd/chaostest"
)

// TestAppendersReadersAndSinksAtOnce lets all of them run on tiny segments, and counts: each reader sees each
// record once and in order.
func TestAppendersReadersAndSinksAtOnce(t *testing.T) {
	perWorker := 4000
	if chaostest.Full() {
		perWorker = 200_000
	}
	const workers = 4
	total := uint64(workers * perWorker)
	l := open(t, ramDir(t), func(o *Options) {
		o.Sinks = []string{"a", "b"}
		o.SyncEvery = time.Millisecond
		o.SegmentBytes = 32 << 10
	})
	refused := atomic.Uint64{}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rec := make([]byte, 100)
			for i := range perWorker {
				rec[8] = byte(i)
				binary.LittleEndian.PutUint64(rec, uint64(w)<<32|uint64(i))
				var err error
				if i%500 == 0 {
					_, err = l.AppendSync(context.Background(), rec)
				} else {
					_, err = l.Append(rec)
				}
				switch {
				case errors.Is(err, ErrFull):
					refused.Add(1)
				case err != nil:
					t.Error(err)
					return
				}
			}
		})
	}
	records := make([]uint64, 2)
	for i, sink := range l.opt.Sinks {
		wg.Go(func() { records[i] = follow(t, l, sink, total) })
	}
	wg.Go(func() {
		for at := l.Synced(); at < total; {
			l.Stats()
			_ = l.Ready()
			var err error
			if at, err = l.WaitSynced(context.Background(), at); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Wait()
	for i, sink := range l.opt.Sinks {
		if records[i] != total-refused.Load() {
			t.Errorf("sink %s read %d records, want %d", sink, records[i], total-refused.Load())
		}
	}
	if l.Cursor("a") != total || l.Cursor("b") != total {
		t.Errorf("cursors %d and %d, want %d", l.Cursor("a"), l.Cursor("b"), total)
	}
	chaostest.Report(t, "%d records by %d writers, read by %d sinks meanwhile: each once and in order; %d refused and in a gap", total, workers, len(records), refused.Load())
}

// follow reads up to total, advancing the sink, and returns how many records there were.
func follow(t *testing.T, l *Log, sink string, total uint64) (records uint64) {
	r, err := l.NewReader(1)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = r.Close() }()
	last := make(map[uint64]uint64) // of each worker
	for at := uint64(0); at < total; {
		if _, err := l.WaitSynced(context.Background(), at); err != nil {
			t.Error(err)
			return records
		}
		for r.Next() {
			from := r.Seq()
			if gap, ok := r.Gap(); ok {
				from = gap.From
			} else {
				records++
				n := binary.LittleEndian.Uint64(r.Record())
				if worker, i := n>>32, n&0xFFFFFFFF; i != 0 && i <= last[worker] {
					t.Errorf("worker %d: record %d after %d", worker, i, last[worker])
				} else {
					last[worker] = i
				}
			}
			if from != at+1 {
				t.Errorf("entry %d follows %d", from, at)
				return records
			}
			at = r.Seq()
		}
		if err := errors.Join(r.Err(), l.Advance(sink, at)); err != nil {
			t.Error(err)
			return records
		}
	}
	return records
}

func TestAppendAllocatesNothing(t *testing.T) {
	l := open(t, ramDir(t), func(o *Options) { o.SegmentBytes = 16 << 20 })
	rec := make([]byte, 300)
	if n := testing.AllocsPerRun(20_000, func() {
		if _, err := l.Append(rec); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("append: %v allocations, want none", n)
	}
	full := open(t, ramDir(t), func(o *Options) { o.MaxBytes = 3 * o.SegmentBytes })
	fill(t, full, ReasonBoundReached, 1)
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := full.Append(rec); !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("append to a full log: %v allocations, want none", n)
	}
}

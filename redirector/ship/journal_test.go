package ship

import (
	"context"
	"sync"
	"testing"
	"time"

	"fairlead/redirector/journal"
)

// TestAJournalIsShippedAndLetGo appends while both sinks ship, stops and starts again in between, and counts in the end.
func TestAJournalIsShippedAndLetGo(t *testing.T) {
	r, live := newRig(t), newLiveRig(t)
	live.now = time.Now()
	dir := t.TempDir()
	const perRun = 20_000
	kept := newMemory("")
	last := 0
	for run := range 3 {
		l, err := journal.Open(dir, journal.Options{SegmentBytes: 1 << 20, SyncEvery: 5 * time.Millisecond, Sinks: []string{SinkClickHouse, SinkRedis}})
		if err != nil {
			t.Fatal(err)
		}
		kept.node = l.Node()
		facts := r.sink(r.conn, FromJournal(l), func(o *ClickHouseOptions) { o.MaxRows = 3000 })
		counts := live.sink(live.rdb, FromJournal(l), func(o *RedisOptions) { o.MaxRows, o.Now = 3000, time.Now })
		ctx, stop := context.WithCancel(t.Context())
		var ran sync.WaitGroup
		ran.Go(func() {
			if err := facts.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		ran.Go(func() {
			if err := counts.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		for i := range perRun {
			rec := records(run*perRun+i, 1, time.Now())[0]
			if _, err := l.Append(rec); err != nil {
				t.Fatal(err)
			}
			kept.add(rec)
		}
		if run == 1 {
			stop() // in the middle of it
			ran.Wait()
		} else {
			waitFor(t, func() bool { return facts.Lag().Records == 0 && counts.Lag().Records == 0 })
			stop()
			ran.Wait()
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		r.drain(facts)
		live.drain(counts)
		last = l.Stats().Segments
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r.exactlyOnce(kept)
	live.exact(kept)
	if last > 8 {
		t.Errorf("the journal still has %d segments; all runs together filled 15", last)
	}
}

// TestAJournalThatWasRenewed has the store hold other clicks than a journal that was restored from an image.
func TestAJournalThatWasRenewed(t *testing.T) {
	r := newRig(t)
	l, err := journal.Open(t.TempDir(), journal.Options{SyncEvery: 5 * time.Millisecond, Sinks: []string{SinkClickHouse, SinkRedis}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	node := l.Node()
	theirs := newMemory(string(node))
	common := records(1, 100, noon)
	theirs.add(common...)
	theirs.add(records(5000, 300, noon)...)
	r.drain(r.sink(r.conn, theirs))
	all := newMemory("")
	all.entries = append(all.entries, theirs.entries...)
	ours := append(common, records(9000, 250, noon)...)
	for _, rec := range ours {
		if _, err := l.Append(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	s := r.sink(r.conn, FromJournal(l))
	r.drain(s)
	if l.Node() == node {
		t.Fatal("the journal kept its node")
	}
	for i, rec := range ours[100:] {
		all.entries = append(all.entries, memoryEntry{node: l.Node(), from: uint64(101 + i), to: uint64(101 + i), rec: rec})
	}
	r.exactlyOnce(all)
	if n := r.count("SELECT count() FROM fairlead.gaps WHERE node = ? AND from_seq = 1 AND to_seq = 100 AND reason = ?", string(l.Node()), journal.ReasonRenewed); n == 0 {
		t.Error("the numbers before the new node's first are not explained")
	}
	if n := r.count("SELECT count() FROM fairlead.nodes FINAL WHERE node = ?", string(node)); n == 0 {
		t.Error("the old node is not known")
	}
}

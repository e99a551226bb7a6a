package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
)

// ramDir is a temporary directory where an fsync costs nothing, if the machine has one.
func ramDir(t testing.TB) string {
	t.Helper()
	const shm = "/dev/shm"
	if st, err := os.Stat(shm); err != nil || !st.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(shm, "journal")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open opens a log of tiny segments that is closed when the test ends.
func open(t testing.TB, dir string, change ...func(*Options)) *Log {
	t.Helper()
	opt := Options{SegmentBytes: 4 << 10, Logger: quiet(), Sinks: []string{"a"}}
	for _, f := range change {
		f(&opt)
	}
	l, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// crash stops the log as SIGKILL does: what was copied into the mapping stays, nothing else happens.
func (l *Log) crash(t failer) {
	t.Helper()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.halt()
	close(l.done)
	if err := l.release(); err != nil {
		t.Fatal(err)
	}
}

// record is a record that only number n can have.
func record(n uint64) []byte {
	r := rand.New(rand.NewPCG(n, 7))
	b := fmt.Appendf(nil, "record %d ", n)
	for range r.IntN(120) {
		b = append(b, byte(r.Uint32()))
	}
	return b
}

// add appends n records made by record.
func add(t testing.TB, l *Log, n int) {
	t.Helper()
	for range n {
		want := l.Appended() + 1
		seq, err := l.Append(record(want))
		if err != nil || seq != want {
			t.Fatalf("append: got %d, %v, want %d", seq, err, want)
		}
	}
}

func mustSync(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
}

// A line is an entry as read: a record, or a gap.
type line struct {
	seq    uint64
	record string
	gap    Gap
	node   NodeID
}

func read(t testing.TB, l *Log, from uint64) (lines []line) {
	t.Helper()
	r, err := l.NewReader(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for r.Next() {
		gap, _ := r.Gap()
		lines = append(lines, line{r.Seq(), string(r.Record()), gap, r.Node()})
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// wantRecords fails unless the log holds exactly the records from to to, and no gap.
func wantRecords(t testing.TB, l *Log, from, to uint64) {
	t.Helper()
	lines := read(t, l, from)
	for i, got := range lines {
		want := from + uint64(i)
		if got.gap != (Gap{}) || got.seq != want || !bytes.Equal([]byte(got.record), record(want)) {
			t.Fatalf("entry %d: got %d %+v %.20q, want record %d", i, got.seq, got.gap, got.record, want)
		}
	}
	if got, want := uint64(len(lines)), to+1-from; got != want {
		t.Fatalf("got %d records, want %d", got, want)
	}
}

func TestRecordsComeBackInOrder(t *testing.T) {
	l := open(t, ramDir(t))
	add(t, l, 1000)
	mustSync(t, l)
	wantRecords(t, l, 1, 1000)
	wantRecords(t, l, 777, 1000)
}

func TestRecordsSurviveCloseAndCrash(t *testing.T) {
	dir := ramDir(t)
	for i := range uint64(20) {
		l := open(t, dir)
		if got := l.Appended(); got != i*50 {
			t.Fatalf("appended: got %d, want %d", got, i*50)
		}
		add(t, l, 50)
		if i%2 == 0 {
			l.crash(t)
		} else if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, dir)
	wantRecords(t, l, 1, 1000)
	if c := l.Corruptions(); len(c) > 0 {
		t.Fatal(c)
	}
}

func TestAppendSyncIsSynced(t *testing.T) {
	l := open(t, t.TempDir())
	for i := range uint64(20) {
		seq, err := l.AppendSync(context.Background(), record(i+1))
		if err != nil || l.Synced() < seq {
			t.Fatal(seq, err, l.Synced())
		}
	}
	wantRecords(t, l, 1, 20)
}

func TestClosedLogRefuses(t *testing.T) {
	l := open(t, ramDir(t))
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	_, a := l.Append(nil)
	_, s := l.AppendSync(context.Background(), nil)
	_, w := l.WaitSynced(context.Background(), 0)
	_, n := l.NewReader(1)
	for i, err := range []error{a, s, w, n, l.Sync(), l.Ready(), l.Advance("a", 0)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%d: got %v, want ErrClosed", i, err)
		}
	}
}

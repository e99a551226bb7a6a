package journal

import (
	"errors"
	"testing"
	"time"
)

func TestAReaderGoesOnWhereItWas(t *testing.T) {
	l := open(t, ramDir(t))
	r, err := l.NewReader(1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	next := uint64(1)
	for _, n := range []int{0, 1, 5, 100, 0, 33} {
		add(t, l, n)
		if n > 0 && r.Next() && l.Synced() < r.Seq() {
			t.Fatalf("read %d, synced is %d", r.Seq(), l.Synced())
		} else if r.Seq() == next {
			next++ // the timer has synced it
		}
		mustSync(t, l)
		for r.Next() {
			if r.Seq() != next || string(r.Record()) != string(record(next)) {
				t.Fatalf("got %d, want %d", r.Seq(), next)
			}
			next++
		}
		if r.Err() != nil || next != l.Appended()+1 {
			t.Fatalf("at %d of %d: %v", next, l.Appended(), r.Err())
		}
	}
}

func TestAReaderFromTheFutureWaits(t *testing.T) {
	l := open(t, ramDir(t))
	r, err := l.NewReader(50)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if r.Next() {
		t.Fatal("there is nothing")
	}
	add(t, l, 60)
	mustSync(t, l)
	if !r.Next() || r.Seq() != 50 {
		t.Errorf("got %d, %v, want 50", r.Seq(), r.Err())
	}
}

func TestAReaderThatIsOvertakenSaysSo(t *testing.T) {
	l := open(t, ramDir(t))
	add(t, l, 200)
	mustSync(t, l)
	r, err := l.NewReader(1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if !r.Next() {
		t.Fatal(r.Err())
	}
	if err := l.Advance("a", 200); err != nil {
		t.Fatal(err)
	}
	for r.Next() { // what is left of the segment that it has open
	}
	if err := r.Err(); !errors.Is(err, ErrPassed) {
		t.Errorf("got %v, want ErrPassed", err)
	}
}

func TestTimesAreKnownToTheSecond(t *testing.T) {
	now := time.Date(2024, 2, 29, 12, 0, 0, 5, time.UTC)
	dir := ramDir(t)
	clock := func(o *Options) { o.Now = func() time.Time { return now }; o.SyncEvery = time.Hour }
	l := open(t, dir, clock)
	if got := l.Stats().OldestUnshipped; !got.IsZero() {
		t.Errorf("empty: got %v", got)
	}
	add(t, l, 2)
	if got, want := l.Stats().OldestUnshipped, now.Truncate(time.Second); !got.Equal(want) {
		t.Errorf("not synced: got %v, want %v", got, want)
	}
	mustSync(t, l)
	first := now
	now = now.Add(3 * time.Hour)
	add(t, l, 2)
	mustSync(t, l)
	for range 2 {
		for cursor, want := range []time.Time{first, first, now, now, {}} {
			if err := l.Advance("a", uint64(cursor)); err != nil {
				t.Fatal(err)
			}
			if l.Cursor("a") != uint64(cursor) {
				continue // the second time it is behind
			}
			if got := l.Stats().OldestUnshipped; !got.Equal(want.Truncate(time.Second)) {
				t.Errorf("cursor %d: got %v, want %v", cursor, got, want)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = open(t, dir, clock)
	}
}

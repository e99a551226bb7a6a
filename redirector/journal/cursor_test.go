package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func segmentsOf(t *testing.T, dir string) []uint64 {
	t.Helper()
	nums, err := listSegments(disk{dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return nums
}

func TestASegmentGoesWhenAllSinksHavePassedIt(t *testing.T) {
	dir := ramDir(t)
	l := open(t, dir, func(o *Options) { o.Sinks = []string{"a", "b"} })
	add(t, l, 200)
	mustSync(t, l)
	made(l)
	all := segmentsOf(t, dir)
	second := l.segments[1].base

	advance := func(sink string, seq uint64, left []uint64) {
		t.Helper()
		if err := l.Advance(sink, seq); err != nil {
			t.Fatal(err)
		}
		if got := segmentsOf(t, dir); !slices.Equal(got, left) {
			t.Fatalf("%s at %d: got segments %v, want %v", sink, seq, got, left)
		}
	}
	advance("a", 200, all)
	advance("b", second-2, all)
	advance("b", second-1, all[1:])
	advance("b", 1, all[1:]) // never goes back
	if got := l.Cursor("b"); got != second-1 {
		t.Errorf("cursor: got %d, want %d", got, second-1)
	}
	advance("b", 200, all[len(all)-2:]) // the active one and the one made in advance
	if got := read(t, l, 1); len(got) == 0 || got[0].seq <= second {
		t.Errorf("got %d entries, want what is left of the active segment", len(got))
	}
	if err := l.Advance("c", 1); !errors.Is(err, ErrUnknownSink) {
		t.Errorf("unknown sink: got %v", err)
	}
	if err := l.Advance("a", 201); !errors.Is(err, ErrNotSynced) {
		t.Errorf("above synced: got %v", err)
	}
}

func TestWithoutSinksNothingGoes(t *testing.T) {
	dir := ramDir(t)
	for range 3 {
		l := open(t, dir, func(o *Options) { o.Sinks = nil })
		add(t, l, 100)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantRecords(t, open(t, dir), 1, 300)
}

// TestACrashAroundTheCursor kills the process before and after each operation of Advance, and takes the power too.
func TestACrashAroundTheCursor(t *testing.T) {
	for _, op := range []Op{OpWrite, OpSync, OpUnlink} {
		for _, done := range []bool{false, true} {
			for power := range uint64(8) { // 0: it stays; otherwise what it takes
				r := newRig(t)
				l := open(t, r.dir, r.options)
				add(t, l, 200)
				mustSync(t, l)
				made(l)
				r.mu.Lock()
				r.die = func(ev Event) bool {
					ours := ev.Name == cursorName || ev.Op == OpUnlink
					return ours && ev.Op == op && ev.Done == done
				}
				r.mu.Unlock()
				if err := l.Advance("a", 150); !errors.Is(err, errDead) {
					t.Fatalf("got %v, want death", err)
				}
				l.crash(t)
				if power > 0 {
					r.powerLoss(t, newRand(power))
				}
				r.mu.Lock()
				r.dead, r.die = false, nil
				r.mu.Unlock()

				l = open(t, r.dir, r.options)
				cursor := l.Cursor("a")
				durable := op == OpUnlink || op == OpSync && done
				if cursor != 0 && cursor != 150 || durable && cursor != 150 {
					t.Fatalf("op %d done %v power %v: cursor %d", op, done, power, cursor)
				}
				if lines := read(t, l, cursor+1); len(lines) == 0 || lines[0].seq != cursor+1 || lines[0].gap != (Gap{}) {
					t.Fatalf("op %d done %v power %v: first entry after cursor %d is not there", op, done, power, cursor)
				}
				if c := l.Corruptions(); len(c) > 0 {
					t.Fatal(c)
				}
				if cursor == 150 && l.segments[0].base > 151 || cursor == 150 && len(l.segments) > 1 && l.segments[1].base <= 151 {
					t.Errorf("op %d done %v power %v: passed segments are still there", op, done, power)
				}
			}
		}
	}
}

func TestACursorThatCannotBeWrittenRemovesNothing(t *testing.T) {
	r := newRig(t)
	l := open(t, r.dir, r.options)
	add(t, l, 200)
	mustSync(t, l)
	made(l)
	before := segmentsOf(t, r.dir)
	r.set(false, true)
	if err := l.Advance("a", 200); err == nil {
		t.Fatal("advanced on a broken disk")
	}
	if got := segmentsOf(t, r.dir); !slices.Equal(got, before) || l.Cursor("a") != 0 {
		t.Fatalf("cursor %d, segments %v, want 0 and %v", l.Cursor("a"), got, before)
	}
	r.set(false, false)
	if err := l.Advance("a", 200); err != nil || l.Cursor("a") != 200 {
		t.Fatal(err, l.Cursor("a"))
	}
}

func TestASinkLeftOutKeepsItsCursor(t *testing.T) {
	dir := ramDir(t)
	l := open(t, dir, func(o *Options) { o.Sinks = []string{"a", "b"} })
	add(t, l, 10)
	mustSync(t, l)
	if err := errors.Join(l.Advance("a", 10), l.Advance("b", 5), l.Close()); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir) // "a" alone
	add(t, l, 1)
	mustSync(t, l)
	if err := errors.Join(l.Advance("a", 11), l.Close()); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, func(o *Options) { o.Sinks = []string{"a", "b"} })
	if got := l.Cursor("b"); got != 5 {
		t.Errorf("got %d, want 5", got)
	}
}

func TestUnusedSegmentsDoNotPileUp(t *testing.T) {
	dir := ramDir(t)
	for i := range 10 {
		l := open(t, dir)
		if i%2 == 0 {
			l.crash(t)
		} else if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix)); len(files) > 2 {
		t.Errorf("got %v", files)
	}
	if _, err := os.Stat(filepath.Join(dir, quarantineName)); err == nil {
		t.Error("something was set aside")
	}
}

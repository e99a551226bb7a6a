package journal

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// fill appends until the log refuses, then n-1 times more, and returns the run of refused numbers.
func fill(t *testing.T, l *Log, reason string, n int) Gap {
	t.Helper()
	for {
		seq, err := l.Append(record(l.Appended() + 1))
		if err == nil {
			continue
		}
		gap := Gap{From: seq, To: seq, Reason: reason}
		for gap.To < gap.From+uint64(n)-1 {
			gap.To, err = l.Append([]byte("lost"))
		}
		var full *FullError
		if !errors.As(err, &full) || !errors.Is(err, ErrFull) || full.Reason != reason {
			t.Fatalf("append: got %v, want full for %s", err, reason)
		}
		if err := l.Ready(); !errors.As(err, &full) || full.Reason != reason {
			t.Fatalf("ready: got %v, want full for %s", err, reason)
		}
		if got := l.Stats().Unrecorded; !maps.Equal(got, map[string]uint64{reason: uint64(n)}) {
			t.Fatalf("unrecorded: got %v, want %d for %s", got, n, reason)
		}
		return gap
	}
}

// wantGap fails unless the log holds the records from 1, this gap, and the records up to last.
func wantGap(t *testing.T, l *Log, gap Gap, last uint64) {
	t.Helper()
	next := uint64(1)
	for _, e := range read(t, l, 1) {
		if e.gap != (Gap{}) {
			if e.gap != gap || next != gap.From {
				t.Fatalf("got %+v at %d, want %+v", e.gap, next, gap)
			}
		} else if e.seq != next || e.record != string(record(next)) {
			t.Fatalf("got %d %q, want %d", e.seq, e.record, next)
		}
		next = e.seq + 1
	}
	if next != last+1 {
		t.Fatalf("ends at %d, want %d", next-1, last)
	}
}

// segmentMade waits until the maker is done with what it was asked for.
func segmentMade(l *Log) {
	l.wantSegment()
	made(l)
}

func TestABoundUsesUpNumbersAndTellsThemAsAGap(t *testing.T) {
	l := open(t, ramDir(t), func(o *Options) { o.MaxBytes = 3 * o.SegmentBytes })
	gap := fill(t, l, ReasonBoundReached, 10)
	if got := l.Stats(); got.Bytes != 3*minSegment || got.Segments != 3 {
		t.Errorf("got %d bytes in %d segments, want three of %d", got.Bytes, got.Segments, minSegment)
	}
	mustSync(t, l)
	if err := l.Advance("a", l.Synced()); err != nil {
		t.Fatal(err)
	}
	segmentMade(l)
	if err := l.Ready(); err != nil {
		t.Fatal(err)
	}
	add(t, l, 5)
	mustSync(t, l)
	lines := read(t, l, gap.From)
	if len(lines) != 6 || lines[0].gap != gap {
		t.Fatalf("got %+v, want %+v and five records", lines, gap)
	}
}

func TestRefusedNumbersSurviveEveryEnd(t *testing.T) {
	for _, end := range ends {
		if end.name == "another boot" {
			continue // then they are part of what a power loss takes
		}
		t.Run(end.name, func(t *testing.T) {
			r := newRig(t)
			l := open(t, r.dir, r.options)
			r.set(true, false)
			gap := fill(t, l, ReasonDiskFull, 7)
			end.end(t, r, l)

			l = open(t, r.dir, r.options) // still full
			if got := l.Appended(); got != gap.To {
				t.Fatalf("appended: got %d, want %d", got, gap.To)
			}
			if err := l.Ready(); !errors.Is(err, ErrFull) {
				t.Fatalf("ready: %v", err)
			}
			if _, err := l.Append(nil); !errors.Is(err, ErrFull) {
				t.Fatalf("append: %v", err)
			}
			gap.To++
			r.set(false, false)
			segmentMade(l)
			add(t, l, 3)
			mustSync(t, l)
			wantGap(t, l, gap, gap.To+3)
		})
	}
}

func TestASegmentTakenAwayIsNoSIGBUS(t *testing.T) {
	l := open(t, ramDir(t))
	add(t, l, 3)
	mustSync(t, l)
	l.mu.Lock()
	name := l.active.name()
	l.mu.Unlock()
	if err := os.Truncate(l.disk.path(name), 0); err != nil {
		t.Fatal(err)
	}
	add(t, l, 50)
	mustSync(t, l)
	lines := read(t, l, 1)
	if len(lines) != 51 || lines[0].gap != (Gap{1, 3, ReasonCorrupt}) {
		t.Fatalf("got %d entries, first %+v, want the gap of 1 to 3 and 50 records", len(lines), lines[0])
	}
}

func TestALivePageTakenAwayIsNoSIGBUS(t *testing.T) {
	dir := ramDir(t)
	l := open(t, dir, func(o *Options) { o.MaxBytes = 3 * o.SegmentBytes })
	if err := os.Truncate(filepath.Join(dir, liveName), 0); err != nil {
		t.Fatal(err)
	}
	gap := fill(t, l, ReasonBoundReached, 2)
	mustSync(t, l)
	wantRecords(t, l, 1, gap.From-1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir).Appended(); got != gap.To {
		t.Errorf("appended: got %d, want %d", got, gap.To)
	}
}

func TestARecordTooLargeIsAGapOfOne(t *testing.T) {
	l := open(t, ramDir(t), func(o *Options) { o.SegmentBytes = 1 << 20 })
	longest := make([]byte, MaxRecordBytes)
	for i, b := range [][]byte{longest, append(longest, 0), nil} {
		seq, err := l.Append(b)
		if seq != uint64(i)+1 || errors.Is(err, ErrRecordTooLarge) != (i == 1) {
			t.Fatalf("append of %d bytes: got %d, %v", len(b), seq, err)
		}
	}
	mustSync(t, l)
	lines := read(t, l, 1)
	if len(lines) != 3 || len(lines[0].record) != MaxRecordBytes || lines[1].gap != (Gap{2, 2, ReasonRecordTooLarge}) || lines[2].seq != 3 {
		t.Fatalf("got %d entries", len(lines))
	}
}

func TestReasonsAreAClosedSet(t *testing.T) {
	want := []string{"disk_full", "bound_reached", "disk_error", "disk_stalled", "record_too_large", "corrupt", "power_loss", "copied", "renewed"}
	if got := Reasons(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for c := codeDiskFull; c <= codeRenewed; c++ {
		if got := c.String(); got != want[c-1] {
			t.Errorf("code %d: got %s, want %s", c, got, want[c-1])
		}
	}
}

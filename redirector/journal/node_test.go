package journal

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// copyDir copies the files of a journal as cp -a would.
func copyDir(t *testing.T, from string) (to string) {
	t.Helper()
	to = ramDir(t)
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestTheNodeStaysWithItsDirectory(t *testing.T) {
	dir := ramDir(t)
	l := open(t, dir)
	node := l.Node()
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(string(node)) {
		t.Fatalf("node %q", node)
	}
	add(t, l, 3)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(ramDir(t), "moved")
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	l = open(t, moved)
	if got := l.Node(); got != node {
		t.Errorf("moved: got node %s, want %s", got, node)
	}
	if got := open(t, ramDir(t)).Node(); got == node {
		t.Error("two journals with one id")
	}
}

// TestACopyIsAnotherNode copies a journal that is closed, killed, or open, and reads the copy: the old node's
// entries, then the gap that opens the new node's numbers, then its records. The original goes on as it was.
func TestACopyIsAnotherNode(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *Log){
		"closed": func(t *testing.T, l *Log) { _ = l.Close() },
		"killed": func(t *testing.T, l *Log) { l.crash(t) },
		"open":   func(*testing.T, *Log) {},
	} {
		t.Run(name, func(t *testing.T) {
			dir := ramDir(t)
			l := open(t, dir)
			add(t, l, 100)
			mustSync(t, l)
			if err := l.Advance("a", 90); err != nil {
				t.Fatal(err)
			}
			old := l.Node()
			end(t, l)

			second := open(t, copyDir(t, dir))
			for range 2 { // the second time it is a copy no more
				if second.Node() == old || second.Cursor("a") != 90 || second.Appended() != 100 {
					t.Fatalf("node %s of %s, cursor %d, appended %d", second.Node(), old, second.Cursor("a"), second.Appended())
				}
				node, dir := second.Node(), second.disk.dir
				if err := second.Close(); err != nil {
					t.Fatal(err)
				}
				if second = open(t, dir); second.Node() != node {
					t.Fatalf("node %s became %s", node, second.Node())
				}
			}
			add(t, second, 2)
			mustSync(t, second)
			want := []line{}
			for n := uint64(91); n <= 100; n++ {
				want = append(want, line{n, string(record(n)), Gap{}, old})
			}
			want = append(want, line{100, "", Gap{1, 100, ReasonCopied}, second.Node()},
				line{101, string(record(101)), Gap{}, second.Node()}, line{102, string(record(102)), Gap{}, second.Node()})
			if got := read(t, second, 91); !slices.Equal(got, want) {
				t.Errorf("copy: got\n%+v, want\n%+v", got, want)
			}
			if got := read(t, second, 101); !slices.Equal(got, want[10:]) {
				t.Errorf("copy from 101: got\n%+v, want\n%+v", got, want[10:])
			}
			if got := read(t, second, 102); !slices.Equal(got, want[12:]) {
				t.Errorf("copy from 102: got\n%+v, want\n%+v", got, want[12:])
			}

			if name != "open" {
				l = open(t, dir)
			}
			add(t, l, 5)
			if l.Node() != old || l.Appended() != 105 {
				t.Errorf("original: node %s of %s, appended %d", l.Node(), old, l.Appended())
			}
		})
	}
}

// TestACopyOfALivingJournal has cursors that were copied later than the segments: the copy must go on above them,
// or its first records would be taken for confirmed.
func TestACopyOfALivingJournal(t *testing.T) {
	dir := ramDir(t)
	l := open(t, dir, func(o *Options) { o.SegmentBytes = 64 << 10 })
	add(t, l, 80)
	to := copyDir(t, dir)
	add(t, l, 20)
	mustSync(t, l)
	if err := l.Advance("a", 95); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, cursorName))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, cursorName), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	second := open(t, to)
	seq, err := second.Append([]byte("x"))
	if err != nil || seq != 96 {
		t.Fatalf("got %d, %v, want 96", seq, err)
	}
	mustSync(t, second)
	want := []line{
		{95, "", Gap{81, 95, ReasonCopied}, l.Node()},
		{95, "", Gap{1, 95, ReasonCopied}, second.Node()},
		{96, "x", Gap{}, second.Node()},
	}
	if got := read(t, second, 81); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAFileCopiedOverItselfIsNoticed(t *testing.T) {
	dir := ramDir(t)
	l := open(t, dir)
	old := l.Node()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, identityName)
	b, err := os.ReadFile(path)
	if err == nil {
		err = errors.Join(os.WriteFile(path+".restored", b, 0o600), os.Rename(path+".restored", path))
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir).Node(); got == old {
		t.Error("a restored identity kept its node")
	}
}

// TestRenewCarriesEntriesOver moves what was not shipped to a new node, gaps included, and keeps that over a restart.
func TestRenewCarriesEntriesOver(t *testing.T) {
	dir := ramDir(t)
	l := open(t, dir)
	add(t, l, 100)
	if _, err := l.Append(make([]byte, MaxRecordBytes)); !errors.Is(err, ErrRecordTooLarge) {
		t.Fatal(err)
	}
	old := l.Node()
	for _, from := range []uint64{0, 103} {
		if _, err := l.Renew(from, "test"); err == nil {
			t.Errorf("renewed from %d", from)
		}
	}
	renewed, err := l.Renew(61, "the store has other records")
	if err != nil || renewed == old || renewed != l.Node() {
		t.Fatal(renewed, old, err)
	}
	if _, err := l.Renew(60, "before the one before"); err == nil {
		t.Error("renewed what another node has")
	}
	mustSync(t, l)
	for range 2 {
		lines := read(t, l, 1)
		for i, e := range lines {
			want := line{node: old, seq: uint64(i) + 1}
			switch {
			case i == 60:
				want = line{seq: 60, gap: Gap{1, 60, ReasonRenewed}, node: renewed}
			case i > 60:
				want = line{node: renewed, seq: uint64(i)}
			}
			if want.gap == (Gap{}) {
				want.record = string(record(want.seq))
			}
			if want.seq == 101 {
				want.record, want.gap = "", Gap{101, 101, ReasonRecordTooLarge}
			}
			if e != want {
				t.Fatalf("entry %d: got %+v, want %+v", i, e, want)
			}
		}
		if len(lines) != 102 {
			t.Fatalf("got %d entries, want 102", len(lines))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = open(t, dir)
	}
	if _, err := l.Renew(102, "again, with nothing to carry over"); err != nil {
		t.Fatal(err)
	}
	add(t, l, 1)
	mustSync(t, l)
	lines := read(t, l, 102)
	if len(lines) != 2 || lines[0].gap != (Gap{1, 101, ReasonRenewed}) || lines[1].node != l.Node() {
		t.Errorf("got %+v", lines)
	}
}

// TestAGapIsCutWhereANodeBegins has both nodes told of their part.
func TestAGapIsCutWhereANodeBegins(t *testing.T) {
	r := newRig(t)
	l := open(t, r.dir, r.options)
	add(t, l, 5)
	mustSync(t, l)
	old := l.Node()
	l.crash(t)
	r.powerLoss(t, newRand(1))
	l = open(t, r.dir, r.options)
	last := l.Appended()
	renewed, err := l.Renew(11, "test")
	if err != nil {
		t.Fatal(err)
	}
	want := []line{
		{10, "", Gap{6, 10, ReasonPowerLoss}, old},
		{10, "", Gap{1, 10, ReasonRenewed}, renewed},
		{last, "", Gap{11, last, ReasonPowerLoss}, renewed},
	}
	if got := read(t, l, 6); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

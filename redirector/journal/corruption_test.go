package journal

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"fairlead/cmd/chaostest"
)

// every returns the step of a walk over all bytes: one at full length, otherwise one that meets every residue of
// eight.
func every(short int) int {
	if chaostest.Full() {
		return 1
	}
	return short
}

// A place is where a record lies, and how far the log was synced by its word.
type place struct {
	seq      uint64
	off, end int64
	synced   uint64
}

// places finds the records of a segment.
func places(t *testing.T, dir, name string, salt [16]byte) (found []place) {
	t.Helper()
	num, _ := parseSegmentName(name)
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	st, _ := f.Stat()
	sc := newScanner()
	sc.reset(f, seedOf(salt, num), st.Size())
	for {
		e, ok, err := sc.next(1, maxSeq)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return found
		}
		found = append(found, place{e.seq, e.off, e.off + recordHeader + int64(len(e.payload)), e.synced})
	}
}

// A patient is a journal of several segments that can be put back into its state.
type patient struct {
	rig   *rig
	files map[string][]byte
	where map[string][]place // of each segment
	last  uint64
}

// ends are the ways in which the patient's log ended.
var ends = []struct {
	name   string
	synced bool // everything was
	end    func(*testing.T, *rig, *Log)
}{
	{"closed", true, func(t *testing.T, _ *rig, l *Log) {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}},
	{"killed", true, func(t *testing.T, _ *rig, l *Log) { l.crash(t) }},
	{"another boot", false, func(t *testing.T, r *rig, l *Log) { l.crash(t); r.boots++ }},
}

func newPatient(t *testing.T, end func(*testing.T, *rig, *Log)) *patient {
	p := &patient{rig: newRig(t), where: make(map[string][]place)}
	l := open(t, p.rig.dir, p.options)
	for range 3 {
		add(t, l, 40)
		mustSync(t, l)
	}
	add(t, l, 5)
	p.last = l.Appended()
	end(t, p.rig, l)
	p.files = snapshot(p.rig.dir)
	for name := range p.files {
		if _, ok := parseSegmentName(name); ok {
			p.where[name] = places(t, p.rig.dir, name, l.salt)
		}
	}
	return p
}

// segments returns the names of those that hold records.
func (p *patient) segments() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(p.where)) {
		if len(p.where[name]) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// known returns up to where the records that are left say that the log was synced.
func (p *patient) known(lost map[uint64]bool) (seq uint64) {
	for _, places := range p.where {
		for _, r := range places {
			if !lost[r.seq] {
				seq = max(seq, r.synced)
			}
		}
	}
	return seq
}

// options are the rig's without its watching.
func (p *patient) options(o *Options) {
	p.rig.options(o)
	o.Faults = nil
}

// check opens the damaged journal and fails unless exactly the numbers in lost are missing, each told as a gap,
// and as damage if it was known to be on disk; and unless ten more records go in and come out.
func (p *patient) check(t *testing.T, lost map[uint64]bool, allSynced bool, what string) {
	t.Helper()
	left := p.left()
	l := open(t, p.rig.dir, p.options)
	p.compare(t, l, lost, what)
	if got := l.Appended(); got < p.last {
		t.Fatalf("%s: goes on after %d, %d was handed out", what, got, p.last)
	}
	p.reported(t, l.Corruptions(), left, lost, allSynced, what)
	base := l.Appended()
	for range 10 {
		if _, err := l.Append(record(l.Appended() + 1)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	mustSync(t, l)
	wantRecords(t, l, base+1, base+10)
	if err := l.Close(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	l = open(t, p.rig.dir, p.options)
	p.compare(t, l, lost, what+", second time")
	wantRecords(t, l, base+1, base+10)
	if err := l.Close(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// reported fails unless every loss that was known to be on disk was told with its segment and the offset at which
// its first number stood.
func (p *patient) reported(t *testing.T, told []*CorruptionError, left map[string]bool, lost map[uint64]bool, allSynced bool, what string) {
	t.Helper()
	explained := make(map[uint64]bool)
	for _, c := range told {
		if c.To == 0 {
			continue
		}
		if !lost[c.From] || !lost[c.To] {
			t.Fatalf("%s: more was reported than was lost: %v", what, c)
		}
		if name, off := p.find(left, c.From); c.File != name || c.Offset != off {
			t.Fatalf("%s: number %d is missed in %s at %d: %v", what, c.From, name, off, c)
		}
		for n := c.From; n <= c.To; n++ {
			explained[n] = true
		}
	}
	known := p.known(lost)
	for n := range lost {
		if !explained[n] && (allSynced || n <= known) {
			t.Fatalf("%s: loss of %d was not reported: %v", what, n, told)
		}
	}
}

// left returns the segments that are still there, with their headers.
func (p *patient) left() map[string]bool {
	left := make(map[string]bool)
	for _, name := range p.segments() {
		st, err := os.Stat(filepath.Join(p.rig.dir, name))
		left[name] = err == nil && st.Size() >= segmentHeader
	}
	return left
}

// find returns where a number is missed: where it stood or, with its whole segment gone, where the one before ends.
func (p *patient) find(left map[string]bool, seq uint64) (name string, off int64) {
	before, end := p.segments()[0], int64(0)
	for _, name := range p.segments() {
		for _, r := range p.where[name] {
			if r.seq == seq && left[name] {
				return name, r.off
			}
			if r.seq == seq {
				return before, end
			}
		}
		for _, r := range p.where[name] {
			end = r.off + recordSize(int(r.end-r.off-recordHeader))
		}
		before = name
	}
	return "", 0
}

func (p *patient) compare(t *testing.T, l *Log, lost map[uint64]bool, what string) {
	t.Helper()
	next := uint64(1)
	for _, e := range read(t, l, 1) {
		from := e.seq
		if e.gap != (Gap{}) {
			from = e.gap.From
		}
		if from != next {
			t.Fatalf("%s: entry %d..%d follows %d", what, from, e.seq, next-1)
		}
		for ; next <= e.seq && next <= p.last; next++ {
			switch isGap := e.gap != (Gap{}); {
			case isGap != lost[next]:
				t.Fatalf("%s: number %d: got %+v %q, lost should be %v", what, next, e.gap, e.record, lost[next])
			case !isGap && e.record != string(record(next)):
				t.Fatalf("%s: number %d: got %q, want %q", what, next, e.record, record(next))
			}
		}
		next = e.seq + 1
	}
	if next <= p.last {
		t.Fatalf("%s: silent end at %d of %d", what, next-1, p.last)
	}
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	for _, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t, end.end)
			for _, name := range p.segments() {
				for off := 0; off < len(p.files[name]); off += every(61) {
					restore(t, p.rig.dir, p.files)
					flip(t, filepath.Join(p.rig.dir, name), off)
					lost := make(map[uint64]bool)
					for _, r := range p.where[name] {
						if int64(off) >= r.off && int64(off) < r.end {
							lost[r.seq] = true
						}
					}
					p.check(t, lost, end.synced, fmt.Sprintf("%s flipped at %d", name, off))
				}
			}
		})
	}
}

func TestEveryCutIsFound(t *testing.T) {
	for _, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t, end.end)
			for _, name := range p.segments() {
				for size := 0; size < len(p.files[name]); size += every(61) {
					restore(t, p.rig.dir, p.files)
					if err := os.Truncate(filepath.Join(p.rig.dir, name), int64(size)); err != nil {
						t.Fatal(err)
					}
					lost := make(map[uint64]bool)
					for _, r := range p.where[name] {
						if int64(size) < r.end {
							lost[r.seq] = true
						}
					}
					p.check(t, lost, end.synced, fmt.Sprintf("%s cut to %d", name, size))
				}
			}
		})
	}
}

func flip(t *testing.T, path string, off int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[off] ^= 1 << (off % 8)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

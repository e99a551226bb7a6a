package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestEveryFlippedByteBesideTheSegments damages the small files. No record may be lost by it, no number come
// twice, and a number that is passed over must be told as a gap.
func TestEveryFlippedByteBesideTheSegments(t *testing.T) {
	files := []struct {
		name string
		slot int
	}{{identityName, identitySlot}, {stateName, stateSlot}, {cursorName, cursorSlot}, {holesName, holesSlot}, {liveName, liveBytes / 2}}
	for _, end := range ends {
		for _, f := range files {
			t.Run(end.name+" "+f.name, func(t *testing.T) {
				t.Parallel()
				p := newPatient(t, end.end)
				for slot := range 2 {
					for off := 0; off < 160; off += every(7) {
						restore(t, p.rig.dir, p.files)
						flip(t, filepath.Join(p.rig.dir, f.name), slot*f.slot+off)
						p.check(t, nil, false, fmt.Sprintf("slot %d flipped at %d", slot, off))
					}
				}
			})
		}
	}
}

// TestASmallFileLostOrCut does the same with a file that is missing, or whose end is.
func TestASmallFileLostOrCut(t *testing.T) {
	for _, end := range ends {
		for _, name := range []string{stateName, cursorName, holesName, liveName} {
			t.Run(end.name+" "+name, func(t *testing.T) {
				t.Parallel()
				p := newPatient(t, end.end)
				for _, size := range []int64{-1, 0, 1, 31, 40, 4096, 4100, 8192, 65536 + 10} {
					restore(t, p.rig.dir, p.files)
					path := filepath.Join(p.rig.dir, name)
					var err error
					if size < 0 {
						err = os.Remove(path)
					} else {
						err = os.Truncate(path, size)
					}
					if err != nil {
						t.Fatal(err)
					}
					p.check(t, nil, false, fmt.Sprintf("cut to %d", size))
				}
			})
		}
	}
}

func TestSegmentsWithoutAnIdentityAreRefused(t *testing.T) {
	p := newPatient(t, ends[0].end)
	path := filepath.Join(p.rig.dir, identityName)
	for name, harm := range map[string]func() error{
		"missing": func() error { return os.Remove(path) },
		"empty":   func() error { return os.Truncate(path, 0) },
		"zeros":   func() error { return os.WriteFile(path, make([]byte, 2*identitySlot), 0o600) },
	} {
		restore(t, p.rig.dir, p.files)
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		_, err := Open(p.rig.dir, Options{Logger: quiet()})
		var origin *OriginError
		if !errors.As(err, &origin) || origin.Dir != p.rig.dir {
			t.Errorf("%s: got %v, want an OriginError", name, err)
		}
		if got := snapshot(p.rig.dir); !slices.Equal(got[p.segments()[0]], p.files[p.segments()[0]]) {
			t.Errorf("%s: a segment was changed", name)
		}
	}
}

func TestANewerVersionIsRefused(t *testing.T) {
	for _, name := range []string{identityName, stateName, segmentName(1)} {
		t.Run(name, func(t *testing.T) {
			dir := ramDir(t)
			l := open(t, dir)
			add(t, l, 3)
			salt := l.salt
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			makeNewer(t, filepath.Join(dir, name), salt)
			_, err := Open(dir, Options{Logger: quiet()})
			var newer *VersionError
			if !errors.As(err, &newer) || newer.Found != formatVersion+1 || filepath.Base(newer.Path) != name {
				t.Errorf("got %v, want a VersionError for %s", err, name)
			}
		})
	}
}

// makeNewer raises a file's version and makes its checksums right again.
func makeNewer(t *testing.T, path string, salt [16]byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if num, ok := parseSegmentName(filepath.Base(path)); ok {
		binary.LittleEndian.PutUint32(b[8:], formatVersion+1)
		binary.LittleEndian.PutUint32(b[60:], crc32.Update(seedOf(salt, num), castagnoli, b[:60]))
	} else {
		for slot := b; len(slot) > 0; slot = slot[len(b)/2:] {
			n := binary.LittleEndian.Uint32(slot[12:])
			binary.LittleEndian.PutUint32(slot[8:], formatVersion+1)
			sum := crc32.Update(crc32.Checksum(slot[:28], castagnoli), castagnoli, slot[slotHeader:slotHeader+n])
			binary.LittleEndian.PutUint32(slot[28:], sum)
		}
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "journal"), Options{}); err == nil {
		t.Error("opened a journal within a file")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	many := make([]string, maxSinks+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for name, opt := range map[string]Options{
		"negative segment": {SegmentBytes: -1},
		"huge segment":     {SegmentBytes: 1 << 40},
		"bound of two":     {SegmentBytes: 4096, MaxBytes: 8192},
		"negative timer":   {SyncEvery: -1},
		"empty sink":       {Sinks: []string{""}},
		"sink twice":       {Sinks: []string{"a", "a"}},
		"many sinks":       {Sinks: many},
	} {
		if _, err := Open(ramDir(t), opt); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// TestDamageIsKept looks for the damaged bytes after their segment was passed and removed.
func TestDamageIsKept(t *testing.T) {
	dir := ramDir(t)
	l := open(t, dir)
	add(t, l, 200)
	mustSync(t, l)
	name := segmentName(2)
	flip(t, filepath.Join(dir, name), 2000)
	harmed, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // however often it is read
		gaps := 0
		for _, e := range read(t, l, 1) {
			if e.gap != (Gap{}) {
				gaps++
				if e.gap.Reason != ReasonCorrupt || e.gap.From != e.gap.To {
					t.Errorf("got %+v, want one corrupt record", e.gap)
				}
			}
		}
		if gaps != 1 {
			t.Errorf("got %d gaps, want 1", gaps)
		}
	}
	found := l.Corruptions()
	if len(found) != 1 || found[0].Segment != 2 || found[0].Offset > 2000 || found[0].Offset < 1800 || l.Stats().Damaged != 1 {
		t.Fatalf("got %v, want one in segment 2 shortly before 2000", found)
	}
	if err := l.Advance("a", l.Synced()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("the segment is still there")
	}
	if kept, err := os.ReadFile(filepath.Join(dir, quarantineName, name)); err != nil || !slices.Equal(kept, harmed) {
		t.Errorf("kept %d bytes, %v, want the segment as it was", len(kept), err)
	}
}

func TestAMissingSegmentIsAGap(t *testing.T) {
	p := newPatient(t, ends[0].end)
	for _, name := range p.segments() {
		restore(t, p.rig.dir, p.files)
		if err := os.Remove(filepath.Join(p.rig.dir, name)); err != nil {
			t.Fatal(err)
		}
		lost := make(map[uint64]bool)
		for _, r := range p.where[name] {
			lost[r.seq] = true
		}
		p.check(t, lost, false, name+" missing")
	}
}

// TestASegmentRemovedUnderTheLog is told to readers that come by afterwards.
func TestASegmentRemovedUnderTheLog(t *testing.T) {
	dir := ramDir(t)
	l := open(t, dir)
	add(t, l, 200)
	mustSync(t, l)
	if err := os.Remove(filepath.Join(dir, segmentName(2))); err != nil {
		t.Fatal(err)
	}
	from, to := l.segments[1].base, l.segments[2].base-1
	lines := read(t, l, 1)
	if got := lines[from-1]; got.gap != (Gap{from, to, ReasonCorrupt}) {
		t.Errorf("got %+v, want the gap %d to %d", got, from, to)
	}
	if got := lines[from]; got.seq != to+1 || got.gap != (Gap{}) {
		t.Errorf("got %+v, want record %d", got, to+1)
	}
	if c := l.Corruptions(); len(c) != 1 || c[0].Segment != 2 {
		t.Errorf("got %v, want one in segment 2", c)
	}
}

// TestASegmentOutOfOrderIsSetAside makes one that says that it begins before the one before it.
func TestASegmentOutOfOrderIsSetAside(t *testing.T) {
	dir := ramDir(t)
	l := open(t, dir)
	add(t, l, 100)
	s := segmentInfo{num: 99, base: 2, size: minSegment}
	b := s.header(seedOf(l.salt, 99), l.Node(), l.opt.Now())
	if err := errors.Join(l.Close(), os.WriteFile(filepath.Join(dir, s.name()), b, 0o600)); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	wantRecords(t, l, 1, 100)
	if c := l.Corruptions(); len(c) != 1 || c[0].Segment != 99 {
		t.Errorf("got %v, want one in segment 99", c)
	}
	if _, err := os.Stat(filepath.Join(dir, quarantineName, s.name())); err != nil {
		t.Error(err)
	}
}

func TestZerosStandInForFallocate(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	const n = 3<<20 + 5
	if err := writeZeros(f, n); err != nil {
		t.Fatal(err)
	}
	if st, err := f.Stat(); err != nil || st.Size() != n {
		t.Error(st.Size(), err)
	}
}

package journal

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fairlead/cmd/chaostest"
)

// A model is what a journal has to be, without files: a fate for every number.
type model struct {
	base    uint64            // the last number before the model's
	fates   []fate            // of the numbers above base
	synced  uint64            // seen: nothing up to it may change any more
	cursors map[string]uint64 // confirmed
}

// A fate is a record, or the reason why there is none.
type fate struct {
	record string
	reason string
}

// A machine runs a real log and the model side by side.
type machine struct {
	rig  *rig
	log  *Log
	opt  Options
	m    model
	rnd  *rand.Rand
	full bool
	bad  bool
}

// last is the last number handed out.
func (m *model) last() uint64 { return m.base + uint64(len(m.fates)) }

// of returns the fate of a number above base.
func (m *model) of(seq uint64) *fate { return &m.fates[seq-m.base-1] }

func newMachine(t *rapid.T, dir testing.TB) *machine {
	s := &machine{rig: newRig(dir), m: model{cursors: make(map[string]uint64)}}
	seed := rapid.Uint64().Draw(t, "seed")
	s.rnd = rand.New(rand.NewPCG(seed, 1))
	s.opt = Options{SegmentBytes: 4 << 10, Logger: quiet(), Sinks: []string{"a", "b"}}
	if rapid.Bool().Draw(t, "bounded") {
		s.opt.MaxBytes = int64(rapid.IntRange(3, 8).Draw(t, "segments")) * s.opt.SegmentBytes
	}
	s.rig.options(&s.opt)
	if rapid.Bool().Draw(t, "old") {
		s.growOld(t)
	}
	s.open(t)
	return s
}

// growOld makes the journal one that has had nearly 2^32 numbers and as many segments as their names have digits for, so
// that both roll over.
func (s *machine) growOld(t *rapid.T) {
	s.m.base = 1<<32 - uint64(rapid.IntRange(1, 60).Draw(t, "numbers left"))
	num := 1_000_000_000_000 - uint64(rapid.IntRange(1, 6).Draw(t, "segments left"))
	l, err := Open(s.rig.dir, s.opt)
	if err != nil {
		t.Fatal(err)
	}
	salt, node := l.salt, l.Node()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	d := disk{dir: s.rig.dir}
	if err := os.Remove(d.path(segmentName(1))); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name  string
		slot  int64
		value []byte
	}{
		{stateName, stateSlot, state{reserved: s.m.base, synced: s.m.base, clean: true}.encode()},
		{cursorName, cursorSlot, encodeCursors(s.m.base, map[string]uint64{"a": s.m.base, "b": s.m.base})},
	} {
		file, _, _, err := openSlotFile(d, f.name, f.slot)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(file.writeBoth(f.value), file.close()); err != nil {
			t.Fatal(err)
		}
	}
	last := segmentInfo{num: num, base: s.m.base + 1, size: s.opt.SegmentBytes}
	b := last.header(seedOf(salt, num), node, time.Now())
	if err := os.WriteFile(d.path(last.name()), b, 0o600); err != nil {
		t.Fatal(err)
	}
	s.rig.settle()
	s.m.synced = s.m.base
	s.m.cursors["a"], s.m.cursors["b"] = s.m.base, s.m.base
}

func (s *machine) open(t *rapid.T) {
	l, err := Open(s.rig.dir, s.opt)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	s.log = l
	s.note()
}

// note takes down the watermark.
func (s *machine) note() { s.m.synced = max(s.m.synced, s.log.Synced()) }

func (s *machine) append(t *rapid.T) {
	for range rapid.IntRange(1, 40).Draw(t, "n") {
		s.appendOne(t, func(b []byte) (uint64, error) { return s.log.Append(b) })
	}
}

func (s *machine) appendSync(t *rapid.T) {
	if s.bad {
		t.Skip("the disk does not sync")
	}
	seq := s.appendOne(t, func(b []byte) (uint64, error) { return s.log.AppendSync(context.Background(), b) })
	if synced := s.log.Synced(); s.m.of(seq).record != "" && synced < seq {
		t.Fatalf("append sync: number %d, synced is %d", seq, synced)
	}
}

// appendOne gives the next number its fate.
func (s *machine) appendOne(t *rapid.T, add func([]byte) (uint64, error)) uint64 {
	want := s.m.last() + 1
	b := append(strconv.AppendUint(nil, want, 10), make([]byte, s.rnd.IntN(300))...)
	if s.rnd.IntN(50) == 0 {
		b = append(b, make([]byte, s.log.maxRecord)...)
	}
	seq, err := add(b)
	if seq != want {
		t.Fatalf("append: got number %d, %v, want %d", seq, err, want)
	}
	var full *FullError
	switch {
	case err == nil:
		s.m.fates = append(s.m.fates, fate{record: string(b)})
	case errors.Is(err, ErrRecordTooLarge) && len(b) > s.log.maxRecord:
		s.m.fates = append(s.m.fates, fate{reason: ReasonRecordTooLarge})
	case errors.As(err, &full) && slices.Contains([]string{ReasonDiskFull, ReasonBoundReached, ReasonDiskStalled, ReasonDiskError}, full.Reason):
		s.m.fates = append(s.m.fates, fate{reason: full.Reason})
	default:
		t.Fatalf("append: %v", err)
	}
	return seq
}

func (s *machine) sync(t *rapid.T) {
	err := s.log.Sync()
	if s.bad && err != nil {
		return
	}
	if err != nil {
		t.Fatalf("sync: %v", err)
	}
	s.note()
	recorded := s.m.last()
	for recorded > s.m.base && s.m.of(recorded).reason != "" {
		recorded--
	}
	if s.m.synced < recorded {
		t.Fatalf("sync: watermark %d, want at least %d", s.m.synced, recorded)
	}
}

func (s *machine) read(t *rapid.T) {
	from := s.m.base + uint64(rapid.IntRange(1, len(s.m.fates)+2).Draw(t, "from"))
	s.verify(t, from)
}

// verify reads from the number from on and fails on the first number that has not its fate. It returns where it
// ended.
func (s *machine) verify(t *rapid.T, from uint64) {
	synced := s.log.Synced()
	passed := min(s.m.cursors["a"], s.m.cursors["b"])
	r, err := s.log.NewReader(from)
	if err != nil {
		t.Fatalf("reader: %v", err)
	}
	defer func() { _ = r.Close() }()
	next := uint64(0)
	for r.Next() && r.Seq() <= synced {
		gap, isGap := r.Gap()
		first := r.Seq()
		if isGap {
			first = gap.From
		}
		switch {
		case next == 0 && first > max(from, passed+1):
			t.Fatalf("read from %d, passed %d: begins at %d", from, passed, first)
		case next == 0 && r.Seq() < from || next != 0 && first != next:
			t.Fatalf("read from %d: got %d to %d, want %d", from, first, r.Seq(), next)
		case r.Node() != s.log.Node():
			t.Fatalf("read %d: node %s, want %s", r.Seq(), r.Node(), s.log.Node())
		}
		for n := first; n <= r.Seq(); n++ {
			if got, want := (fate{string(r.Record()), gap.Reason}), *s.m.of(n); !same(got, want) {
				t.Fatalf("read %d: got %.20q, want %.20q", n, got, want)
			}
		}
		next = r.Seq() + 1
	}
	if err := r.Err(); err != nil {
		t.Fatalf("read: %v", err)
	}
	if next == 0 {
		next = max(from, passed+1)
	}
	if next <= synced {
		t.Fatalf("read from %d: ends at %d, synced is %d", from, next-1, synced)
	}
}

// same lets a run of refused numbers keep the reason that it began with, once reasons are many.
func same(got, want fate) bool {
	return got.record == want.record && (got.reason == "") == (want.reason == "")
}

func (s *machine) advance(t *rapid.T) {
	sink := rapid.SampledFrom(s.opt.Sinks).Draw(t, "sink")
	synced := s.log.Synced()
	to := s.m.base + uint64(rapid.IntRange(0, int(synced-s.m.base)).Draw(t, "to"))
	if s.bad {
		t.Skip("the disk does not sync")
	}
	if err := s.log.Advance(sink, to); err != nil {
		t.Fatalf("advance: %v", err)
	}
	s.m.cursors[sink] = max(s.m.cursors[sink], to)
	if got := s.log.Cursor(sink); got != s.m.cursors[sink] {
		t.Fatalf("cursor %s: got %d, want %d", sink, got, s.m.cursors[sink])
	}
	if err := s.log.Advance(sink, s.log.Appended()+1); !errors.Is(err, ErrNotSynced) {
		t.Fatalf("advance above synced: %v", err)
	}
}

func (s *machine) crash(t *rapid.T) {
	s.heal()
	s.log.crash(t)
	s.open(t)
	if got, want := s.log.Appended(), s.m.last(); got != want {
		t.Fatalf("after a crash: appended %d, want %d", got, want)
	}
	s.after(t)
}

func (s *machine) reopen(t *rapid.T) {
	s.heal()
	if err := s.log.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s.open(t)
	if got, want := s.log.Appended(), s.m.last(); got != want {
		t.Fatalf("after a close: appended %d, want %d", got, want)
	}
	s.after(t)
}

func (s *machine) losePower(t *rapid.T) {
	s.note()
	s.log.crash(t)
	s.rig.powerLoss(t, s.rnd)
	s.heal()
	synced := s.m.synced
	s.open(t)
	if got, want := s.log.Appended(), s.m.last(); got < want {
		t.Fatalf("after a power loss: appended %d, want at least %d", got, want)
	}
	s.reconcile(t, synced)
	s.after(t)
}

// reconcile accepts what the power loss may have taken: what was above the watermark, and nothing else.
func (s *machine) reconcile(t *rapid.T, synced uint64) {
	for s.m.last() < s.log.Appended() {
		s.m.fates = append(s.m.fates, fate{reason: ReasonPowerLoss})
	}
	r, err := s.log.NewReader(synced + 1)
	if err != nil {
		t.Fatalf("reader: %v", err)
	}
	defer func() { _ = r.Close() }()
	seen := s.log.Synced()
	for r.Next() {
		if gap, ok := r.Gap(); ok {
			for n := max(gap.From, synced+1); n <= gap.To; n++ {
				*s.m.of(n) = fate{reason: gap.Reason}
			}
			if gap.Reason == ReasonCorrupt && gap.To > synced {
				t.Fatalf("after a power loss, synced %d: %+v", synced, gap)
			}
		}
	}
	for n := seen + 1; n <= s.m.last(); n++ { // waiting for a segment
		*s.m.of(n) = fate{reason: ReasonPowerLoss}
	}
}

// after is what holds after every start.
func (s *machine) after(t *rapid.T) {
	for _, sink := range s.opt.Sinks {
		if got, want := s.log.Cursor(sink), s.m.cursors[sink]; got != want {
			t.Fatalf("cursor %s: got %d, want %d", sink, got, want)
		}
	}
	s.verify(t, s.m.base+1)
	if c := s.log.Corruptions(); len(c) > 0 {
		t.Fatalf("damage where there is none: %v", c)
	}
}

func (s *machine) heal() {
	s.bad = false
	s.rig.set(s.full, s.bad)
}

func (s *machine) fillDisk(*rapid.T) {
	s.full = !s.full
	s.rig.set(s.full, s.bad)
	s.log.wantSegment()
}

func (s *machine) breakDisk(*rapid.T) {
	s.bad = !s.bad
	s.rig.set(s.full, s.bad)
}

// TestLogDoesWhatTheModelDoes runs random sequences of actions, some on every processor.
func TestLogDoesWhatTheModelDoes(t *testing.T) {
	const machines = 2
	sequences := 300
	if chaostest.Full() {
		sequences = 10_000
	}
	f := flag.Lookup("rapid.checks")
	if f.Value.String() == f.DefValue {
		if err := f.Value.Set(strconv.Itoa(sequences / machines)); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("at once", func(t *testing.T) {
		for n := range machines {
			t.Run(strconv.Itoa(n), func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(rt *rapid.T) { runMachine(rt, t) })
			})
		}
	})
	chaostest.Report(t, "%s random sequences of appends, syncs, reads, crashes, power losses, full and broken disks, each against the model", f.Value)
}

func runMachine(rt *rapid.T, t *testing.T) {
	s := newMachine(rt, t)
	defer func() {
		_ = s.log.Close()
		if !rt.Failed() {
			_ = os.RemoveAll(s.rig.dir)
		}
	}()
	rt.Repeat(map[string]func(*rapid.T){
		"append": s.append, "append more": s.append, "append sync": s.appendSync, "sync": s.sync,
		"read": s.read, "advance": s.advance, "crash": s.crash, "reopen": s.reopen,
		"power loss": s.losePower, "full disk": s.fillDisk, "broken disk": s.breakDisk,
	})
}

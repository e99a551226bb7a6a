package journal

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
)

// maxSeq is the highest number the format holds.
const maxSeq = math.MaxUint64 >> 16

// lostReserve stands in for a reservation that cannot be read.
const lostReserve = 1 << 20

// A hole is a run of numbers between intact records that no record holds.
type hole struct {
	from, to uint64
	seg      uint64
	off      int64
}

// A survey is what was found in the part of the log that may not have been synced.
type survey struct {
	first  int // index of the first segment looked at
	last   uint64
	synced uint64 // known to have been on disk, as the records themselves say
	holes  []hole
	off    int64   // where the last segment's records end
	ends   []int64 // where each segment's records end; segmentHeader if it has none
}

// survey reads everything that may not have been synced: from the segment that holds the number after synced.
func (l *Log) survey(synced uint64) (v survey, err error) {
	for v.first+1 < len(l.segments) && l.segments[v.first+1].base <= synced+1 {
		v.first++
	}
	want := l.oldest()
	if len(l.segments) > 0 {
		base := l.segments[v.first].base
		if v.first == 0 && want < base {
			v.holes = append(v.holes, hole{from: want, to: base - 1, seg: max(1, l.segments[0].num-1)})
		}
		want = base
	}
	sc := newScanner()
	for i := v.first; i < len(l.segments); i++ {
		if want, err = l.surveySegment(&v, sc, i, want); err != nil {
			return v, err
		}
	}
	v.last = want - 1
	return v, nil
}

func (l *Log) surveySegment(v *survey, sc *scanner, i int, want uint64) (uint64, error) {
	info, hi := l.segments[i], uint64(maxSeq)
	if i+1 < len(l.segments) {
		hi = l.segments[i+1].base - 1
	}
	f, err := os.Open(l.disk.path(info.name()))
	if err != nil {
		return want, err
	}
	defer func() { _ = f.Close() }()
	sc.reset(f, seedOf(l.salt, info.num), info.size)
	v.off = segmentHeader
	for {
		e, ok, err := sc.next(want, hi)
		if err != nil {
			return want, err
		}
		if !ok {
			break
		}
		if e.from > want {
			v.holes = append(v.holes, hole{want, e.from - 1, info.num, v.off})
		}
		want, v.off, v.synced = e.seq+1, sc.off, max(v.synced, e.synced)
	}
	v.ends = append(v.ends, v.off)
	if hi != maxSeq && want <= hi {
		v.holes = append(v.holes, hole{want, hi, info.num, v.off})
		want = hi + 1
	}
	return want, nil
}

// settle decides where the log goes on and how each number is explained that no record holds, and writes that down.
func (l *Log) settle(e end, v survey) error {
	last, runs, above := l.decide(e, v)
	explained := (*l.holes.Load()).since(l.lowest())
	for _, h := range v.holes {
		explained = l.explain(explained, h, v.synced, above)
	}
	lost := hole{from: v.last + 1, to: last, off: v.off}
	if len(runs) > 0 {
		lost.to = runs[0].from - 1
	}
	if n := len(l.segments); n > 0 {
		lost.seg = l.segments[n-1].num
	}
	if lost.from <= lost.to {
		l.reportHole(lost)
	}
	for _, r := range runs {
		l.log.Warn("journal goes on behind numbers that hold no record", "dir", l.disk.dir,
			"from", r.from, "upTo", last, "reason", r.reason.String())
	}
	if n := len(explained); n > maxHoles {
		explained = explained[n-maxHoles:]
	}
	if !slices.Equal(explained, *l.holes.Load()) {
		if err := l.holesFile.write(explained.encode()); err != nil {
			return err
		}
		l.holes.Store(&explained)
	}

	l.mu.Lock()
	l.seq, l.runs = last, runs
	recorded := l.recordedLocked()
	l.mu.Unlock()
	if e.copied {
		if err := l.adopt(last + 1); err != nil {
			return err
		}
	}
	if !e.state.clean {
		if err := l.syncOld(v.first); err != nil {
			return err
		}
	}
	l.appended.Store(last)
	l.synced.Store(recorded)
	l.mark.Store(&mark{seq: recorded, seg: l.lastNum + 1})
	l.live.begin(l.boot, last, recorded, runs)
	l.lastSeq = last
	if err := l.reserveAhead(last); err != nil {
		return err
	}
	l.nudgeSeq = l.reserved - l.reserve/2
	return nil
}

// decide returns the last number handed out, the runs at the end of the log that are to stand in it as gaps, and the
// reason for a hole above the synced watermark.
func (l *Log) decide(e end, v survey) (last uint64, runs []run, above reasonCode) {
	known := max(v.last, v.synced)
	switch {
	case e.copied: // what its files say of the rest may be of another moment than the segments
		last, above = known, codeCopied
		runs = []run{{from: v.last + 1, reason: codeCopied}}
	case e.state.clean:
		last, runs, above = e.state.reserved, e.state.runs, codeCorrupt
	case e.live.sameBoot:
		last, runs, above = e.live.appended, e.live.runs, codeCorrupt
	default:
		last, above = e.state.reserved, codePowerLoss
		if e.live.damaged || e.stateLost {
			above = codeCorrupt
		}
		if e.stateLost {
			last = known + lostReserve
		}
		runs = []run{{from: known + 1, reason: above}}
	}
	last = max(last, known)
	var left []run
	for i, r := range runs {
		to := last
		if i+1 < len(runs) {
			to = runs[i+1].from - 1
		}
		if r.from = max(r.from, v.last+1); r.from <= to {
			left = append(left, r)
		}
	}
	return last, left, above
}

// explain adds what h lies above the synced watermark to the explained holes, and reports the rest as damage.
func (l *Log) explain(explained holes, h hole, synced uint64, above reasonCode) holes {
	for h.from <= h.to {
		reason, to := explained.at(h.from, h.to)
		part := hole{h.from, to, h.seg, h.off}
		h.from = to + 1
		if reason != 0 {
			continue
		}
		if above == codeCorrupt || part.from <= synced {
			damaged := part
			if above != codeCorrupt {
				damaged.to = min(part.to, synced)
			}
			l.reportHole(damaged)
			part.from = damaged.to + 1
		}
		if part.from <= part.to {
			explained = append(explained, span{part.from, part.to, above})
			slices.SortFunc(explained, func(a, b span) int { return int(int64(a.from - b.from)) })
		}
	}
	return explained
}

func (l *Log) reportHole(h hole) {
	l.corrupted(&CorruptionError{Segment: h.seg, Offset: h.off, From: h.from, To: h.to,
		Err: errors.New("no intact record")})
}

// syncOld brings the segments to disk that the last process may have left in the page cache.
func (l *Log) syncOld(first int) error {
	for _, s := range l.segments[first:] {
		f, err := os.OpenFile(l.disk.path(s.name()), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		err = l.disk.sync(f, s.name(), 0, s.size)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("sync segment %s: %w", s.name(), err)
		}
	}
	return nil
}

// trim gives back the room behind the records of what was surveyed, and removes segments that hold no number.
// Bytes that are not zero stay.
func (l *Log) trim(v survey) error {
	var kept []segmentInfo
	for i, s := range l.segments {
		if i >= v.first {
			after := l.synced.Load() + 1
			if i+1 < len(l.segments) {
				after = l.segments[i+1].base
			}
			gone, err := l.trimSegment(&s, v.ends[i-v.first], after)
			if err != nil {
				return err
			}
			if gone {
				continue
			}
		}
		kept = append(kept, s)
	}
	l.mu.Lock()
	l.segments = kept
	l.mu.Unlock()
	return nil
}

func (l *Log) trimSegment(s *segmentInfo, end int64, after uint64) (gone bool, err error) {
	f, err := os.Open(l.disk.path(s.name()))
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	zero, err := zeroFrom(f, end)
	if err != nil || !zero {
		return false, err
	}
	if end == segmentHeader && s.base == after {
		return true, l.disk.unlink(s.name())
	}
	if end < s.size {
		err = l.disk.truncate(s.name(), end)
		s.size = end
	}
	return false, err
}

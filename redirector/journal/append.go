package journal

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"time"
)

// maxStall is how long an append waits for a segment that is being made. It makes one every few hundred thousand
// records, in advance, so that this is seen only on a disk that hangs.
const maxStall = 250 * time.Millisecond

// fullErrors are made once, so that refusing allocates nothing.
var fullErrors = func() (e [len(reasonCodes)]*FullError) {
	for c := range e {
		e[c] = &FullError{Reason: reasonCode(c).String()}
	}
	return e
}()

// Append adds a record and returns its number. With a nil error the record survives SIGKILL of the process, and a
// power loss once Synced has reached the number. The record may be used again at once.
//
// With ErrFull and ErrRecordTooLarge nothing is recorded, but the number is used up and readers get a gap for it.
// With ErrClosed there is no number.
func (l *Log) Append(record []byte) (seq uint64, err error) {
	if len(record) > l.maxRecord {
		return l.refuse()
	}
	h := header{kind: kindRecord, sum: crc32.Checksum(record, castagnoli)}
	l.mu.Lock()
	seq, err = l.addLocked(h, record)
	l.mu.Unlock()
	return seq, err
}

// AppendSync adds a record and returns when it is on disk. Calls at the same time share one fsync. After an error
// of ctx or of the disk the record may or may not last; the number is used up.
func (l *Log) AppendSync(ctx context.Context, record []byte) (seq uint64, err error) {
	fails := l.failCount()
	seq, err = l.Append(record)
	if err != nil {
		return seq, err
	}
	return seq, l.waitSync(ctx, seq, fails)
}

// Appended returns the last number handed out, 0 at first.
func (l *Log) Appended() uint64 { return l.appended.Load() }

// addLocked gives the next number to h and payload, or refuses. mu may be let go of meanwhile.
func (l *Log) addLocked(h header, payload []byte) (uint64, error) {
	need := recordSize(len(payload))
	for range 2 { // a segment whose page cannot be had is given up for the next one, once
		if !l.roomLocked(need) {
			if seq, err := l.waitLocked(need); err != nil {
				return seq, err
			}
		}
		h.seq = l.seq + 1
		if l.putLocked(h, payload, need) {
			return h.seq, nil
		}
	}
	return l.refuseLocked(codeDiskError)
}

// roomLocked tells whether need bytes fit, turning to the next segment if there is one. Behind numbers that wait
// for a segment nothing is recorded, be it ever so short.
func (l *Log) roomLocked(need int64) bool {
	if l.closed {
		return false
	}
	if l.active != nil && len(l.runs) == 0 && l.off+need <= l.active.size {
		return true
	}
	return l.next != nil && l.activateLocked() && l.off+need <= l.active.size
}

// waitLocked waits a little for room, and answers with an error when there is none. mu is let go of meanwhile.
func (l *Log) waitLocked(need int64) (uint64, error) {
	var timeout <-chan time.Time
	for !l.roomLocked(need) {
		switch {
		case l.closed:
			return 0, ErrClosed
		case len(l.runs) > 0 || !l.making:
			return l.refuseLocked(l.failed)
		}
		if timeout == nil {
			timeout = time.After(maxStall)
		}
		made := l.made
		l.mu.Unlock()
		select {
		case <-made:
			l.mu.Lock()
		case <-timeout:
			l.mu.Lock()
			if !l.roomLocked(need) && !l.closed {
				return l.refuseLocked(codeDiskStalled)
			}
		}
	}
	return 0, nil
}

// putLocked lays h and payload at the log's end and hands out h.seq. It answers false if the page could not be had;
// the segment is then given up, and what stands in it stays.
func (l *Log) putLocked(h header, payload []byte, need int64) bool {
	l.markDirtyLocked()
	h.lag = lagOf(h.seq, l.synced.Load())
	h.unix = l.unixNow
	if l.opt.Faults != nil {
		return l.putWatchedLocked(h, payload, need)
	}
	if !l.active.put(l.off, h, payload) {
		l.giveUpLocked()
		return false
	}
	l.off += need
	l.handOutLocked(h.seq)
	return true
}

// putWatchedLocked is putLocked's end under a test's eyes.
func (l *Log) putWatchedLocked(h header, payload []byte, need int64) bool {
	_ = l.disk.around(Event{Op: OpAppend, Name: l.active.name(), Off: l.off, Len: need}, func() error {
		if l.active.put(l.off, h, payload) {
			l.off += need
			l.handOutLocked(h.seq)
		}
		return nil
	})
	if l.seq != h.seq {
		l.giveUpLocked()
		return false
	}
	return true
}

// markDirtyLocked begins a round of syncing, if none has begun.
func (l *Log) markDirtyLocked() {
	if !l.dirty {
		l.dirty = true
		l.dirtyAt, l.unixNow = time.Now(), uint32(l.opt.Now().Unix())
		poke(l.wake)
	}
}

// handOutLocked makes seq the last number.
func (l *Log) handOutLocked(seq uint64) {
	l.seq = seq
	l.live.handOut(seq)
	l.appended.Store(seq)
	if seq >= l.nudgeSeq {
		l.nudgeSeq = ^uint64(0)
		poke(l.urgent)
	}
}

// refuse uses up a number for a record that is too large: a gap of its own stands in its place.
func (l *Log) refuse() (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	payload := make([]byte, gapPayload)
	for range 2 {
		if !l.roomLocked(recordSize(gapPayload)) {
			if seq, err := l.waitLocked(recordSize(gapPayload)); err != nil {
				return seq, err
			}
		}
		seq := l.seq + 1
		h := gapHeader(payload, seq, seq, codeRecordTooLarge)
		if l.putLocked(h, payload, recordSize(gapPayload)) {
			l.unrecorded[codeRecordTooLarge]++
			return seq, ErrRecordTooLarge
		}
	}
	return l.refuseLocked(codeDiskError)
}

// gapHeader fills payload with a gap and returns the header for it.
func gapHeader(payload []byte, from, to uint64, reason reasonCode) header {
	binary.LittleEndian.PutUint64(payload, from)
	payload[8] = byte(reason)
	return header{kind: kindGap, seq: to, sum: crc32.Checksum(payload, castagnoli)}
}

// refuseLocked uses up a number that nothing is recorded under. It waits, as part of a run, for a segment to
// stand in as a gap.
func (l *Log) refuseLocked(reason reasonCode) (uint64, error) {
	if l.closed {
		return 0, ErrClosed
	}
	if !reason.known() {
		reason = codeDiskStalled
	}
	seq := l.seq + 1
	if n := len(l.runs); n == 0 || l.runs[n-1].reason != reason && n < maxRuns {
		l.runs = append(l.runs, run{from: seq, reason: reason})
		l.live.addRun(n, l.runs[n])
	}
	l.handOutLocked(seq)
	l.unrecorded[reason]++
	return seq, fullErrors[reason]
}

// recordedLocked is the last number that stands in the log, as a record or a gap.
func (l *Log) recordedLocked() uint64 {
	if len(l.runs) > 0 {
		return l.runs[0].from - 1
	}
	return l.seq
}

// giveUpLocked ends the active segment where it is.
func (l *Log) giveUpLocked() {
	l.retireLocked()
	l.failed = codeDiskError
	l.making = l.next == nil
	poke(l.prep)
}

// retireLocked leaves the active segment to the syncer.
func (l *Log) retireLocked() {
	if s := l.active; s != nil {
		s.end = l.off
		l.full = append(l.full, s)
		l.active = nil
	}
}

// activateLocked turns to the segment made in advance, and lets the runs that waited for it stand in it.
func (l *Log) activateLocked() bool {
	s := l.next
	l.next, l.making = nil, true
	poke(l.prep)
	s.base = l.recordedLocked() + 1
	off, ok := l.openSegmentLocked(s)
	if !ok {
		l.spoilt = append(l.spoilt, s)
		return false
	}
	l.retireLocked()
	l.active, l.off = s, off
	l.segments = append(l.segments, s.segmentInfo)
	l.runs = l.runs[:0]
	l.live.clearRuns()
	l.markDirtyLocked()
	return true
}

// openSegmentLocked writes what stands at the head of s, and returns where its first record goes.
func (l *Log) openSegmentLocked(s *segment) (off int64, ok bool) {
	now := l.opt.Now()
	ok = s.putHeader(l.Node(), now)
	off = segmentHeader
	payload := make([]byte, gapPayload)
	for i, r := range l.runs {
		to := l.seq
		if i+1 < len(l.runs) {
			to = l.runs[i+1].from - 1
		}
		h := gapHeader(payload, r.from, to, r.reason)
		h.lag, h.unix = lagOf(to, l.synced.Load()), uint32(now.Unix())
		ok = ok && s.put(off, h, payload)
		off += recordSize(gapPayload)
	}
	return off, ok
}

// poke signals without waiting. The channel holds one signal.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

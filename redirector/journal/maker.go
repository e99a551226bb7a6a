package journal

import (
	"errors"
	"slices"
	"syscall"
	"time"
)

// retryMake is how often a segment is tried again that could not be made.
const retryMake = time.Second

// runMaker makes the next segment before it is needed, so that the append at a segment's end does no I/O.
func (l *Log) runMaker() {
	l.wg.Go(func() {
		var retry <-chan time.Time
		for {
			select {
			case <-l.stop:
				return
			case <-l.prep:
			case <-retry:
			}
			retry = nil
			if !l.makeNext() {
				retry = time.After(retryMake)
			}
		}
	})
}

// wantSegment has the maker look whether a segment is to be made.
func (l *Log) wantSegment() {
	l.mu.Lock()
	l.making = l.next == nil
	l.mu.Unlock()
	poke(l.prep)
}

// makeNext makes the next segment if there is none, and turns to it if the log waits for one.
func (l *Log) makeNext() bool {
	l.mu.Lock()
	spoilt, need, num := l.spoilt, l.next == nil, l.lastNum+1
	l.spoilt = nil
	bytes, ahead := l.bytesLocked(), max(minWarm, 16*l.pace)
	l.mu.Unlock()

	var s *segment
	err := l.discard(spoilt)
	if need {
		switch {
		case l.opt.MaxBytes > 0 && bytes+l.opt.SegmentBytes > l.opt.MaxBytes:
			err = fullErrors[codeBoundReached]
		default:
			s, err = createSegment(l.disk, l.salt, num, l.opt.SegmentBytes)
		}
	}
	if s != nil {
		s.warmTo(ahead)
	}

	l.mu.Lock()
	before, after := l.failed, reasonOf(err)
	if s != nil {
		l.next, l.lastNum = s, num
	}
	l.failed, l.making = after, false
	waiting, losing := l.seq-l.recordedLocked(), len(l.runs) > 0 && !l.losing
	refused := slices.ContainsFunc(l.runs, func(r run) bool { return r.reason <= codeDiskStalled })
	if l.next != nil && (l.active == nil || len(l.runs) > 0) {
		l.activateLocked()
	}
	l.losing = len(l.runs) > 0
	close(l.made)
	l.made = make(chan struct{})
	l.mu.Unlock()

	switch {
	case after != 0 && losing:
		l.log.Error("journal is full: records are being lost, their numbers will be a gap",
			"dir", l.disk.dir, "reason", after.String(), "err", err)
	case after != 0 && after != before:
		l.log.Error("journal cannot get its next segment: records will be lost once this one is full",
			"dir", l.disk.dir, "reason", after.String(), "err", err)
	case after == 0 && (before != 0 || refused):
		l.log.Warn("journal has a segment again", "dir", l.disk.dir, "unrecorded", waiting)
	}
	return after == 0
}

// discard removes segments that could not be written.
func (l *Log) discard(spoilt []*segment) error {
	var errs []error
	for _, s := range spoilt {
		errs = append(errs, s.unmap(), l.disk.unlink(s.name()))
	}
	return errors.Join(errs...)
}

func reasonOf(err error) reasonCode {
	var full *FullError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &full):
		return codeBoundReached
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return codeDiskFull
	}
	return codeDiskError
}

// bytesLocked is the size of all segments, the one made in advance included.
func (l *Log) bytesLocked() (n int64) {
	for _, s := range l.segments {
		n += s.size
	}
	if l.next != nil {
		n += l.next.size
	}
	return n
}

package journal

import (
	"maps"
	"time"
)

// Stats are the log's figures at one moment.
type Stats struct {
	Bytes      int64             // of all segments, the one made in advance included
	Room       int64             // bytes that it may still grow by: what is left of MaxBytes or on the disk; -1: the disk does not tell
	Segments   int               // likewise
	Appended   uint64            // last number handed out
	Synced     uint64            // watermark
	Cursors    map[string]uint64 // of every sink
	Unrecorded map[string]uint64 // numbers used up without a record since Open, by reason
	Damaged    int               // damaged places found since Open; the files are kept in quarantine
	SyncError  error             // of the last round of syncing

	// OldestUnshipped is when the oldest record was appended that some sink has not confirmed, zero if there
	// is none. It is exact to a second.
	OldestUnshipped time.Time
}

// Stats returns the log's figures. It may read one record from disk.
func (l *Log) Stats() Stats {
	var s Stats
	l.mu.Lock()
	s.Bytes, s.Segments = l.bytesLocked(), len(l.segments)
	if l.next != nil {
		s.Segments++
	}
	s.Appended = l.seq
	s.Unrecorded = make(map[string]uint64)
	for c, n := range l.unrecorded {
		if n > 0 {
			s.Unrecorded[reasonCode(c).String()] = n
		}
	}
	now := time.Unix(int64(l.unixNow), 0).UTC()
	l.mu.Unlock()

	s.Room = l.room(s.Bytes)
	s.Synced = l.Synced()
	l.cmu.Lock()
	s.Cursors = maps.Clone(l.cursors)
	passed := l.passedBy(l.cursors)
	l.cmu.Unlock()
	l.qmu.Lock()
	s.Damaged = l.damaged
	l.qmu.Unlock()
	l.smu.Lock()
	s.SyncError = l.syncErr
	l.smu.Unlock()

	switch {
	case passed >= s.Appended:
	case passed >= s.Synced:
		s.OldestUnshipped = now
	default:
		s.OldestUnshipped = l.timeOf(passed + 1)
	}
	return s
}

// room is how many bytes of segments there can be beside those that are there.
func (l *Log) room(bytes int64) int64 {
	free, err := freeBytes(l.disk.dir)
	if err != nil {
		free = -1
	}
	if l.opt.MaxBytes <= 0 {
		return free
	}
	left := max(0, l.opt.MaxBytes-bytes)
	if free < 0 {
		return left
	}
	return min(left, free)
}

// timeOf returns when the first record at or above seq was appended, zero if that cannot be said.
func (l *Log) timeOf(seq uint64) time.Time {
	r, err := l.NewReader(seq)
	if err != nil {
		return time.Time{}
	}
	defer func() { _ = r.Close() }()
	for r.Next() {
		if t := r.Time(); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

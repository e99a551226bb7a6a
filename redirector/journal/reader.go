package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"time"
)

// A Reader walks through the log in order, up to the synced watermark:
//
//	for r.Next() {
//		if gap, ok := r.Gap(); ok {
//			…
//			continue
//		}
//		… r.Seq(), r.Record()
//	}
//	err := r.Err()
//
// It may be called again later and goes on from where it was; WaitSynced tells when. A Reader is not safe for
// concurrent use. It must be closed.
type Reader struct {
	l    *Log
	from uint64 // entries wholly below are passed over
	want uint64 // next number
	upTo uint64 // numbers up to here can be had from the open segment

	info segmentInfo
	file *os.File // nil before the first segment, and for one that is missing
	sc   *scanner

	hole   hole       // a run to be told, in pieces, as long as want <= hole.to
	reason reasonCode // of all of it; 0: to be looked up

	epochs *[]epoch // as it was when node was looked up
	until  uint64   // last number for which node holds
	told   uint64   // first number of the node whose opening gap was told last

	seq    uint64
	unix   uint32
	record []byte
	gap    Gap
	node   NodeID
	err    error
}

// NewReader returns a reader whose first record is the first one at or above from. A gap that reaches up to from
// is told whole. What every sink has confirmed may be gone; the reader then begins with the oldest entry there is.
func (l *Log) NewReader(from uint64) (*Reader, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	r := &Reader{l: l, from: max(from, 1), want: max(from, 1), sc: newScanner()}
	if i := l.indexLocked(r.from); i >= 0 {
		r.want = l.segments[i].base
	} else {
		r.want = max(r.want, l.oldest())
		if len(l.segments) > 0 {
			r.want = min(r.want, l.segments[0].base)
		}
	}
	return r, nil
}

// indexLocked is the index of the segment that seq lies in, -1 if it lies below all.
func (l *Log) indexLocked(seq uint64) int {
	return sort.Search(len(l.segments), func(i int) bool { return l.segments[i].base > seq }) - 1
}

// Next goes to the next entry. It returns false at the watermark, with a nil Err, and after an error; either way
// it can be called again.
func (r *Reader) Next() bool {
	r.err = nil
	for {
		if r.want > r.upTo && r.want > r.hole.to && !r.more() {
			return false
		}
		if r.turn() {
			return true
		}
		if r.want <= r.hole.to {
			if r.tellHole() {
				return true
			}
			continue
		}
		off := r.sc.off
		e, ok, err := r.sc.next(r.want, r.upTo)
		switch {
		case err != nil:
			r.err = &CorruptionError{Dir: r.l.disk.dir, Segment: r.info.num, File: r.info.name(), Offset: r.sc.off, Err: err}
			return false
		case !ok:
			r.setHole(r.upTo, off, 0)
			r.sc.off = max(off, r.sc.limit)
		case e.from > r.want:
			r.setHole(e.from-1, off, 0)
			r.sc.off = e.off
		case e.reason != 0:
			r.setHole(e.seq, off, e.reason)
		default:
			r.want = e.seq + 1
			if e.seq >= r.from {
				r.seq, r.unix, r.record, r.gap = e.seq, e.unix, e.payload, Gap{}
				return true
			}
		}
	}
}

// more finds out what can be read from want on, and opens the segment. It returns false if there is nothing.
func (r *Reader) more() bool {
	for {
		m := r.l.mark.Load()
		if r.want > m.seq {
			return false
		}
		r.l.mu.Lock()
		i, upTo := r.l.indexLocked(r.want), m.seq
		var info segmentInfo
		if i >= 0 {
			info = r.l.segments[i]
		}
		if i+1 < len(r.l.segments) {
			upTo = min(upTo, r.l.segments[i+1].base-1)
		}
		r.l.mu.Unlock()
		if i < 0 {
			if r.below(upTo) {
				return r.err == nil
			}
			continue
		}
		limit := info.size
		if info.num == m.seg {
			limit = m.off
		}
		if info.num != r.info.num {
			if gone, err := r.open(info); err != nil {
				r.err = err
				return false
			} else if gone {
				continue
			}
		}
		r.sc.limit, r.upTo = limit, upTo
		return true
	}
}

// below handles a place below all segments: up to upTo there is nothing to read. It returns false if the reader is
// to look again.
func (r *Reader) below(upTo uint64) bool {
	switch oldest := r.l.oldest(); {
	case r.want >= oldest: // not removed by us
		r.setHole(upTo, 0, 0)
		r.hole.seg = max(1, r.info.num)
		return true
	case r.seq != 0:
		r.err = fmt.Errorf("read journal %s at %d: %w", r.l.disk.dir, r.want, ErrPassed)
		return true
	default:
		r.want = min(oldest, upTo+1)
		return false
	}
}

// open turns to another segment. It answers gone for one that was removed because every sink has passed it. One
// that is missing otherwise is read as empty.
func (r *Reader) open(info segmentInfo) (gone bool, err error) {
	f, err := os.Open(r.l.disk.path(info.name()))
	var src io.ReaderAt = f
	if errors.Is(err, os.ErrNotExist) {
		r.l.mu.Lock()
		gone = len(r.l.segments) == 0 || r.l.segments[0].num > info.num
		r.l.mu.Unlock()
		if gone {
			return true, nil
		}
		src, err = bytes.NewReader(nil), nil
	}
	if err != nil {
		return false, fmt.Errorf("read journal: %w", err)
	}
	r.closeFile()
	r.file, r.info = f, info
	r.sc.reset(src, seedOf(r.l.salt, info.num), 0)
	return false, nil
}

// turn looks up the node of want. If a node other than the first begins there it tells its opening gap and returns
// true.
func (r *Reader) turn() bool {
	epochs := r.l.epochs.Load()
	if epochs == r.epochs && r.want <= r.until {
		return false
	}
	i := epochAt(*epochs, r.want)
	e := (*epochs)[i]
	r.epochs, r.node, r.until = epochs, e.node, maxSeq
	if i+1 < len(*epochs) {
		r.until = (*epochs)[i+1].first - 1
	}
	if e.first == 1 || e.first != r.want || r.want < r.from || r.told == e.first {
		return false
	}
	r.told = e.first
	r.tell(1, e.first-1, e.reason)
	return true
}

func (r *Reader) setHole(to uint64, off int64, reason reasonCode) {
	r.hole = hole{from: r.want, to: to, seg: r.info.num, off: off}
	r.reason = reason
}

// tellHole tells the next piece of the hole. It returns false for one that lies below from.
func (r *Reader) tellHole() bool {
	from, to, reason := r.want, min(r.hole.to, r.until), r.reason
	if reason == 0 {
		reason, to = r.l.holes.Load().at(from, to)
	}
	if reason == 0 {
		reason = codeCorrupt
		r.l.corrupted(&CorruptionError{Segment: r.hole.seg, Offset: r.hole.off, From: from, To: to,
			Err: errors.New("no intact record")})
	}
	r.want = to + 1
	if to < r.from {
		return false
	}
	r.tell(from, to, reason)
	return true
}

func (r *Reader) tell(from, to uint64, reason reasonCode) {
	r.seq, r.unix, r.record = to, 0, nil
	r.gap = Gap{From: from, To: to, Reason: reason.String()}
}

// Seq returns the entry's number, of a gap the last one. Once it is confirmed, that is where to Advance to.
func (r *Reader) Seq() uint64 { return r.seq }

// Node returns the id under which the entry is numbered. It differs from the log's for entries that a copied
// journal brought along, or that came before Renew: they may be known to the stores already.
func (r *Reader) Node() NodeID { return r.node }

// Record returns the record, nil for a gap. It is good until the next call of Next.
func (r *Reader) Record() []byte { return r.record }

// Gap returns the gap, if the entry is one.
func (r *Reader) Gap() (Gap, bool) { return r.gap, r.gap.To != 0 }

// Time returns when the record was appended, to the second and at most SyncEvery and one fsync early. It is zero
// for a gap.
func (r *Reader) Time() time.Time {
	if r.unix == 0 {
		return time.Time{}
	}
	return time.Unix(int64(r.unix), 0).UTC()
}

// Err returns what made Next return false, nil at the watermark. What cannot be read for an error of the
// disk is a *CorruptionError and not passed over, for it may be readable later.
func (r *Reader) Err() error { return r.err }

// Close lets go of the open segment.
func (r *Reader) Close() error {
	r.closeFile()
	return nil
}

func (r *Reader) closeFile() {
	if r.file != nil {
		_ = r.file.Close() // opened for reading
		r.file = nil
	}
}

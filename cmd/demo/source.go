package demo

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"fairlead/redirector/journal"
	"fairlead/redirector/ship"
	"fairlead/schema"
)

// source offers the demo's past to the shippers as if it were a journal: the same clicks get the same
// (node, seq) however often they are asked for, so that a fill that was cut short adds only what is missing.
type source struct {
	traffic *Traffic
	node    string
	total   uint64

	mu      sync.Mutex
	cursors map[string]uint64 // guarded by mu
}

// newSource walks through the traffic once to count it.
func newSource(t *Traffic) (*source, error) {
	s := &source{traffic: t, node: fmt.Sprintf("%016x", t.Seed), cursors: map[string]uint64{}}
	err := t.Each(func(*schema.Click) error { s.total++; return nil })
	return s, err
}

func (s *source) Appended() uint64 { return s.total }
func (s *source) Synced() uint64   { return s.total }

// WaitSynced never has news: the past is over.
func (s *source) WaitSynced(ctx context.Context, after uint64) (uint64, error) {
	if after < s.total {
		return s.total, nil
	}
	<-ctx.Done()
	return s.total, ctx.Err()
}

func (s *source) Node() journal.NodeID { return journal.NodeID(s.node) }

func (s *source) Cursor(sink string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[sink]
}

// Advance remembers the position for this run; the next run asks the stores what has landed.
func (s *source) Advance(sink string, seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursors[sink] = max(s.cursors[sink], seq)
	return nil
}

// Renew is refused: another program's demo stands in this store.
func (s *source) Renew(from uint64, reason string) error {
	return fmt.Errorf("the store holds other clicks of demo %s from %d on (%s); delete the demo's folder and start again", s.node, from, reason)
}

func (s *source) Reader(from uint64) (ship.Reader, error) {
	r := &reader{source: s, from: from}
	r.next, r.stop = iter.Pull(r.records)
	return r, nil
}

// reader walks the traffic; the entry it stands on is in seq and rec.
type reader struct {
	source *source
	from   uint64
	next   func() ([]byte, bool)
	stop   func()
	seq    uint64
	rec    []byte
	err    error
}

// errStopped ends a walk whose reader was closed.
var errStopped = fmt.Errorf("stopped")

func (r *reader) records(yield func([]byte) bool) {
	ids := clickIDs{node: r.source.traffic.Seed}
	var seq uint64
	var buf []byte
	err := r.source.traffic.Each(func(c *schema.Click) error {
		seq++
		if seq < r.from {
			return nil
		}
		ids.mark(c, seq)
		buf = schema.AppendClick(buf[:0], c)
		r.seq = seq
		if !yield(buf) {
			return errStopped
		}
		return nil
	})
	if err != errStopped {
		r.err = err
	}
}

func (r *reader) Next() bool {
	rec, ok := r.next()
	r.rec = rec
	return ok
}

func (r *reader) Node() journal.NodeID     { return r.source.Node() }
func (r *reader) Seq() uint64              { return r.seq }
func (r *reader) Record() []byte           { return r.rec }
func (r *reader) Gap() (journal.Gap, bool) { return journal.Gap{}, false }
func (r *reader) Err() error               { return r.err }
func (r *reader) Close() error             { r.stop(); return nil }

// clickIDs gives the past its click ids. They were never given out, so no conversion can claim them: the
// tag is a hash, not a signature.
type clickIDs struct{ node uint64 }

func (ids clickIDs) mark(c *schema.Click, seq uint64) {
	c.Nonce = ids.node<<24&0xffffff000000 | seq&0xffffff
	c.Tag = (seq ^ ids.node) * 0x9e3779b97f4a7c15
}

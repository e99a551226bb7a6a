package demo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"fairlead/redirector/journal"
	"fairlead/redirector/ship"
	"fairlead/schema"
)

// source offers a part of the demo's past to the shippers as if it were a journal: the same records get the same
// (node, seq) however often they are asked for, so that a fill that was cut short adds only what is missing.
type source struct {
	node  string
	total uint64
	// walk yields the records from a seq on. A record is the reader's until the next.
	walk func(from uint64, yield func(seq uint64, record []byte) error) error

	mu      sync.Mutex
	cursors map[string]uint64 // guarded by mu
}

// clicksOf offers the clicks, signed under a key. It walks through the traffic once to count it, and shows every click
// to see.
func clicksOf(t *Traffic, key schema.ClickKey, see func(c *schema.Click, seq uint64)) (*source, error) {
	ids := clickIDs{node: t.Seed, key: key}
	s := &source{node: fmt.Sprintf("%016x", t.Seed), cursors: map[string]uint64{}}
	s.walk = func(from uint64, yield func(uint64, []byte) error) error {
		var seq uint64
		var buf []byte
		return t.Each(func(c *schema.Click) error {
			if seq++; seq < from {
				return nil
			}
			ids.sign(c, seq)
			buf = schema.AppendClick(buf[:0], c)
			return yield(seq, buf)
		})
	}
	err := t.Each(func(c *schema.Click) error {
		s.total++
		ids.sign(c, s.total)
		see(c, s.total)
		return nil
	})
	return s, err
}

// reportsOf offers the records of conversions, as those of a node of their own.
func reportsOf(seed uint64, records [][]byte) *source {
	s := &source{node: fmt.Sprintf("%016x", ^seed), total: uint64(len(records)), cursors: map[string]uint64{}}
	s.walk = func(from uint64, yield func(uint64, []byte) error) error {
		for seq := from; seq <= s.total; seq++ {
			if err := yield(seq, records[seq-1]); err != nil {
				return err
			}
		}
		return nil
	}
	return s
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
	return fmt.Errorf("the store holds other records of demo %s from %d on (%s); delete the demo's folder and start again", s.node, from, reason)
}

func (s *source) Reader(from uint64) (ship.Reader, error) {
	r := &reader{source: s, from: max(from, 1)}
	r.next, r.stop = iter.Pull(r.records)
	return r, nil
}

// reader walks the source; the entry it stands on is in seq and rec.
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
var errStopped = errors.New("stopped")

func (r *reader) records(yield func([]byte) bool) {
	err := r.source.walk(r.from, func(seq uint64, record []byte) error {
		r.seq = seq
		if !yield(record) {
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

// clickIDs gives the past its click ids: the program's own, so that what is reported under them is attributed as
// everything is.
type clickIDs struct {
	node uint64
	key  schema.ClickKey
}

func (ids clickIDs) sign(c *schema.Click, seq uint64) {
	c.Nonce = ids.node<<24&0xffffff000000 | seq&0xffffff
	c.Tag = ids.key.Sign(c.ID()).Tag
}

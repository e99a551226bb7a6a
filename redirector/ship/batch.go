package ship

import (
	"errors"
	"fmt"
	"time"

	"fairlead/redirector/journal"
	"fairlead/schema"
)

// batch is one range of seq of one node: the records in it by month, and the gaps.
type batch struct {
	node        string
	first, last uint64
	months      []*rows // in order of appearance
	gaps        []journal.Gap
	bytes       int
	spare       []*rows // emptied, for the next cut
}

// maxMonths bounds in how many inserts one batch ends. An access log is in order; only a mixed one has more.
const maxMonths = 24

// latest is the highest time a record may carry: what ClickHouse's Date can say, with room to spare.
const latest = 4_102_444_800_000 // 2100-01-01

func (b *batch) empty() bool { return b.node == "" }

func (b *batch) records() (n int) {
	for _, m := range b.months {
		n += m.len()
	}
	return n
}

func (b *batch) reset() {
	for _, m := range b.months {
		m.reset()
	}
	b.spare = append(b.spare, b.months...)
	*b = batch{months: b.months[:0], gaps: b.gaps[:0], spare: b.spare}
}

// rowsOf returns the rows of a month; nil: the batch has as many months as it may.
func (b *batch) rowsOf(m schema.Month, f fact) *rows {
	for _, r := range b.months {
		if r.month == m {
			return r
		}
	}
	if len(b.months) == maxMonths {
		return nil
	}
	var r *rows
	if n := len(b.spare); n > 0 {
		r, b.spare = b.spare[n-1], b.spare[:n-1]
	} else {
		r = &rows{own: f.columns()}
	}
	r.month = m
	b.months = append(b.months, r)
	return r
}

// tail walks a source from a position on and can put its last entry back.
type tail struct {
	source Source
	r      Reader
	held   bool // the reader stands on an entry that nobody has taken yet
}

// seek makes the next entry the first that ends above pos.
func (t *tail) seek(pos uint64) error {
	t.close()
	r, err := t.source.Reader(pos + 1)
	if err != nil {
		return fmt.Errorf("read the journal from %d: %w", pos+1, err)
	}
	t.r = r
	return nil
}

func (t *tail) close() {
	if t.r != nil {
		t.r.Close()
	}
	t.r, t.held = nil, false
}

func (t *tail) next() bool {
	if t.held {
		t.held = false
		return true
	}
	return t.r.Next()
}

func (t *tail) putBack() { t.held = true }

// cutter turns entries into batches.
type cutter struct {
	tail
	fact    fact
	aside   aside
	months  monthCache
	maxRows int
	maxSize int
	limit   uint64 // entries above it stay out of the batch; 0: none
	at      uint64 // the last seq that was cut
}

// fill adds what the source has to the batch. It answers true when the batch is to be sent as it is: full,
// or the next entry belongs to another node.
func (c *cutter) fill(b *batch) (full bool, err error) {
	if c.r == nil {
		if err := c.seek(c.at); err != nil {
			return false, err
		}
	}
	for c.next() {
		node := string(c.r.Node())
		if !b.empty() && b.node != node || c.limit > 0 && c.r.Seq() > c.limit {
			c.putBack()
			return !b.empty(), nil
		}
		if g, ok := c.r.Gap(); ok {
			c.open(b, node, g.From)
			b.gaps = append(b.gaps, g)
			c.took(b, g.To)
			continue
		}
		seq := c.r.Seq()
		rec := c.r.Record()
		at, tag, err := c.fact.decode(rec)
		if err != nil {
			if errors.Is(err, schema.ErrRecordNewer) {
				err = fmt.Errorf("%w: seq %d of node %s: %w", errNewer, seq, node, err)
			} else if err = c.setAside(b, node, seq, rec, err); err == nil {
				continue
			}
			return c.stuck(b, err)
		}
		if at < 0 || at >= latest {
			if err := c.setAside(b, node, seq, rec, fmt.Errorf("time %d ms is outside 1970 to 2099", at)); err != nil {
				return c.stuck(b, err)
			}
			continue
		}
		r := b.rowsOf(c.months.of(at), c.fact)
		if r == nil {
			c.putBack()
			return true, nil
		}
		c.open(b, node, seq)
		r.add(seq, at, tag)
		c.fact.add(r.own)
		b.bytes += len(rec)
		c.took(b, seq)
		if b.records() >= c.maxRows || b.bytes >= c.maxSize {
			return true, nil
		}
	}
	if err := c.r.Err(); err != nil {
		c.close() // a fresh reader begins where the batch ends
		return false, fmt.Errorf("read the journal after %d: %w", c.at, err)
	}
	return false, nil
}

// stuck puts back an entry that nothing can be done with now. What was cut before it is sent first.
func (c *cutter) stuck(b *batch, why error) (full bool, err error) {
	c.putBack()
	if b.empty() {
		return false, why
	}
	return true, nil
}

// open begins the batch with an entry. A seq that the source passed over without a word is a gap of its own: it cannot be,
// and if it is, the audit must see it.
func (c *cutter) open(b *batch, node string, from uint64) {
	if b.empty() {
		b.node, b.first = node, from
	}
	if from > c.at+1 {
		if b.first == from {
			b.first = c.at + 1
		}
		b.gaps = append(b.gaps, journal.Gap{From: c.at + 1, To: from - 1, Reason: reasonMissing})
	}
}

func (c *cutter) took(b *batch, to uint64) {
	c.at = max(c.at, to)
	b.last = c.at
}

func (c *cutter) setAside(b *batch, node string, seq uint64, rec []byte, why error) error {
	if err := c.aside.keep(node, seq, rec, why); err != nil {
		return err
	}
	c.open(b, node, seq)
	b.gaps = append(b.gaps, journal.Gap{From: seq, To: seq, Reason: reasonUndecodable})
	c.took(b, seq)
	return nil
}

// monthCache knows the month of times near the last one.
type monthCache struct {
	from, to int64
	month    schema.Month
}

func (m *monthCache) of(at int64) schema.Month {
	if at < m.from || at >= m.to || m.to == 0 {
		m.month = schema.MonthOf(time.UnixMilli(at), time.UTC)
		m.from, m.to = m.month.FirstDay().Time().UnixMilli(), m.month.Add(1).FirstDay().Time().UnixMilli()
	}
	return m.month
}

package ship

import (
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/schema"
)

// rows are the records of a batch that fall into one month of UTC, as columns: those of every fact, and its own.
type rows struct {
	month schema.Month
	seq   []uint64
	at    []int64 // milliseconds since 1970
	tag   []uint64
	own   columns
}

func (r *rows) len() int { return len(r.seq) }

// add appends what every fact has; the fact adds its own.
func (r *rows) add(seq uint64, at int64, tag uint64) {
	r.seq = append(r.seq, seq)
	r.at = append(r.at, at)
	r.tag = append(r.tag, tag)
}

// without returns the rows whose seq is not in landed.
func (r *rows) without(landed map[uint64]uint64, f fact) *rows {
	out := &rows{month: r.month, own: f.columns()}
	for i, seq := range r.seq {
		if _, ok := landed[seq]; !ok {
			out.add(seq, r.at[i], r.tag[i])
			out.own.addFrom(r.own, i)
		}
	}
	return out
}

func (r *rows) reset() {
	r.month = 0
	r.seq, r.at, r.tag = r.seq[:0], r.at[:0], r.tag[:0]
	r.own.reset()
}

// send fills a prepared insert.
func (r *rows) send(b driver.Batch, node string, s *scratch) error {
	f := fill(b, r.len(), s)
	r.own.send(r, f, node)
	return f.end()
}

// checksum is the exclusive or of the tags: free of order, and recounted by groupBitXor.
func (r *rows) checksum() (sum uint64) {
	for _, t := range r.tag {
		sum ^= t
	}
	return sum
}

// span returns the first and the last moment of the rows, in milliseconds.
func (r *rows) span() (from, to int64) {
	from, to = r.at[0], r.at[0]
	for _, at := range r.at {
		from, to = min(from, at), max(to, at)
	}
	return from, to
}

const quarterMillis = 15 * 60 * 1000

// quarters returns the starts of the quarter-hours that the rows touch, each once, in order of appearance.
func (r *rows) quarters() []time.Time {
	var out []time.Time
	seen := make(map[int64]bool)
	last := int64(-1)
	for _, at := range r.at {
		q := at / quarterMillis
		if q == last || seen[q] {
			last = q
			continue
		}
		seen[q], last = true, q
		out = append(out, time.UnixMilli(q*quarterMillis).UTC())
	}
	return out
}

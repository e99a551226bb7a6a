package ship

import (
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// fact is a kind of record that ClickHouse keeps. What makes shipping safe is the same for all of them; here is what is not.
type fact interface {
	table() *table
	// decode reads a record and returns its time, in milliseconds since 1970, and its tag: what tells it from
	// another record under its seq. The record stays as it is until add.
	decode(rec []byte) (at int64, tag uint64, err error)
	// add appends what was decoded last to columns of this fact.
	add(to columns)
	columns() columns
}

// columns are what a fact's rows have beside seq, time and tag.
type columns interface {
	addFrom(o columns, i int)
	reset()
	send(r *rows, into *filler, node string)
}

// table is where a fact lies in the database fairlead, and how it is asked for.
type table struct {
	name    string // and in shipments.fact; people call the records so too
	sink    string // of the cursor, in logs and metrics
	gaps    string // metric of the records that could not be shipped
	flight  string // file of the batch in flight
	columns string // of an insert, in the order of send
	landed  string // query: seq and tag of what stands in a range of seq and of time
	last    string // query: the highest seq from a seq and a time on
}

// filler fills the columns of a prepared insert from left to right and keeps the first error.
type filler struct {
	to   []column.Interface
	rows int
	at   int
	err  error
	s    *scratch
}

func fill(b driver.Batch, rows int, s *scratch) *filler {
	return &filler{to: b.Columns(), rows: rows, s: s}
}

func (f *filler) next(send func(column.Interface) error) {
	if f.err != nil {
		return
	}
	if f.at == len(f.to) {
		f.err = fmt.Errorf("BUG: more columns than the insert names, which are %d", len(f.to))
		return
	}
	to := f.to[f.at]
	if err := send(to); err != nil {
		f.err = fmt.Errorf("fill column %s: %w", to.Name(), err)
	}
	f.at++
}

// whole hands over a slice as the driver takes it.
func (f *filler) whole(v any) {
	f.next(func(c column.Interface) error { _, err := c.Append(v); return err })
}

// constant is one word for all rows.
func (f *filler) constant(v string) {
	d := dict{keys: make([]uint32, f.rows)}
	if k := d.insert(v); k > 0 {
		for i := range d.keys {
			d.keys[i] = k
		}
	}
	f.words(&d)
}

func (f *filler) words(d *dict) { f.next(func(c column.Interface) error { return d.send(c, f.s) }) }

func (f *filler) texts(t *text) { f.next(func(c column.Interface) error { return t.send(c, f.s) }) }

// times are milliseconds since 1970.
func (f *filler) times(v []int64) {
	f.next(func(c column.Interface) error { return sendInt64(c, v, f.s) })
}

// end returns the first error; columns that were left out are one.
func (f *filler) end() error {
	if f.err == nil && f.at != len(f.to) {
		return fmt.Errorf("BUG: filled %d columns of %d", f.at, len(f.to))
	}
	return f.err
}

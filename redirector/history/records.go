package history

import (
	"fairlead/redirector/journal"
	"fairlead/redirector/ship"
	"fairlead/redirector/spool"
	"fairlead/schema"
)

// source returns the records of a take. Their numbers go on where those of the take before end.
func (b *book) source(k int, tell func(sink string, seq uint64)) *spool.Source {
	var before, all uint64
	for i := range b.takes {
		if i < k {
			before += b.takes[i].Rows
		}
		all += b.takes[i].Rows
	}
	s := &spool.Source{File: b.file, First: before + 1, Last: before + b.takes[k].Rows, All: all, Tell: tell}
	s.Open = func(from uint64) ship.Reader {
		r := &records{book: b, take: k, from: from, seq: before, last: s.Last}
		r.rows, r.err = openRows(b.file.Reader(), b.setting)
		return r
	}
	return s
}

// records reads the records of a take.
type records struct {
	book   *book
	take   int
	rows   *rows
	from   uint64
	seq    uint64
	last   uint64
	record []byte
	err    error
}

func (r *records) Next() bool {
	for r.err == nil && r.seq < r.last {
		if !r.rows.next() {
			if r.err = r.rows.err; r.err == nil {
				r.err = spool.ErrChanged
			}
			return false
		}
		if r.rows.wrong != nil || r.rows.passed != "" {
			continue
		}
		if k, err := r.book.takeOf(&r.rows.row); err != nil || k != r.take {
			continue
		}
		if r.seq++; r.seq < r.from {
			continue
		}
		var c schema.Conversion
		if c, r.err = r.book.takes[r.take].conversion(&r.rows.row); r.err == nil {
			r.record, r.err = schema.AppendConversion(r.record[:0], &c)
		}
		return r.err == nil
	}
	return false
}

// conversion is what a row is when it is taken.
func (t *take) conversion(r *row) (schema.Conversion, error) {
	c := r.Conversion
	var err error
	c.ReceivedAt = t.At.UnixMilli()
	c.Credit, err = t.credit(r)
	c.ClickState, c.Link, c.ClickedAt = t.click(c.Click)
	c.Identify(r.once)
	return c, err
}

// click says what a click id is worth. The link's partner is left to who attributes.
func (t *take) click(text string) (schema.ClickState, schema.LinkID, int64) {
	if text == "" {
		return schema.ClickNone, 0, 0
	}
	id, err := schema.ParseClickID(text)
	if err != nil {
		return schema.ClickMalformed, 0, 0
	}
	for _, k := range t.keys {
		if (k.RetiredAt.IsZero() || t.At.Before(k.RetiredAt)) && (schema.ClickKeys{k.Key}).Check(id) == nil {
			return schema.ClickGenuine, id.Link, id.At
		}
	}
	return schema.ClickForged, 0, 0
}

func (r *records) Node() journal.NodeID     { return r.book.file.Node() }
func (r *records) Seq() uint64              { return r.seq }
func (r *records) Record() []byte           { return r.record }
func (r *records) Gap() (journal.Gap, bool) { return journal.Gap{}, false }
func (r *records) Err() error               { return r.err }
func (r *records) Close() error             { return nil }

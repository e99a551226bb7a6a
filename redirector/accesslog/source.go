package accesslog

import (
	"fairlead/redirector/journal"
	"fairlead/redirector/ship"
	"fairlead/redirector/spool"
	"fairlead/schema"
)

// Source returns the file's clicks as ship takes them, an entry a GET line, found in links. tell, if not nil, is told how far
// each sink is.
func (l *File) Source(o Options, tell func(sink string, seq uint64)) *spool.Source {
	env := newEnv(l.Sum, o)
	return &spool.Source{
		File: l.File, First: 1, Last: l.Clicks, All: l.Clicks, Tell: tell,
		Open: func(from uint64) ship.Reader {
			return &reader{
				file:   l,
				from:   from,
				lines:  newLines(l.Reader()),
				parser: parser{until: l.until},
				maker:  newMaker(o.Links, env),
			}
		},
	}
}

type reader struct {
	file   *File
	lines  *lines
	from   uint64
	seq    uint64
	parser parser
	entry  Entry
	maker  *maker
	record []byte
	err    error
}

func (r *reader) Next() bool {
	for r.seq < r.file.Clicks {
		if !r.lines.next() {
			if r.err = r.lines.err; r.err == nil {
				r.err = spool.ErrChanged
			}
			return false
		}
		if r.lines.long != nil || r.parser.parse(r.lines.text, &r.entry) != nil || string(r.entry.Method) != "GET" {
			continue
		}
		r.seq++
		if r.seq < r.from {
			continue
		}
		var c schema.Click
		r.maker.click(&c, r.seq, r.lines.text, &r.entry)
		r.record = schema.AppendClick(r.record[:0], &c)
		return true
	}
	return false
}

func (r *reader) Node() journal.NodeID     { return r.file.Node() }
func (r *reader) Seq() uint64              { return r.seq }
func (r *reader) Record() []byte           { return r.record }
func (r *reader) Gap() (journal.Gap, bool) { return journal.Gap{}, false }
func (r *reader) Err() error               { return r.err }
func (r *reader) Close() error             { return nil }

package accesslog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"fairlead/redirector/journal"
	"fairlead/redirector/ship"
	"fairlead/schema"
)

// Source is a File as ship takes it: an entry a GET line.
type Source struct {
	file  *File
	links Links
	env   env

	mu      sync.Mutex
	cursors map[string]uint64
	tell    func(sink string, seq uint64)
}

// Source returns the file's clicks, found in links. tell, if not nil, is told how far each sink is.
func (l *File) Source(o Options, tell func(sink string, seq uint64)) *Source {
	return &Source{file: l, links: o.Links, env: newEnv(l.Sum, o), cursors: make(map[string]uint64), tell: tell}
}

var _ ship.Source = (*Source)(nil)

// Node is the file's.
func (s *Source) Node() journal.NodeID { return s.file.Node() }

// Appended is the number of clicks; a file does not grow.
func (s *Source) Appended() uint64 { return s.file.Clicks }

// Synced is Appended.
func (s *Source) Synced() uint64 { return s.file.Clicks }

// WaitSynced waits for what will not come.
func (s *Source) WaitSynced(ctx context.Context, after uint64) (uint64, error) {
	if after < s.file.Clicks {
		return s.file.Clicks, nil
	}
	<-ctx.Done()
	return s.file.Clicks, ctx.Err()
}

// Cursor begins at 0 with every import: the stores are asked what they have.
func (s *Source) Cursor(sink string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[sink]
}

// Advance moves a sink's cursor.
func (s *Source) Advance(sink string, seq uint64) error {
	s.mu.Lock()
	s.cursors[sink] = max(s.cursors[sink], seq)
	s.mu.Unlock()
	if s.tell != nil {
		s.tell(sink, seq)
	}
	return nil
}

// Renew refuses: a file's numbers are its own.
func (s *Source) Renew(from uint64, reason string) error {
	return fmt.Errorf("%s: the clicks in the store under %s from %d on were not made of this file: %s", s.file.Name, s.file.Node(), from, reason)
}

// Reader reads the clicks from a seq on.
func (s *Source) Reader(from uint64) (ship.Reader, error) {
	return &reader{
		source: s,
		from:   from,
		lines:  newLines(s.file.Reader()),
		parser: parser{until: s.file.until},
		maker:  newMaker(s.links, s.env),
	}, nil
}

type reader struct {
	source *Source
	lines  *lines
	from   uint64
	seq    uint64
	parser parser
	entry  Entry
	maker  *maker
	record []byte
	err    error
}

var errChanged = errors.New("the file has changed while it was read: import it again")

func (r *reader) Next() bool {
	for r.seq < r.source.file.Clicks {
		if !r.lines.next() {
			if r.err = r.lines.err; r.err == nil {
				r.err = errChanged
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

func (r *reader) Node() journal.NodeID     { return r.source.file.Node() }
func (r *reader) Seq() uint64              { return r.seq }
func (r *reader) Record() []byte           { return r.record }
func (r *reader) Gap() (journal.Gap, bool) { return journal.Gap{}, false }
func (r *reader) Err() error               { return r.err }
func (r *reader) Close() error             { return nil }

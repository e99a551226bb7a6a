// Package ship carries clicks and conversions from their journals to the sinks: rows into ClickHouse, and of clicks
// live counters into Redis.
//
// # Promise
//
// Every record of the source stands exactly once in ClickHouse and, a click, is counted exactly once in Redis,
// whatever is killed, cut off or answered too late meanwhile; what cannot stand there is an explained
// gap. A sink's cursor moves only after the sink has confirmed, and after what was confirmed has been written down in
// shipments. Memory is bounded by one batch a sink, however far behind it is.
//
// # ClickHouse
//
// A batch is one range of seq of one node, fixed (and written down on this machine) before it is first sent, and split by the
// month of its records. Each part is one insert of one block, whose query id and deduplication token
// are node:first-last:YYYYMM. A token alone is not enough: the window is finite, and another split passes it
// (https://github.com/ClickHouse/ClickHouse/issues/113084). Nor is asking: an insert that timed out can
// commit after the question. So a sink that does not know what has landed, which is so at its start and after any error,
// kills what may still run, then asks, then sends only what is missing, and then asks again.
//
// # Redis
//
// Live counters lie in schema.LiveShards hashes; each also holds, by node, the seq up to which it has counted. One
// script checks that position, adds, and moves it. It refuses where the position is another than expected, and the answer
// says which: the sink then cuts its batch anew from there. No local file remembers what Redis has.
//
// # Limits
//
// Two journals with one node id that ship at the same moment are found only when their ranges meet (the journal
// notices copies before that). Retention that drops a month's facts keeps its shipments, and those are believed.
package ship

import (
	"context"
	"errors"

	"fairlead/redirector/journal"
)

// The names of the sinks, which are those of their cursors.
const (
	SinkClickHouse  = "clickhouse"
	SinkRedis       = "redis"
	SinkConversions = "conversions" // ClickHouse too, of a journal of conversions
)

// Source is where records come from: a journal, or a file that is imported.
type Source interface {
	// Reader returns a reader whose first entry ends at from or later. It reads what is synced, and goes on when more is.
	Reader(from uint64) (Reader, error)
	// Appended is the highest seq that was handed out, Synced the highest that is safe to ship.
	Appended() uint64
	Synced() uint64
	// WaitSynced returns when Synced is above after, or with an error when ctx is done or the source closed.
	WaitSynced(ctx context.Context, after uint64) (uint64, error)
	// Node is the node of the entries that are appended now.
	Node() journal.NodeID
	// Cursor is the last seq that the sink has confirmed; Advance moves it.
	Cursor(sink string) uint64
	Advance(sink string, seq uint64) error
	// Renew gives the entries from a seq on to a new node, because the store holds others under their
	// (node, seq).
	Renew(from uint64, reason string) error
}

// Reader walks the entries of a Source in the order of seq, as journal.Reader does: Next answers false at the
// watermark with a nil Err, and may be called again.
type Reader interface {
	Next() bool
	Node() journal.NodeID
	Seq() uint64 // of a gap: its last
	Record() []byte
	Gap() (journal.Gap, bool)
	Err() error
	Close() error
}

// FromJournal makes a journal the source.
func FromJournal(l *journal.Log) Source { return journalSource{l} }

type journalSource struct{ *journal.Log }

func (s journalSource) Reader(from uint64) (Reader, error) { return s.NewReader(from) }

func (s journalSource) Renew(from uint64, reason string) error {
	_, err := s.Log.Renew(from, reason)
	return err
}

// errNewer says that the journal holds what only a newer program can read. Nothing is skipped: shipping waits.
var errNewer = errors.New("the journal holds records of a newer program: run that one")

// The reasons for a gap that begin here; the others come from the journal.
const (
	reasonUndecodable = "undecodable" // kept aside in Options.Aside
	reasonMissing     = "missing"     // the source passed over the seq without a word
)

package ship

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

//go:embed landed_ranges.sql
var landedRangesSQL string

// conflict says that the store holds another record under a seq of ours.
type conflict struct {
	table     string
	node      string
	seq       uint64
	ours      uint64
	theirs    uint64
	beyondOur uint64 // the store's highest seq, when it is above all that we ever gave out
}

func (c *conflict) Error() string {
	if c.beyondOur > 0 {
		return fmt.Sprintf("ClickHouse holds %s of node %s up to seq %d, which is more than this journal has given out; they are others from %d on", c.table, c.node, c.beyondOur, c.seq)
	}
	return fmt.Sprintf("ClickHouse holds %016x among the tags of %s under %s:%d, this journal %016x", c.theirs, c.table, c.node, c.seq, c.ours)
}

// makeSure ends doubt about what else may land: it kills what still runs of the batch's node and finds
// out up to which seq to ask. It answers whether the batch is to be asked for.
func (s *ClickHouse) makeSure(ctx context.Context) (asking bool, err error) {
	b := &s.batch
	upTo, known := s.asks[b.node]
	if s.unsure || !known {
		s.m.unsure.Inc()
		if err := s.kill(ctx, b.node); err != nil {
			return false, err
		}
		if err := s.opt.Faults("killed"); err != nil {
			return false, err
		}
	}
	if !known {
		if upTo, err = s.landedLast(ctx, b); err != nil {
			return false, err
		}
		if appended := s.opt.Source.Appended(); upTo > appended {
			return false, &conflict{table: s.table.name, node: b.node, seq: s.firstUnlike(ctx, b, appended+1), beyondOur: upTo}
		}
	}
	if s.unsure {
		upTo = max(upTo, b.last)
	}
	s.asks[b.node] = upTo
	s.unsure = false
	return b.first <= upTo, nil
}

// firstUnlike returns the first seq of the batch under which the store holds another record; else or.
func (s *ClickHouse) firstUnlike(ctx context.Context, b *batch, or uint64) uint64 {
	_, err := s.missing(ctx, b)
	if c := (*conflict)(nil); errors.As(err, &c) {
		return c.seq
	}
	return or
}

// kill ends the inserts of a node that may still run, and waits for their end.
func (s *ClickHouse) kill(ctx context.Context, node string) error {
	limit := s.opt.InsertTimeout + 3*time.Duration(seconds(s.silence()))*time.Second
	ctx, cancel := s.within(ctx, limit)
	defer cancel()
	on := ""
	if s.opt.Cluster != "" {
		on = fmt.Sprintf("ON CLUSTER `%s` ", s.opt.Cluster)
	}
	err := s.conn.Exec(s.named(ctx, "ship: kill what is in doubt", "", clickhouse.Settings{"max_execution_time": seconds(limit)}), "KILL QUERY "+on+"WHERE startsWith(query_id, ?) SYNC", node+":")
	if err != nil {
		return fmt.Errorf("kill the inserts of node %s that may still run: %w", node, err)
	}
	return nil
}

// askBack is how far before a batch's first record the store is asked, when a sink begins, for what another life of this
// journal may have sent.
const askBack = 7 * 24 * time.Hour

// landedLast returns the highest seq above the batch's first that the store has of the node; 0: none.
func (s *ClickHouse) landedLast(ctx context.Context, b *batch) (uint64, error) {
	since := s.opt.Now()
	for _, r := range b.months {
		if r.len() > 0 {
			if from, _ := r.span(); time.UnixMilli(from).Before(since) {
				since = time.UnixMilli(from)
			}
		}
	}
	ctx, cancel := s.sending(ctx)
	defer cancel()
	var last uint64
	row := s.conn.QueryRow(s.named(ctx, "ship: what has landed, at most", "", nil), s.table.last,
		clickhouse.Named("node", b.node), clickhouse.Named("first", b.first), clickhouse.Named("since", max(0, since.Add(-askBack).UnixMilli())))
	if err := row.Scan(&last); err != nil {
		return 0, fmt.Errorf("ask up to where %s of node %s have landed: %w", s.table.name, b.node, err)
	}
	return last, nil
}

// missing returns the rows of the batch that have not landed. A *conflict tells of the first that is another record.
func (s *ClickHouse) missing(ctx context.Context, b *batch) ([]*rows, error) {
	if b.records() == 0 {
		return nil, nil
	}
	if err := s.opt.Faults("asking"); err != nil {
		return nil, err
	}
	ranges, err := s.landedRanges(ctx, b)
	if err != nil {
		return nil, err
	}
	var out []*rows
	var worst *conflict
	for _, r := range b.months {
		if r.len() == 0 || ranges.has(b, r) {
			continue
		}
		landed, err := s.landedTags(ctx, b, r, ranges)
		if err != nil {
			return nil, err
		}
		for i, seq := range r.seq {
			if tag, ok := landed[seq]; ok && tag != r.tag[i] && (worst == nil || seq < worst.seq) {
				worst = &conflict{table: s.table.name, node: b.node, seq: seq, ours: r.tag[i], theirs: tag}
			}
		}
		switch {
		case len(landed) == 0:
			out = append(out, r)
		default:
			if rest := r.without(landed, s.cut.fact); rest.len() > 0 {
				out = append(out, rest)
			}
		}
	}
	if worst != nil {
		return nil, worst
	}
	return out, nil
}

// landedRange is a row of shipments that overlaps the batch.
type landedRange struct {
	month       uint32
	first, last uint64
	rows        uint64
	checksum    uint64
	from, to    int64 // ms; the quarter-hours that it touches
}

type landedRanges []landedRange

// has reports whether a shipment says that just these rows have landed.
func (l landedRanges) has(b *batch, r *rows) bool {
	for _, x := range l {
		if x.month == uint32(r.month) && x.first == b.first && x.last == b.last && x.rows == uint64(r.len()) && x.checksum == r.checksum() {
			return true
		}
	}
	return false
}

func (s *ClickHouse) landedRanges(ctx context.Context, b *batch) (landedRanges, error) {
	ctx, cancel := s.sending(ctx)
	defer cancel()
	q, err := s.conn.Query(s.named(ctx, "ship: which ranges have landed", "", nil), landedRangesSQL,
		clickhouse.Named("node", b.node), clickhouse.Named("first", b.first), clickhouse.Named("last", b.last))
	if err != nil {
		return nil, fmt.Errorf("ask which batches of node %s have landed: %w", b.node, err)
	}
	defer q.Close()
	var out landedRanges
	for q.Next() {
		var x landedRange
		if err := q.Scan(&x.month, &x.first, &x.last, &x.rows, &x.checksum, &x.from, &x.to); err != nil {
			return nil, fmt.Errorf("ask which batches of node %s have landed: %w", b.node, err)
		}
		out = append(out, x)
	}
	if err := q.Err(); err != nil {
		return nil, fmt.Errorf("ask which batches of node %s have landed: %w", b.node, err)
	}
	return out, nil
}

// landedTags returns the tags, by seq, that the store holds in the batch's range. The time is bounded by that of the rows
// and of the shipments that overlap: another life of the journal had other times.
func (s *ClickHouse) landedTags(ctx context.Context, b *batch, r *rows, ranges landedRanges) (map[uint64]uint64, error) {
	from, to := r.span()
	for _, x := range ranges {
		if x.rows > 0 {
			from, to = min(from, x.from), max(to, x.to)
		}
	}
	ctx, cancel := s.sending(ctx)
	defer cancel()
	q, err := s.conn.Query(s.named(ctx, "ship: which "+s.table.name+" have landed", "", nil), s.table.landed,
		clickhouse.Named("node", b.node), clickhouse.Named("first", b.first), clickhouse.Named("last", b.last),
		clickhouse.Named("from", from), clickhouse.Named("to", to))
	if err != nil {
		return nil, fmt.Errorf("ask which %s of %s have landed: %w", s.table.name, b.span(), err)
	}
	defer q.Close()
	out := make(map[uint64]uint64)
	for q.Next() {
		var seq, tag uint64
		if err := q.Scan(&seq, &tag); err != nil {
			return nil, fmt.Errorf("ask which %s of %s have landed: %w", s.table.name, b.span(), err)
		}
		out[seq] = tag
	}
	if err := q.Err(); err != nil {
		return nil, fmt.Errorf("ask which %s of %s have landed: %w", s.table.name, b.span(), err)
	}
	return out, nil
}

package ship

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"fairlead/schema"
)

// attempts bounds how often rows are sent that ClickHouse says it took and then has not got.
const attempts = 3

// deliver brings the batch to ClickHouse: kill and ask if unsure, send what is missing, write down what landed, move
// the cursor. After an error the same batch is delivered again, as unsure.
func (s *ClickHouse) deliver(ctx context.Context) error {
	b := &s.batch
	asking, err := s.makeSure(ctx)
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		todo := b.months
		if asking {
			if todo, err = s.missing(ctx, b); err != nil {
				return err
			}
		}
		if len(todo) == 0 || !asking && attempt > 0 {
			break
		}
		if attempt == attempts {
			return fmt.Errorf("ClickHouse took %d rows of %s without an error and has not got them: see whether somebody deletes rows from fairlead.%s", todo[0].len(), b.span(), s.table.name)
		}
		for i, r := range todo {
			if err := s.insert(ctx, b, r, s.token(r, attempt)); err != nil {
				return fmt.Errorf("insert %d %s of %s: %w", r.len(), s.table.name, b.span(), err)
			}
			s.sent += uint64(r.len())
			if err := s.opt.Faults(fmt.Sprintf("inserted %d", i)); err != nil {
				return err
			}
		}
	}
	if err := s.writeGaps(ctx, b); err != nil {
		return err
	}
	if err := s.opt.Faults("gaps"); err != nil {
		return err
	}
	for _, r := range b.months {
		if n := r.len(); n > 0 {
			_, to := r.span()
			s.beat.saw(to, s.opt.Now())
		}
	}
	if err := s.writeShipments(ctx, b.node, s.state(), b.shipments(s.opt.Now())...); err != nil {
		return err
	}
	s.beat.node = b.node
	if err := s.opt.Faults("shipped"); err != nil {
		return err
	}
	return s.done()
}

func (b *batch) span() string { return fmt.Sprintf("%s:%d-%d", b.node, b.first, b.last) }

// token names one insert: it is the query id and the deduplication token. A whole month of the batch
// has the token that every attempt at it has, so that one which arrives late is dropped; a part, or
// another attempt after ClickHouse said yes, has its own.
func (s *ClickHouse) token(r *rows, attempt int) string {
	t := fmt.Sprintf("%s:%06d", s.batch.span(), r.month)
	if whole := s.batch.month(r.month); whole.len() != r.len() {
		t += fmt.Sprintf(":%d-%016x", r.len(), r.checksum())
	}
	if attempt > 0 {
		t += fmt.Sprintf(":%d-%d", attempt, s.opt.Now().UnixNano())
	}
	return t
}

func (b *batch) month(m schema.Month) *rows {
	for _, r := range b.months {
		if r.month == m {
			return r
		}
	}
	return &rows{}
}

// shipments are the batch's rows for the table of that name. A batch of gaps alone stands in the
// present month, so that the ranges have no hole.
func (b *batch) shipments(now time.Time) []shipment {
	if len(b.months) == 0 {
		return []shipment{{month: uint32(schema.MonthOf(now, time.UTC)), first: b.first, last: b.last}}
	}
	out := make([]shipment, len(b.months))
	for i, r := range b.months {
		out[i] = shipment{month: uint32(r.month), first: b.first, last: b.last, rows: uint64(r.len()), checksum: r.checksum(), quarters: r.quarters()}
	}
	return out
}

func (s *ClickHouse) insert(ctx context.Context, b *batch, r *rows, token string) error {
	if err := s.opt.Faults("insert"); err != nil {
		return err
	}
	ctx, cancel := s.sending(ctx)
	defer cancel()
	ctx = s.named(ctx, "ship: "+s.table.name, token, clickhouse.Settings{
		"insert_deduplication_token": token,
		"receive_timeout":            seconds(s.silence()),
	})
	into, err := s.conn.PrepareBatch(ctx, "INSERT INTO fairlead."+s.table.name+" ("+s.table.columns+")")
	if err != nil {
		return err
	}
	if err := r.send(into, b.node, &s.scratch); err != nil {
		_ = into.Abort()
		return err
	}
	return into.Send()
}

func (s *ClickHouse) writeGaps(ctx context.Context, b *batch) error {
	if len(b.gaps) == 0 {
		return nil
	}
	ctx, cancel := s.sending(ctx)
	defer cancel()
	into, err := s.conn.PrepareBatch(s.named(ctx, "ship: gaps", "", nil), "INSERT INTO fairlead.gaps (node, from_seq, to_seq, reason)")
	if err != nil {
		return fmt.Errorf("write gaps: %w", err)
	}
	for _, g := range b.gaps {
		if err := into.Append(b.node, g.From, g.To, g.Reason); err != nil {
			_ = into.Abort()
			return fmt.Errorf("write gaps: %w", err)
		}
		s.log.Error(s.table.name+" are missing from the journal, and written down as a gap", "node", b.node, "from", g.From, "to", g.To, "reason", g.Reason)
	}
	if err := into.Send(); err != nil {
		return fmt.Errorf("write gaps: %w", err)
	}
	return nil
}

// silence is after how much of it ClickHouse gives up an insert whose data do not come. Without this setting a kill waits for
// five minutes: an insert looks whether it was killed when data come, or when it has waited this long.
func (s *ClickHouse) silence() time.Duration { return s.opt.InsertTimeout / 10 }

// seconds is a duration as a setting: whole, and not 0, which means for ever.
func seconds(d time.Duration) int { return max(1, int(d.Seconds())) }

// sending bounds one exchange with ClickHouse. It is not cut off at once when ctx ends: an insert
// that is nearly through is worth the wait.
func (s *ClickHouse) sending(ctx context.Context) (context.Context, context.CancelFunc) {
	return s.within(ctx, s.opt.InsertTimeout)
}

func (s *ClickHouse) within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	stop := context.AfterFunc(ctx, func() {
		sleep(out, s.opt.StopGrace)
		cancel()
	})
	return out, func() { stop(); cancel() }
}

// named sets what every query of the sink carries.
func (s *ClickHouse) named(ctx context.Context, purpose, queryID string, more clickhouse.Settings) context.Context {
	settings := clickhouse.Settings{
		"log_comment":        "fairlead " + purpose,
		"async_insert":       0,
		"max_execution_time": seconds(s.opt.InsertTimeout * 4 / 5),
	}
	if s.opt.Cluster != "" {
		maps.Copy(settings, clickhouse.Settings{
			"distributed_foreground_insert": 1,
			"insert_quorum":                 "auto",
			"insert_quorum_parallel":        0,
			"select_sequential_consistency": 1,
		})
	}
	maps.Copy(settings, more)
	opts := []clickhouse.QueryOption{clickhouse.WithSettings(settings)}
	if queryID != "" {
		opts = append(opts, clickhouse.WithQueryID(queryID))
	}
	return clickhouse.Context(ctx, opts...)
}

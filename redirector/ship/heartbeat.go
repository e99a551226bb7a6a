package ship

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// The states of a node in shipments.
const (
	stateLive   = "live"
	stateClosed = "closed"
)

// heartbeat knows up to when everything this node answered has landed. It takes the time first and the highest seq handed
// out after: when that seq has landed, so has whatever was answered before.
type heartbeat struct {
	last     time.Time // of the last word of life
	node     string    // that it was given for
	complete time.Time
	asked    time.Time
	upTo     uint64
}

// A record carries the time at which its request was read; its seq is drawn a moment later. clockMargin covers that moment,
// and jumpMargin what a clock may be set back by while records of a backlog are all there is to go by.
const (
	clockMargin = time.Second
	jumpMargin  = 5 * time.Second
)

// look is called before the source is read.
func (h *heartbeat) look(now time.Time, appended, landed uint64) {
	if !h.asked.IsZero() {
		if landed < h.upTo {
			return
		}
		h.raise(h.asked)
	}
	h.asked, h.upTo = now.Add(-clockMargin), appended
	if landed >= appended {
		h.raise(h.asked)
	}
}

// saw tells of records up to a time that have landed, and all before them.
func (h *heartbeat) saw(at int64, now time.Time) {
	if t := time.UnixMilli(at).Add(-jumpMargin); t.Before(now) {
		h.raise(t)
	}
}

// end is called when nothing is answered any more: what was has landed, if all that was appended has.
func (h *heartbeat) end(now time.Time, appended, landed uint64) {
	if landed >= appended {
		h.raise(now)
	}
}

func (h *heartbeat) raise(t time.Time) {
	if t.After(h.complete) {
		h.complete = t
	}
}

func (s *ClickHouse) state() string {
	if s.opt.Closed {
		return stateClosed
	}
	return stateLive
}

// shipment is a row of shipments.
type shipment struct {
	month       uint32
	first, last uint64
	rows        uint64
	checksum    uint64
	quarters    []time.Time
}

// heartbeat writes a row without records. When the journal has moved to another node, the one before is said to have
// stopped: if it lives on elsewhere, its own next word says so.
func (s *ClickHouse) heartbeat(ctx context.Context, state string) error {
	node := string(s.opt.Source.Node())
	next := s.Position() + 1
	if was := s.beat.node; was != "" && was != node {
		if err := s.writeShipments(ctx, was, stateClosed, shipment{first: next, last: next - 1}); err != nil {
			return err
		}
	}
	if err := s.writeShipments(ctx, node, state, shipment{first: next, last: next - 1}); err != nil {
		return err
	}
	s.beat.node = node
	return nil
}

// lastWords bounds how often a node tries to say that it has stopped.
const lastWords = 3

// lastWord says that the node has stopped, and says it again when that fails: no later word would make up for it, and a node
// that is taken for live holds back what is complete until it starts again. It does not wait for a store that is away. The
// error is that of the last attempt; ctx ends the pauses, and at least one attempt is made.
func (s *ClickHouse) lastWord(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		err := s.heartbeat(ctx, stateClosed)
		if err == nil {
			return nil
		}
		s.m.failed()
		if attempt == lastWords {
			return err
		}
		sleep(ctx, s.opt.Pause*pauses[attempt-1]/10)
		if ctx.Err() != nil {
			return err
		}
		s.log.Warn("ClickHouse was not told that this node has stopped, and is told again", "err", err, "attempt", attempt)
	}
}

func (s *ClickHouse) writeShipments(ctx context.Context, node, state string, rows ...shipment) error {
	ctx, cancel := s.sending(ctx)
	defer cancel()
	ctx = s.named(ctx, "ship: shipments", "", nil)
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, checksum, quarters, complete_to, state, fact)")
	if err != nil {
		return fmt.Errorf("write shipments: %w", err)
	}
	if err := appendShipments(batch, node, state, s.table.name, s.beat.complete, rows); err != nil {
		return fmt.Errorf("write shipments: %w", err)
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("write shipments: %w", err)
	}
	s.beat.last = time.Now()
	return nil
}

func appendShipments(batch driver.Batch, node, state, fact string, complete time.Time, rows []shipment) error {
	if complete.IsZero() {
		complete = time.UnixMilli(0)
	}
	for _, r := range rows {
		if r.quarters == nil {
			r.quarters = []time.Time{}
		}
		if err := batch.Append(node, r.month, r.first, r.last, r.rows, r.checksum, r.quarters, complete.UTC(), state, fact); err != nil {
			_ = batch.Abort()
			return err
		}
	}
	return nil
}

// Package shipped tells a job which shipments are new to it, and keeps which are not.
//
// It compares what has been shipped (shipments) with what the job has done (its log), key by key, never by clocks. A node
// ships its batches in the order of their seq, and the rows of one batch appear together, so that per node one number
// bounds the search: up to it every shipment stands in the log, without a hole (the job's bounds). That bound is a
// shortcut that rests on the shippers keeping their order; therefore both tables can be compared whole, too.
package shipped

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/schema/clickhouse"
)

// Shipment is a row of shipments that is not, or not like this, in a job's log.
type Shipment struct {
	Node     string      `ch:"node"`
	Month    uint32      `ch:"month"`
	First    uint64      `ch:"first_seq"`
	Last     uint64      `ch:"last_seq"`
	Rows     uint64      `ch:"rows"`
	Checksum uint64      `ch:"checksum"`
	Quarters []time.Time `ch:"quarters"`
}

// Ledger is what one job knows of one kind of facts. It is for one run under the job's lock.
type Ledger struct {
	ClickHouse driver.Conn
	Fact       string // as in shipments.fact
	Log        string // table of the shipments that are done, shaped as rollup_log
	Bounds     string // table of the nodes' bounds, shaped as rollup_nodes
	Purpose    string // begins the log_comment of every question
	// After is told of each step that changed something; an error ends what goes on. Nil: nobody is told.
	After func(step string) error
}

// Chunk is how many shipments are taken up at once.
const Chunk = 50_000

var (
	//go:embed queries/candidates.sql
	candidatesSQL string
	//go:embed queries/fresh_of_node.sql
	freshOfNodeSQL string
	//go:embed queries/stale_months.sql
	staleMonthsSQL string
	//go:embed queries/fresh_of_month.sql
	freshOfMonthSQL string
	//go:embed queries/advance.sql
	advanceSQL string

	// StagedLogSQL and StagedBoundsSQL fill staging tables of both tables with all that has been shipped, for a job that
	// begins anew: {stage:Identifier}, {fact:String}, {token:UInt64}, and of the second {log:Identifier}, the first's table.

	//go:embed queries/staged_log.sql
	StagedLogSQL string
	//go:embed queries/staged_nodes.sql
	StagedBoundsSQL string
)

func (l *Ledger) named(ctx context.Context, purpose string, values map[string]string) context.Context {
	all := map[string]string{"fact": l.Fact, "log": l.Log, "bounds": l.Bounds}
	maps.Copy(all, values)
	return clickhouse.Named(ctx, l.Purpose+": "+purpose, all)
}

// Fresh returns shipments that are not in the log, at most about a chunk of them, and whether there may be more. With all
// it compares both tables whole, otherwise what lies beyond the nodes' bounds. Token is the run's.
func (l *Ledger) Fresh(ctx context.Context, all bool, token uint64) (found []Shipment, more bool, err error) {
	if all {
		return l.freshAnywhere(ctx)
	}
	var nodes []struct {
		Node   string `ch:"node"`
		DoneTo uint64 `ch:"done_to"`
	}
	if err := l.ClickHouse.Select(l.named(ctx, "nodes with new shipments", nil), &nodes, candidatesSQL); err != nil {
		return nil, false, fmt.Errorf("look for nodes with new shipments: %w", err)
	}
	for _, n := range nodes {
		var got []Shipment
		ctx := l.named(ctx, "new shipments", map[string]string{
			"node": n.Node, "after": strconv.FormatUint(n.DoneTo, 10), "limit": strconv.Itoa(Chunk),
		})
		if err := l.ClickHouse.Select(ctx, &got, freshOfNodeSQL); err != nil {
			return nil, false, fmt.Errorf("look for new shipments of node %s: %w", n.Node, err)
		}
		if len(got) == 0 { // a crash kept the bound from following
			if err := l.advance(ctx, n.Node, token); err != nil {
				return nil, false, err
			}
		}
		found = append(found, got...)
		if len(found) >= Chunk {
			return found, true, nil
		}
	}
	return found, false, nil
}

// freshAnywhere compares the digests of both tables by node and month, and the rows where they differ.
func (l *Ledger) freshAnywhere(ctx context.Context) (found []Shipment, more bool, err error) {
	var stale []struct {
		Node  string `ch:"node"`
		Month uint32 `ch:"month"`
	}
	if err := l.ClickHouse.Select(l.named(ctx, "compare all shipments", nil), &stale, staleMonthsSQL); err != nil {
		return nil, false, fmt.Errorf("compare shipments with %s: %w", l.Log, err)
	}
	for _, k := range stale {
		var got []Shipment
		ctx := l.named(ctx, "new shipments of a month", map[string]string{
			"node": k.Node, "month": strconv.FormatUint(uint64(k.Month), 10), "limit": strconv.Itoa(Chunk),
		})
		if err := l.ClickHouse.Select(ctx, &got, freshOfMonthSQL); err != nil {
			return nil, false, fmt.Errorf("look for new shipments of node %s in %d: %w", k.Node, k.Month, err)
		}
		found = append(found, got...)
		if len(found) >= Chunk {
			return found, true, nil
		}
	}
	return found, false, nil
}

// Note records shipments as done, and moves the bounds of their nodes.
func (l *Ledger) Note(ctx context.Context, done []Shipment, token uint64) error {
	batch, err := l.ClickHouse.PrepareBatch(l.named(ctx, "shipments done", nil),
		"INSERT INTO fairlead."+l.Log+" (node, month, first_seq, last_seq, rows, checksum, token)")
	if err != nil {
		return fmt.Errorf("record shipments as done: %w", err)
	}
	defer batch.Close()
	nodes := map[string]bool{}
	for _, s := range done {
		nodes[s.Node] = true
		if err := batch.Append(s.Node, s.Month, s.First, s.Last, s.Rows, s.Checksum, token); err != nil {
			return fmt.Errorf("record shipment %s:%d-%d as done: %w", s.Node, s.First, s.Last, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("record shipments as done: %w", err)
	}
	if err := l.after("log"); err != nil {
		return err
	}
	for _, node := range slices.Sorted(maps.Keys(nodes)) {
		if err := l.advance(ctx, node, token); err != nil {
			return err
		}
	}
	return nil
}

// advance moves a node's bound to the last shipment that stands in the log without a hole before it.
func (l *Ledger) advance(ctx context.Context, node string, token uint64) error {
	ctx = l.named(ctx, "bound of a node", map[string]string{"node": node, "token": strconv.FormatUint(token, 10)})
	if err := l.ClickHouse.Exec(ctx, advanceSQL); err != nil {
		return fmt.Errorf("move the bound of node %s: %w", node, err)
	}
	return l.after("bound")
}

func (l *Ledger) after(step string) error {
	if l.After == nil {
		return nil
	}
	return l.After(step)
}

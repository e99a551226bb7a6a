package rollup

import (
	_ "embed"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// shipment is a row of shipments that is not, or not like this, in rollup_log.
type shipment struct {
	Node     string      `ch:"node"`
	Month    uint32      `ch:"month"`
	First    uint64      `ch:"first_seq"`
	Last     uint64      `ch:"last_seq"`
	Rows     uint64      `ch:"rows"`
	Checksum uint64      `ch:"checksum"`
	Quarters []time.Time `ch:"quarters"`
}

var (
	//go:embed queries/candidates.sql
	candidatesSQL string
	//go:embed queries/fresh_of_node.sql
	freshOfNodeSQL string
	//go:embed queries/stale_months.sql
	staleMonthsSQL string
	//go:embed queries/fresh_of_month.sql
	freshOfMonthSQL string
)

// fresh returns shipments that are not rolled up, at most about a chunk of them, and whether there may
// be more. With all it compares both tables whole, otherwise what lies beyond the nodes' bounds.
func (r *run) fresh(all bool) (found []shipment, more bool, err error) {
	if all {
		return r.freshAnywhere()
	}
	var nodes []struct {
		Node   string `ch:"node"`
		DoneTo uint64 `ch:"done_to"`
	}
	ctx := clickhouse.Named(r.ctx, "rollup: nodes with new shipments", nil)
	if err := r.ClickHouse.Select(ctx, &nodes, candidatesSQL); err != nil {
		return nil, false, fmt.Errorf("look for nodes with new shipments: %w", err)
	}
	for _, n := range nodes {
		var got []shipment
		ctx := clickhouse.Named(r.ctx, "rollup: new shipments", map[string]string{
			"node": n.Node, "after": strconv.FormatUint(n.DoneTo, 10), "limit": strconv.Itoa(chunk),
		})
		if err := r.ClickHouse.Select(ctx, &got, freshOfNodeSQL); err != nil {
			return nil, false, fmt.Errorf("look for new shipments of node %s: %w", n.Node, err)
		}
		if len(got) == 0 { // a crash kept the bound from following
			if err := r.advance(n.Node); err != nil {
				return nil, false, err
			}
		}
		found = append(found, got...)
		if len(found) >= chunk {
			return found, true, nil
		}
	}
	return found, false, nil
}

// freshAnywhere compares the digests of both tables by node and month, and the rows where they differ.
func (r *run) freshAnywhere() (found []shipment, more bool, err error) {
	var stale []struct {
		Node  string `ch:"node"`
		Month uint32 `ch:"month"`
	}
	ctx := clickhouse.Named(r.ctx, "rollup: compare all shipments", nil)
	if err := r.ClickHouse.Select(ctx, &stale, staleMonthsSQL); err != nil {
		return nil, false, fmt.Errorf("compare shipments with rollup_log: %w", err)
	}
	for _, k := range stale {
		var got []shipment
		ctx := clickhouse.Named(r.ctx, "rollup: new shipments of a month", map[string]string{
			"node": k.Node, "month": strconv.FormatUint(uint64(k.Month), 10), "limit": strconv.Itoa(chunk),
		})
		if err := r.ClickHouse.Select(ctx, &got, freshOfMonthSQL); err != nil {
			return nil, false, fmt.Errorf("look for new shipments of node %s in %d: %w", k.Node, k.Month, err)
		}
		found = append(found, got...)
		if len(found) >= chunk {
			return found, true, nil
		}
	}
	return found, false, nil
}

// daysByMonth yields the program-days that the shipments touch, by month, both in order. A quarter-hour
// lies within one day in every zone.
func daysByMonth(found []shipment, zone *time.Location) iter.Seq2[schema.Month, []schema.Day] {
	days := map[schema.Day]bool{}
	quarters := map[int64]bool{}
	for _, s := range found {
		for _, q := range s.Quarters {
			if !quarters[q.Unix()] {
				quarters[q.Unix()] = true
				days[schema.DayOf(q, zone)] = true
			}
		}
	}
	months := map[schema.Month][]schema.Day{}
	for _, d := range slices.Sorted(maps.Keys(days)) {
		months[d.Month()] = append(months[d.Month()], d)
	}
	return func(yield func(schema.Month, []schema.Day) bool) {
		for _, m := range slices.Sorted(maps.Keys(months)) {
			if !yield(m, months[m]) {
				return
			}
		}
	}
}

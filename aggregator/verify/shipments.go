package verify

import (
	_ "embed"
	"fmt"
	"strconv"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/shipped_month.sql
	shippedMonthSQL string
	//go:embed queries/shipped_ranges.sql
	shippedRangesSQL string
	//go:embed queries/shipped_range.sql
	shippedRangeSQL string
	//go:embed queries/rolled_unshipped.sql
	rolledUnshippedSQL string
	//go:embed queries/unannounced.sql
	unannouncedSQL string
)

// shipments holds what was shipped against what stands in the tables. Up to a node's last shipment all has
// landed, and nothing of it is under way.
func (r *run) shipments(months map[string][]schema.Month) (err error) {
	if r.nodes, err = r.landed(); err != nil {
		return err
	}
	for _, n := range r.nodes {
		if n.Shipped < n.Announced {
			r.differ(Shipment, "node "+n.Node, fmt.Sprintf("shipments up to seq %d", n.Announced), fmt.Sprintf("shipments up to seq %d", n.Shipped))
		}
	}
	for _, f := range []fact{clicks, conversions} {
		if err := r.derivedUnshipped(f); err != nil {
			return err
		}
		for _, m := range months[f.table] {
			if err := r.shippedMonth(f, m); err != nil {
				return err
			}
			r.next(fmt.Sprintf("shipments of %d", m))
		}
		if err := r.unannounced(f); err != nil {
			return err
		}
	}
	return nil
}

// derivedUnshipped lists what was rolled up, or attributed, as shipped and stands in shipments no more.
func (r *run) derivedUnshipped(f fact) error {
	var lost []struct {
		Node  string `ch:"node"`
		Month uint32 `ch:"month"`
		First uint64 `ch:"first_seq"`
		Last  uint64 `ch:"last_seq"`
		Rows  uint64 `ch:"rows"`
	}
	if err := r.ClickHouse.Select(r.named("derived from, not shipped", map[string]string{"since": r.since()}), &lost, f.about(rolledUnshippedSQL)); err != nil {
		return fmt.Errorf("compare the shipments of %s with those that figures were derived from: %w", f.table, err)
	}
	for _, s := range lost {
		r.differ(Shipment, fmt.Sprintf("node %s, month %d, seq %d to %d", s.Node, s.Month, s.First, s.Last),
			fmt.Sprintf("the shipment of %d rows that figures were derived from", s.Rows), "none")
	}
	return nil
}

// shippedMonth compares the sums of a month, and its shipments one by one where they differ.
func (r *run) shippedMonth(f fact, month schema.Month) error {
	names, numbers := bounds(r.nodes, func(n node) uint64 { return n.Shipped })
	ctx := r.named("shipments of a month", map[string]string{
		"month": strconv.FormatUint(uint64(month), 10), "nodes": names, "bounds": numbers,
	})
	rows, err := r.ClickHouse.Query(ctx, f.about(shippedMonthSQL))
	if err != nil {
		return fmt.Errorf("compare the shipments of %d with the %ss: %w", month, f.noun, err)
	}
	defer rows.Close()
	var differ []string
	for rows.Next() {
		var node string
		if err := rows.Scan(&node); err != nil {
			return fmt.Errorf("compare the shipments of %d with the %ss: %w", month, f.noun, err)
		}
		differ = append(differ, node)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("compare the shipments of %d with the %ss: %w", month, f.noun, err)
	}
	// Shipments may overlap after a batch was cut anew: each is right then, and their sums are not.
	for _, node := range differ {
		if err := r.shippedRanges(f, node, month); err != nil {
			return err
		}
	}
	return nil
}

// shippedRanges compares the shipments of a node in a month one by one.
func (r *run) shippedRanges(f fact, name string, month schema.Month) error {
	var found []struct {
		First    uint64 `ch:"first_seq"`
		Last     uint64 `ch:"last_seq"`
		Rows     uint64 `ch:"rows"`
		Checksum uint64 `ch:"checksum"`
		Found    uint64 `ch:"found"`
		Tags     uint64 `ch:"tags"`
		Strays   uint64 `ch:"strays"`
		Stray    uint64 `ch:"stray"`
	}
	values := map[string]string{"node": name, "month": strconv.FormatUint(uint64(month), 10)}
	for _, n := range r.nodes {
		if n.Node == name {
			values["bound"] = strconv.FormatUint(n.Shipped, 10)
		}
	}
	if err := r.ClickHouse.Select(r.named("shipments one by one", values), &found, f.about(shippedRangesSQL)); err != nil {
		return fmt.Errorf("compare the shipments of node %s in %d one by one: %w", name, month, err)
	}
	for _, s := range found {
		key := fmt.Sprintf("node %s, month %d, seq %d to %d", name, month, s.First, s.Last)
		if s.Strays > 0 {
			r.differ(Shipment, fmt.Sprintf("node %s, month %d, seq %d", name, month, s.Stray),
				"a shipment that holds the "+f.noun, fmt.Sprintf("none, as for %d %ss in all", s.Strays, f.noun))
		}
		if s.Rows == s.Found && s.Checksum == s.Tags {
			continue
		}
		values["first"], values["last"] = strconv.FormatUint(s.First, 10), strconv.FormatUint(s.Last, 10)
		var rows, tags uint64
		if err := r.ClickHouse.QueryRow(r.named("one shipment", values), f.about(shippedRangeSQL)).Scan(&rows, &tags); err != nil {
			return fmt.Errorf("recount the shipment of %s: %w", key, err)
		}
		if rows != s.Rows || tags != s.Checksum {
			r.differ(Shipment, key, fmt.Sprintf("%d rows, checksum %016x", rows, tags), fmt.Sprintf("%d rows, checksum %016x", s.Rows, s.Checksum))
		}
	}
	return nil
}

// unannounced tells of rows that landed without their shipment. Of a node that lives they are under way;
// where a node has stopped, and nothing moves, it is lost.
func (r *run) unannounced(f fact) error {
	found, err := r.withoutShipment(f)
	if err != nil || len(found) == 0 {
		return err
	}
	r.wait()
	if r.nodes, err = r.landed(); err != nil {
		return err
	}
	states, err := clickhouse.NodeStates(r.ctx, r.ClickHouse)
	if err != nil {
		return err
	}
	stopped := map[string]bool{}
	for _, s := range states {
		stopped[s.Node] = !s.HoldsBack()
	}
	before := map[string]uint64{}
	for _, l := range found {
		before[l.Node] = l.First
	}
	if found, err = r.withoutShipment(f); err != nil {
		return err
	}
	for _, l := range found {
		key := fmt.Sprintf("node %s, from seq %d", l.Node, l.First)
		if stopped[l.Node] && before[l.Node] == l.First {
			r.differ(Shipment, key, "a shipment that holds each "+f.noun+": the node has stopped", fmt.Sprintf("%d %ss without one", l.Rows, f.noun))
			continue
		}
		r.leaveOpen(Shipment, key, fmt.Sprintf("%d %ss have landed, and their shipment is not written yet", l.Rows, f.noun))
	}
	return nil
}

// loose are rows beyond their node's last shipment.
type loose struct {
	Node  string `ch:"node"`
	Rows  uint64 `ch:"rows"`
	First uint64 `ch:"first_seq"`
}

func (r *run) withoutShipment(f fact) ([]loose, error) {
	names, numbers := bounds(r.nodes, func(n node) uint64 { return n.Shipped })
	var found []loose
	ctx := r.named(f.table+" without a shipment", map[string]string{"since": r.since(), "nodes": names, "bounds": numbers})
	if err := r.ClickHouse.Select(ctx, &found, f.about(unannouncedSQL)); err != nil {
		return nil, fmt.Errorf("look for %ss without a shipment: %w", f.noun, err)
	}
	return found, nil
}

package directory

import (
	"context"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/cespare/xxhash/v2"

	"fairlead/schema"
)

// NodeID is the directory's number of a journal's node.
func NodeID(node string) uint64 { return xxhash.Sum64String(node) }

// RetireNode notes that a node will not come back, so that it no longer holds back "complete up to". What it
// has shipped stays.
func (d *Directory) RetireNode(ctx context.Context, actor Actor, node, reason string) (schema.NodeRecord, error) {
	node = strings.TrimSpace(node)
	var n schema.NodeRecord
	err := d.write(ctx, actor, reason, func(ctx context.Context, t *tx) error {
		var rows uint64
		err := d.ch.QueryRow(d.asking(ctx, "is there such a node"), "SELECT count() FROM fairlead.shipments WHERE node = @node",
			clickhouse.Named("node", node)).Scan(&rows)
		if err != nil {
			return err
		}
		if rows == 0 {
			return notFound("No node %q has ever shipped anything; `fairlead node list` shows those that have.", node)
		}
		there, before, err := get[schema.NodeRecord](ctx, t, schema.KindNode, NodeID(node))
		switch {
		case CodeOf(err) == NotFound:
		case err != nil:
			return err
		case !there.Retired.IsZero():
			n = there
			return nil
		}
		n = schema.NodeRecord{Node: node, Retired: t.now, Reason: reason}
		return t.put(schema.KindNode, NodeID(node), before, n, "node:"+node)
	})
	if err != nil {
		return schema.NodeRecord{}, err
	}
	return n, nil
}

// Node returns what people said of a node.
func (d *Directory) Node(ctx context.Context, node string) (schema.NodeRecord, bool, error) {
	return lookup[schema.NodeRecord](ctx, d, schema.KindNode, NodeID(node))
}

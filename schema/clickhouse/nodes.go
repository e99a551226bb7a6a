package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// NodeState is where a node stood when its last shipment or heartbeat was written.
type NodeState struct {
	Node       string
	LastSeq    uint64    // highest seq that is confirmed in ClickHouse; 0: none
	ShippedAt  time.Time // when that last row was written, by ClickHouse's clock
	CompleteTo time.Time // whatever the node answered before this has landed
	Closed     bool      // stopped in order, with nothing left to ship
	Retired    bool      // somebody said that it will not come back
}

// HoldsBack reports whether hits of this node may still be under way.
func (n NodeState) HoldsBack() bool { return !n.Closed && !n.Retired }

//go:embed queries/node_states.sql
var nodeStatesSQL string

// NodeStates returns every node that ever shipped, by name. Its cost depends on the number of nodes,
// not on how much they shipped.
func NodeStates(ctx context.Context, conn driver.Conn) ([]NodeState, error) {
	rows, err := conn.Query(Named(ctx, "node states", nil), nodeStatesSQL)
	if err != nil {
		return nil, fmt.Errorf("read the states of the nodes: %w", err)
	}
	defer rows.Close()
	var states []NodeState
	for rows.Next() {
		var s NodeState
		if err := rows.Scan(&s.Node, &s.LastSeq, &s.ShippedAt, &s.CompleteTo, &s.Closed, &s.Retired); err != nil {
			return nil, fmt.Errorf("read the states of the nodes: %w", err)
		}
		states = append(states, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the states of the nodes: %w", err)
	}
	return states, nil
}

// CompleteTo returns the moment up to which ClickHouse holds every hit that was answered; the zero
// time when no node ever shipped, or one that lives has not said yet.
func CompleteTo(ctx context.Context, conn driver.Conn) (time.Time, error) {
	states, err := NodeStates(ctx, conn)
	if err != nil {
		return time.Time{}, err
	}
	return completeTo(states), nil
}

// completeTo is the earliest complete_to of the nodes that may still have hits under way. When none
// has, the latest one of all stands: nothing is being answered, and that is the last that was said.
func completeTo(states []NodeState) time.Time {
	var held, said time.Time
	for _, s := range states {
		if s.HoldsBack() {
			if s.CompleteTo.Unix() <= 0 {
				return time.Time{}
			}
			if held.IsZero() || s.CompleteTo.Before(held) {
				held = s.CompleteTo
			}
		}
		if s.CompleteTo.Unix() > 0 && s.CompleteTo.After(said) {
			said = s.CompleteTo
		}
	}
	if !held.IsZero() {
		return held
	}
	return said
}

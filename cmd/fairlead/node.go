package main

import (
	"time"

	"github.com/spf13/cobra"

	"fairlead/schema/clickhouse"
	"fairlead/schema/directory"
)

func nodeCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "node", Short: "The journals that clicks come from"}
	c.AddCommand(nodeList(open), nodeRetire(open))
	return c
}

// nodeJSON is a node as --json prints it.
type nodeJSON struct {
	Node       string    `json:"node"`
	State      string    `json:"state"`    // "live", "closed" or "retired"
	LastSeq    uint64    `json:"last_seq"` // highest number that has landed
	ShippedAt  time.Time `json:"shipped_at"`
	CompleteTo time.Time `json:"complete_to"` // everything that it answered before has landed
}

func nodeOf(n clickhouse.NodeState) nodeJSON {
	out := nodeJSON{Node: n.Node, State: "live", LastSeq: n.LastSeq, ShippedAt: n.ShippedAt, CompleteTo: n.CompleteTo}
	switch {
	case n.Retired:
		out.State = "retired"
	case n.Closed:
		out.State = "closed"
	}
	return out
}

func nodeList(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List the nodes that ever shipped clicks, and up to when each is complete",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			nodes, err := clickhouse.NodeStates(c.Context(), d.CH)
			if err != nil {
				return err
			}
			l := a.list(c, "NODE", "STATE", "LAST SEQ", "SHIPPED", "COMPLETE TO")
			for _, n := range nodes {
				out := nodeOf(n)
				if err := l.add(out, out.Node, out.State, out.LastSeq, moment(out.ShippedAt), moment(out.CompleteTo)); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	return a.flag(c)
}

// moment is a time as a table shows it, in UTC.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func nodeRetire(open opener) *cobra.Command {
	var reason string
	var a printer
	c := &cobra.Command{
		Use:   "retire NODE",
		Short: "Say that a node will not come back, so that reports no longer wait for it",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			n, err := d.Directory.RetireNode(c.Context(), directory.CLI, args[0], reason)
			if err != nil {
				return err
			}
			return a.one(c, n, "%s is retired: reports no longer wait for it. What it has shipped stays.", n.Node)
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return needs(a.flag(c), "reason")
}

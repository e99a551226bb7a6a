package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"fairlead/cmd/stores"
)

func main() {
	stores.MaybeEngine()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "bench",
		Short:         "Measure Fairlead against what its goals name",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(edgeCommand(), allCommand(), scaleCommand(), bareCommand())
	return root
}

func edgeCommand() *cobra.Command {
	var o edgeOptions
	c := &cobra.Command{
		Use:   "edge",
		Short: "Load nginx, a bare fasthttp server and Fairlead in turn",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := runEdge(c.Context(), o, c.ErrOrStderr())
			if err != nil {
				return err
			}
			if o.asJSON {
				return writeJSON(c.OutOrStdout(), r)
			}
			r.print(c.OutOrStdout())
			return nil
		},
	}
	o.bind(c)
	return c
}

func allCommand() *cobra.Command {
	var o allOptions
	c := &cobra.Command{
		Use:   "all",
		Short: "Run every benchmark of the repository, then edge, and hold the figures against the goals",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runAll(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	o.edge.bind(c)
	c.Flags().StringVar(&o.report, "report", "", "also write the figures and goals, as JSON, to this file")
	return c
}

func bareCommand() *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use:    "bare",
		Short:  "Answer every request with one redirect, as edge's comparison",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE:   func(c *cobra.Command, _ []string) error { return serveBare(c.Context(), listen) },
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address")
	return c
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func configCommand(g *global) *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Check and show the settings of this process"}
	c.AddCommand(
		&cobra.Command{
			Use:   "check",
			Short: "List every mistake in the settings",
			Args:  cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				if _, err := g.load(); err != nil {
					return err
				}
				fmt.Fprintln(c.OutOrStdout(), "the configuration is in order")
				return nil
			},
		},
		&cobra.Command{
			Use:   "print",
			Short: "Print the settings in force, secrets masked",
			Args:  cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				conf, err := g.load()
				if err != nil {
					return err
				}
				fmt.Fprint(c.OutOrStdout(), conf.Print())
				return nil
			},
		},
	)
	return c
}

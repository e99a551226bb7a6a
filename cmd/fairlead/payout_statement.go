package main

import (
	"bytes"
	"os"

	"github.com/spf13/cobra"

	"fairlead/aggregator/payout"
)

func payoutStatement(open opener) *cobra.Command {
	var csv bool
	var file string
	c := &cobra.Command{
		Use:   "statement ID [--csv] [--out FILE]",
		Short: "Write a payout's statement: everything that it pays, and both parties, as a page to print or as CSV",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			id, err := payoutID(args[0])
			if err != nil {
				return err
			}
			statements, err := payoutStatements(d)
			if err != nil {
				return err
			}
			var text bytes.Buffer
			if err := statements.WriteStatement(c.Context(), &text, id, csv); err != nil {
				return err
			}
			return writeOut(c, file, text.Bytes())
		}),
	}
	c.Flags().BoolVar(&csv, "csv", false, "as CSV (default: a page to print)")
	c.Flags().StringVar(&file, "out", "", "file to write (default: standard output)")
	return c
}

// payoutStatements draws up the statements of a deployment.
func payoutStatements(d *deployment) (payout.Statements, error) {
	store, err := payoutStore(d)
	return payout.Statements{Store: store, Directory: d.Directory}, err
}

// writeOut writes a document into a file that is its owner's only, for it tells of people; without a name to standard output.
func writeOut(c *cobra.Command, file string, text []byte) error {
	if file != "" {
		return os.WriteFile(file, text, 0o600)
	}
	_, err := c.OutOrStdout().Write(text)
	return err
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fairlead/schema/clickhouse"
)

func migrateCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the ClickHouse schema up to date (forward only)",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := open(c.Context())
			if err != nil {
				return err
			}
			defer d.Close()
			applied := 0
			err = clickhouse.Apply(c.Context(), d.CH, clickhouse.Options{
				Cluster: d.Config.ClickHouse.Cluster,
				Progress: func(done, total int, name string) {
					applied = done
					fmt.Fprintf(c.ErrOrStderr(), "%3d/%d  %s\n", done, total, name)
				},
			})
			if err != nil {
				return err
			}
			if err := seed(c.Context(), d, ""); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "the schema is "+migrated(applied))
			return nil
		},
	}
}

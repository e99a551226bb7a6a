package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"
)

// runAlone runs one component in a process of its own, for production: the stores are those that the
// configuration names, or those of a `fairlead up` on the same folder, and need not be there yet.
func runAlone(c *cobra.Command, g *global, run func(ctx context.Context, d *deployment, o *ops, log *slog.Logger) error) (err error) {
	conf, err := g.load()
	if err != nil {
		return err
	}
	conf, _, err = locate(conf)
	if err != nil {
		return err
	}
	log := logger(conf.Log, c.ErrOrStderr())
	d, err := dial(conf, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	o, err := listenOps(conf.Ops.Listen, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	return run(c.Context(), d, o, log)
}

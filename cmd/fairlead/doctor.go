package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"fairlead/schema/clickhouse"
)

// finding is one question that doctor asks and its answer.
type finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func doctorCommand(g *global) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Is everything reachable, migrated, caught up?",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := g.load()
			if err != nil {
				return err
			}
			conf, a, err := locate(conf)
			if err != nil {
				return err
			}
			d, err := dial(conf, logger(conf.Log, io.Discard))
			if err != nil {
				return err
			}
			defer d.Close()
			findings := examine(c.Context(), d, a)
			sick := false
			for _, f := range findings {
				sick = sick || !f.OK
			}
			if asJSON {
				err = json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"ok": !sick, "findings": findings})
			} else {
				for _, f := range findings {
					mark := "ok "
					if !f.OK {
						mark = "BAD"
					}
					fmt.Fprintf(c.OutOrStdout(), "%s  %-14s %s\n", mark, f.What, f.Detail)
				}
			}
			if err == nil && sick {
				err = &exitError{exitFailed}
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return c
}

// late is how old "complete up to" may be while everything works: some heartbeats.
const late = time.Minute

// examine asks every part, each with a bound of its own so that one that hangs hides no other.
func examine(ctx context.Context, d *deployment, a addresses) []finding {
	var out []finding
	ask := func(what string, f func(context.Context) (string, error)) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		detail, err := f(ctx)
		if err != nil {
			out = append(out, finding{what, false, err.Error()})
			return
		}
		out = append(out, finding{what, true, detail})
	}
	ask("ClickHouse", func(ctx context.Context) (string, error) {
		var v string
		err := d.CH.QueryRow(ctx, "SELECT version()").Scan(&v)
		return fmt.Sprintf("version %s at %s", v, d.Config.ClickHouse.Addrs[0]), err
	})
	ask("schema", func(ctx context.Context) (string, error) {
		n, err := clickhouse.Pending(ctx, d.CH)
		if err == nil && n > 0 {
			err = fmt.Errorf("%d migrations are missing: run `fairlead migrate`", n)
		}
		return "up to date", err
	})
	ask("Redis", func(ctx context.Context) (string, error) {
		return "answers at " + d.Config.Redis.Addrs[0], d.Redis.Ping(ctx).Err()
	})
	ask("directory", func(ctx context.Context) (string, error) {
		whole, err := d.Directory.Complete(ctx)
		if err == nil && !whole {
			err = fmt.Errorf("redis does not hold the whole directory: the aggregator rebuilds it, or run `fairlead rebuild redis`")
		}
		return "whole in Redis", err
	})
	ask("live counters", func(ctx context.Context) (string, error) {
		n, err := d.Redis.Exists(ctx, d.Keys.LiveComplete()).Result()
		if err == nil && n == 0 {
			err = fmt.Errorf("redis does not hold the live counters: the aggregator rebuilds them, or run `fairlead rebuild redis`")
		}
		return "whole in Redis", err
	})
	ask("facts", func(ctx context.Context) (string, error) {
		to, err := clickhouse.CompleteTo(ctx, d.CH)
		if err != nil {
			return "", err
		}
		if to.IsZero() {
			return "no click was ever shipped", nil
		}
		if age := time.Since(to); age > late && a.Redirector != "" {
			return "", fmt.Errorf("complete up to %s only, %s ago: see `fairlead node list`", to.Format(time.RFC3339), age.Round(time.Second))
		}
		return "complete up to " + to.Format(time.RFC3339), nil
	})
	if a.Ops != "" {
		ask("parts", func(ctx context.Context) (string, error) { return "all ready", expectOK(ctx, a.Ops+"/readyz") })
		ask("redirector", func(ctx context.Context) (string, error) {
			return a.Redirector, expectOK(ctx, a.Redirector+"/robots.txt")
		})
		ask("dashboard", func(ctx context.Context) (string, error) { return a.Dashboard, expectOK(ctx, a.Dashboard+"/login") })
	}
	return out
}

// expectOK expects a 200.
func expectOK(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("%s answers %s: %s", url, resp.Status, body)
	}
	return nil
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"fairlead/cmd/stores"
	"fairlead/configs"
	"fairlead/schema/clickhouse"
)

func analystCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "analyst", Short: "People who query ClickHouse directly, read-only"}
	c.AddCommand(analystAdd(open), analystList(open), analystRemove(open))
	return c
}

func analystList(open opener) *cobra.Command {
	var a printer
	return a.flag(&cobra.Command{
		Use:   "list",
		Short: "List the analysts",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			names, err := analysts(c.Context(), d)
			if err != nil {
				return err
			}
			l := a.list(c, "USER")
			for _, name := range names {
				if err := l.add(map[string]string{"user": name}, name); err != nil {
					return err
				}
			}
			return l.close()
		}),
	})
}

func analystRemove(open opener) *cobra.Command {
	var a printer
	return a.flag(&cobra.Command{
		Use:   "remove NAME",
		Short: "Take an analyst's access away",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			names, err := analysts(c.Context(), d)
			if err != nil {
				return err
			}
			if !slices.Contains(names, args[0]) {
				return fmt.Errorf("there is no analyst %q; `fairlead analyst list` names those there are", args[0])
			}
			if dir, own := ownEngine(d); own {
				err = stores.RemoveAnalyst(dir, args[0])
			} else {
				err = clickhouse.RemoveAnalyst(c.Context(), d.CH, d.Config.ClickHouse.Cluster, args[0])
			}
			if err != nil {
				return err
			}
			return a.one(c, map[string]string{"user": args[0]}, "%s has no access any more", args[0])
		}),
	})
}

// analysts lists who there is.
func analysts(ctx context.Context, d *deployment) ([]string, error) {
	dir, own := ownEngine(d)
	if !own {
		return clickhouse.Analysts(ctx, d.CH)
	}
	list, err := stores.Analysts(dir)
	var names []string
	for _, one := range list {
		names = append(names, one.Name)
	}
	return names, err
}

// ownEngine returns the folder of the ClickHouse that `fairlead up` runs, whose users stand in a file.
func ownEngine(d *deployment) (dir string, own bool) {
	dir = filepath.Join(d.Config.Dir, "clickhouse")
	_, err := os.Stat(dir)
	return dir, err == nil && d.Addresses.Redirector != ""
}

// analystAnswer is what `analyst add --json` prints.
type analystAnswer struct {
	User     string `json:"user"`
	Password string `json:"password"`
	Native   string `json:"native"` // host:port
	HTTP     string `json:"http,omitempty"`
}

func analystAdd(open opener) *cobra.Command {
	var name string
	var asJSON bool
	c := &cobra.Command{
		Use:   "add --name NAME",
		Short: "Make a user who may read the views in analytics; made anew, the user has a new password",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := open(c.Context())
			if err != nil {
				return err
			}
			defer d.Close()
			a := analystAnswer{User: name, Native: d.Config.ClickHouse.Addrs[0], HTTP: d.Config.ClickHouse.HTTPURL}
			if a.Password, err = addAnalyst(c.Context(), d, name); err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(a)
			}
			fmt.Fprintf(c.OutOrStdout(), "user      %s\npassword  %s   (shown this once)\nnative    %s\n", a.User, a.Password, a.Native)
			if a.HTTP != "" {
				fmt.Fprintf(c.OutOrStdout(), "http      %s\n\ncurl -u %s:%s %s --data-binary 'SELECT count() FROM analytics.clicks'\n", a.HTTP, a.User, a.Password, a.HTTP)
			}
			return nil
		},
	}
	c.Flags().StringVar(&name, "name", "", "user name: small letters, digits and _")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.MarkFlagRequired("name")
	return c
}

// addAnalyst makes the user by SQL where the server takes that. The engine that `fairlead up` starts
// reads its users from a file; `up` notices the change and restarts it, and this waits until the new
// user gets in.
func addAnalyst(ctx context.Context, d *deployment, name string) (password string, err error) {
	dir, own := ownEngine(d)
	if !own {
		password = rand.Text()
		return password, clickhouse.AddAnalyst(ctx, d.CH, d.Config.ClickHouse.Cluster, name, password)
	}
	if password, err = stores.AddAnalyst(dir, name); err != nil {
		return "", err
	}
	return password, awaitLogin(ctx, d.Config.ClickHouse, name, password)
}

// awaitLogin waits until ClickHouse lets a user in.
func awaitLogin(ctx context.Context, c configs.ClickHouse, user, password string) error {
	c.User, c.Password = user, password
	conn, err := openClickHouse(c)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := conn.Ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is in the list of analysts, but ClickHouse does not let the user in yet (%w): is `fairlead up` running?", user, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/directory"
)

func adminCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "admin", Short: "People who run the program"}
	c.AddCommand(adminAdd(open), adminReset(open), adminList(open))
	return c
}

// adminJSON is an admin as --json prints it. The log-in itself never leaves the stores.
type adminJSON struct {
	ID       schema.LoginID `json:"id"`
	Email    string         `json:"email"`
	Status   string         `json:"status"`              // "active", or "invited" until a password is chosen
	SetupURL string         `json:"setup_url,omitempty"` // once
}

func adminOf(l schema.Login) adminJSON {
	out := adminJSON{ID: l.ID, Email: l.Email, Status: "active"}
	if l.Password == "" {
		out.Status = "invited"
	}
	return out
}

// setupURL makes a one-time link for an admin's password.
func setupURL(ctx context.Context, d *deployment, id schema.LoginID) (string, error) {
	code, err := d.Directory.Invite(ctx, directory.CLI, id, directory.SetupLife)
	if err != nil {
		return "", err
	}
	return d.DashboardURL + "/setup?code=" + url.QueryEscape(code), nil
}

func adminAdd(open opener) *cobra.Command {
	var email string
	var fromStdin bool
	var a printer
	c := &cobra.Command{
		Use:   "add --email ADDRESS",
		Short: "Add an admin; without a password, with a one-time link to choose one",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			ctx := c.Context()
			hash := ""
			if fromStdin {
				var err error
				if hash, err = passwordHash(c); err != nil {
					return err
				}
			}
			l, err := d.Directory.AddAdmin(ctx, directory.CLI, email, hash)
			if err != nil {
				return err
			}
			out := adminOf(l)
			if fromStdin {
				return a.one(c, out, "%s can log in at %s.", l.Email, d.DashboardURL)
			}
			if out.SetupURL, err = setupURL(ctx, d, l.ID); err != nil {
				return fmt.Errorf("%s was added, the one-time link failed: %w; `fairlead admin reset --email %s` makes one", l.Email, err, l.Email)
			}
			return a.one(c, out, "%s chooses a password here, once, within a day:\n%s", l.Email, out.SetupURL)
		}),
	}
	c.Flags().StringVar(&email, "email", "", "the address to log in with")
	c.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return needs(a.flag(c), "email")
}

func adminReset(open opener) *cobra.Command {
	var email string
	var a printer
	c := &cobra.Command{
		Use:   "reset --email ADDRESS",
		Short: "Make a one-time link with which an admin chooses a new password; the old one works until then",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			l, ok, err := d.Directory.Login(c.Context(), email)
			if err != nil {
				return err
			}
			if !ok || l.Role != schema.RoleAdmin {
				return fmt.Errorf("there is no admin with the e-mail address %q; `fairlead admin list` shows those that there are", email)
			}
			out := adminOf(l)
			if out.SetupURL, err = setupURL(c.Context(), d, l.ID); err != nil {
				return err
			}
			return a.one(c, out, "%s chooses a password here, once, within a day:\n%s", l.Email, out.SetupURL)
		}),
	}
	c.Flags().StringVar(&email, "email", "", "the admin's address")
	return needs(a.flag(c), "email")
}

func adminList(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List admins",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			admins, err := d.Directory.Admins(c.Context())
			if err != nil {
				return err
			}
			l := a.list(c, "ID", "E-MAIL", "STATUS")
			for _, login := range admins {
				if login.Email == "" {
					continue // the set-up link of a first admin whom nobody is yet
				}
				out := adminOf(login)
				if err := l.add(out, out.ID, out.Email, out.Status); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	return a.flag(c)
}

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/directory"
)

// keyJSON is an API key as --json prints it. Only `key add` knows the key itself.
type keyJSON struct {
	ID        uint32         `json:"id"`
	Key       string         `json:"key,omitempty"`
	Name      string         `json:"name"`
	Hint      string         `json:"hint"` // the key's last four characters
	Scopes    []schema.Scope `json:"scopes"`
	Test      bool           `json:"test"`
	State     string         `json:"state"` // "active", "expired" or "revoked"
	CreatedAt time.Time      `json:"created_at"`
	ExpiresAt time.Time      `json:"expires_at,omitzero"`
	RevokedAt time.Time      `json:"revoked_at,omitzero"`
}

func keyOf(k schema.APIKey, now time.Time) keyJSON {
	out := keyJSON{
		ID: k.ID, Name: k.Name, Hint: k.Hint, Scopes: k.Scopes, Test: k.Test, State: "active",
		CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt,
	}
	switch {
	case !k.RevokedAt.IsZero():
		out.State = "revoked"
	case !k.Works(now):
		out.State = "expired"
	}
	return out
}

func keyCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "API keys, by which conversions are reported"}
	c.AddCommand(keyAdd(open), keyList(open), keyRevoke(open))
	return c
}

func keyAdd(open opener) *cobra.Command {
	var n directory.NewAPIKey
	var scopes []string
	var expires string
	var a printer
	c := &cobra.Command{
		Use:   "add --name NAME",
		Short: "Draw an API key; it is shown now and never again",
		Long: "Draw an API key. It is shown now and never again: Fairlead keeps its hash.\n\n" +
			"Scopes: track (report leads, sales and refunds; the default), postback (report as trackers do, with the key in the\n" +
			"address), browser (leads from pages of the allowed domains; everybody can read such a key).\n" +
			"What a test key reports is traced and never counted or paid.",
		Args: cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			var err error
			if n.ExpiresAt, err = parseMoment(expires); err != nil {
				return usageError{fmt.Errorf("--expires: %w", err)}
			}
			for _, s := range scopes {
				n.Scopes = append(n.Scopes, schema.Scope(s))
			}
			k, key, err := d.Directory.AddKey(c.Context(), directory.CLI, n)
			if err != nil {
				return err
			}
			out := keyOf(k, time.Now())
			out.Key = key
			if k.May(schema.ScopeTrack) {
				return a.one(c, out, "%s\n\nKey %d; keep it now, it is not shown again. Redirectors know it within a second. To report a sale:\n\n%s",
					key, k.ID, saleByCurl(d.RedirectorURL, key))
			}
			return a.one(c, out, "%s\n\nKey %d; keep it now, it is not shown again. Redirectors know it within a second.", key, k.ID)
		}),
	}
	f := c.Flags()
	f.StringVar(&n.Name, "name", "", "what or whom it is for")
	f.StringSliceVar(&scopes, "scope", nil, "what it may do: track, postback, browser (default track)")
	f.StringVar(&expires, "expires", "", "until when it works: 2027-01-31, or 2027-01-31T12:00:00Z (default for ever)")
	f.BoolVar(&n.Test, "test", false, "what it reports is a test")
	return needs(a.flag(c), "name")
}

// saleByCurl is a command line that reports a sale, ready to be copied.
func saleByCurl(redirector, key string) string {
	return fmt.Sprintf(`  curl -sS %s/track/sale -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' \
    -d '{"clickId": "", "customerExternalId": "customer-1", "amount": 4900, "currency": "usd", "invoiceId": "invoice-1"}'`, redirector, key)
}

// parseMoment reads a day, which begins at midnight UTC, or a time of RFC 3339; zero for nothing.
func parseMoment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a day such as 2027-01-31 nor a time such as 2027-01-31T12:00:00Z", s)
}

func keyList(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List every API key there ever was; never the keys themselves",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			keys, err := d.Directory.APIKeys(c.Context())
			if err != nil {
				return err
			}
			l := a.list(c, "ID", "NAME", "KEY", "SCOPES", "STATE", "CREATED", "EXPIRES")
			for _, k := range keys {
				out := keyOf(k, time.Now())
				key, until := schema.APIKeyLive, "–"
				if out.Test {
					key = schema.APIKeyTest
				}
				if !out.ExpiresAt.IsZero() {
					until = moment(out.ExpiresAt)
				}
				if err := l.add(out, out.ID, out.Name, key+"…"+out.Hint, scopesOf(k), out.State, moment(out.CreatedAt), until); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	return a.flag(c)
}

func scopesOf(k schema.APIKey) string {
	var out []string
	for _, s := range k.Scopes {
		out = append(out, string(s))
	}
	return strings.Join(out, ",")
}

func keyRevoke(open opener) *cobra.Command {
	var reason string
	var a printer
	c := &cobra.Command{
		Use:   "revoke ID",
		Short: "Make an API key open nothing any more, on every redirector within a second",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil || id == 0 {
				return usageError{fmt.Errorf("%q is not the number of an API key; `fairlead key list` shows them", args[0])}
			}
			k, err := d.Directory.RevokeKey(c.Context(), directory.CLI, uint32(id), reason)
			if err != nil {
				return err
			}
			return a.one(c, keyOf(k, time.Now()), "Key %d (%s) is revoked.", k.ID, k.Name)
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return a.flag(c)
}

package main

import (
	"time"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/directory"
)

// clickKeyJSON is a click key as --json prints it: everything but the key.
type clickKeyJSON struct {
	ID            uint32    `json:"id"`
	State         string    `json:"state"` // "signing", "accepted" or "retired"
	CreatedAt     time.Time `json:"created_at"`
	AcceptedUntil time.Time `json:"accepted_until,omitzero"` // absent: no end is set
}

func clickKeyOf(k schema.StoredClickKey, now time.Time) clickKeyJSON {
	out := clickKeyJSON{ID: k.ID, State: "signing", CreatedAt: k.CreatedAt, AcceptedUntil: k.RetiredAt}
	switch {
	case k.RetiredAt.IsZero():
	case now.Before(k.RetiredAt):
		out.State = "accepted"
	default:
		out.State = "retired"
	}
	return out
}

func programKeys(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "keys",
		Short: "List the keys under which click ids are tagged, newest first; never the keys themselves",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			keys, err := d.Directory.AllClickKeys(c.Context())
			if err != nil {
				return err
			}
			l := a.list(c, "ID", "STATE", "CREATED", "ACCEPTED UNTIL")
			for _, k := range keys {
				out := clickKeyOf(k, time.Now())
				until := "–"
				if !out.AcceptedUntil.IsZero() {
					until = moment(out.AcceptedUntil)
				}
				if err := l.add(out, out.ID, out.State, moment(out.CreatedAt), until); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	return a.flag(c)
}

func programRotateKey(open opener) *cobra.Command {
	var leaked bool
	var a printer
	c := &cobra.Command{
		Use:   "rotate-key",
		Short: "Tag click ids under a new key from now on; older ids are accepted until they cannot earn any more",
		Long: "Tag click ids under a new key from now on. Every redirector follows within a second.\n\n" +
			"Ids of the key before stay good for the program's window and a week; then the key retires by itself.\n" +
			"With --leaked all older keys retire at once: ids that shoppers hold already are refused from then on,\n" +
			"and so are those that whoever has the key makes up.",
		Args: cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			rotate, older := d.Directory.RotateClickKey, "ids of the one before are accepted until they cannot earn any more"
			if leaked {
				rotate, older = d.Directory.ReplaceClickKey, "ids of all keys before are refused"
			}
			k, err := rotate(c.Context(), directory.CLI)
			if err != nil {
				return err
			}
			return a.one(c, clickKeyOf(k, time.Now()), "click ids are tagged under key %d now; %s (`fairlead program keys`)", k.ID, older)
		}),
	}
	c.Flags().BoolVar(&leaked, "leaked", false, "retire all older keys at once")
	return a.flag(c)
}

// clickJSON is what a click id says by itself, as --json prints it.
type clickJSON struct {
	ClickID   string           `json:"click_id"`
	ClickedAt time.Time        `json:"clicked_at"`
	Link      schema.LinkID    `json:"link_id"`
	Slug      string           `json:"slug,omitempty"`
	Partner   schema.PartnerID `json:"partner_id,omitempty"` // whose link it is today
}

func clickCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "click", Short: "What a click id says"}
	c.AddCommand(clickShow(open))
	return c
}

func clickShow(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "show CLICK_ID",
		Short: "Check that a click id is genuine and tell its link and time, also before the click has reached ClickHouse",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			id, err := schema.ParseClickID(args[0])
			if err != nil {
				return err
			}
			keys, err := d.Directory.ClickKeys(c.Context())
			if err != nil {
				return err
			}
			if err := keys.Check(id); err != nil {
				return err
			}
			out := clickJSON{ClickID: args[0], ClickedAt: id.Time(), Link: id.Link}
			found, err := d.Directory.LinksByID(c.Context(), []schema.LinkID{id.Link})
			if err != nil {
				return err
			}
			for _, l := range found {
				out.Slug, out.Partner = l.Slug, l.Partner
			}
			return a.one(c, out, "genuine: clicked at %s on link %s (%s) of partner %s", out.ClickedAt.Format("2006-01-02T15:04:05.000Z07:00"), out.Link, out.Slug, out.Partner)
		}),
	}
	return a.flag(c)
}

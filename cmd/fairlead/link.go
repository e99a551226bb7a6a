package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/directory"
)

func linkCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "link", Short: "Add, list, disable links"}
	c.AddCommand(linkAdd(open), linkList(open), linkDisable(open), linkEnable(open))
	return c
}

// linkJSON is a link as --json prints it.
type linkJSON struct {
	ID        schema.LinkID    `json:"id"`
	Partner   schema.PartnerID `json:"partner_id"`
	Slug      string           `json:"slug"`
	URL       string           `json:"url"`
	To        string           `json:"to"`
	Disabled  bool             `json:"disabled,omitempty"`
	ExpiresAt time.Time        `json:"expires_at,omitzero"`
}

// linkOf makes the answer for a link; a personal one leads to home.
func linkOf(d *deployment, home string, l schema.Link) linkJSON {
	out := linkJSON{
		ID: l.ID, Partner: l.Partner, Slug: l.Slug, URL: d.RedirectorURL + "/" + l.Slug, To: l.To,
		Disabled: l.Disabled, ExpiresAt: l.ExpiresAt,
	}
	if l.Personal() {
		out.To = home
	}
	return out
}

var linkHeadings = []string{"ID", "PARTNER", "SLUG", "STATE", "URL", "TO"}

func (l linkJSON) cells() []any {
	state := "active"
	switch {
	case l.Disabled:
		state = "disabled"
	case !l.ExpiresAt.IsZero() && !time.Now().Before(l.ExpiresAt):
		state = "expired"
	}
	return []any{l.ID, l.Partner, l.Slug, state, l.URL, l.To}
}

func linkAdd(open opener) *cobra.Command {
	var who, expires string
	var n directory.NewLink
	var a printer
	c := &cobra.Command{
		Use:   "add --partner ID --slug SLUG --to URL",
		Short: "Add a custom link for a partner",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			p, err := d.Directory.FindPartner(c.Context(), who)
			if err != nil {
				return err
			}
			n.Partner = p.ID
			if n.ExpiresAt, err = expiry(c.Context(), d, expires); err != nil {
				return err
			}
			l, err := d.Directory.AddLink(c.Context(), directory.CLI, n)
			if err != nil {
				return err
			}
			out := linkOf(d, "", l)
			return a.one(c, out, "link     %s of partner %s\nurl      %s\nleads to %s", out.ID, out.Partner, out.URL, out.To)
		}),
	}
	c.Flags().StringVar(&who, "partner", "", "whose link: id, e-mail address or slug")
	c.Flags().StringVar(&n.Slug, "slug", "", "what stands after the host: letters, digits and - . _ ~ /")
	c.Flags().StringVar(&n.To, "to", "", "where it leads, within the program's allowed domains")
	c.Flags().StringVar(&expires, "expires", "", "last day on which it works, in the program's time zone: 2027-01-31 (default: never ends)")
	return needs(a.flag(c), "partner", "slug", "to")
}

// expiry is the end of a program-day, or never.
func expiry(ctx context.Context, d *deployment, day string) (time.Time, error) {
	if day == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return time.Time{}, fmt.Errorf("--expires %q is not a day such as 2027-01-31", day)
	}
	p, err := d.Directory.Program(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return schema.DayOf(t, time.UTC).Period(p.Location()).To, nil
}

func linkList(open opener) *cobra.Command {
	var who string
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List links",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			ctx := c.Context()
			var partner schema.PartnerID
			if who != "" {
				p, err := d.Directory.FindPartner(ctx, who)
				if err != nil {
					return err
				}
				partner = p.ID
			}
			home, err := homepage(ctx, d)
			if err != nil {
				return err
			}
			l := a.list(c, linkHeadings...)
			err = eachLink(ctx, d, partner, func(link schema.Link) error {
				out := linkOf(d, home, link)
				if err := l.add(out, out.cells()...); err != nil {
					return err
				}
				if l.rows%pageSize == 0 {
					return l.page()
				}
				return nil
			})
			if err != nil {
				return err
			}
			return l.close()
		}),
	}
	c.Flags().StringVar(&who, "partner", "", "only those of a partner: id, e-mail address or slug")
	return a.flag(c)
}

// eachLink walks the links of a partner, or of all when it is 0, a page at a time.
func eachLink(ctx context.Context, d *deployment, partner schema.PartnerID, yield func(schema.Link) error) error {
	page := directory.Page{Limit: pageSize}
	for {
		links, err := linkPage(ctx, d, partner, page)
		if err != nil {
			return err
		}
		for _, l := range links {
			if err := yield(l); err != nil {
				return err
			}
		}
		if len(links) < pageSize {
			return nil
		}
		page.After = uint32(links[len(links)-1].ID)
	}
}

func linkPage(ctx context.Context, d *deployment, partner schema.PartnerID, page directory.Page) ([]schema.Link, error) {
	if partner == 0 {
		return d.Directory.Links(ctx, page)
	}
	return d.Directory.LinksOf(ctx, partner, page)
}

func linkDisable(open opener) *cobra.Command {
	return linkSwitch(open, "disable", "Make a link lead to the homepage, credited to nobody", (*directory.Directory).DisableLink,
		"%s is disabled: it leads to the homepage and is credited to nobody.")
}

func linkEnable(open opener) *cobra.Command {
	return linkSwitch(open, "enable", "Make a disabled link work again", (*directory.Directory).EnableLink, "%s works again.")
}

type switchLink func(d *directory.Directory, ctx context.Context, actor directory.Actor, id schema.LinkID, reason string) (schema.Link, error)

func linkSwitch(open opener, verb, short string, do switchLink, sentence string) *cobra.Command {
	var reason string
	var a printer
	c := &cobra.Command{
		Use:   verb + " ID|SLUG",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			ctx := c.Context()
			l, err := findLink(ctx, d, args[0])
			if err != nil {
				return err
			}
			home, err := homepage(ctx, d)
			if err != nil {
				return err
			}
			if l, err = do(d.Directory, ctx, directory.CLI, l.ID, reason); err != nil {
				return err
			}
			out := linkOf(d, home, l)
			return a.one(c, out, sentence, out.URL)
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return a.flag(c)
}

// findLink returns the link that a person means: a number is an id, unless only a slug is that number.
func findLink(ctx context.Context, d *deployment, which string) (schema.Link, error) {
	if id, err := strconv.ParseUint(which, 10, 32); err == nil && id > 0 {
		l, err := d.Directory.Link(ctx, schema.LinkID(id))
		if directory.CodeOf(err) != directory.NotFound {
			return l, err
		}
	}
	l, ok, err := d.Directory.LinkBySlug(ctx, strings.TrimPrefix(which, "/"))
	if err == nil && !ok {
		err = &directory.Error{Code: directory.NotFound, Message: "There is no link with the id or slug " + strconv.Quote(which) + "."}
	}
	return l, err
}

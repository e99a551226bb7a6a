package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/directory"
)

func partnerCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "partner", Short: "Add, list, suspend partners"}
	c.AddCommand(partnerAdd(open), partnerList(open), partnerShow(open), partnerSet(open),
		partnerSuspend(open), partnerResume(open), partnerInvite(open), partnerPostback(open), partnerPayoutMethod(open))
	return c
}

// partnerJSON is a partner as --json prints it.
type partnerJSON struct {
	ID        schema.PartnerID     `json:"id"`
	Name      string               `json:"name"`
	Email     string               `json:"email"`
	Status    schema.PartnerStatus `json:"status"`
	Group     string               `json:"group,omitempty"`
	Link      *linkOfPartner       `json:"link,omitempty"`       // the personal one
	Links     []linkJSON           `json:"links,omitempty"`      // all of them, in `partner show`
	InviteURL string               `json:"invite_url,omitempty"` // once
	// OpeningBalance is what the partner was owed when the program moved here, in `partner show`.
	OpeningBalance schema.OpeningBalance `json:"opening_balance,omitzero"`
}

type linkOfPartner struct {
	ID   schema.LinkID `json:"id"`
	Slug string        `json:"slug"`
	URL  string        `json:"url"`
	To   string        `json:"to"`
}

// partnerOf makes the answer for a partner whose personal link is l.
func partnerOf(d *deployment, home string, p schema.Partner, l schema.Link) partnerJSON {
	link := linkOf(d, home, l)
	return partnerJSON{
		ID: p.ID, Name: p.Name, Email: p.Email, Status: p.Status, Group: p.Group,
		Link: &linkOfPartner{ID: link.ID, Slug: link.Slug, URL: link.URL, To: link.To},
	}
}

func partnerAdd(open opener) *cobra.Command {
	var n directory.NewPartner
	var a printer
	var fromStdin bool
	c := &cobra.Command{
		Use:   "add --name NAME --email ADDRESS",
		Short: "Add a partner with a log-in and a personal link; without a password, with an invitation",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			ctx := c.Context()
			if fromStdin {
				hash, err := passwordHash(c)
				if err != nil {
					return err
				}
				n.PasswordHash = hash
			}
			home, err := homepage(ctx, d)
			if err != nil {
				return err
			}
			p, l, err := d.Directory.AddPartner(ctx, directory.CLI, n)
			if err != nil {
				return err
			}
			out := partnerOf(d, home, p, l)
			if !fromStdin {
				if out.InviteURL, err = inviteURL(ctx, d, p); err != nil {
					return fmt.Errorf("%s was added with id %s, the invitation failed: %w; `fairlead partner invite %s` makes one", p.Name, p.ID, err, p.ID)
				}
			}
			text := fmt.Sprintf("partner  %s  %s <%s>, %s\nlink     %s\nleads to %s", p.ID, p.Name, p.Email, p.Status, out.Link.URL, out.Link.To)
			if out.InviteURL != "" {
				text += "\ninvite   " + out.InviteURL
			}
			return a.one(c, out, "%s", text)
		}),
	}
	c.Flags().StringVar(&n.Name, "name", "", "the partner's name")
	c.Flags().StringVar(&n.Email, "email", "", "the address to log in with")
	c.Flags().StringVar(&n.Slug, "slug", "", "slug of the personal link (default: made of the name)")
	c.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return needs(a.flag(c), "name", "email")
}

// passwordHash reads a password from standard input and hashes it.
func passwordHash(c *cobra.Command) (string, error) {
	password, err := passwordFrom(c.InOrStdin())
	if err != nil {
		return "", err
	}
	return directory.HashPassword(c.Context(), password)
}

// homepage is where personal links lead.
func homepage(ctx context.Context, d *deployment) (string, error) {
	p, err := d.Directory.Program(ctx)
	return p.Homepage, err
}

// inviteURL makes a one-time link for a partner's password.
func inviteURL(ctx context.Context, d *deployment, p schema.Partner) (string, error) {
	l, ok, err := d.Directory.Login(ctx, p.Email)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", fmt.Errorf("there is no log-in with the address %s", p.Email)
	}
	code, err := d.Directory.Invite(ctx, directory.CLI, l.ID, directory.InviteLife)
	if err != nil {
		return "", err
	}
	return d.DashboardURL + "/invite?code=" + url.QueryEscape(code), nil
}

// pageSize is how many entries a list reads at once.
const pageSize = 1000

func partnerList(open opener) *cobra.Command {
	var search string
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List partners",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			home, err := homepage(c.Context(), d)
			if err != nil {
				return err
			}
			l := a.list(c, "ID", "NAME", "E-MAIL", "STATUS", "LINK")
			page := directory.Page{Limit: pageSize}
			for {
				partners, err := d.Directory.Partners(c.Context(), search, page)
				if err != nil {
					return err
				}
				if err := addPartners(c.Context(), d, home, l, partners); err != nil {
					return err
				}
				if len(partners) < pageSize {
					return l.close()
				}
				page.After = uint32(partners[len(partners)-1].ID)
			}
		}),
	}
	c.Flags().StringVar(&search, "search", "", "only those whose name, e-mail address or slugs contain it, or whose id it is")
	return a.flag(c)
}

// addPartners adds a page of partners with their personal links to a list.
func addPartners(ctx context.Context, d *deployment, home string, l *listing, partners []schema.Partner) error {
	ids := make([]schema.LinkID, len(partners))
	for i, p := range partners {
		ids[i] = p.Link
	}
	links, err := d.Directory.LinksByID(ctx, ids)
	if err != nil {
		return err
	}
	byID := map[schema.LinkID]schema.Link{}
	for _, link := range links {
		byID[link.ID] = link
	}
	for _, p := range partners {
		out := partnerOf(d, home, p, byID[p.Link])
		if err := l.add(out, p.ID, p.Name, p.Email, p.Status, out.Link.URL); err != nil {
			return err
		}
	}
	return l.page()
}

func partnerShow(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "show ID|EMAIL|SLUG",
		Short: "Show a partner and its links",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			ctx := c.Context()
			p, err := d.Directory.FindPartner(ctx, args[0])
			if err != nil {
				return err
			}
			home, err := homepage(ctx, d)
			if err != nil {
				return err
			}
			out := partnerJSON{ID: p.ID, Name: p.Name, Email: p.Email, Status: p.Status, Group: p.Group, OpeningBalance: p.OpeningBalance}
			err = eachLink(ctx, d, p.ID, func(l schema.Link) error {
				if l.ID == p.Link {
					out.Link = partnerOf(d, home, p, l).Link
				}
				out.Links = append(out.Links, linkOf(d, home, l))
				return nil
			})
			if err != nil {
				return err
			}
			if a.json {
				return writeJSON(c.OutOrStdout(), out)
			}
			fmt.Fprintf(c.OutOrStdout(), "partner  %s  %s <%s>, %s, since %s\n\n", p.ID, p.Name, p.Email, p.Status, p.CreatedAt.Format("2006-01-02"))
			if p.Group != "" {
				fmt.Fprintf(c.OutOrStdout(), "group    %s\n\n", p.Group)
			}
			if b := p.OpeningBalance; b.Amount > 0 {
				fmt.Fprintf(c.OutOrStdout(), "owed     %s from before, as of %s\n\n", schema.FormatAmount(b.Amount, b.Currency), b.AsOf.Format("2006-01-02"))
			}
			l := a.list(c, linkHeadings...)
			for _, link := range out.Links {
				if err := l.add(link, link.cells()...); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	return a.flag(c)
}

func partnerSet(open opener) *cobra.Command {
	var group, reason string
	var a printer
	c := &cobra.Command{
		Use:   "set ID|EMAIL|SLUG --group NAME",
		Short: "Put a partner into a group, from now on: rules can give a group something of its own",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			ctx := c.Context()
			p, err := d.Directory.FindPartner(ctx, args[0])
			if err != nil {
				return err
			}
			if p, err = d.Directory.SetPartnerGroup(ctx, directory.CLI, p.ID, group, reason); err != nil {
				return err
			}
			if p.Group == "" {
				return answerPartner(c, d, &a, p, "%s (%s) is in no group.", p.Name, p.ID)
			}
			return answerPartner(c, d, &a, p, "%s (%s) is in the group %s.", p.Name, p.ID, p.Group)
		}),
	}
	c.Flags().StringVar(&group, "group", "", "the group's name, in any case; empty: none")
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return needs(a.flag(c), "group")
}

// answerPartner prints a partner with the personal link, or says a sentence.
func answerPartner(c *cobra.Command, d *deployment, a *printer, p schema.Partner, sentence string, args ...any) error {
	home, err := homepage(c.Context(), d)
	if err != nil {
		return err
	}
	l, err := d.Directory.Link(c.Context(), p.Link)
	if err != nil {
		return err
	}
	return a.one(c, partnerOf(d, home, p, l), sentence, args...)
}

func partnerSuspend(open opener) *cobra.Command {
	return partnerStatus(open, "suspend", "Suspend a partner: its links lead to the homepage, its sessions end",
		schema.PartnerSuspended, "%s (%s) is suspended: the links lead to the homepage and earn nothing.")
}

func partnerResume(open opener) *cobra.Command {
	return partnerStatus(open, "resume", "Make a suspended partner active again",
		schema.PartnerActive, "%s (%s) is active.")
}

func partnerStatus(open opener, verb, short string, status schema.PartnerStatus, sentence string) *cobra.Command {
	var reason string
	var a printer
	c := &cobra.Command{
		Use:   verb + " ID|EMAIL|SLUG",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			ctx := c.Context()
			p, err := d.Directory.FindPartner(ctx, args[0])
			if err != nil {
				return err
			}
			if p, err = d.Directory.SetPartnerStatus(ctx, directory.CLI, p.ID, status, reason); err != nil {
				return err
			}
			return answerPartner(c, d, &a, p, sentence, p.Name, p.ID)
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	a.flag(c)
	if status == schema.PartnerSuspended {
		return needs(c, "reason")
	}
	return c
}

func partnerInvite(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "invite ID|EMAIL|SLUG",
		Short: "Make a one-time link with which a partner chooses a password; earlier ones are void",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			p, err := d.Directory.FindPartner(c.Context(), args[0])
			if err != nil {
				return err
			}
			link, err := inviteURL(c.Context(), d, p)
			if err != nil {
				return err
			}
			return a.one(c, partnerJSON{ID: p.ID, Name: p.Name, Email: p.Email, Status: p.Status, InviteURL: link}, "%s", link)
		}),
	}
	return a.flag(c)
}

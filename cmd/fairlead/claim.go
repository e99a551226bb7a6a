package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/directory"
	"fairlead/schema/trace"
)

func claimCommand(open opener) *cobra.Command {
	c := &cobra.Command{
		Use:   "claim",
		Short: "Referral claims: customers whom a partner referred, and who do not show",
		Long: "Referral claims: customers whom a partner referred, and who do not show, for instance because they installed from an app\n" +
			"store. A claim is submitted, or waits until something is reported of its customer; then it is accepted, and the customer's\n" +
			"sales count for the partner from a day on, or declined with a reason that the partner reads.",
	}
	c.AddCommand(claimSubmit(open), claimList(open), claimShow(open), claimAccept(open), claimDecline(open))
	return c
}

// claimJSON is a claim as --json prints it.
type claimJSON struct {
	ID          uint32            `json:"id"`
	Partner     schema.PartnerID  `json:"partner_id"`
	State       schema.ClaimState `json:"state"`
	Customer    string            `json:"customer"` // as the partner named it; most of an e-mail address is hidden
	ReferredAt  time.Time         `json:"referred_at"`
	How         string            `json:"how,omitempty"`
	SubmittedAt time.Time         `json:"submitted_at"`
	DecidedAt   time.Time         `json:"decided_at,omitzero"`
	Reason      string            `json:"reason,omitempty"`
	From        time.Time         `json:"from,omitzero"` // of an accepted one: the customer's sales count from then on
	// In `claim show`: the states that it went through, and what is known of the customer.
	History []directory.ClaimStep `json:"history,omitempty"`
	Others  []trace.Who           `json:"others,omitempty"` // partners whose the customer is or was
	Story   *trace.Story          `json:"story,omitempty"`
}

func claimOf(c schema.Claim) claimJSON {
	return claimJSON{
		ID: c.ID, Partner: c.Partner, State: c.State, Customer: c.Shown, ReferredAt: c.ReferredAt, How: c.How,
		SubmittedAt: c.SubmittedAt, DecidedAt: c.DecidedAt, Reason: c.Reason, From: c.From,
	}
}

func claimSubmit(open opener) *cobra.Command {
	var who, referred string
	var n directory.NewClaim
	var a printer
	c := &cobra.Command{
		Use:   "submit --partner ID --referred DAY (--customer ID | --email ADDRESS | --shop DOMAIN)",
		Short: "Record a partner's claim",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			ctx := c.Context()
			p, err := d.Directory.FindPartner(ctx, who)
			if err != nil {
				return err
			}
			n.Partner = p.ID
			if n.ReferredAt, err = dayFlag(ctx, d, "referred", referred); err != nil {
				return err
			}
			key, err := d.Directory.CustomerKey(ctx)
			if err != nil {
				return err
			}
			alias, _, err := directory.ClaimName(n, key)
			if err != nil {
				return err
			}
			customer, err := trace.New(d.CH, d.Directory).CustomerOf(ctx, p.ID, alias)
			if err != nil {
				return err
			}
			n.Known = customer.Known
			claim, err := d.Directory.SubmitClaim(ctx, directory.CLI, n)
			if err != nil {
				return err
			}
			next := "it is to be decided: `fairlead claim show " + strconv.Itoa(int(claim.ID)) + "`"
			if claim.State == schema.ClaimWaiting {
				next = "nothing was reported of such a customer yet, so it waits"
			}
			return a.one(c, claimOf(claim), "claim %d of %s (%s) for %s: %s", claim.ID, p.Name, p.ID, claim.Shown, next)
		}),
	}
	c.Flags().StringVar(&who, "partner", "", "who claims: id, e-mail address or slug")
	c.Flags().StringVar(&n.Customer, "customer", "", "the customer by the merchant's id")
	c.Flags().StringVar(&n.Email, "email", "", "the customer by e-mail address; it is kept as a keyed hash")
	c.Flags().StringVar(&n.Shop, "shop", "", "the customer by a shop's domain")
	c.Flags().StringVar(&referred, "referred", "", "when the customer was referred: 2026-11-23, a day in the program's time zone")
	c.Flags().StringVar(&n.How, "how", "", "how, in the partner's words")
	return needs(a.flag(c), "partner", "referred")
}

var claimHeadings = []string{"ID", "PARTNER", "STATE", "CUSTOMER", "REFERRED", "SUBMITTED", "DECIDED", "REASON"}

func (c claimJSON) cells() []any {
	decided := "–"
	if !c.DecidedAt.IsZero() {
		decided = moment(c.DecidedAt)
	}
	return []any{c.ID, c.Partner, c.State, c.Customer, c.ReferredAt.Format(time.DateOnly), moment(c.SubmittedAt), decided, strings.Join(strings.Fields(c.Reason), " ")}
}

var claimStates = []schema.ClaimState{schema.ClaimSubmitted, schema.ClaimWaiting, schema.ClaimAccepted, schema.ClaimDeclined}

func claimList(open opener) *cobra.Command {
	var who, state string
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List claims",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			if state != "" && !slices.Contains(claimStates, schema.ClaimState(state)) {
				return usageError{fmt.Errorf("--state %q: a claim is submitted, waiting, accepted or declined", state)}
			}
			only, err := partnerFlag(c.Context(), d, who)
			if err != nil {
				return err
			}
			l := a.list(c, claimHeadings...)
			page := directory.Page{Limit: pageSize}
			for {
				claims, err := d.Directory.Claims(c.Context(), page)
				if err != nil {
					return err
				}
				for _, claim := range claims {
					if only != 0 && claim.Partner != only || state != "" && string(claim.State) != state {
						continue
					}
					out := claimOf(claim)
					if err := l.add(out, out.cells()...); err != nil {
						return err
					}
				}
				if len(claims) < pageSize {
					return l.close()
				}
				if err := l.page(); err != nil {
					return err
				}
				page.After = claims[len(claims)-1].ID
			}
		}),
	}
	c.Flags().StringVar(&who, "partner", "", "only those of a partner: id, e-mail address or slug")
	c.Flags().StringVar(&state, "state", "", "only those that are submitted, waiting, accepted or declined")
	return a.flag(c)
}

// claimID reads the number of a claim.
func claimID(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return 0, usageError{fmt.Errorf("%q is not a claim's number; `fairlead claim list` shows them", text)}
	}
	return uint32(n), nil
}

func claimShow(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show a claim, the states it went through, and all that is known of its customer",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			id, err := claimID(args[0])
			if err != nil {
				return err
			}
			claim, customer, err := readClaim(c, d, id)
			if err != nil {
				return err
			}
			out := claimOf(claim)
			out.Others, out.Story = customer.Others, &customer.Story
			if out.History, err = d.Directory.ClaimHistory(c.Context(), id); err != nil {
				return err
			}
			if a.json {
				return writeJSON(c.OutOrStdout(), out)
			}
			fmt.Fprintf(c.OutOrStdout(), "claim %d of partner %s for %s: %s\n%s\n", out.ID, out.Partner, out.Customer, out.State, othersText(customer.Others))
			return printStory(c, customer.Story)
		}),
	}
	return a.flag(c)
}

// readClaim reads a claim and what is known of its customer.
func readClaim(c *cobra.Command, d *deployment, id uint32) (schema.Claim, trace.Customer, error) {
	claim, err := d.Directory.Claim(c.Context(), id)
	if directory.CodeOf(err) == directory.NotFound {
		err = fmt.Errorf("there is no claim %d; `fairlead claim list` shows them", id)
	}
	if err != nil {
		return claim, trace.Customer{}, err
	}
	customer, err := trace.New(d.CH, d.Directory).CustomerOf(c.Context(), claim.Partner, claim.Alias)
	return claim, customer, err
}

// othersText names the partners whose a customer is or was.
func othersText(others []trace.Who) string {
	if len(others) == 0 {
		return "The customer is no other partner's."
	}
	names := make([]string, len(others))
	for i, w := range others {
		names[i] = fmt.Sprintf("%s (partner %s)", w.Name, w.ID)
	}
	return "The customer is or was another partner's: " + strings.Join(names, ", ") + "."
}

func claimAccept(open opener) *cobra.Command {
	var from, note string
	var move bool
	var a printer
	c := &cobra.Command{
		Use:   "accept ID",
		Short: "Make the customer the partner's: sales count for it from the day it was referred, or from --from on",
		Long: "Make the customer the partner's: sales count for it from the day it was referred, or from --from on; what is decided\n" +
			"already is decided anew. A customer who is or was another partner's is shown first: --move takes it all the same.",
		Args: cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			id, err := claimID(args[0])
			if err != nil {
				return err
			}
			at, err := dayFlag(c.Context(), d, "from", from)
			if err != nil {
				return err
			}
			claim, customer, err := readClaim(c, d, id)
			if err != nil {
				return err
			}
			undecided := claim.State == schema.ClaimSubmitted || claim.State == schema.ClaimWaiting
			switch {
			case !undecided || move:
			case len(customer.Others) > 0:
				return fmt.Errorf("claim %d is not accepted: %s %s `fairlead claim show %d` tells all of it; --move gives the customer's sales to partner %s all the same",
					id, othersText(customer.Others), customer.Story.Answer, id, claim.Partner)
			case customer.Story.More:
				return errors.New("more was reported of the customer than can be told at once, so it may be another partner's; --move accepts the claim all the same")
			}
			if claim, err = d.Directory.AcceptClaim(c.Context(), directory.CLI, id, at, strings.TrimSpace(note)); err != nil {
				return err
			}
			return a.one(c, claimOf(claim), "claim %d is accepted: the sales of %s count for partner %s from %s on", id, claim.Shown, claim.Partner, moment(claim.From))
		}),
	}
	c.Flags().StringVar(&from, "from", "", "first day on which sales count: 2026-11-23, in the program's time zone (default: the day of the referral)")
	c.Flags().StringVar(&note, "note", "", "what the partner reads with it")
	c.Flags().BoolVar(&move, "move", false, "take a customer who is or was another partner's")
	return a.flag(c)
}

func claimDecline(open opener) *cobra.Command {
	var reason string
	var a printer
	c := &cobra.Command{
		Use:   "decline ID --reason TEXT",
		Short: "Decline a claim, with the reason that the partner reads",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			id, err := claimID(args[0])
			if err != nil {
				return err
			}
			claim, err := d.Directory.DeclineClaim(c.Context(), directory.CLI, id, reason)
			if err != nil {
				return err
			}
			return a.one(c, claimOf(claim), "claim %d of partner %s is declined", id, claim.Partner)
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why: the partner reads it")
	return needs(a.flag(c), "reason")
}

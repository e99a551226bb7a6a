package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/directory"
)

func couponCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "coupon", Short: "Codes that credit a partner where a customer enters them"}
	c.AddCommand(couponAdd(open), couponList(open), couponEnd(open))
	return c
}

// couponJSON is a coupon as --json prints it.
type couponJSON struct {
	ID      uint32           `json:"id"`
	Code    string           `json:"code"`
	Partner schema.PartnerID `json:"partner_id"`
	State   string           `json:"state"` // "active", "ended" or "later": it credits from a day on that has not come
	From    time.Time        `json:"from"`
	EndedAt time.Time        `json:"ended_at,omitzero"`
}

func couponOf(k schema.Coupon, now time.Time) couponJSON {
	out := couponJSON{ID: k.ID, Code: k.Code, Partner: k.Partner, State: "active", From: k.CreatedAt, EndedAt: k.EndedAt}
	switch {
	case !k.EndedAt.IsZero():
		out.State = "ended"
	case now.Before(k.CreatedAt):
		out.State = "later"
	}
	return out
}

var couponHeadings = []string{"ID", "CODE", "PARTNER", "STATE", "FROM", "ENDED"}

func (k couponJSON) cells() []any {
	ended := "–"
	if !k.EndedAt.IsZero() {
		ended = moment(k.EndedAt)
	}
	return []any{k.ID, k.Code, k.Partner, k.State, moment(k.From), ended}
}

func couponAdd(open opener) *cobra.Command {
	var who, from string
	var a printer
	c := &cobra.Command{
		Use:   "add --partner ID CODE…",
		Short: "Give codes to a partner, all of them or none",
		Long: "Give codes to a partner, all of them or none. Case does not matter, and no code is two partners' at once.\n\n" +
			"A sale or sign-up that is reported with the code is the partner's, whatever was clicked, if the customer was nobody's yet.\n" +
			"With --from what is reported of that day on is decided anew, also what was decided already.\n" +
			"Stripe tells the ids of promotion codes (promo_…) rather than their text: give the partner that id.",
		Args: cobra.MinimumNArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, codes []string) error {
			p, err := d.Directory.FindPartner(c.Context(), who)
			if err != nil {
				return err
			}
			at, err := dayFlag(c.Context(), d, "from", from)
			if err != nil {
				return err
			}
			added, err := d.Directory.AddCoupons(c.Context(), directory.CLI, p.ID, codes, at)
			if err != nil {
				return err
			}
			l := a.list(c, couponHeadings...)
			for _, k := range added {
				out := couponOf(k, time.Now())
				if err := l.add(out, out.cells()...); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	c.Flags().StringVar(&who, "partner", "", "whose codes: id, e-mail address or slug")
	c.Flags().StringVar(&from, "from", "", "first day on which they credit, in the program's time zone: 2026-11-23 (default: from now on)")
	return needs(a.flag(c), "partner")
}

// dayFlag is the beginning of the program-day that a flag names; the zero time where it names none.
func dayFlag(ctx context.Context, d *deployment, flag, day string) (time.Time, error) {
	if day == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return time.Time{}, usageError{fmt.Errorf("--%s %q is not a day such as 2026-11-23", flag, day)}
	}
	p, err := d.Directory.Program(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return schema.DayOf(t, time.UTC).Period(p.Location()).From, nil
}

func couponList(open opener) *cobra.Command {
	var who string
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List the codes there are and were",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			only, err := partnerFlag(c.Context(), d, who)
			if err != nil {
				return err
			}
			l := a.list(c, couponHeadings...)
			page := directory.Page{Limit: pageSize}
			for {
				coupons, err := d.Directory.Coupons(c.Context(), page)
				if err != nil {
					return err
				}
				for _, k := range coupons {
					if only != 0 && k.Partner != only {
						continue
					}
					out := couponOf(k, time.Now())
					if err := l.add(out, out.cells()...); err != nil {
						return err
					}
				}
				if len(coupons) < pageSize {
					return l.close()
				}
				if err := l.page(); err != nil {
					return err
				}
				page.After = coupons[len(coupons)-1].ID
			}
		}),
	}
	c.Flags().StringVar(&who, "partner", "", "only those of a partner: id, e-mail address or slug")
	return a.flag(c)
}

// partnerFlag is the partner whom --partner names; 0 where it names none.
func partnerFlag(ctx context.Context, d *deployment, who string) (schema.PartnerID, error) {
	if who == "" {
		return 0, nil
	}
	p, err := d.Directory.FindPartner(ctx, who)
	return p.ID, err
}

func couponEnd(open opener) *cobra.Command {
	var reason string
	var a printer
	c := &cobra.Command{
		Use:   "end CODE",
		Short: "End what a code does for its partner, from now on; what it credited stays",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			k, err := d.Directory.EndCoupon(c.Context(), directory.CLI, args[0], strings.TrimSpace(reason))
			if err != nil {
				return err
			}
			return a.one(c, couponOf(k, time.Now()), "%s credits partner %s no more; it can be given to another", k.Code, k.Partner)
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return a.flag(c)
}

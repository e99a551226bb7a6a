package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/directory"
)

func ruleCommand(open opener) *cobra.Command {
	c := &cobra.Command{
		Use:   "rule",
		Short: "Rules: what partners earn for a sale or a lead",
		Long: "Rules say what partners earn for a sale or a lead. Of those that hold on the day of a sale the partner's own comes\n" +
			"first, then one of the partner's group, then one for everybody; among several the one that began last. Without a rule\n" +
			"nothing is earned. A rule is never changed: a new one takes its place from a day on, and what was earned stays.",
	}
	c.AddCommand(ruleAdd(open), ruleEnd(open), ruleList(open), ruleShow(open), ruleWhich(open))
	return c
}

// ruleJSON is a rule as --json prints it. Amounts are minor units of the currency, a percentage is in hundredths of a percent, and
// days are the program's.
type ruleJSON struct {
	ID        uint32                `json:"id"`
	Name      string                `json:"name,omitempty"`
	Scope     schema.RuleScope      `json:"scope"`
	Partner   schema.PartnerID      `json:"partner_id,omitempty"`
	Group     string                `json:"group,omitempty"`
	Event     schema.ConversionKind `json:"event"`
	Earns     string                `json:"earns"` // in words
	Percent   int64                 `json:"percent,omitempty"`
	Flat      int64                 `json:"flat,omitempty"`
	None      bool                  `json:"none,omitempty"`
	Months    int                   `json:"months,omitempty"`
	Once      bool                  `json:"once,omitempty"`
	MinSale   int64                 `json:"min_sale,omitempty"`
	Cap       int64                 `json:"cap,omitempty"`
	Currency  string                `json:"currency,omitempty"`
	HoldDays  *int                  `json:"hold_days,omitempty"`
	State     string                `json:"state"` // "active", "ended", "later", or "other_currency": its amounts are not in the program's
	From      string                `json:"from"`
	EndedFrom string                `json:"ended_from,omitempty"` // the first day on which it does not hold any more
	CreatedAt time.Time             `json:"created_at"`
	History   []ruleStepJSON        `json:"history,omitempty"` // in `rule show`
}

// ruleStepJSON is who added or ended a rule.
type ruleStepJSON struct {
	At        time.Time `json:"at"`
	Actor     string    `json:"actor"`
	Reason    string    `json:"reason"`
	EndedFrom string    `json:"ended_from,omitempty"`
}

func ruleOf(r schema.Rule, p schema.Program) ruleJSON {
	out := ruleJSON{
		ID: r.ID, Name: r.Name, Scope: r.Scope(), Partner: r.Partner, Group: r.Group, Event: r.Event, Earns: r.Earns(),
		Percent: r.Percent, Flat: r.Flat, None: r.None, Months: r.Months, Once: r.Once, MinSale: r.MinSale, Cap: r.Cap, Currency: r.Currency,
		HoldDays: r.HoldDays, State: "active", From: dayText(r.From), EndedFrom: dayText(r.EndedFrom), CreatedAt: r.CreatedAt,
	}
	switch r.Misses(schema.RuleFor{Partner: r.Partner, Group: r.Group, Event: r.Event, Day: programToday(p), Currency: p.Currency}) {
	case schema.MissLater:
		out.State = "later"
	case schema.MissEnded:
		out.State = "ended"
	case schema.MissOtherCurrency:
		out.State = "other_currency"
	}
	return out
}

// dayText writes a day, and nothing for none.
func dayText(d schema.Day) string {
	if d == 0 {
		return ""
	}
	return d.Time().Format(time.DateOnly)
}

var ruleHeadings = []string{"ID", "FOR", "EARNS", "STATE", "FROM", "ENDED FROM", "NAME"}

func (r ruleJSON) cells() []any {
	ended := r.EndedFrom
	if ended == "" {
		ended = "–"
	}
	return []any{r.ID, r.whom(), r.Earns, r.State, r.From, ended, r.Name}
}

// whom says for whom the rule is.
func (r ruleJSON) whom() string {
	switch r.Scope {
	case schema.ScopePartner:
		return "partner " + r.Partner.String()
	case schema.ScopeGroup:
		return "group " + r.Group
	}
	return "everybody"
}

// newRule are the flags of a rule.
type newRule struct {
	who, event, percent, flat, minSale, most, from, ended string
	hold                                                  int
	rule                                                  schema.Rule
}

func ruleAdd(open opener) *cobra.Command {
	var n newRule
	var past backdating
	var reason string
	var a printer
	c := &cobra.Command{
		Use:   "add (--percent N | --flat AMOUNT | --nothing) [--partner ID | --group NAME]",
		Short: "Add a rule, which holds from a day on",
		Long: "Add a rule, which holds from a day on: for one partner, for a group of partners, or else for everybody.\n\n" +
			"Part of a sale is rounded half up to the smallest unit of the currency. Refunds take back in proportion.\n" +
			"Months end before the day of the month on which the customer was bound, or before the last day where the month has no\n" +
			"such day: bound on 31 January, one month is until 27 February, or 28 in a leap year, and twelve months are twelve\n" +
			"monthly payments.",
		Args: cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			ctx := c.Context()
			p, err := d.Directory.Program(ctx)
			if err != nil {
				return err
			}
			r, err := n.read(ctx, d, p, c.Flags().Changed("hold-days"))
			if err != nil {
				return err
			}
			if err := past.check(ctx, d, p, r, r.From); err != nil {
				return err
			}
			if r, err = d.Directory.AddRule(ctx, directory.CLI, r, past.backdate, reason); err != nil {
				return err
			}
			out := ruleOf(r, p)
			return a.one(c, out, "rule %d for %s from %s on: %s", out.ID, out.whom(), out.From, out.Earns)
		}),
	}
	f := c.Flags()
	f.StringVar(&n.rule.Name, "name", "", "what it is called")
	f.StringVar(&n.who, "partner", "", "only for this partner: id, e-mail address or slug")
	f.StringVar(&n.rule.Group, "group", "", "only for partners of this group; `fairlead partner set` puts them in")
	f.StringVar(&n.event, "event", "sale", "for a sale or a lead")
	f.StringVar(&n.percent, "percent", "", "a percentage of the sale: 20 or 12.5")
	f.StringVar(&n.flat, "flat", "", "an amount for each, in the main unit of the program's currency: 5.00")
	f.BoolVar(&n.rule.None, "nothing", false, "nothing, where another rule would give something")
	f.IntVar(&n.rule.Months, "months", 0, "only sales of so many months from the day on which the customer became the partner's (default: for life)")
	f.BoolVar(&n.rule.Once, "once", false, "only the customer's first; the first that reaches --min-sale")
	f.StringVar(&n.minSale, "min-sale", "", "only sales of at least this, before refunds")
	f.StringVar(&n.most, "cap", "", "at most this for each sale")
	f.IntVar(&n.hold, "hold-days", 0, "days before it can be paid (default: as the program says)")
	f.StringVar(&n.from, "from", "", "first day on which it holds, in the program's time zone: 2026-12-01 (default: today)")
	f.StringVar(&n.ended, "ended-from", "", "first day on which it does not hold any more (default: it does not end)")
	f.StringVar(&reason, "reason", "", "why, for the record")
	past.flags(c)
	return a.flag(c)
}

// read makes the rule of the flags.
func (n *newRule) read(ctx context.Context, d *deployment, p schema.Program, held bool) (schema.Rule, error) {
	r := n.rule
	r.Event = schema.ConversionKind(n.event)
	if held {
		r.HoldDays = &n.hold
	}
	var err error
	if r.Partner, err = partnerFlag(ctx, d, n.who); err != nil {
		return r, err
	}
	if n.percent != "" {
		if r.Percent, err = schema.ParsePercent(n.percent); err != nil {
			return r, usageError{fmt.Errorf("--percent %w", err)}
		}
	}
	for _, f := range []struct {
		flag, text string
		to         *int64
	}{{"flat", n.flat, &r.Flat}, {"min-sale", n.minSale, &r.MinSale}, {"cap", n.most, &r.Cap}} {
		if f.text == "" {
			continue
		}
		if *f.to, err = schema.ParseAmount(f.text, p.Currency); err == nil && *f.to == 0 {
			err = errors.New("0 is the same as none: leave it out")
		}
		if err != nil {
			return r, usageError{fmt.Errorf("--%s: %w", f.flag, err)}
		}
		r.Currency = p.Currency
	}
	if r.From, err = programDayFlag("from", n.from); err != nil {
		return r, err
	}
	r.EndedFrom, err = programDayFlag("ended-from", n.ended)
	return r, err
}

// programDayFlag is the day that a flag names; 0 where it names none.
func programDayFlag(flag, day string) (schema.Day, error) {
	if day == "" {
		return 0, nil
	}
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return 0, usageError{fmt.Errorf("--%s %q is not a day such as 2026-12-01", flag, day)}
	}
	return schema.DayOf(t, time.UTC), nil
}

// ruleID reads the number of a rule.
func ruleID(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return 0, usageError{fmt.Errorf("%q is not a rule's number; `fairlead rule list` shows them", text)}
	}
	return uint32(n), nil
}

func ruleEnd(open opener) *cobra.Command {
	var from, reason string
	var past backdating
	var a printer
	c := &cobra.Command{
		Use:   "end ID",
		Short: "End a rule from a day on; what was earned by it stays",
		Long: "End a rule from a day on; what was earned by it stays. From then on the rule holds that would without it: an older\n" +
			"one, or one that is less specific. `fairlead rule which` tells which that is.",
		Args: cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			id, err := ruleID(args[0])
			if err != nil {
				return err
			}
			day, err := programDayFlag("from", from)
			if err != nil {
				return err
			}
			p, err := d.Directory.Program(c.Context())
			if err != nil {
				return err
			}
			if past.backdate {
				ended, err := d.Directory.Rule(c.Context(), id)
				if err != nil {
					return err
				}
				if err := past.check(c.Context(), d, p, ended, day); err != nil {
					return err
				}
			}
			r, err := d.Directory.EndRule(c.Context(), directory.CLI, id, day, past.backdate, reason)
			if err != nil {
				return err
			}
			out := ruleOf(r, p)
			return a.one(c, out, "rule %d for %s does not hold from %s on", out.ID, out.whom(), out.EndedFrom)
		}),
	}
	c.Flags().StringVar(&from, "from", "", "first day on which it does not hold any more, in the program's time zone: 2026-12-01 (default: today)")
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	past.flags(c)
	return a.flag(c)
}

func ruleList(open opener) *cobra.Command {
	var who, group string
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List the rules there are, were and will be",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			only, err := partnerFlag(c.Context(), d, who)
			if err != nil {
				return err
			}
			p, err := d.Directory.Program(c.Context())
			if err != nil {
				return err
			}
			rules, err := d.Directory.Rules(c.Context())
			if err != nil {
				return err
			}
			l := a.list(c, ruleHeadings...)
			for _, r := range rules {
				if only != 0 && r.Partner != only || group != "" && r.Group != schema.FoldGroup(group) {
					continue
				}
				out := ruleOf(r, p)
				if err := l.add(out, out.cells()...); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	c.Flags().StringVar(&who, "partner", "", "only those of a partner alone: id, e-mail address or slug")
	c.Flags().StringVar(&group, "group", "", "only those of a group")
	return a.flag(c)
}

func ruleShow(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show a rule, and who added and ended it",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			id, err := ruleID(args[0])
			if err != nil {
				return err
			}
			p, err := d.Directory.Program(c.Context())
			if err != nil {
				return err
			}
			r, err := d.Directory.Rule(c.Context(), id)
			if err != nil {
				return err
			}
			steps, err := d.Directory.RuleHistory(c.Context(), id)
			if err != nil {
				return err
			}
			out := ruleOf(r, p)
			for _, s := range steps {
				out.History = append(out.History, ruleStepJSON{At: s.At, Actor: s.Actor, Reason: s.Reason, EndedFrom: dayText(s.EndedFrom)})
			}
			if a.json {
				return writeJSON(c.OutOrStdout(), out)
			}
			fmt.Fprintf(c.OutOrStdout(), "rule %d for %s from %s on: %s (%s)\n\n", out.ID, out.whom(), out.From, out.Earns, strings.ReplaceAll(out.State, "_", " "))
			l := a.list(c, "CHANGED", "BY", "ENDED FROM", "REASON")
			for _, s := range out.History {
				ended := s.EndedFrom
				if ended == "" {
					ended = "–"
				}
				if err := l.add(s, moment(s.At), s.Actor, ended, s.Reason); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	return a.flag(c)
}

package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"fairlead/schema"
)

// whichJSON tells which rule is in force, and why.
type whichJSON struct {
	Partner  schema.PartnerID      `json:"partner_id"`
	Group    string                `json:"group,omitempty"` // of the partner, then
	Event    schema.ConversionKind `json:"event"`
	Day      string                `json:"day"`
	Currency string                `json:"currency"`
	Rule     *ruleJSON             `json:"rule"`             // null: none, so nothing is earned
	Why      string                `json:"why"`              // in words
	Passed   []passedRule          `json:"passed,omitempty"` // the others for this event that are the partner's, the group's or everybody's
}

// passedRule is a rule that is not in force, and why not.
type passedRule struct {
	Rule ruleJSON `json:"rule"`
	Why  string   `json:"why"`
}

func ruleWhich(open opener) *cobra.Command {
	var who, event, when string
	var a printer
	c := &cobra.Command{
		Use:   "which --partner ID",
		Short: "Tell which rule is in force for a partner on a day, and why",
		Long: "Tell which rule is in force for a partner on a day, and why, and of the others why they are not. The partner's group is\n" +
			"that at the day's end, or now if the day is not over. What a customer's sale earns depends on the rule's conditions too.",
		Args: cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			ctx := c.Context()
			if event != string(schema.Sale) && event != string(schema.Lead) {
				return usageError{fmt.Errorf("--event %q: a rule is for a sale or a lead", event)}
			}
			partner, err := d.Directory.FindPartner(ctx, who)
			if err != nil {
				return err
			}
			day, err := programDayFlag("on", when)
			if err != nil {
				return err
			}
			p, err := d.Directory.Program(ctx)
			if err != nil {
				return err
			}
			if day == 0 {
				day = programToday(p)
			}
			groups, err := d.Directory.PartnerGroups(ctx, partner.ID)
			if err != nil {
				return err
			}
			rules, err := d.Directory.Rules(ctx)
			if err != nil {
				return err
			}
			end := day.Period(p.Location()).To.Add(-time.Millisecond)
			f := schema.RuleFor{Partner: partner.ID, Group: schema.GroupAt(groups, end), Event: schema.ConversionKind(event), Day: day, Currency: p.Currency}
			out := which(rules, f, p)
			if a.json {
				return writeJSON(c.OutOrStdout(), out)
			}
			return printWhich(c, a, partner, out)
		}),
	}
	c.Flags().StringVar(&who, "partner", "", "whose sale or lead: id, e-mail address or slug")
	c.Flags().StringVar(&event, "event", "sale", "a sale or a lead")
	c.Flags().StringVar(&when, "on", "", "the day on which it happens, in the program's time zone: 2026-12-01 (default: today)")
	return needs(a.flag(c), "partner")
}

// which finds the rule that is in force and says why.
func which(rules []schema.Rule, f schema.RuleFor, p schema.Program) whichJSON {
	out := whichJSON{Partner: f.Partner, Group: f.Group, Event: f.Event, Day: dayText(f.Day), Currency: f.Currency}
	found, ok := schema.NewRules(rules).InForce(f)
	out.Why = fmt.Sprintf("No rule for a %s holds on that day, so nothing is earned.", f.Event)
	if ok {
		r := ruleOf(found, p)
		out.Rule = &r
		out.Why = map[schema.RuleScope]string{
			schema.ScopePartner: "It is the partner's own, which goes before those of groups and of everybody.",
			schema.ScopeGroup:   "It is of the partner's group, which goes before those of everybody; the partner has none alone on that day.",
			schema.ScopeDefault: "It is for everybody; neither the partner alone nor a group of the partner's has one on that day.",
		}[found.Scope()]
	}
	for _, r := range rules {
		why := ""
		switch miss := r.Misses(f); {
		case r.ID == found.ID, miss == schema.MissEvent, miss == schema.MissPartner, miss == schema.MissGroup:
			continue
		case miss == schema.MissLater:
			why = "it begins later"
		case miss == schema.MissEnded:
			why = "it has been ended"
		case miss == schema.MissOtherCurrency:
			why = "its amounts are in " + r.Currency
		case r.Scope() != found.Scope():
			why = "it is less specific"
		case r.From < found.From:
			why = "it began earlier"
		default:
			why = fmt.Sprintf("it was added before rule %d, for the same day", found.ID)
		}
		out.Passed = append(out.Passed, passedRule{ruleOf(r, p), why})
	}
	return out
}

func printWhich(c *cobra.Command, a printer, partner schema.Partner, w whichJSON) error {
	group := ""
	if w.Group != "" {
		group = " (group " + w.Group + ")"
	}
	earns := "nothing"
	if w.Rule != nil {
		earns = fmt.Sprintf("rule %d: %s", w.Rule.ID, w.Rule.Earns)
	}
	fmt.Fprintf(c.OutOrStdout(), "%s%s, a %s on %s: %s\n%s\n", partner.Name, group, w.Event, w.Day, earns, w.Why)
	if len(w.Passed) == 0 {
		return nil
	}
	fmt.Fprintln(c.OutOrStdout())
	l := a.list(c, "NOT", "BECAUSE", "FOR", "EARNS", "FROM")
	for _, n := range w.Passed {
		if err := l.add(n, n.Rule.ID, n.Why, n.Rule.whom(), n.Rule.Earns, n.Rule.From); err != nil {
			return err
		}
	}
	return l.close()
}

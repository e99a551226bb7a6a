package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/rewards"
)

// backdating is whether a rule may change what was earned on days that are over.
type backdating struct{ backdate, paid bool }

func (b *backdating) flags(c *cobra.Command) {
	c.Flags().BoolVar(&b.backdate, "backdate", false, "allow days that are over: what was earned since is reckoned anew")
	c.Flags().BoolVar(&b.paid, "yes", false, "with --backdate: also where rewards since then were paid or are in a payout; what was paid stays, and later payouts carry the difference")
}

// check refuses a rule for days that are over if rewards that it could reckon anew were paid or are in a payout. From is the
// first day on which anything changes.
func (b *backdating) check(ctx context.Context, d *deployment, p schema.Program, r schema.Rule, from schema.Day) error {
	if !b.backdate || b.paid || from == 0 || from >= programToday(p) {
		return nil
	}
	rules, err := d.Directory.Rules(ctx)
	if err != nil {
		return err
	}
	var same []uint32 // those that a rule for this event takes the place of, or is replaced by
	for _, other := range rules {
		if other.Event == r.Event {
			same = append(same, other.ID)
		}
	}
	zone := p.Location()
	when := schema.Period{From: from.Period(zone).From}
	if r.EndedFrom != 0 {
		when.To = r.EndedFrom.Period(zone).From
	}
	settled, err := rewards.Reader{ClickHouse: d.CH}.Settled(ctx, when, r.Partner, same)
	if err != nil || len(settled) == 0 {
		return err
	}
	var parts []string
	for _, s := range settled {
		parts = append(parts, fmt.Sprintf("%d rewards (%s paid, %s in a payout)", s.Rewards,
			schema.FormatAmount(s.Paid, s.Currency), schema.FormatAmount(s.Processing, s.Currency)))
	}
	return fmt.Errorf("of what was earned since %s and could be reckoned anew, %s lie in payouts already; what was paid stays, and what is more or less than that goes into later payouts: --yes says that this is meant",
		dayText(from), strings.Join(parts, " and "))
}

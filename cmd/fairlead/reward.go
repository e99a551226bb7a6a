package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/aggregator/ledger"
	"fairlead/schema"
	"fairlead/schema/directory"
	"fairlead/schema/rewards"
)

func rewardCommand(open opener) *cobra.Command {
	c := &cobra.Command{
		Use:   "reward",
		Short: "Rewards: what partners earned, where it stands and why, and making good by hand",
		Long: "Rewards are what partners have of sales and leads, by the rules that `fairlead rule` shows. What is to be made good is\n" +
			"entered by hand: an entry adds a reward or takes from one. Entries are never changed or deleted, and carry a reason; they are\n" +
			"booked in the ledger within a minute. What is taken from a reward that was paid is carried by the partner's next payout.",
	}
	c.AddCommand(rewardAdd(open), rewardReverse(open), rewardList(open), rewardShow(open))
	return c
}

// entryJSON is an entry by hand as --json prints it. Amounts are minor units of the currency.
type entryJSON struct {
	ID       uint32           `json:"id"`
	Reward   schema.RewardID  `json:"reward_id"`
	Partner  schema.PartnerID `json:"partner_id"`
	Kind     string           `json:"kind"`             // "added" or "reversed"
	Amount   int64            `json:"amount,omitempty"` // none of a reversal: all there is, for good
	Currency string           `json:"currency"`
	HoldDays int              `json:"hold_days,omitempty"`
	Reason   string           `json:"reason"`
	At       time.Time        `json:"at"`
}

func entryOf(e schema.Entry) entryJSON {
	out := entryJSON{ID: e.ID, Reward: e.Reward(), Partner: e.Partner, Kind: string(schema.CauseAdded), Amount: e.Amount, Currency: e.Currency, HoldDays: e.HoldDays, Reason: e.Note, At: e.At}
	if !e.Adds() {
		out.Kind = string(schema.CauseReversed)
	}
	return out
}

// amountFlag reads an amount above zero in a currency's main unit.
func amountFlag(text, currency string) (int64, error) {
	if fields := strings.Fields(text); len(fields) == 2 && fields[1] != currency && schema.KnownCurrency(fields[1]) {
		return 0, usageError{fmt.Errorf("--amount %q is in %s, and the reward is in %s: name an amount in that", text, fields[1], currency)}
	}
	amount, err := schema.ParseAmount(text, currency)
	if err == nil && amount == 0 {
		err = errors.New("an amount is above zero")
	}
	if err != nil {
		return 0, usageError{fmt.Errorf("--amount: %w", err)}
	}
	return amount, nil
}

func rewardAdd(open opener) *cobra.Command {
	var who, amount, reason string
	var hold int
	var a printer
	c := &cobra.Command{
		Use:   "add --partner ID --amount AMOUNT --reason WHY",
		Short: "Add a reward by hand",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			ctx := c.Context()
			partner, err := d.Directory.FindPartner(ctx, who)
			if err != nil {
				return err
			}
			p, err := d.Directory.Program(ctx)
			if err != nil {
				return err
			}
			minor, err := amountFlag(amount, p.Currency)
			if err != nil {
				return err
			}
			e, err := d.Directory.AddReward(ctx, directory.CLI, partner.ID, minor, p.Currency, hold, reason)
			if err != nil {
				return err
			}
			return a.one(c, entryOf(e), "reward %s of %s for %s (%s) is entered, and booked within a minute", e.Reward(), schema.FormatAmount(e.Amount, e.Currency), partner.Name, partner.ID)
		}),
	}
	f := c.Flags()
	f.StringVar(&who, "partner", "", "who gets it: id, e-mail address or slug")
	f.StringVar(&amount, "amount", "", "in the main unit of the program's currency: 25.00")
	f.IntVar(&hold, "hold-days", 0, "days before it can be paid (default: none)")
	f.StringVar(&reason, "reason", "", "why; the partner reads it")
	return needs(a.flag(c), "partner", "amount", "reason")
}

func rewardReverse(open opener) *cobra.Command {
	var amount, reason string
	var a printer
	c := &cobra.Command{
		Use:   "reverse REWARD --reason WHY",
		Short: "Take back a reward, or part of it",
		Long: "Take back a reward, or part of it. Without --amount all of it is taken back for good: what is restored of its sale later\n" +
			"does not bring it back. What was paid of it already makes the partner's next payout smaller.",
		Args: cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			ctx := c.Context()
			r, err := findReward(ctx, d, args[0])
			if err != nil {
				return err
			}
			var minor int64
			if amount != "" {
				if minor, err = amountFlag(amount, r.Currency); err != nil {
					return err
				}
			}
			e, err := d.Directory.ReverseReward(ctx, directory.CLI, r.ID, minor, reason)
			if err != nil {
				return err
			}
			what := "all"
			if e.Amount != 0 {
				what = schema.FormatAmount(e.Amount, e.Currency)
			}
			return a.one(c, entryOf(e), "%s of reward %s of partner %s is taken back, and booked within a minute", what, e.Reverses, e.Partner)
		}),
	}
	c.Flags().StringVar(&amount, "amount", "", "how much, in the main unit of the reward's currency: 5.00 (default: all of it)")
	c.Flags().StringVar(&reason, "reason", "", "why; the partner reads it")
	return needs(a.flag(c), "reason")
}

// findReward is the reward of an id.
func findReward(ctx context.Context, d *deployment, text string) (rewards.Reward, error) {
	id, err := schema.ParseRewardID(text)
	if err != nil {
		return rewards.Reward{}, usageError{fmt.Errorf("%w; `fairlead reward list` shows them", err)}
	}
	r, found, err := rewards.Reader{ClickHouse: d.CH}.Reward(ctx, id)
	if err == nil && !found {
		err = fmt.Errorf("the ledger has no reward %s; `fairlead reward list` shows them, and what was just entered or reported is booked within a minute", id)
	}
	return r, err
}

func rewardList(open opener) *cobra.Command {
	var who, state string
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List rewards, the newest first",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			if state != "" && !slices.Contains(rewards.States(), rewards.State(state)) {
				return usageError{fmt.Errorf("--state %q: it is one of %s", state, stateNames())}
			}
			partner, err := partnerFlag(c.Context(), d, who)
			if err != nil {
				return err
			}
			l := a.list(c, "REWARD", "PARTNER", "AMOUNT", "STATE", "EARNED", "READY", "FOR")
			err = rewards.Reader{ClickHouse: d.CH}.List(c.Context(), partner, rewards.State(state), func(r rewards.Reward) error {
				return l.add(r, r.ID, r.Partner, schema.FormatAmount(r.Amount, r.Currency), r.State, moment(r.EarnedAt), ready(r), rewardFor(r))
			})
			if err != nil {
				return err
			}
			return l.close()
		}),
	}
	c.Flags().StringVar(&who, "partner", "", "only those of a partner: id, e-mail address or slug")
	c.Flags().StringVar(&state, "state", "", "only those in a state: "+stateNames())
	return a.flag(c)
}

func stateNames() string {
	var names []string
	for _, s := range rewards.States() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// ready says when a reward's hold ends or ended.
func ready(r rewards.Reward) string {
	if r.DueAt.IsZero() {
		return "–"
	}
	return moment(r.DueAt)
}

// rewardFor says for what a reward is.
func rewardFor(r rewards.Reward) string {
	switch {
	case r.Conversion != "":
		return "conversion " + r.Conversion
	case r.Rule == 0:
		return "by hand, or from before"
	}
	return "rule " + strconv.FormatUint(uint64(r.Rule), 10)
}

// rewardJSON is a reward with all that was booked of it.
type rewardJSON struct {
	rewards.Reward
	Earns string    `json:"earns,omitempty"` // what the rule gives, in words
	Rows  []rowJSON `json:"rows"`
}

// rowJSON is a row of the ledger.
type rowJSON struct {
	BookedAt time.Time        `json:"booked_at"`
	At       time.Time        `json:"at"`
	Debit    schema.Account   `json:"debit"`
	Credit   schema.Account   `json:"credit"`
	Amount   int64            `json:"amount"`
	Kind     schema.CauseKind `json:"kind"`
	Cause    string           `json:"cause"`
	Why      string           `json:"why"` // in words
}

func rewardShow(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "show REWARD",
		Short: "Show a reward: its rule, when it is ready, and every row that was booked of it",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			ctx := c.Context()
			r, err := findReward(ctx, d, args[0])
			if err != nil {
				return err
			}
			out := rewardJSON{Reward: r}
			if r.Rule != 0 {
				rule, err := d.Directory.Rule(ctx, r.Rule)
				if err != nil {
					return err
				}
				out.Earns = rule.Earns()
			}
			rows, err := ledger.Ledger{ClickHouse: d.CH, Purpose: "reward"}.Where(ctx, "a reward's rows", "partner_id = {partner:UInt32} AND reward_id = unhex({reward:String})",
				map[string]string{"partner": r.Partner.String(), "reward": r.ID.String()})
			if err != nil {
				return err
			}
			for _, t := range rows {
				why, err := whyBooked(ctx, d, t)
				if err != nil {
					return err
				}
				out.Rows = append(out.Rows, rowJSON{
					BookedAt: time.UnixMilli(t.BookedAt).UTC(), At: time.UnixMilli(t.At).UTC(), Debit: t.Debit, Credit: t.Credit, Amount: t.Amount, Kind: t.Kind, Cause: t.Cause, Why: why,
				})
			}
			if a.json {
				return writeJSON(c.OutOrStdout(), out)
			}
			return printReward(c, a, out)
		}),
	}
	return a.flag(c)
}

// whyBooked says in words why a row was booked.
func whyBooked(ctx context.Context, d *deployment, t schema.Transfer) (string, error) {
	words := map[schema.CauseKind]string{
		schema.CauseEarned:   "earned by conversion " + t.Cause,
		schema.CauseAdjusted: "the refund, or its return, with conversion " + t.Cause,
		schema.CauseAdded:    "added by hand",
		schema.CauseReversed: "taken back by hand",
		schema.CauseOpening:  "owed from before",
		schema.CauseReleased: "the hold is over",
		schema.CauseReview:   "somebody has to look at it",
		schema.CauseCleared:  "nobody has to look at it any more",
	}[t.Kind]
	switch t.Kind {
	case schema.CausePayout:
		words = payoutStep(t)
	case schema.CauseAdded, schema.CauseReversed:
		id, err := strconv.ParseUint(t.Cause, 10, 32)
		if err != nil {
			return "", fmt.Errorf("row %s of the ledger names %q as an entry by hand, which is no number: %w", t.ID, t.Cause, err)
		}
		e, by, err := d.Directory.Entry(ctx, uint32(id))
		if err != nil {
			return "", err
		}
		words += fmt.Sprintf(" by %s (entry %d): %s", by, e.ID, e.Note)
		if t.Note == e.Note {
			t.Note = ""
		}
	}
	if t.Note != "" {
		words += ", " + t.Note
	}
	return words, nil
}

// payoutWords say what a row of a payout does, by its place among those that the payout has of the reward.
var payoutWords = []string{"goes into payout", "settled by payout", "not settled after all by payout", "came back from payout"}

// payoutStep says what a row of a payout does.
func payoutStep(t schema.Transfer) string {
	for n, words := range payoutWords {
		row := t
		if row.Identify(n); row.ID == t.ID {
			return words + " " + t.Cause
		}
	}
	return "payout " + t.Cause
}

func printReward(c *cobra.Command, a printer, r rewardJSON) error {
	w := c.OutOrStdout()
	fmt.Fprintf(w, "reward   %s\npartner  %s\nfor      %s\n", r.ID, r.Partner, rewardFor(r.Reward))
	if r.Rule != 0 {
		fmt.Fprintf(w, "rule     %d: %s\n", r.Rule, r.Earns)
	}
	fmt.Fprintf(w, "amount   %s\nstate    %s\nearned   %s\nready    %s\n", schema.FormatAmount(r.Amount, r.Currency), r.State, moment(r.EarnedAt), ready(r.Reward))
	if r.Payout != "" {
		fmt.Fprintf(w, "payout   %s\n", r.Payout)
	}
	fmt.Fprintln(w)
	l := a.list(c, "BOOKED", "AMOUNT", "FROM", "TO", "BECAUSE")
	for _, row := range r.Rows {
		if err := l.add(row, moment(row.BookedAt), schema.FormatAmount(row.Amount, r.Currency), row.Debit, row.Credit, row.Why); err != nil {
			return err
		}
	}
	return l.close()
}

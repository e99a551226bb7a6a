package main

import (
	"strings"
	"testing"
	"time"

	"fairlead/aggregator/ledger"
	"fairlead/schema"
	"fairlead/schema/rewards"
)

// booked adds rows to the ledger as the jobs do, of one reward of a partner for a conversion.
func (o *office) booked(partner schema.PartnerID, conversion string, at time.Time, moves ...schema.Transfer) schema.RewardID {
	o.t.Helper()
	id := schema.NewRewardID(partner, schema.CauseEarned, conversion, "USD")
	for i := range moves {
		t := &moves[i]
		t.BookedAt, t.At, t.DueAt = at.UnixMilli(), at.UnixMilli(), at.AddDate(0, 0, 30).UnixMilli()
		t.Partner, t.Reward, t.Currency, t.Rule, t.Conversion, t.Token = partner, id, "USD", 1, conversion, uint64(i+1)
		if t.ID == (schema.TransferID{}) {
			t.Identify(0)
		}
	}
	if err := (ledger.Ledger{ClickHouse: o.d.CH, Purpose: "test"}).Append(o.t.Context(), moves); err != nil {
		o.t.Fatal(err)
	}
	return id
}

func TestRewardsFromTheShell(t *testing.T) {
	o := newOffice(t)
	empty := func() {
		if err := o.d.CH.Exec(o.t.Context(), "TRUNCATE TABLE fairlead.ledger"); err != nil {
			t.Error(err)
		}
	}
	empty()
	defer empty()
	o.says("partner", "add", "--name", "Ada", "--email", "ada@example.com")
	o.says("rule", "add", "--percent", "20", "--from", "2026-01-01", "--backdate")
	c := &counter{office: o}

	// What is entered is booked by the job, and not here.
	added := said[entryJSON](c, "reward", "add", "--partner", "ada", "--amount", "25.00", "--hold-days", "3", "--reason", " a lost click ", "--json")
	want := entryJSON{ID: 1, Reward: schema.NewRewardID(1, schema.CauseAdded, "1", "USD"), Partner: 1, Kind: "added", Amount: 2500, Currency: "USD", HoldDays: 3, Reason: "a lost click", At: added.At}
	if added != want || added.At.IsZero() {
		t.Errorf("got %+v, want %+v", added, want)
	}
	o.fails("booked within a minute", "reward", "show", added.Reward.String())

	sold := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	id := o.booked(1, "sale-1", sold,
		schema.Transfer{Kind: schema.CauseEarned, Cause: "sale-1", Debit: schema.AccountExpense, Credit: schema.AccountHolding, Amount: 1000},
		schema.Transfer{Kind: schema.CauseReleased, Cause: "r", Debit: schema.AccountHolding, Credit: schema.AccountPayable, Amount: 1000})
	o.booked(1, "sale-2", sold.AddDate(0, 0, 9), schema.Transfer{Kind: schema.CauseEarned, Cause: "sale-2", Debit: schema.AccountExpense, Credit: schema.AccountHolding, Amount: 700})

	shown := said[rewardJSON](c, "reward", "show", id.String(), "--json")
	if shown.Amount != 1000 || shown.State != rewards.StatePayable || shown.Earns != "20 % of each sale" || !shown.DueAt.Equal(sold.AddDate(0, 0, 30)) || len(shown.Rows) != 2 {
		t.Errorf("got %+v", shown)
	}
	list := func(want int, args ...string) []rewards.Reward {
		t.Helper()
		got := said[[]rewards.Reward](c, append([]string{"reward", "list", "--json"}, args...)...)
		if len(got) != want {
			t.Errorf("%v: got %+v, want %d rewards", args, got, want)
		}
		return got
	}
	if got := list(2, "--partner", "ada"); got[1].ID != id || got[0].Conversion != "sale-2" {
		t.Errorf("got %+v, the newest first", got)
	}
	list(1, "--state", "holding")
	list(0, "--state", "paid")
	if out := o.says("reward", "list"); !strings.Contains(out, "10.00 USD") || !strings.Contains(out, "conversion sale-2") {
		t.Errorf("got %s", out)
	}

	o.fails("more than is left", "reward", "reverse", id.String(), "--amount", "10.01", "--reason", "too much")
	o.fails("is in EUR, and the reward is in USD", "reward", "reverse", id.String(), "--amount", "1.00 EUR", "--reason", "wrong")
	if out := o.says("reward", "reverse", id.String(), "--amount", "4.00", "--reason", "agreed by phone"); !strings.Contains(out, "4.00 USD of reward "+id.String()) {
		t.Errorf("got %s", out)
	}
	// What was entered counts before it is booked.
	o.fails("left of reward "+id.String()+": 6.00 USD", "reward", "reverse", id.String(), "--amount", "6.01", "--reason", "too much")
	o.booked(1, "sale-1", sold, schema.Transfer{Kind: schema.CauseReversed, Cause: "2", Debit: schema.AccountPayable, Credit: schema.AccountExpense, Amount: 400})
	o.fails("left of reward "+id.String()+": 6.00 USD", "reward", "reverse", id.String(), "--amount", "6.01", "--reason", "too much")
	if out := o.says("reward", "show", id.String()); !strings.Contains(out, "rule     1: 20 % of each sale") || !strings.Contains(out, "6.00 USD") ||
		!strings.Contains(out, "earned by conversion sale-1") || !strings.Contains(out, "taken back by hand by cli (entry 2): agreed by phone") {
		t.Errorf("got %s", out)
	}
	rest := said[entryJSON](c, "reward", "reverse", id.String(), "--reason", "fraud", "--json")
	if rest.Kind != "reversed" || rest.Amount != 0 || rest.Reward != id {
		t.Errorf("got %+v", rest)
	}
	o.fails("was taken back on", "reward", "reverse", id.String(), "--reason", "again")

	// A rule for days whose rewards were paid is refused, unless that is meant; so is the end of one.
	payout := schema.Transfer{Kind: schema.CausePayout, Cause: "p1", Debit: schema.AccountPayable, Credit: schema.AccountProcessing, Amount: 600}
	o.booked(1, "sale-1", sold, payout)
	if out := o.says("reward", "show", id.String()); !strings.Contains(out, "goes into payout p1") || !strings.Contains(out, "payout   p1\n") || !strings.Contains(out, "state    processing") {
		t.Errorf("got %s", out)
	}
	const paid = "1 rewards (0.00 USD paid, 6.00 USD in a payout)"
	o.fails(paid, "rule", "add", "--percent", "30", "--from", "2026-09-01", "--backdate")
	o.fails(paid, "rule", "end", "1", "--from", "2026-10-01", "--backdate")
	o.says("rule", "add", "--percent", "30", "--from", "2026-10-02", "--backdate")
	o.says("rule", "add", "--event", "lead", "--flat", "1.00", "--from", "2026-09-01", "--backdate")
	o.says("rule", "add", "--percent", "30", "--from", "2026-08-01", "--ended-from", "2026-09-01", "--backdate")
	o.says("rule", "add", "--percent", "30", "--from", "2026-09-01", "--backdate", "--yes")

	o.fails("There is no partner", "reward", "add", "--partner", "nobody", "--amount", "1", "--reason", "x")
	o.fails("is in EUR, and the reward is in USD", "reward", "add", "--partner", "ada", "--amount", "1.00 EUR", "--reason", "x")
	o.fails("is not an amount", "reward", "add", "--partner", "ada", "--amount", "-1", "--reason", "x")
	o.fails("above zero", "reward", "add", "--partner", "ada", "--amount", "0", "--reason", "x")
	o.fails("has a reason", "reward", "add", "--partner", "ada", "--amount", "1", "--reason", " ")
	o.fails("held for 0 to 365 days", "reward", "add", "--partner", "ada", "--amount", "1", "--hold-days", "366", "--reason", "x")
	o.fails(`required flag(s) "reason" not set`, "reward", "reverse", id.String())
	o.fails("is not a reward's id", "reward", "show", "1")
	o.fails("it is one of review, holding", "reward", "list", "--state", "open")
}

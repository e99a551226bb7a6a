package trace

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
	"fairlead/schema/rewards"
)

func TestAStoryTellsTheRewards(t *testing.T) {
	w := newWorld(t)
	w.entry(-1000, schema.KindRule, 3, schema.Rule{ID: 3, Event: schema.Sale, Percent: 2000, From: 20260101})
	s := sale(2, "ann", "ann_1", w.clicked(1, 0))
	w.happens(lead(1, "ann", w.clicked(1, 0)), s, sale(3, "bea", "bea_1"))
	reward := schema.NewRewardID(1, schema.CauseEarned, s.ID, "USD")
	rows := 0
	move := func(partner schema.PartnerID, debit, credit schema.Account, amount int64, kind schema.CauseKind, cause string) {
		t.Helper()
		rows++
		row := schema.Transfer{Reward: schema.NewRewardID(partner, schema.CauseEarned, s.ID, "USD"), Kind: kind, Cause: cause}
		row.Identify(rows)
		w.Exec(`INSERT INTO fairlead.ledger (id, booked_at, at, due_at, partner_id, reward_id, debit, credit, amount, currency, kind, cause, rule_id, conversion_id, token)
			VALUES (unhex(?), fromUnixTimestamp64Milli(?), fromUnixTimestamp64Milli(?), fromUnixTimestamp64Milli(?), ?, unhex(?), ?, ?, ?, 'USD', ?, ?, 3, ?, ?)`,
			row.ID.String(), day(2)+int64(rows), day(2), day(32), uint32(partner), row.Reward.String(), string(debit), string(credit), amount, string(kind), cause, s.ID, rows)
	}
	// told is what is told of the sale's reward, to the team and to its partner.
	told := func(want Reward, sentence string) {
		t.Helper()
		want.Earns, want.Currency, want.DueAt = "20 % of each sale", "USD", date(32)
		for _, to := range []schema.PartnerID{0, 1} {
			story, by := w.asked("ann_1"), "by rule 3: "
			want.ID, want.Rule = reward.String(), 3
			if to != 0 {
				story, by, want.ID = w.askedBy(to, "ann_1"), "", ""
			}
			if !strings.Contains(story.Answer, by+"20 % of each sale. "+sentence) {
				t.Errorf("to %d: got %q, want %q", to, story.Answer, sentence)
			}
			n := 0
			for _, e := range story.Events {
				if e.Reward == nil {
					continue
				}
				n++
				if diff := cmp.Diff(want, *e.Reward); diff != "" || e.Report.Kind != schema.Sale || !strings.Contains(e.Text, sentence) {
					t.Errorf("to %d: %q: -want +got\n%s", to, e.Text, diff)
				}
			}
			if n != 1 {
				t.Errorf("to %d: got %d rewards, want 1", to, n)
			}
		}
	}
	if story := w.asked("ann_1"); !strings.HasSuffix(story.Answer, " Its reward is not booked yet; that takes a minute.") || story.Events[0].Reward != nil {
		t.Errorf("before anything is booked: got %q", story.Answer)
	}
	move(2, schema.AccountExpense, schema.AccountHolding, 9, schema.CauseEarned, "another partner's, from before")
	move(1, schema.AccountExpense, schema.AccountReview, 2000, schema.CauseEarned, s.ID)
	told(Reward{Amount: 2000, State: rewards.StateReview}, "It is under review.")
	move(1, schema.AccountReview, schema.AccountHolding, 2000, schema.CauseCleared, "r")
	told(Reward{Amount: 2000, State: rewards.StateHolding}, "It is held until 2026-10-09.")
	move(1, schema.AccountHolding, schema.AccountPayable, 2000, schema.CauseReleased, "r")
	told(Reward{Amount: 2000, State: rewards.StatePayable}, "It is ready for the next payout since 2026-10-09.")
	move(1, schema.AccountPayable, schema.AccountProcessing, 2000, schema.CausePayout, "p1")
	told(Reward{Amount: 2000, State: rewards.StateProcessing, Payout: "p1"}, "It is in payout p1.")
	move(1, schema.AccountProcessing, schema.AccountPaid, 2000, schema.CausePayout, "p1")
	told(Reward{Amount: 2000, State: rewards.StatePaid, Payout: "p1"}, "It was paid by payout p1.")
	move(1, schema.AccountPayable, schema.AccountExpense, 2000, schema.CauseAdjusted, "a refund")
	told(Reward{State: rewards.StatePayable}, "The next payout carries it.")
	move(1, schema.AccountPaid, schema.AccountPayable, 2000, schema.CausePayout, "p1")
	told(Reward{State: rewards.StateReversed}, "It was taken back.")

	// Whose it is not is told nothing of it.
	if story := w.askedBy(2, "ann_1"); story.Answer != nothingOfYours || len(story.Events) != 0 {
		t.Errorf("to another partner: got %+v", story)
	}
	if story := w.asked("bea_1"); story.Events[0].Reward != nil || story.Events[0].At.Sub(monday) != 3*24*time.Hour {
		t.Errorf("of what is credited to nobody: got %+v", story.Events[0])
	}
}

func TestAStoryTellsWhyNothingIsEarned(t *testing.T) {
	w := newWorld(t)
	rule := func(id uint32, r schema.Rule) {
		t.Helper()
		r.ID, r.Event = id, schema.Sale
		w.entry(-1000, schema.KindRule, uint64(id), r)
	}
	says := func(p schema.PartnerID, invoice, want string) {
		t.Helper()
		if story := w.askedBy(p, invoice); !strings.HasSuffix(story.Answer, want) {
			t.Errorf("%s: got %q, want %q at its end", invoice, story.Answer, want)
		}
	}
	w.happens(
		sale(1, "ann", "ann_1", w.clicked(1, 0)), sale(40, "ann", "ann_2"), sale(41, "ann", "ann_3", amount(0, "USD")),
		sale(1, "bea", "bea_1", w.clicked(2, 0)), sale(2, "bea", "bea_2"), sale(3, "bea", "bea_3", amount(999, "USD")),
		sale(1, "cat", "cat_1", w.clicked(3, 0), amount(1, "USD")),
	)
	if answer := w.askedBy(1, "ann_1").Answer; strings.Contains(answer, "earns") || strings.Contains(answer, "reward") {
		t.Errorf("without any rule: got %q", answer)
	}
	rule(1, schema.Rule{Percent: 1000, Partner: 1, Months: 1, From: 20260908})
	rule(2, schema.Rule{Percent: 1000, Partner: 2, Once: true, MinSale: 1000, Currency: "USD", From: 20260908})
	rule(3, schema.Rule{Percent: 1000, Partner: 3, From: 20260908})
	says(1, "ann_1", " Its reward is not booked yet; that takes a minute.")
	says(1, "ann_2", " It earns nothing: the rule gives 10 % of each sale for 1 month, and those are over.")
	says(1, "ann_3", " It earns nothing: the sale was of nothing.")
	says(2, "bea_1", " Its reward is not booked yet; that takes a minute.")
	says(2, "bea_2", " It earns nothing: the rule gives 10 % of the customer's first sale of at least 10.00 USD, and this one is not the first.")
	says(2, "bea_3", " It earns nothing: the rule gives 10 % of the customer's first sale of at least 10.00 USD, and this one is smaller.")
	says(3, "cat_1", " It earns nothing: the rule gives 10 % of each sale, which rounds to nothing.")
	rule(4, schema.Rule{None: true, Partner: 3, From: 20260908})
	says(3, "cat_1", " It earns nothing: the rule gives nothing for a sale.")
	if answer := w.asked("cat_1").Answer; !strings.HasSuffix(answer, " It earns nothing: rule 4 gives nothing for a sale.") {
		t.Errorf("to the team: got %q", answer)
	}
	rule(3, schema.Rule{Percent: 1000, Partner: 3, From: 20260908, EndedFrom: 20260908})
	rule(4, schema.Rule{None: true, Partner: 3, From: 20260909})
	says(3, "cat_1", " It earns nothing: no rule for a sale was in force on that day.")
}

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
	if story := w.asked("ann_1"); strings.Contains(story.Answer, "reward") || story.Events[0].Reward != nil {
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

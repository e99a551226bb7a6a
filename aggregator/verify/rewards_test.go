package verify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fairlead/aggregator/ledger"
	"fairlead/schema"
)

// newEarningWorld is a world in which every sale has earned a tenth; those of partner 1 were paid, those of partner 2 are in a
// payout.
func newEarningWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	rows, err := w.CH.Query(t.Context(), `SELECT partner_id, conversion_id, occurred_at, amount, toString(currency) FROM fairlead.attributions FINAL
		WHERE kind = 'sale' AND state = 'counted' ORDER BY occurred_at`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var booked []schema.Transfer
	for rows.Next() {
		var partner uint32
		var at time.Time
		r := schema.Transfer{Kind: schema.CauseEarned, Debit: schema.AccountExpense, Credit: schema.AccountHolding, Token: 1}
		if err := rows.Scan(&partner, &r.Conversion, &at, &r.Amount, &r.Currency); err != nil {
			t.Fatal(err)
		}
		r.At, r.Partner, r.Cause, r.Amount = at.UnixMilli(), schema.PartnerID(partner), r.Conversion, r.Amount/10
		r.Reward = schema.NewRewardID(r.Partner, r.Kind, r.Cause, r.Currency)
		r.Identify(0)
		booked = append(booked, r)
		move := func(kind schema.CauseKind, cause string, ordinal int, from, to schema.Account) {
			m := r
			m.Kind, m.Cause, m.Debit, m.Credit = kind, cause, from, to
			m.Identify(ordinal)
			booked = append(booked, m)
		}
		if partner > 2 {
			continue
		}
		payout := payoutOf(partner)
		move(schema.CauseReleased, r.Reward.String(), 0, schema.AccountHolding, schema.AccountPayable)
		move(schema.CausePayout, payout, 0, schema.AccountPayable, schema.AccountProcessing)
		if partner == 1 {
			move(schema.CausePayout, payout, 1, schema.AccountProcessing, schema.AccountPaid)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if err := (ledger.Ledger{ClickHouse: w.CH, Purpose: "test"}).Append(t.Context(), booked); err != nil {
		t.Fatal(err)
	}
	for partner, status := range map[uint32]string{1: "completed", 2: "sent"} {
		w.Exec(`INSERT INTO fairlead.payouts (id, version, status, partner_id, amount, currency, part_rewards, part_amounts)
			SELECT unhex(any(cause)), 1, ?, any(partner_id), sum(amount), any(currency), groupArray(reward_id), groupArray(amount)
			FROM fairlead.ledger WHERE kind = 'payout' AND debit = 'payable' AND partner_id = ?`, status, partner)
	}
	return w
}

// payoutOf is the id of a partner's payout.
func payoutOf(partner uint32) string {
	return strings.Repeat("0", 31) + string(rune('0'+partner))
}

func TestRewardsThatAreRightAreFoundRight(t *testing.T) {
	w := newEarningWorld(t)
	if report := w.mustVerify(t, Scope{}); !report.OK || len(report.NotCompared) != 0 {
		t.Errorf("report %+v", report)
	}
	if n := w.Count("SELECT sum(rewards) FROM fairlead.reward_days"); n < 20 {
		t.Errorf("%d rewards were summed: too few to tell", n)
	}
}

// moneyFaults are grouped so that those of a group can stand beside each other.
var moneyFaults = map[string][]fault{
	"days of rewards": {
		{name: "a figure is too high", damage: exec("ALTER TABLE fairlead.reward_days UPDATE paid = paid + 1 WHERE partner_id = 1"),
			what: []string{RewardDays}, key: "partner 1, link 1 on 2026"},
		{name: "rows are gone", damage: exec("ALTER TABLE fairlead.reward_days DELETE WHERE partner_id = 2"),
			what: []string{RewardDays}, key: "partner 2, link 2 on 2026"},
		{name: "rows stand twice", damage: exec("INSERT INTO fairlead.reward_days SELECT * FROM fairlead.reward_days WHERE partner_id = 3"),
			what: []string{RewardDays}, key: "partner 3, link 3 on 2026"},
		{name: "a row that never was", damage: exec("INSERT INTO fairlead.reward_days (partner_id, link_id, day, currency, paid, rewards) VALUES (7, 70, '2019-03-01', 'USD', 1, 1)"),
			what: []string{RewardDays}, key: "partner 7, link 70 on 20190301, USD"},
	},
	"ledger": {
		{name: "a row has another amount", damage: exec("ALTER TABLE fairlead.ledger UPDATE amount = 1 WHERE partner_id = 1 AND kind = 'earned' AND id IN (SELECT min(id) FROM fairlead.ledger WHERE partner_id = 1 AND kind = 'earned')"),
			what: []string{Ledger, RewardDays}, key: "reward "},
		{name: "a row is another partner's", damage: exec("INSERT INTO fairlead.ledger SELECT * REPLACE (toUInt32(9) AS partner_id) FROM fairlead.ledger WHERE partner_id = 3 AND kind = 'earned' LIMIT 1"),
			what: []string{Ledger}, key: "reward "},
		{name: "a row has another currency", damage: exec("ALTER TABLE fairlead.ledger UPDATE currency = 'EUR' WHERE partner_id = 2 AND kind = 'released'"),
			what: []string{Ledger}, key: "reward "},
	},
	"payouts": {
		{name: "a payout has another amount", damage: exec("ALTER TABLE fairlead.payouts UPDATE amount = amount + 1 WHERE partner_id = 1"),
			what: []string{Payouts}, key: payoutOf(1) + ", its list"},
		{name: "a payout has another status", damage: exec("INSERT INTO fairlead.payouts SELECT * REPLACE ('failed' AS status, 2 AS version) FROM fairlead.payouts WHERE partner_id = 2"),
			what: []string{Payouts}, key: payoutOf(2) + ", failed"},
	},
	"payouts that are gone": {
		{name: "a payout is gone", damage: exec("ALTER TABLE fairlead.payouts DELETE WHERE partner_id = 1"),
			what: []string{Payouts}, key: payoutOf(1)},
		{name: "a payout paid a reward twice", damage: exec("INSERT INTO fairlead.ledger SELECT * REPLACE (reverse(id) AS id) FROM fairlead.ledger WHERE partner_id = 2 AND kind = 'payout' LIMIT 1"),
			what: []string{Ledger, Payouts}, key: payoutOf(2) + ", sent"},
		{name: "a row of a payout is gone", damage: exec("ALTER TABLE fairlead.ledger DELETE WHERE partner_id = 1 AND kind = 'payout' AND credit = 'paid'"),
			what: []string{Payouts}, key: payoutOf(1)},
	},
}

func TestEveryFaultInWhatWasEarnedAndPaidIsFound(t *testing.T) {
	for group, all := range moneyFaults {
		t.Run(group, func(t *testing.T) {
			w := newEarningWorld(t)
			w.mustVerify(t, Scope{})
			for _, f := range all {
				f.damage(w)
			}
			report := w.mustVerify(t, Scope{})
			for _, f := range all {
				for _, what := range f.what {
					if !slices.ContainsFunc(report.Differences, func(d Difference) bool { return d.What == what }) {
						t.Errorf("%s: no difference in %s was found", f.name, what)
					}
				}
				if !slices.ContainsFunc(report.Differences, func(d Difference) bool { return slices.Contains(f.what, d.What) && strings.Contains(d.Key, f.key) }) {
					t.Errorf("%s: no difference has %q in its key", f.name, f.key)
				}
			}
			for _, d := range report.Differences {
				if d.Want == d.Got {
					t.Errorf("a difference that is none: %+v", d)
				}
			}
			if t.Failed() {
				t.Logf("%+v", report)
			}
		})
	}
}

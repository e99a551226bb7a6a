package verify

import (
	"strings"
	"testing"

	"fairlead/aggregator/ledger"
	"fairlead/schema"
)

// newEarningWorld is a world in which partner 1 was paid what was ready, and what partner 2 had ready is in a payout.
func newEarningWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.pay(t, 1, schema.AccountPaid)
	w.pay(t, 2, schema.AccountProcessing)
	if _, err := w.days.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// pay takes all that a partner has ready into a payout, which stands in the ledger as far as an account.
func (w *world) pay(t testing.TB, partner uint32, to schema.Account) {
	t.Helper()
	rows, err := w.CH.Query(t.Context(), "SELECT reward_id, conversion_id, toString(currency), payable FROM fairlead.rewards WHERE partner_id = ? AND payable > 0", partner)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var booked []schema.Transfer
	for rows.Next() {
		var reward string
		m := schema.Transfer{
			BookedAt: noon.UnixMilli(), At: noon.UnixMilli(), Partner: schema.PartnerID(partner), Token: 1,
			Kind: schema.CausePayout, Cause: payoutOf(partner), Debit: schema.AccountPayable, Credit: schema.AccountProcessing,
		}
		if err := rows.Scan(&reward, &m.Conversion, &m.Currency, &m.Amount); err != nil {
			t.Fatal(err)
		}
		m.Reward = schema.RewardID([]byte(reward))
		m.Identify(0)
		booked = append(booked, m)
		if to == schema.AccountPaid {
			m.Debit, m.Credit = schema.AccountProcessing, schema.AccountPaid
			m.Identify(1)
			booked = append(booked, m)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if err := (ledger.Ledger{ClickHouse: w.CH, Purpose: "test"}).Append(t.Context(), booked); err != nil {
		t.Fatal(err)
	}
	status := map[schema.Account]string{schema.AccountPaid: "completed", schema.AccountProcessing: "sent"}[to]
	w.Exec(`INSERT INTO fairlead.payouts (id, version, status, partner_id, amount, currency, part_rewards, part_amounts)
		SELECT unhex(any(cause)), 1, ?, any(partner_id), sum(amount), any(currency), groupArray(reward_id), groupArray(amount)
		FROM fairlead.ledger WHERE kind = 'payout' AND debit = 'payable' AND partner_id = ?`, status, partner)
}

// payoutOf is the id of a partner's payout.
func payoutOf(partner uint32) string {
	return strings.Repeat("0", 31) + string(rune('0'+partner))
}

func TestRewardsThatAreRightAreFoundRight(t *testing.T) {
	w := newEarningWorld(t)
	if report := w.mustVerify(t, Scope{}); !report.OK || len(report.NotCompared) != 0 || report.Rewards < 20 {
		t.Errorf("report %+v", report)
	}
	for what, question := range map[string]string{
		"summed": "SELECT sum(rewards) FROM fairlead.reward_days", "held": "SELECT countIf(holding > 0) FROM fairlead.rewards", "ready": "SELECT countIf(payable > 0) FROM fairlead.rewards",
		"being paid": "SELECT countIf(processing > 0) FROM fairlead.rewards", "paid": "SELECT countIf(paid > 0) FROM fairlead.rewards",
	} {
		if n := w.Count(question); n < 3 {
			t.Errorf("%d rewards are %s: too few to tell", n, what)
		}
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
	"what was earned": {
		{name: "a row has another amount", damage: exec("ALTER TABLE fairlead.ledger UPDATE amount = amount + 1 WHERE partner_id = 3 AND kind = 'earned' AND id IN (SELECT min(id) FROM fairlead.ledger WHERE partner_id = 3 AND kind = 'earned' AND reward_id IN (SELECT reward_id FROM fairlead.rewards WHERE holding > 0))"),
			what: []string{Ledger}, key: "of partner 3, holding"},
		{name: "all rows of a reward are gone", damage: exec("ALTER TABLE fairlead.ledger DELETE WHERE reward_id IN (SELECT min(reward_id) FROM fairlead.rewards WHERE partner_id = 1 AND holding > 0)"),
			what: []string{Ledger, RewardDays}, key: "of partner 1, holding"},
		{name: "a release is gone", damage: exec("ALTER TABLE fairlead.ledger DELETE WHERE kind = 'released' AND reward_id IN (SELECT min(reward_id) FROM fairlead.rewards WHERE partner_id = 3 AND payable > 0)"),
			what: []string{Ledger}, key: "of partner 3, payable"},
		{name: "a row is one too many", damage: exec("INSERT INTO fairlead.ledger SELECT * REPLACE (reverse(id) AS id) FROM fairlead.ledger WHERE partner_id = 2 AND kind = 'earned' AND reward_id IN (SELECT reward_id FROM fairlead.rewards WHERE holding > 0) LIMIT 1"),
			what: []string{Ledger}, key: "of partner 2, row "},
		{name: "a reward for a sale that nobody decided on", damage: exec("INSERT INTO fairlead.ledger SELECT * REPLACE (reverse(id) AS id, reverse(reward_id) AS reward_id, 'x' AS conversion_id) FROM fairlead.ledger WHERE partner_id = 1 AND kind = 'earned' LIMIT 1"),
			what: []string{Ledger}, key: "of partner 1, for nothing"},
		{name: "a reward by hand that nobody entered", damage: exec("INSERT INTO fairlead.ledger SELECT * REPLACE (MD5('by hand') AS id, reverse(reward_id) AS reward_id, '' AS conversion_id, 'added' AS kind, '7' AS cause) FROM (SELECT * FROM fairlead.ledger WHERE partner_id = 3 AND kind = 'earned' LIMIT 1)"),
			what: []string{Ledger}, key: "of partner 3, for nothing"},
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
			mustFindIn(t, newEarningWorld(t), all)
		})
	}
}

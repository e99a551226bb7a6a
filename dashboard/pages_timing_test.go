package dashboard

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"fairlead/schema"
)

// BenchmarkPages times pages at the server, with the rollups of 2,000 partners with 5 links each over two
// years behind them, and a million reports of the past 30 days, and reports the slowest one in a hundred. Each page is
// timed as it is after the figures have changed, and as it is when it is asked for again. It runs after the tests, which
// do not expect that many partners.
func BenchmarkPages(b *testing.B) {
	w := newWorld(b)
	ctx := b.Context()
	w.must(w.conn.Exec(ctx, `INSERT INTO fairlead.link_days
		SELECT 1000 + number % 2000, 100000 + number % 10000, toDate('2024-12-01') + intDiv(number, 10000),
			number % 500, number % 400, number % 7, 0, 0, 0, 0, 0, 0, 1 FROM numbers(10000 * 723)`))
	w.must(w.conn.Exec(ctx, `INSERT INTO fairlead.sale_days
		SELECT 1000 + number % 2000, 100000 + number % 10000, toDate('2024-12-01') + intDiv(number, 10000), 'USD',
			number % 2, number % 3, number % 3, number % 3 * 4900, number % 17 = 0, if(number % 17 = 0, 1500, 0), 0, 0, 1 FROM numbers(10000 * 723) WHERE number % 3 = 0`))
	sums := "sum(clicks), sum(visitors), sum(bots), 0, 0, 0, 0, 0, 0, 1"
	w.must(w.conn.Exec(ctx, "INSERT INTO fairlead.partner_days SELECT partner_id, day, "+sums+" FROM fairlead.link_days WHERE partner_id >= 1000 GROUP BY partner_id, day"))
	w.must(w.conn.Exec(ctx, "INSERT INTO fairlead.partner_months SELECT partner_id, toStartOfMonth(day) AS month, "+sums+" FROM fairlead.partner_days WHERE partner_id >= 1000 GROUP BY partner_id, month"))
	w.must(w.conn.Exec(ctx, `INSERT INTO fairlead.attributions (node, seq, token, kind, conversion_id, customer_id, received_at, occurred_at, state, reason, partner_id, amount, currency)
		SELECT 'node-1', number, 1, 'sale', hex(sipHash128(number)), toString(number % 100000), addMilliseconds(toDateTime64('2026-10-26 00:00:00', 3, 'UTC'), number * 2400) AS at, at,
			multiIf(number % 10000 = 0, 'conflict', number % 4 = 0, 'unattributed', 'counted'), if(number % 4 = 0, 'no_click', 'bound'), 1000 + number % 2000, 4900, 'USD'
		FROM numbers(1000000)`))
	w.must(w.conn.Exec(ctx, `INSERT INTO fairlead.reward_days
		SELECT partner_id, link_id, day, currency, gross, toInt64(sales * 10), 0, 0, 0, sales, 1 FROM fairlead.sale_days WHERE partner_id >= 1000 AND sales > 0`))
	w.must(w.conn.Exec(ctx, `INSERT INTO fairlead.ledger (id, at, due_at, partner_id, reward_id, debit, credit, amount, currency, kind, cause, token)
		SELECT sipHash128(number), addSeconds(toDateTime64('2024-12-01 00:00:00', 3, 'UTC'), number * 60), at, if(number % 200 = 0, `+w.ada.ID.String()+`, 1000 + number % 2000),
			sipHash128(intDiv(number, 2), 'r'), if(number % 2 = 0, 'expense', 'holding'), if(number % 2 = 0, 'holding', 'payable'), 490, 'USD', if(number % 2 = 0, 'earned', 'released'), '', 1
		FROM numbers(1000000)`))
	for _, table := range []string{"ledger", "reward_days", "link_days", "sale_days", "partner_days", "partner_months"} { // the aggregator swaps whole months in
		w.must(w.conn.Exec(ctx, "OPTIMIZE TABLE fairlead."+table+" FINAL"))
	}
	ada, team := w.loggedIn("ada@example.com"), w.loggedIn("team@example.com")
	for _, page := range []struct {
		path string
		v    *visitor
	}{{"/home", ada}, {"/reporting", ada}, {"/links", ada}, {"/live", ada}, {"/partners", team}, {"/conversions?state=unattributed", team}} {
		timed := func(b *testing.B, before func()) {
			var took []time.Duration
			for b.Loop() {
				before()
				start := time.Now()
				if res := page.v.get(page.path); res.status != http.StatusOK {
					b.Fatalf("%d\n%s", res.status, res.body)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
		}
		stands := func() {
			w.must(w.client.HIncrBy(ctx, schema.DefaultKeys.Rollup(), schema.RollupGeneration, 1).Err())
			w.must(w.client.HSet(ctx, schema.DefaultKeys.Rollup(), schema.SalesGeneration, 1, schema.RewardsGeneration, 1).Err())
		}
		b.Run("figures=new"+page.path, func(b *testing.B) { timed(b, stands) })
		b.Run("figures=same"+page.path, func(b *testing.B) { timed(b, func() {}) })
	}
}

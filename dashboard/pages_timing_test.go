package dashboard

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// BenchmarkPages times pages at the server, with the rollups of 2,000 partners with 5 links each over two
// years behind them, and reports the slowest one in a hundred. It runs after the tests, which do not expect
// that many partners.
func BenchmarkPages(b *testing.B) {
	w := newWorld(b)
	ctx := b.Context()
	w.must(w.conn.Exec(ctx, `INSERT INTO fairlead.link_days
		SELECT 1000 + number % 2000, 100000 + number % 10000, toDate('2024-12-01') + intDiv(number, 10000),
			number % 500, number % 400, number % 7, 0, 0, 0, 0, 0, 0, 1 FROM numbers(10000 * 723)`))
	sums := "sum(clicks), sum(visitors), sum(bots), 0, 0, 0, 0, 0, 0, 1"
	w.must(w.conn.Exec(ctx, "INSERT INTO fairlead.partner_days SELECT partner_id, day, "+sums+" FROM fairlead.link_days WHERE partner_id >= 1000 GROUP BY partner_id, day"))
	w.must(w.conn.Exec(ctx, "INSERT INTO fairlead.partner_months SELECT partner_id, toStartOfMonth(day) AS month, "+sums+" FROM fairlead.partner_days WHERE partner_id >= 1000 GROUP BY partner_id, month"))
	ada, team := w.loggedIn("ada@example.com"), w.loggedIn("team@example.com")
	for _, page := range []struct {
		path string
		v    *visitor
	}{{"/home", ada}, {"/reporting", ada}, {"/links", ada}, {"/live", ada}, {"/partners", team}} {
		b.Run(page.path, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				if res := page.v.get(page.path); res.status != http.StatusOK {
					b.Fatalf("%d\n%s", res.status, res.body)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
		})
	}
}

package rollup

import (
	"fmt"
	"testing"
	"time"

	"fairlead/aggregator/aggregatortest"
	"fairlead/schema"
)

// BenchmarkRun measures a run after one batch, in a month of a million clicks by 200 partners on 600 links, and
// one that finds nothing new.
func BenchmarkRun(b *testing.B) {
	w := empty(b)
	const clicks, node = 1_000_000, "n"
	w.Exec(fmt.Sprintf(`INSERT INTO fairlead.clicks (node, seq, clicked_at, partner_id, link_id, click_tag, verdict, visitor)
		SELECT '%s', number + 1, toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + number * 2.5, 1 + rand(1) %% 200 AS partner, partner * 3 + rand(2) %% 3, rand64(3), 'valid', rand64(4)
		FROM numbers(%d)`, node, clicks))
	w.Exec(fmt.Sprintf("INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, quarters) VALUES ('%s', 202611, 1, %d, %d, arrayMap(q -> toDateTime('2026-11-01 00:00:00', 'UTC') + q * 900, range(2880)))", node, clicks, clicks))
	r := newRollup(b, w)
	began := time.Now()
	mustRun(b, r)
	b.Logf("a month of %d clicks was rolled up in %s", clicks, time.Since(began))
	hit := aggregatortest.Hit{At: november, Partner: 1, Link: 3, Verdict: schema.VerdictValid, Visitor: 1}
	b.Run("one day touched", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			w.Ship("other", hit)
			b.StartTimer()
			mustRun(b, r)
		}
	})
	b.Run("nothing new", func(b *testing.B) {
		for b.Loop() {
			mustRun(b, r)
		}
	})
}

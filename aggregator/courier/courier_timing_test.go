package courier

import (
	"testing"
	"time"

	"fairlead/schema"
)

// BenchmarkDueAmongAMillion looks for what is due among a million notices of three days, all delivered but for those to one
// endpoint that takes nothing.
func BenchmarkDueAmongAMillion(b *testing.B) {
	w := newWorld(b)
	w.Exec(`INSERT INTO fairlead.notices (event_id, subject, audience, ordinal, type, test, node, seq, partner_id, amount, currency, body, webhooks, postbacks, created_at, token)
		SELECT 'evt_' || lower(hex(sipHash128(number))), lower(hex(sipHash128(number, 1))), 0, 1, 'sale.created', false, 'shop', number, 1, 100, 'USD', repeat('x', 500),
			if(number % 1000 = 0, [1, 2], [1]), [], fromUnixTimestamp64Milli(?) + toIntervalMillisecond(number * 250), 1
		FROM numbers(1000000)`, monday.UnixMilli())
	w.Exec(`INSERT INTO fairlead.deliveries (event_id, endpoint, endpoint_id, queued_at, attempt, attempted_at, state, status, reason, next_at, token)
		SELECT event_id, 'webhook', arrayJoin(webhooks) AS hook, created_at, 1, created_at, if(hook = 1, 'delivered', 'retry'), if(hook = 1, 200, 500), if(hook = 1, '', 'status'),
			created_at + INTERVAL 10 DAY, 1
		FROM fairlead.notices`)
	w.pass(3 * 24 * time.Hour)
	r := &run{Options: w.opt, c: w.courier, ctx: b.Context(), state: state{Since: monday, Tried: w.Now().Add(-margin)}, flying: map[place]int{{schema.KindWebhook, 7}: 1}}
	for b.Loop() {
		due, err := r.due(mostTaken)
		if err != nil || len(due) != 0 {
			b.Fatalf("%d are due, %v", len(due), err)
		}
	}
	b.ReportMetric(1_000_000, "notices")
}

package trace

import (
	"fmt"
	"log/slog"
	"testing"

	"fairlead/cmd/stores/storestest"
	"fairlead/schema/clickhouse"
	"fairlead/schema/directory"
)

// BenchmarkRead asks for customers among a million reports, with 20 million clicks of a year behind them.
func BenchmarkRead(b *testing.B) {
	conn, rdb := storestest.ClickHouse(b).Fresh(b).Conn(b), storestest.Redis(b).Fresh(b).Client(b)
	if err := clickhouse.Apply(b.Context(), conn, clickhouse.Options{}); err != nil {
		b.Fatal(err)
	}
	for _, stmt := range []string{
		`INSERT INTO fairlead.clicks (node, seq, clicked_at, partner_id, link_id, slug, click_nonce, click_tag, verdict)
			SELECT 'clicks', number + 1, fromUnixTimestamp64Milli(1735689600000 + toInt64(number * 1577)), number % 5000 + 1, number % 5000 + 1, 'a', number, cityHash64(number), 'valid'
			FROM numbers(20000000) SETTINGS max_partitions_per_insert_block = 0`,
		`INSERT INTO fairlead.conversions (node, seq, received_at, occurred_at, kind, source, conversion_id, customer_id, aliases, click_id, click_state, link_id, partner_id, clicked_at, amount, currency, invoice, payments)
			SELECT 'conversions', number + 1, clicked_at + INTERVAL 1 DAY, clicked_at + INTERVAL 1 DAY, if(number % 4 = 0, 'lead', 'sale'), 'api', lower(hex(MD5(toString(number)))),
				concat('customer', toString(intDiv(number, 4))), [concat('shop:s', toString(intDiv(number, 4)), '.example')],
				base64URLEncode(concat(substring(reverse(reinterpretAsFixedString(toUInt64(toUnixTimestamp64Milli(clicked_at)))), 3, 6), reverse(reinterpretAsFixedString(link_id)),
					substring(reverse(reinterpretAsFixedString(click)), 3, 6), reverse(reinterpretAsFixedString(cityHash64(click))))),
				'genuine', link_id, link_id, clicked_at, 1000, 'USD', concat('in_', toString(number)), [concat('in_', toString(number))]
			FROM (SELECT number, toUInt64(intDiv(number, 4) * 80) AS click, fromUnixTimestamp64Milli(1735689600000 + toInt64(click * 1577), 'UTC') AS clicked_at, toUInt32(click % 5000 + 1) AS link_id FROM numbers(1000000))
			SETTINGS max_partitions_per_insert_block = 0`,
		`INSERT INTO fairlead.attributions (node, seq, token, kind, conversion_id, customer_id, received_at, occurred_at, state, reason, partner_id, link_id, click_id, clicked_at, amount, currency, rate)
			SELECT node, seq, 1, kind, conversion_id, customer_id, received_at, occurred_at, 'counted', 'last_click', partner_id, link_id, click_id, clicked_at, amount, currency, 1
			FROM fairlead.conversions SETTINGS max_partitions_per_insert_block = 0`,
	} {
		if err := conn.Exec(b.Context(), stmt); err != nil {
			b.Fatal(err)
		}
	}
	r := New(conn, directory.New(conn, rdb, directory.Options{Logger: slog.New(slog.DiscardHandler)}))
	if err := r.dir.EnsureSecret(b.Context()); err != nil {
		b.Fatal(err)
	}
	n := 0
	for _, ask := range []string{"customer%d", "in_%d", "s%d.example"} {
		b.Run(fmt.Sprintf(ask, 0), func(b *testing.B) {
			for b.Loop() {
				n += 7919
				s, err := r.Read(b.Context(), Question{Text: fmt.Sprintf(ask, n%250_000)})
				if err != nil {
					b.Fatal(err)
				}
				if len(s.Events) != 5 || !s.Events[0].Click.Landed || s.Events[1].Decision == nil {
					b.Fatalf("got %d events: %+v", len(s.Events), s)
				}
			}
		})
	}
}

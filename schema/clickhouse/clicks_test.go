package clickhouse

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestTheClickIDOfARowIsTheOneInTheURL(t *testing.T) {
	conn := migrated(t)
	rng := rand.New(rand.NewPCG(1, 2))
	ids := []schema.ClickID{
		{At: 0, Link: 0, Nonce: 0, Tag: 0},
		{At: 1, Link: 1, Nonce: 1, Tag: 1},
		{At: 9223372036000, Link: 1<<32 - 1, Nonce: 1<<48 - 1, Tag: 1<<64 - 1},
		{At: 1431857117000, Link: 255, Nonce: 256, Tag: 1 << 63},
	}
	for range 500 {
		ids = append(ids, schema.ClickID{At: rng.Int64N(4e12), Link: schema.LinkID(rng.Uint32()), Nonce: rng.Uint64() >> 16, Tag: rng.Uint64()})
	}
	months := map[string][]int{}
	for i, id := range ids {
		m := id.Time().Format("2006")
		months[m] = append(months[m], i)
	}
	for _, some := range months { // an insert takes a hundred partitions
		batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO fairlead.clicks (seq, clicked_at, link_id, click_nonce, click_tag, verdict)")
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range some {
			id := ids[i]
			if err := batch.Append(uint64(i), id.Time(), uint32(id.Link), id.Nonce, id.Tag, int8(schema.VerdictValid)); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := conn.Query(t.Context(), "SELECT seq, click_id FROM fairlead.clicks")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var seq uint64
		var text string
		if err := rows.Scan(&seq, &text); err != nil {
			t.Fatal(err)
		}
		if want := ids[seq].String(); text != want {
			t.Errorf("%+v: got %s, want %s", ids[seq], text, want)
		}
	}
	if n != len(ids) || rows.Err() != nil {
		t.Errorf("%d rows (%v), want %d", n, rows.Err(), len(ids))
	}
}

func TestTheVerdictsOfTheTableAreThoseOfTheProgram(t *testing.T) {
	conn := migrated(t)
	kind := mustAsk[string](t, conn, "SELECT type FROM system.columns WHERE database = 'fairlead' AND table = 'clicks' AND name = 'verdict'")
	var names []string
	for _, v := range schema.Verdicts() {
		names = append(names, fmt.Sprintf("'%s' = %d", v, v))
	}
	if want := "Enum8(" + strings.Join(names, ", ") + ")"; kind != want {
		t.Errorf("got %s, want %s", kind, want)
	}
}

func TestAnInsertWithATokenIsTakenOnce(t *testing.T) {
	conn := migrated(t)
	for _, c := range []struct {
		token string
		rows  uint64
	}{{"n:1-3:202611", 1}, {"n:1-3:202611", 1}, {"n:4-6:202611", 2}, {"n:1-3:202611", 2}} {
		ctx := ch.Context(t.Context(), ch.WithSettings(ch.Settings{"insert_deduplication_token": c.token}))
		if err := conn.Exec(ctx, "INSERT INTO fairlead.clicks (node, seq, clicked_at, verdict) VALUES ('n', 1, '2026-11-01 00:00:00', 'valid')"); err != nil {
			t.Fatal(err)
		}
		if n := mustAsk[uint64](t, conn, "SELECT count() FROM fairlead.clicks"); n != c.rows {
			t.Errorf("after %s: %d rows, want %d", c.token, n, c.rows)
		}
	}
	if n := mustAsk[string](t, conn, "SELECT extract(engine_full, 'non_replicated_deduplication_window = ([0-9]+)') FROM system.tables WHERE database = 'fairlead' AND name = 'clicks'"); n != "10000" {
		t.Errorf("the window is %s inserts, want 10000", n)
	}
}

func TestADayOfClicksIsReadWithoutTheOthers(t *testing.T) {
	conn := migrated(t)
	mustExec(t, conn, `INSERT INTO fairlead.clicks (node, seq, clicked_at, partner_id, link_id, verdict)
		SELECT 'n', number + 1, toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + number * 3, number % 50, number % 50, 'valid' FROM numbers(800000)`)
	ctx := ch.Context(t.Context(), ch.WithSettings(ch.Settings{"max_rows_to_read": 60000}))
	var n uint64
	err := conn.QueryRow(ctx, "SELECT count() FROM fairlead.clicks WHERE clicked_at >= '2026-11-12 04:00:00' AND clicked_at < '2026-11-12 05:00:00'").Scan(&n)
	if err != nil || n != 1200 {
		t.Errorf("an hour of 28 days: %d clicks, %v", n, err)
	}
}

func TestAClickTakesAtMost35Bytes(t *testing.T) {
	conn := migrated(t)
	const rows = 300_000
	mustExec(t, conn, `
		INSERT INTO fairlead.clicks (node, seq, clicked_at, partner_id, link_id, slug, destination, click_nonce, click_tag, verdict, verdict_reason, visitor,
			referrer_host, referrer_path, country, device, os, browser, language, sub_id, sub_id1, utm_source, utm_medium, utm_campaign, data_version)
		WITH toUInt32(1 + floor(200 * pow((rand(1) % 1000000) / 1000000., 3))) AS partner, partner * 3 + rand(2) % 3 AS link, rand(3) % 10 < 8 AS valid
		SELECT 'n4f6a8b2c9d1e3f57', number + 1, toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + number * 8 + (rand(4) % 1000) / 1000, partner, link,
			concat('partner-', toString(link)), if(link % 3 = 0, '', concat('https://shop.example/category/', toString(link), '/product?x=', toString(link * 7))),
			bitOr(bitShiftLeft(toUInt64(11223344), 24), number), rand64(5), if(valid, 'valid', 'bot'), if(valid, '', ['Googlebot', 'bingbot', 'curl'][1 + rand(6) % 3]),
			cityHash64(rand(7) % 250000), ['google.com', 'instagram.com', 'youtube.com', 'blog.example', '', 't.co'][1 + rand(8) % 6], concat('/post/', toString(rand(9) % 5000)),
			['US', 'CA', 'GB', 'DE', 'FR', 'IN', 'BR'][1 + rand(10) % 7], ['desktop', 'mobile', 'tablet'][1 + rand(11) % 3], ['Windows', 'iOS', 'Android', 'macOS'][1 + rand(12) % 4],
			['Chrome', 'Safari', 'Firefox', 'Edge'][1 + rand(13) % 4], ['en-US', 'en', 'de-DE', 'fr'][1 + rand(14) % 4],
			if(rand(15) % 3 = 0, concat('campaign', toString(rand(16) % 100)), ''), if(rand(17) % 10 = 0, toString(rand64(18)), ''),
			if(rand(19) % 2 = 0, ['newsletter', 'social'][1 + rand(20) % 2], ''), if(rand(21) % 2 = 0, 'email', ''), if(rand(22) % 2 = 0, concat('c', toString(rand(23) % 50)), ''), 'v1'
		FROM numbers(300000)`)
	mustExec(t, conn, "OPTIMIZE TABLE fairlead.clicks FINAL")
	bytes := mustAsk[uint64](t, conn, "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'fairlead' AND table = 'clicks' AND active")
	if per := float64(bytes) / rows; per > 35 {
		t.Errorf("%.1f bytes a click", per)
	} else {
		t.Logf("%.1f bytes a click", per)
	}
}

func TestHeartbeatsAreForgottenAndShipmentsAreNot(t *testing.T) {
	conn := migrated(t)
	mustExec(t, conn, `INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, shipped_at) VALUES
		('n', 0, 1, 0, now64(3) - INTERVAL 8 DAY), ('n', 201505, 1, 5, now64(3) - INTERVAL 9 YEAR), ('n', 0, 6, 5, now64(3))`)
	mustExec(t, conn, "OPTIMIZE TABLE fairlead.shipments FINAL")
	if n := mustAsk[uint64](t, conn, "SELECT groupBitXor(first_seq * 10 + (month > 0)) FROM fairlead.shipments"); n != 11^60 {
		t.Errorf("other shipments are left than the old one with rows and the new heartbeat: %d", n)
	}
	if n := mustAsk[uint64](t, conn, "SELECT count() FROM system.tables WHERE database = 'fairlead' AND name IN ('clicks', 'gaps', 'directory_log') AND engine_full LIKE '%TTL%'"); n != 0 {
		t.Errorf("%d tables of facts forget", n)
	}
}

func TestAnAnalystReadsTheViewInTheProgramsZoneAndNothingElse(t *testing.T) {
	store := storestest.NewClickHouse(t)
	password, err := stores.AddAnalyst(store.Dir(), "eva")
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := store.Conn(t)
	mustApply(t, conn)
	mustExec(t, conn, "INSERT INTO fairlead.clicks (node, seq, clicked_at, partner_id, link_id, verdict, referrer_path) VALUES ('n', 1, '2026-11-01 03:30:00', 7, 9, 'valid', '/private')")
	eva, err := ch.Open(&ch.Options{Addr: []string{store.Addr()}, Auth: ch.Auth{Username: "eva", Password: password}})
	if err != nil {
		t.Fatal(err)
	}
	defer eva.Close()
	day := func() string {
		return mustAsk[time.Time](t, eva, "SELECT day FROM analytics.clicks").Format(time.DateOnly)
	}
	if got := day(); got != "2026-11-01" {
		t.Errorf("without a program: day %s, want UTC's", got)
	}
	mustExec(t, conn, `INSERT INTO fairlead.directory_log (kind, id, version, data) VALUES ('program', 1, 1, '{"zone":"America/Toronto"}')`)
	if got := day(); got != "2026-10-31" {
		t.Errorf("day %s, want Toronto's", got)
	}
	if id, want := mustAsk[string](t, eva, "SELECT click_id FROM analytics.clicks"), mustAsk[string](t, conn, "SELECT click_id FROM fairlead.clicks"); id != want {
		t.Errorf("click id %s, want %s", id, want)
	}
	for _, question := range []string{
		"SELECT count() FROM fairlead.clicks",
		"SELECT data FROM fairlead.directory_log",
		"SELECT data FROM fairlead.directory",
		"SELECT referrer_path FROM analytics.clicks",
		"INSERT INTO fairlead.gaps (node) VALUES ('x')",
		"DROP VIEW analytics.clicks",
		"SELECT 1 SETTINGS max_execution_time = 0",
	} {
		if rows, err := eva.Query(t.Context(), question); err == nil {
			rows.Close()
			t.Errorf("an analyst may ask %s", question)
		}
	}
}

package clickhouse

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestTheWordsOfConversionsAreThoseOfTheProgram(t *testing.T) {
	conn := migrated(t)
	f := func(column string, words []string) {
		t.Helper()
		got := mustAsk[string](t, conn, "SELECT type FROM system.columns WHERE database = 'fairlead' AND table = 'conversions' AND name = '"+column+"'")
		for i, word := range words {
			words[i] = fmt.Sprintf("'%s' = %d", word, i+1)
		}
		if want := "Enum8(" + strings.Join(words, ", ") + ")"; got != want {
			t.Errorf("%s: got %s, want %s", column, got, want)
		}
	}
	f("kind", texts(schema.ConversionKinds()))
	f("source", texts(schema.ConversionSources()))
	f("click_state", texts(schema.ClickStates()))
}

func TestAnAnalystReadsConversionsWithoutWhoTheCustomersAre(t *testing.T) {
	const secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	store := storestest.NewClickHouse(t)
	password, err := stores.AddAnalyst(store.Dir(), "eva")
	if err != nil {
		t.Fatal(err)
	}
	if err := store.ReloadAnalysts(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := store.Conn(t)
	mustApply(t, conn)
	mustExec(t, conn, `INSERT INTO fairlead.directory_log (kind, id, version, data) VALUES
		('program', 1, 1, '{"zone":"America/Toronto"}'), ('secret', 1, 2, '{"customers":"`+secret+`"}')`)
	mustExec(t, conn, `INSERT INTO fairlead.attributions
		(node, seq, token, kind, conversion_id, customer_id, occurred_at, state, reason, partner_id, link_id, click_id, sale_id, binds, amount, currency) VALUES
		('n', 1, 1, 'lead', 'c1', 'ann@private.example', '2026-11-01 03:30:00', 'counted', 'last_click', 7, 9, 'k1', '', true, 0, 'USD'),
		('n', 2, 1, 'sale', 'c2', 'ann@private.example', '2026-11-02 12:00:00', 'unattributed', 'no_click', 0, 0, '', 'c2', false, 100, 'USD'),
		('n', 2, 2, 'sale', 'c2', 'ann@private.example', '2026-11-02 12:00:00', 'counted', 'bound', 7, 9, 'k1', 'c2', false, 4900, 'USD'),
		('n', 3, 1, 'sale', 'c3', 'bob', '2026-11-02 12:00:00', 'unattributed', 'no_click', 0, 0, '', 'c3', false, 100, 'USD'),
		('n', 4, 1, 'refund', 'c4', '', '2026-11-02 12:00:00', 'waiting', 'no_sale', 0, 0, '', '', false, 0, '')`)
	eva, err := ch.Open(&ch.Options{Addr: []string{store.Addr()}, Auth: ch.Auth{Username: "eva", Password: password}})
	if err != nil {
		t.Fatal(err)
	}
	defer eva.Close()
	want := "lead counted last_click 7 9 k1 true 0 USD 2026-10-31 2026-10-01; sale counted bound 7 9 k1 false 4900 USD 2026-11-02 2026-11-01; " +
		"sale unattributed no_click 0 0  false 100 USD 2026-11-02 2026-11-01; refund waiting no_sale 0 0  false 0  2026-11-02 2026-11-01"
	if got := mustAsk[string](t, eva, `SELECT arrayStringConcat(groupArray(concatWithSeparator(' ', kind, state, reason, partner_id, link_id, click_id, referred, amount, currency, day, month)), '; ')
		FROM (SELECT * FROM analytics.conversions ORDER BY seq)`); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := mustAsk[string](t, eva, "SELECT toString(groupArray(n)) FROM (SELECT dense_rank() OVER (ORDER BY customer != 0 DESC, customer) AS n FROM analytics.conversions ORDER BY n)"); got != "[1,1,2,3]" && got != "[1,2,2,3]" {
		t.Errorf("customers are told apart as %s", got)
	}
	if n := mustAsk[uint64](t, eva, "SELECT customer FROM analytics.conversions WHERE seq = 4"); n != 0 {
		t.Errorf("a customer without a name is %d", n)
	}
	mustExec(t, conn, "INSERT INTO fairlead.attributions (node, seq, occurred_at) VALUES ('n', 9, '2025-01-01 00:00:00')")
	if n := mustAsk[uint64](t, conn, `SELECT sum(parts) FROM
		(EXPLAIN ESTIMATE SELECT day, customer FROM analytics.conversions WHERE occurred_at >= '2026-11-02 06:00:00') WHERE table = 'attributions'`); n != 1 {
		t.Errorf("%d parts are read for a month, want its own", n)
	}
	ann := mustAsk[uint64](t, eva, "SELECT customer FROM analytics.conversions WHERE seq = 1")
	for _, known := range []string{"sipHash64('ann@private.example')", "cityHash64('ann@private.example')", "sipHash64Keyed((toUInt64(0), toUInt64(0)), 'ann@private.example')"} {
		if mustAsk[uint64](t, eva, "SELECT "+known) == ann {
			t.Errorf("whoever guesses a customer's name can check it by %s", known)
		}
	}
	// Ids join with each other, and are not those that follow from the names of a customer or an invoice.
	if got := mustAsk[string](t, eva, `SELECT toString(groupArray(toUInt8(sale_id = conversion_id) + 2 * (sale_id = '')))
		FROM (SELECT * FROM analytics.conversions WHERE seq <= 4 AND occurred_at >= '2026-01-01' ORDER BY seq)`); got != "[2,1,1,2]" {
		t.Errorf("sales join as %s", got)
	}
	if n := mustAsk[uint64](t, eva, "SELECT uniqExact(conversion_id) FROM analytics.conversions WHERE occurred_at >= '2026-01-01' AND match(conversion_id, '^[0-9a-f]{32}$')"); n != 4 {
		t.Errorf("%d ids of four conversions have the form of one", n)
	}
	for _, known := range []string{"'c2'", "lower(hex(sipHash128Reference('c2')))", "lower(hex(sipHash128ReferenceKeyed((toUInt64(0), toUInt64(0)), 'c2')))"} {
		if n := mustAsk[uint64](t, eva, "SELECT count() FROM analytics.conversions WHERE conversion_id = "+known+" OR sale_id = "+known); n != 0 {
			t.Errorf("whoever guesses what an id is made of can check it by %s", known)
		}
	}
	// No way to look at a question shows the key or a name.
	for _, explain := range []string{"EXPLAIN actions = 1, indexes = 1", "EXPLAIN QUERY TREE", "EXPLAIN SYNTAX", "EXPLAIN PIPELINE header = 1", "EXPLAIN AST"} {
		rows, err := eva.Query(t.Context(), explain+" SELECT customer, conversion_id, sale_id, count() FROM analytics.conversions WHERE occurred_at > '2026-01-01' GROUP BY ALL")
		if err != nil {
			continue // refused
		}
		var text strings.Builder
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			text.WriteString(line + "\n")
		}
		rows.Close()
		key, err := hex.DecodeString(secret)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{secret[:16], string(key[:8]), fmt.Sprint(binary.LittleEndian.Uint64(key)), "private.example"} {
			if strings.Contains(text.String(), part) {
				t.Errorf("%s shows %q:\n%s", explain, part, text.String())
			}
		}
	}
	for _, question := range []string{
		"SELECT customer_id FROM analytics.conversions",
		"SELECT customer_id FROM fairlead.attributions",
		"SELECT metadata FROM fairlead.conversions",
		"DROP VIEW analytics.conversions",
	} {
		if rows, err := eva.Query(t.Context(), question); err == nil {
			rows.Close()
			t.Errorf("an analyst may ask %s", question)
		}
	}
}

func texts[T ~string](words []T) []string {
	var out []string
	for _, w := range words {
		out = append(out, string(w))
	}
	return out
}

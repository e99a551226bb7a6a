package verify

import (
	"slices"
	"strings"
	"testing"

	"fairlead/cmd/chaostest"
	"fairlead/schema"
)

// A fault is damage of one kind, and where verify has to find it.
type fault struct {
	name    string
	damage  func(w *world)
	what    []string // each is to be found
	key     string   // part of the key of one of them
	gaps    uint64   // at least
	doubles uint64
}

// faults are grouped so that those of a group can stand beside each other.
var faults = map[string][]fault{
	"hits": {
		{name: "a hit is gone", damage: exec("ALTER TABLE fairlead.clicks DELETE WHERE node = 'a' AND seq = 17"),
			what: []string{Gap, Shipment}, key: "node a, seq 17", gaps: 1},
		{name: "many hits are gone", damage: exec("ALTER TABLE fairlead.clicks DELETE WHERE node = 'a' AND verdict = 'valid' AND seq BETWEEN 100 AND 300"),
			what: []string{Gap, Shipment, PartnerDays, LinkDays}, key: "node a, seq 1", gaps: 1},
		{name: "a hit stands twice", damage: exec("INSERT INTO fairlead.clicks SELECT * FROM fairlead.clicks WHERE node = 'a' AND seq = 444"),
			what: []string{Double, Shipment}, key: "node a, seq 444", doubles: 1},
		{name: "a hit stands four times", damage: exec("INSERT INTO fairlead.clicks SELECT c.* FROM fairlead.clicks AS c, numbers(3) AS n WHERE node = 'b' AND seq = 1"),
			what: []string{Double, Shipment}, key: "node b, seq 1", doubles: 3},
		{name: "a hit has another verdict", damage: exec("ALTER TABLE fairlead.clicks UPDATE verdict = 'bot' WHERE node = 'a' AND seq IN (SELECT min(seq) FROM fairlead.clicks WHERE node = 'a' AND verdict = 'valid')"),
			what: []string{LinkDays, PartnerDays}},
		{name: "hits have another click id", damage: exec("ALTER TABLE fairlead.clicks UPDATE click_tag = 1 WHERE node = 'a' AND seq = 9"),
			what: []string{Shipment}, key: "seq 1 to 400"},
		{name: "a hit has moved to another partner", damage: exec(
			"INSERT INTO fairlead.clicks (node, seq, clicked_at, partner_id, link_id, slug, click_nonce, click_tag, verdict, visitor) "+
				"SELECT node, seq, clicked_at, 99, 990, slug, click_nonce, click_tag, verdict, visitor FROM fairlead.clicks WHERE node = 'b' AND seq = 50",
			"ALTER TABLE fairlead.clicks DELETE WHERE node = 'b' AND seq = 50 AND partner_id != 99"),
			what: []string{LinkDays, PartnerDays}, key: "partner 99"},
	},
	"conversions": {
		{name: "a conversion is gone", damage: exec("ALTER TABLE fairlead.conversions DELETE WHERE node = 'c' AND seq = 17"),
			what: []string{Gap, Shipment, Attributions}, key: "node c, seq 17", gaps: 1},
		{name: "a conversion stands twice", damage: exec("INSERT INTO fairlead.conversions SELECT * FROM fairlead.conversions WHERE node = 'c' AND seq = 44"),
			what: []string{Double, Shipment}, key: "node c, seq 44", doubles: 1},
		{name: "a conversion has another record", damage: exec("ALTER TABLE fairlead.conversions UPDATE record_hash = 1 WHERE node = 'c' AND seq = 70"),
			what: []string{Shipment}, key: "node c, month 202611, seq 61 to 80"},
		{name: "a conversion has another amount", damage: exec("ALTER TABLE fairlead.conversions UPDATE amount = 1 WHERE node = 'c' AND seq = 22"),
			what: []string{Attributions}, key: "node c, seq 22, sale"},
		{name: "a conversion was received by nobody", damage: exec(
			"INSERT INTO fairlead.conversions (node, seq, received_at, occurred_at, kind, source) VALUES ('d', 1, '2026-11-20 00:00:00', '2026-11-20 00:00:00', 'sale', 'api')",
			"INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, state, fact) VALUES ('d', 0, 1, 0, 'closed', 'conversions')"),
			what: []string{Shipment}, key: "node d, from seq 1"},
		{name: "a shipment of conversions that were attributed is gone", damage: exec("INSERT INTO fairlead.attribution_log (node, month, first_seq, last_seq, rows) VALUES ('c', 202611, 100, 120, 21)"),
			what: []string{Shipment}, key: "node c, month 202611, seq 100 to 120"},
	},
	"decisions": {
		{name: "a decision is gone", damage: exec("ALTER TABLE fairlead.attributions DELETE WHERE node = 'c' AND seq = 2"),
			what: []string{Attributions, SaleDays}, key: "node c, seq 2, sale"},
		{name: "a decision is another partner's", damage: exec("ALTER TABLE fairlead.attributions UPDATE partner_id = 9 WHERE node = 'c' AND seq = 5"),
			what: []string{Attributions, SaleDays}, key: "node c, seq 5, lead"},
		{name: "a decision has another amount", damage: exec("ALTER TABLE fairlead.attributions UPDATE amount = amount + 1 WHERE node = 'c' AND seq = 10"),
			what: []string{Attributions, SaleDays}, key: "node c, seq 10, sale"},
		{name: "a decision has another reason", damage: exec("ALTER TABLE fairlead.attributions UPDATE reason = 'coupon' WHERE node = 'c' AND seq = 13"),
			what: []string{Attributions}, key: "node c, seq 13, lead"},
		{name: "a customer is called otherwise", damage: exec("ALTER TABLE fairlead.attributions UPDATE customer_id = 'secret' WHERE node = 'c' AND seq = 14"),
			what: []string{Attributions}, key: "node c, seq 14, sale"},
		{name: "a decision on what nobody reported", damage: exec("INSERT INTO fairlead.attributions SELECT * REPLACE ('zz' AS node) FROM (SELECT * FROM fairlead.attributions WHERE node = 'c' AND seq = 18)"),
			what: []string{Attributions, SaleDays}, key: "node zz, seq 18, sale"},
		{name: "a decision stands in another month as well", damage: exec("INSERT INTO fairlead.attributions SELECT * REPLACE (toDateTime64('2026-03-03 03:03:03', 3, 'UTC') AS occurred_at) FROM fairlead.attributions WHERE node = 'c' AND seq = 22"),
			what: []string{Attributions, SaleDays}, key: "node c, seq 22, sale"},
		{name: "a later run decided otherwise", damage: exec("INSERT INTO fairlead.attributions SELECT * REPLACE ('unattributed' AS state, 'no_click' AS reason, token + 1 AS token) FROM fairlead.attributions FINAL WHERE node = 'c' AND seq = 26"),
			what: []string{Attributions}, key: "node c, seq 26, sale"},
	},
	"sales": {
		{name: "a figure is too high", damage: exec("ALTER TABLE fairlead.sale_days UPDATE gross = gross + 1 WHERE partner_id = 1 AND sales > 0"),
			what: []string{SaleDays}, key: "partner 1, link 1 on 2026"},
		{name: "rows are gone", damage: exec("ALTER TABLE fairlead.sale_days DELETE WHERE partner_id = 2"),
			what: []string{SaleDays}, key: "partner 2, link 2 on 2026"},
		{name: "rows stand twice", damage: exec("INSERT INTO fairlead.sale_days SELECT * FROM fairlead.sale_days WHERE partner_id = 3"),
			what: []string{SaleDays}, key: "partner 3, link 3 on 2026"},
		{name: "a row that never was", damage: exec("INSERT INTO fairlead.sale_days (partner_id, link_id, day, currency, sales) VALUES (7, 70, '2019-03-01', 'USD', 1)"),
			what: []string{SaleDays}, key: "partner 7, link 70 on 20190301"},
		{name: "a row has another currency", damage: exec("ALTER TABLE fairlead.sale_days DELETE WHERE partner_id = 0", "INSERT INTO fairlead.sale_days (partner_id, day, currency, sales, gross) VALUES (0, '2026-11-20', 'EUR', 1, 2500)"),
			what: []string{SaleDays}, key: "EUR"},
	},
	"shipments of conversions": {
		{name: "a shipment is gone from the middle", damage: exec("ALTER TABLE fairlead.shipments DELETE WHERE node = 'c' AND first_seq = 1 AND month = 202611"),
			what: []string{Shipment}, key: "node c, month 202611, seq"},
		{name: "a shipment has another checksum", damage: exec("ALTER TABLE fairlead.shipments UPDATE checksum = 1 WHERE node = 'c' AND first_seq = 1 AND month = 202610"),
			what: []string{Shipment}, key: "node c, month 202610, seq 1 to 60"},
		{name: "a shipment says more rows", damage: exec("ALTER TABLE fairlead.shipments UPDATE rows = rows + 1 WHERE node = 'c' AND first_seq = 61"),
			what: []string{Shipment}, key: "node c, month 202611, seq 61 to 80"},
		{name: "a shipment of what never landed", damage: exec("INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, fact) VALUES ('c', 202611, 81, 83, 3, 'conversions')"),
			what: []string{Gap, Shipment}, key: "seq 81", gaps: 3},
		{name: "a shipment names the wrong table", damage: exec("ALTER TABLE fairlead.shipments UPDATE fact = 'conversions' WHERE node = 'b' AND first_seq = 1 AND month = 202611"),
			what: []string{Gap, Shipment}, key: "node b", gaps: 1},
	},
	"the last shipment of conversions": {
		{name: "it is gone", damage: exec("ALTER TABLE fairlead.shipments DELETE WHERE node = 'c' AND first_seq = 61"),
			what: []string{Shipment}, key: "node c"},
	},
	"figures": {
		{name: "a figure of a partner's day is too high", damage: exec("ALTER TABLE fairlead.partner_days UPDATE clicks = clicks + 1 WHERE partner_id = 2 AND day = '2026-11-20'"),
			what: []string{PartnerDays, PartnerMonths}, key: "partner 2 on 20261120"},
		{name: "a partner's day is gone", damage: exec("ALTER TABLE fairlead.partner_days DELETE WHERE partner_id = 2 AND day = '2026-11-21'"),
			what: []string{PartnerDays, PartnerMonths}, key: "partner 2 on 20261121"},
		{name: "a partner's day stands twice", damage: exec("INSERT INTO fairlead.partner_days SELECT * FROM fairlead.partner_days WHERE partner_id = 2 AND day = '2026-11-21'"),
			what: []string{PartnerDays, PartnerMonths}, key: "partner 2 on 20261121"},
		{name: "a partner's day that never was", damage: exec("INSERT INTO fairlead.partner_days (partner_id, day, clicks) VALUES (7, '2019-03-01', 1)"),
			what: []string{PartnerDays, PartnerMonths}, key: "partner 7 on 20190301"},
		{name: "a figure of a partner's month is too low", damage: exec("ALTER TABLE fairlead.partner_months UPDATE bots = bots - 1 WHERE partner_id = 3 AND month = '2026-11-01'"),
			what: []string{PartnerMonths}, key: "partner 3 in 202611"},
		{name: "a partner's month is gone", damage: exec("ALTER TABLE fairlead.partner_months DELETE WHERE partner_id = 3 AND month = '2026-10-01'"),
			what: []string{PartnerMonths}, key: "partner 3 in 202610"},
		{name: "a partner's month stands twice", damage: exec("INSERT INTO fairlead.partner_months SELECT * FROM fairlead.partner_months WHERE partner_id = 3 AND month = '2026-10-01'"),
			what: []string{PartnerMonths}, key: "partner 3 in 202610"},
		{name: "a figure of a link's day is too high", damage: exec("ALTER TABLE fairlead.link_days UPDATE visitors = visitors + 1 WHERE link_id = 20 AND day = '2026-11-21'"),
			what: []string{LinkDays}, key: "partner 2, link 20 on 20261121"},
		{name: "a link's day is gone", damage: exec("ALTER TABLE fairlead.link_days DELETE WHERE partner_id = 2 AND day = '2026-11-21'"),
			what: []string{LinkDays}, key: "partner 2, link 2"},
		{name: "a link's day stands twice", damage: exec("INSERT INTO fairlead.link_days SELECT * FROM fairlead.link_days WHERE partner_id = 2 AND day = '2026-11-21'"),
			what: []string{LinkDays}, key: "partner 2, link 2"},
	},
	"breakdowns": {
		{name: "a breakdown of a day is too high", damage: exec("ALTER TABLE fairlead.breakdown_days UPDATE clicks = clicks + 1 WHERE partner_id = 2 AND dimension = 'country' AND day >= '2026-11-18'"),
			what: []string{BreakdownDays}, key: "partner 2, country \"DE\" on 202611"},
		{name: "breakdowns of a partner are gone", damage: exec("ALTER TABLE fairlead.breakdown_days DELETE WHERE partner_id = 3 AND toYYYYMM(day) = 202610"),
			what: []string{BreakdownDays, BreakdownMonths}, key: "partner 3, device \"mobile\" in 202610"},
		{name: "breakdowns stand twice", damage: exec("INSERT INTO fairlead.breakdown_days SELECT * FROM fairlead.breakdown_days WHERE partner_id = 1 AND dimension = 'browser'"),
			what: []string{BreakdownDays, BreakdownMonths}, key: "partner 1, browser \"Firefox\" on 2026"},
		{name: "a breakdown that never was", damage: exec("INSERT INTO fairlead.breakdown_days (partner_id, dimension, day, rest, clicks) VALUES (7, 'sub_id', '2019-03-01', 1, 1)"),
			what: []string{BreakdownDays, BreakdownMonths}, key: "partner 7, rest of sub_id on 20190301"},
		{name: "a breakdown of a month is too low", damage: exec("ALTER TABLE fairlead.breakdown_months UPDATE visitors = visitors - 1 WHERE partner_id = 4 AND dimension = 'landing_page' AND month = '2026-10-01'"),
			what: []string{BreakdownMonths}, key: "partner 4, landing_page \"/chairs\" in 202610"},
		{name: "breakdowns of a month stand twice", damage: exec("INSERT INTO fairlead.breakdown_months SELECT * FROM fairlead.breakdown_months WHERE partner_id = 5"),
			what: []string{BreakdownMonths}, key: "partner 5, sub_id \"autumn\" in 202610"},
		{name: "the newest month has sums", damage: exec("INSERT INTO fairlead.breakdown_months (partner_id, dimension, month, value, clicks) VALUES (1, 'country', '2026-11-01', 'DE', 1)"),
			what: []string{BreakdownMonths}, key: "partner 1, country \"DE\" in 202611"},
	},
	"shipments that are gone": {
		{name: "a shipment is gone from the middle", damage: exec("ALTER TABLE fairlead.shipments DELETE WHERE node = 'a' AND first_seq = 1 AND month = 202610"),
			what: []string{Shipment}, key: "node a, month 202610, seq 1"},
		{name: "the last shipment is gone", damage: exec("ALTER TABLE fairlead.shipments DELETE WHERE node = 'a' AND first_seq = 401"),
			what: []string{Shipment}, key: "node a"},
		{name: "a shipment has another checksum", damage: exec("ALTER TABLE fairlead.shipments UPDATE checksum = 1 WHERE node = 'b' AND first_seq = 1"),
			what: []string{Shipment}, key: "node b, month 202611, seq 1 to 100"},
	},
	"shipments that are wrong": {
		{name: "a shipment says more rows", damage: exec("ALTER TABLE fairlead.shipments UPDATE rows = rows + 1 WHERE node = 'a' AND first_seq = 401"),
			what: []string{Shipment}, key: "node a, month 202611, seq 401 to 500"},
		{name: "a shipment stands twice under another seq", damage: exec("INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, checksum, quarters, complete_to, state, shipped_at) SELECT node, month, first_seq + 1, last_seq, rows, checksum, quarters, complete_to, state, shipped_at FROM fairlead.shipments WHERE node = 'a' AND first_seq = 401"),
			what: []string{Shipment}, key: "seq 402 to 500"},
		{name: "a shipment of what never landed", damage: exec("INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows) VALUES ('a', 202611, 501, 503, 3)"),
			what: []string{Gap, Shipment}, key: "seq 501", gaps: 3},
	},
	"Redis": {
		{name: "a live counter is too high", damage: func(w *world) {
			w.Redis.HIncrBy(w.Context(), w.Keys.Live(1), schema.LiveClicks(1, 20261122), 1)
		}, what: []string{Live}, key: "partner 1 on 20261122"},
		{name: "a live counter is gone", damage: func(w *world) {
			w.Redis.HDel(w.Context(), w.Keys.Live(2), schema.LiveClicks(2, 20261121))
		}, what: []string{Live}, key: "partner 2 on 20261121"},
		{name: "a live counter that never was", damage: func(w *world) {
			w.Redis.HSet(w.Context(), w.Keys.Live(9), schema.LiveClicks(9, 20261120), 4)
		}, what: []string{Live}, key: "partner 9 on 20261120"},
		{name: "a position of the live counters is too low", damage: func(w *world) {
			w.Redis.HSet(w.Context(), w.Keys.Live(2), schema.LivePosition("a"), 380)
		}, what: []string{Live}, key: "partner 2 on"},
		{name: "a hash of live counters is gone", damage: func(w *world) { w.Redis.Del(w.Context(), w.Keys.Live(4)) },
			what: []string{Live}, key: "live:4"},
		{name: "an entry of the directory is gone from Redis", damage: func(w *world) { w.Redis.HDel(w.Context(), w.Keys.Entries(schema.KindPartner), "2") },
			what: []string{Directory}, key: "partner 2"},
		{name: "an entry of the directory is another in Redis", damage: func(w *world) {
			w.Redis.HSet(w.Context(), w.Keys.Entries(schema.KindClickKey), "1", `{"v":11,"d":{"id":1,"key":"another secret"}}`)
		}, what: []string{Directory}, key: "click_key 1"},
		{name: "an entry of the directory is older in Redis", damage: func(w *world) {
			w.Entry(schema.KindProgram, 1, `{"name":"Better","zone":"America/Toronto"}`)
		}, what: []string{Directory}, key: "program 1"},
		{name: "an entry of the directory that never was", damage: func(w *world) {
			w.Redis.HSet(w.Context(), w.Keys.Entries(schema.KindNode), "5", `{"v":1,"d":{}}`)
		}, what: []string{Directory}, key: "node 5"},
		{name: "a slug leads elsewhere", damage: func(w *world) { w.Redis.HSet(w.Context(), w.Keys.Slugs(), "s2", "3") },
			what: []string{Directory}, key: "link 2 in"},
		{name: "a slug that nobody has", damage: func(w *world) { w.Redis.HSet(w.Context(), w.Keys.Slugs(), "s9", "3") },
			what: []string{Directory}, key: "by:slug"},
		{name: "an e-mail address leads nowhere", damage: func(w *world) { w.Redis.HDel(w.Context(), w.Keys.Emails(), "p1@x.example") },
			what: []string{Directory}, key: "login 1 in"},
		{name: "a partner's list lacks a link", damage: func(w *world) { w.Redis.ZRem(w.Context(), w.Keys.LinksOf(3), 3) },
			what: []string{Directory}, key: "link 3 in"},
		{name: "a partner's list has a link too many", damage: func(w *world) { w.Redis.ZAdd(w.Context(), w.Keys.LinksOf(3), member(8)) },
			what: []string{Directory}, key: "links:3"},
	},
}

func exec(stmts ...string) func(*world) {
	return func(w *world) {
		for _, stmt := range stmts {
			if strings.HasPrefix(stmt, "ALTER") {
				stmt += " SETTINGS mutations_sync = 1"
			}
			w.Exec(stmt)
		}
	}
}

// Each group of faults is looked for at once, and in the long form each fault alone.
func TestEveryFaultIsFound(t *testing.T) {
	planted := 0
	for group, all := range faults {
		planted += len(all)
		if !chaostest.Full() {
			t.Run(group, func(t *testing.T) { mustFind(t, all) })
			continue
		}
		for _, f := range all {
			t.Run(group+": "+f.name, func(t *testing.T) { mustFind(t, []fault{f}) })
		}
	}
	chaostest.Report(t, "%d kinds of faults in the stores, each found by verify", planted)
}

func mustFind(t *testing.T, all []fault) { mustFindIn(t, newWorld(t), all) }

func mustFindIn(t *testing.T, w *world, all []fault) {
	for _, f := range all {
		f.damage(w)
	}
	report := w.mustVerify(t, Scope{})
	var gaps, doubles uint64
	for _, f := range all {
		gaps, doubles = gaps+f.gaps, doubles+f.doubles
		for _, what := range f.what {
			if !slices.ContainsFunc(report.Differences, func(d Difference) bool { return d.What == what }) {
				t.Errorf("%s: no difference in %s was found", f.name, what)
			}
		}
		if !slices.ContainsFunc(report.Differences, func(d Difference) bool {
			return slices.Contains(f.what, d.What) && strings.Contains(d.Key, f.key)
		}) {
			t.Errorf("%s: no difference has %q in its key", f.name, f.key)
		}
	}
	for _, d := range report.Differences {
		if d.Want == d.Got {
			t.Errorf("a difference that is none: %+v", d)
		}
	}
	if report.Gaps < gaps || gaps == 0 && report.Gaps != 0 || report.Doubles != doubles {
		t.Errorf("%d gaps and %d doubles, want %d and %d", report.Gaps, report.Doubles, gaps, doubles)
	}
	if t.Failed() {
		t.Logf("%+v", report)
	}
}

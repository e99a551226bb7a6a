package verify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/lock"
	"fairlead/cmd/chaostest"
	"fairlead/schema"
)

func (r Report) open(what, part string) bool {
	return slices.ContainsFunc(r.NotCompared, func(o Open) bool {
		return o.What == what && strings.Contains(o.Key+" "+o.Why, part)
	})
}

func (r Report) finds(what, part string) bool {
	return slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.What == what && strings.Contains(d.Key, part) })
}

func TestWhatIsShippedButNotRolledUpIsNoDifference(t *testing.T) {
	w := newWorld(t)
	w.Ship("a", w.hits(50, 2)...)
	w.Ship("e", w.hits(50, 30)...)
	if report := w.mustVerify(t, Scope{}); !report.OK || len(report.NotCompared) != 0 || report.Clicks != 700 {
		t.Errorf("report %+v", report)
	}
}

// One partner's hits are landing, on a day on which another's figures are wrong.
func TestWhatIsLandingIsNoDifferenceAndHidesNone(t *testing.T) {
	w := newWorld(t)
	day := noon.Add(-24 * time.Hour)
	w.Land("a", aggregatortest.Hit{At: day, Partner: 1, Link: 10, Verdict: schema.VerdictValid, Visitor: 999})
	report := w.mustVerify(t, Scope{})
	if !report.OK {
		t.Errorf("a hit that lands is a difference: %+v", report)
	}
	for what, part := range map[string]string{Shipment: "node a, from seq 501", LinkDays: "20261122", PartnerDays: "20261122"} {
		if !report.open(what, part) {
			t.Errorf("%s of %q is not listed as open: %+v", what, part, report.NotCompared)
		}
	}

	w.Exec("ALTER TABLE fairlead.partner_days UPDATE clicks = clicks + 1 WHERE partner_id = 2 AND day = '2026-11-22' SETTINGS mutations_sync = 1")
	w.Exec("ALTER TABLE fairlead.link_days UPDATE clicks = clicks + 2 WHERE link_id = 10 AND day = '2026-11-22' SETTINGS mutations_sync = 1")
	report = w.mustVerify(t, Scope{})
	if !report.finds(PartnerDays, "partner 2 on 20261122") || !report.finds(LinkDays, "link 10 on 20261122") {
		t.Errorf("faults beside what is landing were not found: %+v", report)
	}
	if report.finds(PartnerDays, "partner 1 on 20261122") {
		t.Errorf("what is landing is a difference: %+v", report)
	}
}

// A customer's reports are landing, while another's decision is wrong.
func TestWhatIsNotDecidedYetIsNoDifferenceAndHidesNone(t *testing.T) {
	w := newWorld(t)
	w.Tell("c", reports(40, 7)...)
	if report := w.mustVerify(t, Scope{}); !report.OK || len(report.NotCompared) != 0 || report.Attributions != 120 {
		t.Errorf("what is shipped and not decided: %+v", report)
	}
	// A customer's refund of more, which no shipment tells of yet, comes before the one that is decided.
	early := reports(60, 40)[51]
	early.OccurredAt, early.Refund, early.Amount = early.OccurredAt-1, "re_early", 4000
	early.Identify("")
	w.TellSilently("c", early)
	report := w.mustVerify(t, Scope{})
	if !report.OK || !report.open(Attributions, "node c, month 202611") {
		t.Errorf("a report that lands is a difference: %+v", report)
	}
	w.Exec("ALTER TABLE fairlead.attributions UPDATE partner_id = 9 WHERE node = 'c' AND seq = 5 SETTINGS mutations_sync = 1")
	report = w.mustVerify(t, Scope{})
	if !report.finds(Attributions, "node c, seq 5, lead") {
		t.Errorf("a fault beside what is landing was not found: %+v", report)
	}
	if report.finds(Attributions, "seq 52,") || report.finds(Attributions, "seq 121,") {
		t.Errorf("what is landing is a difference: %+v", report)
	}
}

func TestWhatChangesInTheDirectoryMeanwhileIsNoDifference(t *testing.T) {
	w := newWorld(t)
	held, err := lock.Acquire(t.Context(), w.Redis, w.Keys, "attribute", time.Minute) // keeps verify from attributing
	if err != nil {
		t.Fatal(err)
	}
	w.Entry(schema.KindPartner, 1, `{"id":1,"name":"P1"}`)
	w.EntryAt(noon.AddDate(0, 0, -20), schema.KindPartner, 2, `{"id":2,"name":"P2","status":"suspended"}`)
	if report := w.mustVerify(t, Scope{}); report.finds(Attributions, "") || !report.open(Attributions, "settings or rates changed") {
		t.Errorf("what was not decided anew yet: %+v", report)
	}
	held.Release()
	if report := w.mustVerify(t, Scope{}); report.finds(Attributions, "") || report.open(Attributions, "") || report.finds(SaleDays, "") {
		t.Errorf("what is decided anew: %+v", report)
	}
}

func TestDecisionsOfARunThatWasCutShortAreLeftOpenInTheSales(t *testing.T) {
	w := newWorld(t)
	held, err := lock.Acquire(t.Context(), w.Redis, w.Keys, "attribute", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	w.Exec(`INSERT INTO fairlead.attributions SELECT * REPLACE (9 AS partner_id, token + 1000 AS token) FROM fairlead.attributions FINAL WHERE node = 'c' AND seq = 74`)
	report := w.mustVerify(t, Scope{})
	if report.finds(SaleDays, "") || !report.open(SaleDays, "2026") || !report.finds(Attributions, "node c, seq 74") {
		t.Errorf("report %+v", report)
	}
}

// Of very many decisions that are wrong the first ones are told one by one, and of the rest where they stand.
func TestWhereVeryManyDecisionsAreWrongTheirBlocksAreTold(t *testing.T) {
	w := newWorld(t)
	w.Exec(`INSERT INTO fairlead.conversions (node, seq, received_at, occurred_at, kind, source, conversion_id, customer_id, click_state)
		SELECT 'f', number * 4096 + 1, '2026-11-20 00:00:00', '2026-11-20 00:00:00', 'lead', 'api', lower(hex(MD5(toString(number)))), concat('f', toString(number)), 'none' FROM numbers(300)`)
	w.Exec(`INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, quarters, fact)
		VALUES ('f', 202611, 1, 299 * 4096 + 1, 300, [toDateTime('2026-11-20 00:00:00', 'UTC')], 'conversions')`)
	if report := w.mustVerify(t, Scope{}); report.finds(Attributions, "") || report.Attributions != 380 {
		t.Errorf("report %+v", report)
	}
	w.Exec("ALTER TABLE fairlead.attributions DELETE WHERE node = 'f' SETTINGS mutations_sync = 1")
	report := w.mustVerify(t, Scope{})
	if !report.finds(Attributions, "node f, seq 1, lead") || !report.finds(Attributions, fmt.Sprintf("node f, month 202611, seq %d to %d", 298*4096, 299*4096-1)) {
		t.Errorf("report %+v", report)
	}
	if !report.open(Attributions, "1 blocks") { // it is not full, and what is still to come may belong to it
		t.Errorf("report %+v", report.NotCompared)
	}
}

func TestHitsOfAStoppedNodeWithoutAShipmentAreADifference(t *testing.T) {
	w := newWorld(t)
	w.Land("b", w.hits(3, 1)...)
	if report := w.mustVerify(t, Scope{}); !report.finds(Shipment, "node b, from seq 101") {
		t.Errorf("report %+v", report)
	}
}

func TestCountersAheadOfClickHouseAreLeftOpenAndStillNotTooLow(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for shard := range schema.LiveShards {
		w.Redis.HSet(ctx, w.Keys.Live(shard), schema.LivePosition("a"), 510)
	}
	w.Redis.HIncrBy(ctx, w.Keys.Live(2), schema.LiveClicks(2, 20261122), 3)
	report := w.mustVerify(t, Scope{})
	if !report.OK || !report.open(Live, "node a") {
		t.Errorf("report %+v", report)
	}
	w.Redis.HIncrBy(ctx, w.Keys.Live(3), schema.LiveClicks(3, 20261122), -1)
	if report := w.mustVerify(t, Scope{}); !report.finds(Live, "partner 3 on 20261122") {
		t.Errorf("a counter that is too low: %+v", report)
	}
}

func TestCountersAndDirectoryThatAreBeingMadeAnewAreLeftOpen(t *testing.T) {
	w := newWorld(t)
	w.Redis.Del(t.Context(), w.Keys.LiveComplete(), w.Keys.Complete())
	if report := w.mustVerify(t, Scope{}); !report.OK || !report.open(Live, "anew") || !report.open(Directory, "anew") {
		t.Errorf("report %+v", report)
	}
}

func TestWithoutRedisTheFactsAreJudged(t *testing.T) {
	w := newWorld(t)
	away := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer away.Close()
	w.verify.opt.Redis = away
	report := w.mustVerify(t, Scope{})
	if !report.OK || !report.open(Live, "does not answer") || !report.open(Directory, "does not answer") {
		t.Errorf("report %+v", report)
	}
	w.Exec("ALTER TABLE fairlead.clicks DELETE WHERE node = 'a' AND seq = 17 SETTINGS mutations_sync = 1")
	if report := w.mustVerify(t, Scope{}); report.OK || report.Gaps != 1 {
		t.Errorf("report %+v", report)
	}
}

func TestAGapWithAReasonIsNone(t *testing.T) {
	w := newWorld(t)
	w.Exec("ALTER TABLE fairlead.clicks DELETE WHERE node = 'a' AND seq BETWEEN 11 AND 20 SETTINGS mutations_sync = 1")
	for i, c := range []struct {
		from, to         int
		gaps, explained  uint64
		firstUnexplained string
	}{
		{11, 12, 8, 2, "seq 13"},
		{11, 14, 6, 4, "seq 15"}, // a replay that cut the gap anew
		{20, 20, 5, 5, "seq 15"},
		{14, 16, 3, 7, "seq 17"},
		{1, 16, 3, 7, "seq 17"},            // a reason for what is there explains nothing else
		{13, 5_000_000_000, 0, 10, "none"}, // beyond what was shipped
	} {
		w.Exec("INSERT INTO fairlead.gaps (node, from_seq, to_seq, reason) VALUES ('a', ?, ?, 'test')", c.from, c.to)
		if i%2 == 0 && !chaostest.Full() { // in the short form after every other
			continue
		}
		report := w.mustVerify(t, Scope{})
		if report.Gaps != c.gaps || report.Explained != c.explained {
			t.Errorf("a reason for %d to %d: %d gaps and %d explained, want %d and %d", c.from, c.to, report.Gaps, report.Explained, c.gaps, c.explained)
		}
		if found := report.finds(Gap, c.firstUnexplained); found != (c.gaps > 0) {
			t.Errorf("a reason for %d to %d: %+v", c.from, c.to, report.Differences)
		}
	}
}

func TestSinceAMonthNothingEarlierIsLookedAt(t *testing.T) {
	w := newWorld(t)
	w.Exec("ALTER TABLE fairlead.clicks DELETE WHERE node = 'a' AND toYYYYMM(clicked_at) = 202610 AND seq < 30 SETTINGS mutations_sync = 1")
	w.Exec("ALTER TABLE fairlead.partner_days DELETE WHERE partner_id = 2 AND toYYYYMM(day) = 202610 SETTINGS mutations_sync = 1")
	w.Exec("ALTER TABLE fairlead.attributions DELETE WHERE toYYYYMM(occurred_at) = 202610 AND kind = 'lead' SETTINGS mutations_sync = 1")
	w.Exec("ALTER TABLE fairlead.sale_days DELETE WHERE partner_id = 2 AND toYYYYMM(day) = 202610 SETTINGS mutations_sync = 1")
	report := w.mustVerify(t, Scope{Since: 202611})
	if !report.OK || report.Attributions == 0 || report.Attributions >= 80 || slices.Min(report.Months) != 202611 || report.Clicks >= 600 {
		t.Errorf("since November: %+v", report)
	}
	if report = w.mustVerify(t, Scope{Since: 202610}); report.OK || !report.finds(Attributions, "lead") || !report.finds(SaleDays, "partner 2, link 2 on 202610") {
		t.Errorf("since October: %+v", report)
	}
	w.Exec("ALTER TABLE fairlead.clicks DELETE WHERE node = 'a' AND seq = 420 SETTINGS mutations_sync = 1")
	w.Exec("ALTER TABLE fairlead.attributions UPDATE link_id = 99 WHERE node = 'c' AND seq = 78 SETTINGS mutations_sync = 1")
	if report = w.mustVerify(t, Scope{Since: 202611}); report.Gaps != 1 || !report.finds(Attributions, "node c, seq 78") {
		t.Errorf("a hit of November is gone, a decision of November is another: %+v", report)
	}
}

func TestEverythingMayRunMeanwhile(t *testing.T) {
	w := newWorld(t)
	type answer struct {
		Report
		err error
	}
	answers := make(chan answer)
	go func() {
		defer close(answers)
		for range 3 {
			report, err := w.verify.Run(t.Context(), Scope{})
			answers <- answer{report, err}
		}
	}()
	for ended := false; !ended; {
		select {
		case a, ok := <-answers:
			if ended = !ok; ended {
				break
			}
			if a.err != nil || !a.OK {
				t.Errorf("%v: %+v", a.err, a.Report)
			}
		default:
			for _, node := range []string{"a", "e"} {
				landed := w.Land(node, w.hits(40, 2)...)
				if _, err := w.rollup.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.Announce(node, landed)
			}
			w.Tell("c", reports(20, 1)...)
			if _, err := w.attribute.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

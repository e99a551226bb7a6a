package verify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/aggregatortest"
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
	for _, c := range []struct {
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
	report := w.mustVerify(t, Scope{Since: 202611})
	if !report.OK || slices.Min(report.Months) != 202611 || report.Clicks >= 600 {
		t.Errorf("since November: %+v", report)
	}
	if report = w.mustVerify(t, Scope{Since: 202610}); report.OK {
		t.Errorf("since October: %+v", report)
	}
	w.Exec("ALTER TABLE fairlead.clicks DELETE WHERE node = 'a' AND seq = 420 SETTINGS mutations_sync = 1")
	if report = w.mustVerify(t, Scope{Since: 202611}); report.Gaps != 1 {
		t.Errorf("a hit of November is gone: %+v", report)
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
		}
	}
}

package rollup

import (
	"log/slog"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"fairlead/aggregator/aggregatortest"
	"fairlead/schema"
)

func newRollup(t testing.TB, w *aggregatortest.World) *Rollup {
	return New(Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
}

func mustRun(t testing.TB, r *Rollup) Report {
	t.Helper()
	report, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func mustLoad(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// hits draws n hits of a few partners between two instants.
func hits(rng *rand.Rand, n int, from, to time.Time) []aggregatortest.Hit {
	verdicts := append(schema.Verdicts(), schema.VerdictValid, schema.VerdictValid, schema.VerdictValid)
	out := make([]aggregatortest.Hit, n)
	for i := range out {
		v := verdicts[rng.IntN(len(verdicts))]
		partner := 1 + rng.IntN(5)
		h := aggregatortest.Hit{
			At:      from.Add(time.Duration(rng.Int64N(int64(to.Sub(from))))).Truncate(time.Millisecond),
			Partner: schema.PartnerID(partner),
			Link:    schema.LinkID(partner*10 + rng.IntN(3)),
			Verdict: v,
			Visitor: uint64(rng.IntN(40)), // 0: none
			Country: []string{"", "DE", "US"}[rng.IntN(3)], Device: []string{"mobile", "desktop"}[rng.IntN(2)], Browser: "Firefox",
			Referrer: []string{"", "blog.example"}[rng.IntN(2)], SubID: []string{"", "a", "rest"}[rng.IntN(3)],
			Destination: []string{"https://shop.example", "https://shop.example/?ref=1", "https://shop.example/chairs/red?x=/y"}[rng.IntN(3)],
		}
		if v == schema.VerdictUnknownLink {
			h.Partner, h.Link = 0, 0
		}
		out[i] = h
	}
	return out
}

func TestFiguresEqualARecountInEveryZone(t *testing.T) {
	at := func(s string) time.Time {
		u, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for _, c := range []struct {
		zone     string
		from, to string
		why      string
	}{
		{"UTC", "2026-10-30T00:00:00Z", "2026-11-03T00:00:00Z", "a month's end"},
		{"America/Toronto", "2026-10-30T00:00:00Z", "2026-11-04T00:00:00Z", "a day of 25 hours, and a month's end that is not UTC's"},
		{"America/Toronto", "2026-03-06T00:00:00Z", "2026-03-10T00:00:00Z", "a day of 23 hours"},
		{"Asia/Kathmandu", "2026-12-30T00:00:00Z", "2027-01-02T00:00:00Z", "midnight on a quarter, and a year's end"},
		{"Asia/Beirut", "2026-03-27T00:00:00Z", "2026-03-31T00:00:00Z", "a day that begins at one o'clock"},
		{"America/Havana", "2026-10-30T00:00:00Z", "2026-11-03T00:00:00Z", "a day with two midnights"},
		{"Pacific/Kiritimati", "2026-02-27T00:00:00Z", "2026-03-02T00:00:00Z", "fourteen hours ahead"},
		{"Pacific/Pago_Pago", "2024-02-28T00:00:00Z", "2024-03-02T00:00:00Z", "eleven hours behind, in a leap year"},
		{"Australia/Lord_Howe", "2026-04-03T00:00:00Z", "2026-04-07T00:00:00Z", "the clock moves by half an hour"},
	} {
		t.Run(c.zone+", "+c.why, func(t *testing.T) {
			w := empty(t)
			w.SetZone(c.zone)
			rng := rand.New(rand.NewPCG(1, 2))
			r := newRollup(t, w)
			for range 2 {
				w.Ship("a", hits(rng, 300, at(c.from), at(c.to))...)
				w.Ship("b", hits(rng, 200, at(c.from), at(c.to))...)
				mustRun(t, r)
			}
			w.MustEqual(mustLoad(t, c.zone))
		})
	}
}

func TestShipmentsOfConversionsAreNoneOfTheRollups(t *testing.T) {
	w := empty(t)
	r := newRollup(t, w)
	w.Exec("INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, fact) VALUES ('c', 202611, 1, 5, 5, 'conversions')")
	rng := rand.New(rand.NewPCG(3, 4))
	w.Ship("a", hits(rng, 10, november, november.AddDate(0, 0, 1))...)
	if report := mustRun(t, r); report.Shipments != 1 || report.Hits != 10 {
		t.Errorf("whole comparison: %+v", report)
	}
	w.Ship("a", hits(rng, 10, november, november.AddDate(0, 0, 1))...)
	w.Exec("INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, fact) VALUES ('c', 202611, 6, 9, 4, 'conversions')")
	if report := mustRun(t, r); report.Shipments != 1 || report.Hits != 10 {
		t.Errorf("by bounds: %+v", report)
	}
	if _, err := r.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n := w.Count("SELECT count() FROM fairlead.rollup_log FINAL WHERE node = 'c'"); n != 0 {
		t.Errorf("%d shipments of conversions are noted", n)
	}
	w.MustEqual(time.UTC)
}

func TestAFloodOfValuesLeavesTheMostFrequentAndARest(t *testing.T) {
	w := empty(t)
	r := newRollup(t, w)
	flood := func(at time.Time, from, to int) (all []aggregatortest.Hit) {
		for i := from; i < to; i++ {
			h := aggregatortest.Hit{
				At: at, Partner: 1, Link: 1, Verdict: schema.VerdictValid, Visitor: uint64(1 + i%700),
				SubID: strconv.Itoa(i), Country: "DE", Destination: "https://shop.example/" + strconv.Itoa(i%3),
			}
			all = append(all, h)
			if i%5 == 0 {
				all = append(all, h)
			}
		}
		return all
	}
	w.Ship("a", flood(november, 0, schema.BreakdownValues+200)...)
	w.Ship("a", flood(november.AddDate(0, 0, 1), 500, schema.BreakdownValues+700)...)
	w.Ship("a", hits(rand.New(rand.NewPCG(5, 5)), 10, november.AddDate(0, 1, 0), november.AddDate(0, 1, 1))...)
	mustRun(t, r)
	w.MustEqual(time.UTC)
	for _, table := range []string{"breakdown_days", "breakdown_months"} {
		if n := w.Count("SELECT count() FROM fairlead." + table + " WHERE partner_id = 1 AND dimension = 'sub_id' AND rest AND value = ''"); n == 0 {
			t.Errorf("%s has no rest", table)
		}
	}
	if n := w.Count("SELECT max(n) FROM (SELECT count() AS n FROM fairlead.breakdown_days WHERE NOT rest GROUP BY partner_id, day, dimension)"); n != schema.BreakdownValues {
		t.Errorf("%d values of a day are kept, want %d", n, schema.BreakdownValues)
	}
	w.Ship("a", flood(november, 1100, 1400)...) // what was in the rest is frequent now
	mustRun(t, r)
	w.MustEqual(time.UTC)
}

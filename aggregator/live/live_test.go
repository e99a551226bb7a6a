package live

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/lock"
	"fairlead/schema"
)

// hits draws n hits of 200 partners on the days before noon.
func hits(rng *rand.Rand, n, days int) []aggregatortest.Hit {
	verdicts := append(schema.Verdicts(), schema.VerdictValid, schema.VerdictValid)
	out := make([]aggregatortest.Hit, n)
	for i := range out {
		partner := schema.PartnerID(rng.IntN(200)) // 0: nobody
		out[i] = aggregatortest.Hit{
			At:      noon.Add(-time.Duration(rng.Int64N(int64(days) * int64(24*time.Hour)))),
			Partner: partner,
			Link:    schema.LinkID(partner),
			Verdict: verdicts[rng.IntN(len(verdicts))],
		}
	}
	return out
}

func TestARebuildHoldsTheClicksThatLanded(t *testing.T) {
	for _, zone := range []string{"UTC", "America/Toronto", "Asia/Kathmandu", "Pacific/Kiritimati"} {
		t.Run(zone, func(t *testing.T) {
			w := empty(t)
			w.SetZone(zone)
			rng := rand.New(rand.NewPCG(1, 1))
			w.Ship("a", hits(rng, 500, 60)...)
			w.Ship("b", hits(rng, 500, 5)...)
			report, err := newLive(t, w).Rebuild(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			mustHold(t, w, mustLoad(t, zone), map[string]uint64{"a": 500, "b": 500})
			if report.Nodes != 2 || report.Clicks == 0 {
				t.Errorf("report %+v", report)
			}
			mark := w.Redis.Get(t.Context(), w.Keys.LiveComplete()).Val()
			if _, name, _ := strings.Cut(mark, ":"); name != zone {
				t.Errorf("the mark %q names another zone than %s", mark, zone)
			}
			if n := w.Redis.DBSize(t.Context()).Val(); n != schema.LiveShards+2 { // the mark, the lock's fence
				t.Errorf("%d keys in Redis, want %d", n, schema.LiveShards+2)
			}
			if ttl := w.Redis.TTL(t.Context(), w.Keys.Live(3)).Val(); ttl >= 0 {
				t.Errorf("the counters expire in %s", ttl)
			}
		})
	}
}

func TestWhatHasLandedEndsAtTheFirstHole(t *testing.T) {
	w := empty(t)
	rng := rand.New(rand.NewPCG(2, 2))
	w.Ship("a", hits(rng, 100, 5)...)
	late := w.Land("a", hits(rng, 100, 5)...)
	w.Ship("a", hits(rng, 100, 5)...)
	w.Land("b", hits(rng, 100, 5)...)
	l := newLive(t, w)
	if _, err := l.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustHold(t, w, time.UTC, map[string]uint64{"a": 100})
	w.Announce("a", late)
	if _, err := l.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustHold(t, w, time.UTC, map[string]uint64{"a": 300})
}

func TestTheBoundsOfTheRollupsDoNotChangeWhatHasLanded(t *testing.T) {
	w := empty(t)
	rng := rand.New(rand.NewPCG(3, 3))
	for range 3 {
		w.Ship("a", hits(rng, 100, 5)...)
	}
	l := newLive(t, w)
	for _, bound := range []int{0, 100, 200, 300, 999} {
		w.Exec("INSERT INTO fairlead.rollup_nodes (node, done_to, token) VALUES ('a', ?, ?)", bound, bound+1)
		if _, err := l.Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustHold(t, w, time.UTC, map[string]uint64{"a": 300})
	}
}

func TestCheckRebuildsWhatIsNotWhole(t *testing.T) {
	w := empty(t)
	ctx := t.Context()
	w.Ship("a", hits(rand.New(rand.NewPCG(4, 4)), 300, 5)...)
	l := newLive(t, w)
	zone := time.UTC
	for _, c := range []struct {
		what   string
		damage func()
		why    string // part of it; empty: no rebuild
	}{
		{"nothing was ever there", func() {}, "not there"},
		{"nothing is wrong", func() {}, ""},
		{"Redis was emptied", func() { w.Redis.FlushAll(ctx) }, "not there"},
		{"the mark was taken away", func() { w.Redis.Del(ctx, w.Keys.LiveComplete()) }, "not there"},
		{"one hash is gone", func() { w.Redis.Del(ctx, w.Keys.Live(17)) }, "live:17"},
		{"one hash is of another rebuild", func() { w.Redis.HSet(ctx, w.Keys.Live(5), schema.LiveEpoch, "x:UTC") }, "live:5"},
		{"the zone has changed", func() { w.SetZone("Asia/Tokyo"); zone = mustLoad(t, "Asia/Tokyo") }, "from UTC to Asia/Tokyo"},
		{"nothing is wrong since", func() {}, ""},
	} {
		c.damage()
		report, err := l.Check(ctx)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if (report.Why == "") != (c.why == "") || !strings.Contains(report.Why, c.why) {
			t.Errorf("%s: rebuilt because %q, want %q", c.what, report.Why, c.why)
		}
		mustHold(t, w, zone, map[string]uint64{"a": 300})
	}
}

func TestDaysThatLeftTheWindowAreTakenOut(t *testing.T) {
	w := empty(t)
	w.Ship("a", hits(rand.New(rand.NewPCG(5, 5)), 1000, 36)...)
	l := newLive(t, w)
	if _, err := l.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := stored(t, w)
	now := noon
	l.opt.Now = func() time.Time { return now }
	for range 2 {
		if report, err := l.Check(t.Context()); err != nil || report.Trimmed != 0 {
			t.Errorf("on the day of the rebuild: %+v, %v", report, err)
		}
	}
	now = noon.AddDate(0, 0, 11)
	report, err := l.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old := 0
	for field, n := range before.clicks {
		day, ok := dayOf(field)
		if !ok {
			t.Fatalf("field %s", field)
		}
		got := stored(t, w).clicks[field]
		if day < 20261029 { // 36 days before
			old++
			n = 0
		}
		if got != n {
			t.Errorf("%s: %d clicks, want %d", field, got, n)
		}
		if t.Failed() {
			break
		}
	}
	if report.Trimmed != old || old == 0 {
		t.Errorf("%d counters were taken out, want %d", report.Trimmed, old)
	}
}

var errPlug = errors.New("the plug was pulled")

func TestARebuildThatDiesLeavesNoMarkAndTheNextCheckBeginsAgain(t *testing.T) {
	w := empty(t)
	rng := rand.New(rand.NewPCG(6, 6))
	w.Ship("a", hits(rng, 100, 3)...)
	l := newLive(t, w)
	if _, err := l.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	landed := uint64(100)
	for k := 1; ; k += 7 {
		w.Ship("a", hits(rng, 10, 3)...)
		landed += 10
		steps := 0
		l.step = func(name string) error {
			if steps++; steps == k {
				return errPlug
			}
			return nil
		}
		_, err := l.Rebuild(t.Context())
		l.step = nil
		if err == nil {
			if k < 60 {
				t.Errorf("a rebuild has %d steps", steps)
			}
			break
		}
		if !errors.Is(err, errPlug) {
			t.Fatal(err)
		}
		mark := w.Redis.Exists(t.Context(), w.Keys.LiveComplete()).Val()
		if report, err := l.Check(t.Context()); err != nil || (report.Why == "") != (mark == 1) {
			t.Fatalf("after a crash at step %d: %+v, %v", k, report, err)
		}
		mustHold(t, w, time.UTC, map[string]uint64{"a": landed})
	}
}

func TestOfTwoRebuildsOneSkips(t *testing.T) {
	w := empty(t)
	w.Ship("a", hits(rand.New(rand.NewPCG(7, 7)), 50, 3)...)
	one, other := newLive(t, w), newLive(t, w)
	asked := false
	one.step = func(string) error {
		if asked {
			return nil
		}
		asked = true
		if report, err := other.Check(t.Context()); err != nil || !report.Skipped {
			t.Errorf("a check beside a rebuild: %+v, %v", report, err)
		}
		if _, err := other.Rebuild(t.Context()); !errors.Is(err, lock.ErrHeld) {
			t.Errorf("a rebuild beside a rebuild: %v, want %v", err, lock.ErrHeld)
		}
		return nil
	}
	if _, err := one.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustHold(t, w, time.UTC, map[string]uint64{"a": 50})
}

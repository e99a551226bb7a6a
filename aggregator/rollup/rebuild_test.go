package rollup

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"fairlead/cmd/chaostest"
)

func TestARebuildMakesEverythingAnewFromTheFacts(t *testing.T) {
	w := empty(t)
	w.SetZone("America/Toronto")
	zone := mustLoad(t, "America/Toronto")
	rng := rand.New(rand.NewPCG(21, 22))
	w.Ship("a", hits(rng, 300, november.AddDate(0, -1, 0), november)...)
	w.Ship("b", hits(rng, 300, november.AddDate(0, -1, 0), november)...)
	r := newRollup(t, w)
	mustRun(t, r)

	damages := []string{
		"TRUNCATE TABLE fairlead.partner_days",
		"ALTER TABLE fairlead.link_days DROP PARTITION 202610",
		"INSERT INTO fairlead.partner_months (partner_id, month, clicks) VALUES (1, '2019-01-01', 7)",
		"INSERT INTO fairlead.link_days (partner_id, link_id, day, clicks) VALUES (1, 1, '2026-11-01', 7)",
		"TRUNCATE TABLE fairlead.breakdown_days",
		"INSERT INTO fairlead.breakdown_months (partner_id, dimension, month, value, clicks) VALUES (1, 'country', '2026-12-01', 'DE', 3)",
		"TRUNCATE TABLE fairlead.rollup_log",
		"INSERT INTO fairlead.rollup_log (node, month, first_seq, last_seq) VALUES ('gone', 202610, 1, 5)",
		"INSERT INTO fairlead.rollup_nodes (node, done_to, token) VALUES ('a', 999, 999)",
	}
	for damages := range slices.Chunk(damages, chaostest.Times(6, 1)) { // the tables of figures, those of what is in them
		damage := strings.Join(damages, "; ")
		for _, d := range damages {
			w.Exec(d)
		}
		var last, all int
		report, err := r.Rebuild(t.Context(), func(done, total int) { last, all = done, total })
		if err != nil {
			t.Fatalf("%s: %v", damage, err)
		}
		if last != all || all != len(report.Months) || all < 2 {
			t.Errorf("%s: progress ended at %d of %d, %d months", damage, last, all, len(report.Months))
		}
		w.MustEqual(zone)
		if again := mustRun(t, r); again.Shipments != 0 {
			t.Errorf("%s: after the rebuild %d shipments are new", damage, again.Shipments)
		}
		if n := w.Count("SELECT count() FROM fairlead.rollup_log FINAL"); n != w.Count("SELECT count() FROM fairlead.shipments FINAL") {
			t.Errorf("%s: rollup_log has %d rows after the rebuild", damage, n)
		}
		if n := w.Count("SELECT argMax(done_to, token) FROM fairlead.rollup_nodes WHERE node = 'a'"); n != 300 {
			t.Errorf("%s: the bound of node a is %d, want 300", damage, n)
		}
	}
}

func TestAnotherTimeZoneCutsAllMonthsAnew(t *testing.T) {
	w := empty(t)
	rng := rand.New(rand.NewPCG(23, 24))
	r := newRollup(t, w)
	from := time.Date(2026, 9, 30, 18, 0, 0, 0, time.UTC)
	w.Ship("a", hits(rng, 300, from, from.AddDate(0, 2, 0))...)
	mustRun(t, r)
	w.MustEqual(time.UTC)
	for _, name := range chaostest.Times([]string{"Asia/Kathmandu", "UTC"}, []string{"Asia/Kathmandu", "America/Los_Angeles", "Pacific/Kiritimati", "UTC"}) {
		w.SetZone(name)
		w.Ship("a", hits(rng, 20, from, from.AddDate(0, 2, 0))...)
		mustRun(t, r)
		w.MustEqual(mustLoad(t, name))
		if again := mustRun(t, r); again.Days != 0 {
			t.Errorf("%s: a second run counts %d days anew", name, again.Days)
		}
	}
}

func TestAChangeOfZoneThatIsCutShortIsFinishedByTheNextRun(t *testing.T) {
	w := empty(t)
	rng := rand.New(rand.NewPCG(25, 26))
	r := newRollup(t, w)
	w.Ship("a", hits(rng, 200, november, november.AddDate(0, 2, 0))...)
	mustRun(t, r)
	w.SetZone("America/Toronto")
	months := 0
	r.step = func(name string) error {
		if name == "month" {
			if months++; months == 2 {
				return errPlug
			}
		}
		return nil
	}
	if _, err := r.Run(t.Context()); !errors.Is(err, errPlug) {
		t.Fatal(err)
	}
	r.step = nil
	mustRun(t, r)
	w.MustEqual(mustLoad(t, "America/Toronto"))
}

func TestAMonthWhoseFactsAreGoneKeepsItsFigures(t *testing.T) {
	w := empty(t)
	rng := rand.New(rand.NewPCG(27, 28))
	w.Ship("a", hits(rng, 50, november.AddDate(0, -2, 0), november.AddDate(0, -2, 5))...)
	w.Ship("a", hits(rng, 50, november, november.AddDate(0, 0, 5))...)
	r := newRollup(t, w)
	mustRun(t, r)
	w.Exec("ALTER TABLE fairlead.clicks DROP PARTITION 202609")
	if _, err := r.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w.MustEqual(time.UTC)
	w.SetZone("Asia/Tokyo")
	mustRun(t, r)
	if again := mustRun(t, r); again.Days != 0 {
		t.Errorf("a month that cannot be counted anew makes every run count %d days anew", again.Days)
	}
}

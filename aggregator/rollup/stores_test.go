package rollup

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"fairlead/aggregator/aggregatortest"
	"fairlead/cmd/chaostest"
	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
)

func TestARunReadsWhatIsNewAndNotTheHistory(t *testing.T) {
	w := empty(t)
	r := newRollup(t, w)
	w.Exec("INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows) SELECT concat('old', toString(number % 3)), 202601, intDiv(number, 3) + 1, intDiv(number, 3) + 1, 1 FROM numbers(600000)")
	w.Exec(`INSERT INTO fairlead.clicks (node, seq, clicked_at, partner_id, link_id, verdict)
		SELECT 'old0', number + 1, toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + number * 3, 9, 9, 'valid' FROM numbers(800000)`)
	if _, err := r.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	r.whole.Done()
	rng := rand.New(rand.NewPCG(31, 32))
	w.Ship("new", hits(rng, 20, november, november.AddDate(0, 0, 1))...)

	store := storestest.ClickHouse(t)
	frugal, err := ch.Open(&ch.Options{
		Addr:     []string{store.Addr()},
		Auth:     ch.Auth{Username: stores.ClickHouseUser, Password: store.Password()},
		Settings: ch.Settings{"max_rows_to_read": 200_000}, // a day of clicks has 28,800, read up to five times by one question; the whole month 800,000
	})
	if err != nil {
		t.Fatal(err)
	}
	defer frugal.Close()
	r.opt.ClickHouse = frugal
	for _, want := range []int{1, 0} {
		if report := mustRun(t, r); report.Shipments != want || report.Days != want {
			t.Errorf("report %+v, want %d new", report, want)
		}
	}
	if n := w.Count("SELECT count() FROM (SELECT node, argMax(done_to, token) AS d FROM fairlead.rollup_nodes GROUP BY node) WHERE node LIKE 'old%' AND d = 200000"); n != 3 {
		t.Errorf("%d of 3 nodes have their bound at their last shipment", n)
	}
}

func TestClickHouseMayDieUnderARun(t *testing.T) {
	store := storestest.NewClickHouse(t)
	w := aggregatortest.New(t, store.Conn(t), storestest.Redis(t).Fresh(t).Client(t))
	r := newRollup(t, w)
	rng := rand.New(rand.NewPCG(33, 34))
	deaths := chaostest.Times(4, 40)
	for range deaths {
		w.Ship("a", hits(rng, 100, november, november.AddDate(0, 0, 25))...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		left := rng.IntN(20)
		r.step = func(string) error {
			if left--; left == 0 {
				store.Kill()
			}
			return nil
		}
		_, err := r.Run(ctx)
		cancel()
		t.Logf("ClickHouse died under a run: %v", err)
		if err := store.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.step = nil
	mustRun(t, r)
	w.MustEqual(time.UTC)
	if n := staged(w); n != 0 {
		t.Errorf("%d staging tables are left", n)
	}
	chaostest.Report(t, "%d times ClickHouse died under a rollup; the figures equal the facts", deaths)
}

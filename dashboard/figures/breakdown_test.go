package figures

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/cmd/stores/storestest"
	"fairlead/dashboard/period"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

func TestASpanIsReadFromMonthsAndTheDaysBesideThem(t *testing.T) {
	conn := storestest.ClickHouse(t).Fresh(t).Conn(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(clickhouse.Apply(t.Context(), conn, clickhouse.Options{}))
	// Two clicks a day from Germany, one from everywhere else, by two partners, from August to the 23rd of November.
	for _, days := range []struct{ first, n int }{{0, 92}, {92, 23}} { // the store takes a hundred days at once
		must(conn.Exec(t.Context(), `INSERT INTO fairlead.breakdown_days (partner_id, dimension, day, rest, value, clicks, visitors)
			SELECT 1 + number % 2, 'country', toDate('2026-08-01') + intDiv(number, 8), intDiv(number, 2) % 4 = 3, ['DE', 'US', '', ''][1 + intDiv(number, 2) % 4], if(intDiv(number, 2) % 4 = 0, 2, 1), 1
			FROM numbers(?, ?)`, 8*days.first, 8*days.n))
	}
	must(conn.Exec(t.Context(), `INSERT INTO fairlead.breakdown_months (partner_id, dimension, month, rest, value, clicks, visitors)
		SELECT partner_id, dimension, toStartOfMonth(day) AS month, rest, value, sum(d.clicks), sum(d.visitors)
		FROM fairlead.breakdown_days AS d WHERE day < '2026-11-01' GROUP BY ALL`))
	r := New(conn, storestest.Redis(t).Fresh(t).Client(t), schema.DefaultKeys, time.Now)
	for _, c := range []struct {
		from, to schema.Day
		days     uint64
	}{
		{20260801, 20261123, 115},
		{20260801, 20260831, 31},
		{20260815, 20261123, 101},
		{20260815, 20261014, 61},
		{20260802, 20260830, 29},
		{20261101, 20261130, 23},
		{20261031, 20261101, 2},
		{20251201, 20261130, 115},
		{20261120, 20261120, 1},
	} {
		got, err := r.Breakdown(t.Context(), Stand{}, 1, schema.DimensionCountry, period.Range{From: c.from, To: c.to}, 10)
		must(err)
		want := []Part{{false, "DE", 2 * c.days, c.days}, {false, "", c.days, c.days}, {false, "US", c.days, c.days}, {true, "", c.days, c.days}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d to %d: (-want +got)\n%s", c.from, c.to, diff)
		}
	}
	got, err := r.Breakdown(t.Context(), Stand{}, 1, schema.DimensionCountry, period.Range{From: 20260801, To: 20261123}, 1)
	must(err)
	if diff := cmp.Diff([]Part{{false, "DE", 230, 115}, {true, "", 345, 345}}, got); diff != "" {
		t.Errorf("one value and the rest: (-want +got)\n%s", diff)
	}
	if got, err := r.Breakdown(t.Context(), Stand{}, 9, schema.DimensionCountry, period.Range{From: 20260801, To: 20261123}, 1); err != nil || len(got) != 0 {
		t.Errorf("a partner without clicks: %v, %v", got, err)
	}
}

package ship

import (
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"fairlead/redirector/journal"
)

func TestMetrics(t *testing.T) {
	r, live := newRig(t), newLiveRig(t)
	set := metrics.NewSet()
	src := newMemory("a1")
	src.add(records(1, 100, noon)...)
	src.addGap(7, journal.ReasonDiskFull)
	now := noon.Add(time.Hour)
	facts := r.sink(r.conn, src, func(o *ClickHouseOptions) { o.Metrics, o.Now = set, func() time.Time { return now } })
	counts := live.sink(live.rdb, src, func(o *RedisOptions) { o.Metrics = set })
	text := func() string {
		var b strings.Builder
		set.WritePrometheus(&b)
		return b.String()
	}
	has := func(lines ...string) {
		t.Helper()
		for _, l := range lines {
			if !strings.Contains(text(), l+"\n") {
				t.Errorf("no %s in\n%s", l, text())
			}
		}
	}
	has(`fairlead_ship_lag_records{sink="clickhouse"} 107`, `fairlead_ship_lag_seconds{sink="clickhouse"} 0`, `fairlead_ship_holding{sink="redis"} 0`)
	now = now.Add(90 * time.Second)
	has(`fairlead_ship_lag_seconds{sink="clickhouse"} 90`)
	if lag := facts.Lag(); lag.Records != 107 || lag.Time != 90*time.Second {
		t.Errorf("got %+v", lag)
	}
	r.drain(facts)
	live.drain(counts)
	has(`fairlead_ship_lag_records{sink="clickhouse"} 0`, `fairlead_ship_lag_seconds{sink="clickhouse"} 0`, `fairlead_ship_rows_total{sink="clickhouse"} 100`,
		`fairlead_ship_batches_total{sink="clickhouse"} 1`, `fairlead_ship_gap_records_total{reason="disk_full"} 7`, `fairlead_ship_unsure_total{sink="clickhouse"} 1`,
		`fairlead_ship_failures_total{sink="clickhouse"} 0`, `fairlead_ship_lag_records{sink="redis"} 0`)
}

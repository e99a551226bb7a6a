package ship

import (
	"context"
	"errors"
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

// TestLagIsTheAgeOfTheOldestClickThatWaits has a trickle of clicks go on, all of which the sinks read ahead, while the stores
// are away.
func TestLagIsTheAgeOfTheOldestClickThatWaits(t *testing.T) {
	r, live := newRig(t), newLiveRig(t)
	src := newMemory("a1")
	away, now := true, noon
	faults := func(string) error {
		if away {
			return errors.New("the store is away")
		}
		return nil
	}
	facts := r.sink(r.conn, src, func(o *ClickHouseOptions) { o.Faults, o.Now = faults, func() time.Time { return now } })
	counts := live.sink(live.rdb, src, func(o *RedisOptions) { o.Faults, o.Now = faults, func() time.Time { return now } })
	want := func(when string, records uint64, age time.Duration) {
		t.Helper()
		for sink, lag := range map[string]Lag{SinkClickHouse: facts.Lag(), SinkRedis: counts.Lag()} {
			if lag.Records != records || lag.Time != age {
				t.Errorf("%s: %s lags by %d records and %v, want %d and %v", when, sink, lag.Records, lag.Time, records, age)
			}
		}
	}
	steps := func() {
		t.Helper()
		errFacts, errCounts := facts.step(t.Context(), true), counts.step(t.Context(), true)
		if errFacts == nil || errCounts == nil {
			t.Fatal("a store that is away took something")
		}
		facts.failed(errFacts, 1)
		counts.failed(errCounts, 1)
	}
	want("at first", 0, 0)
	for i := range 6 {
		src.add(records(10*i, 10, now)...)
		steps()
		want("away", uint64(10*i+10), now.Sub(noon))
		now = now.Add(10 * time.Minute)
	}
	want("away for an hour", 60, time.Hour)
	src.add(records(60, 5, now)...)
	want("before they are read", 65, time.Hour)
	away = false
	r.drain(facts)
	live.drain(counts)
	want("caught up", 0, 0)
	now = now.Add(time.Hour)
	want("nothing happens", 0, 0)
}

// TestTheWaitForOthersCountsFromTheOldestClick has clicks grow old while the batch before theirs is under way: they
// do not wait for others again.
func TestTheWaitForOthersCountsFromTheOldestClick(t *testing.T) {
	r, live := newRig(t), newLiveRig(t)
	src := newMemory("a1")
	now := func() time.Time { return noon.Add(time.Hour) }
	facts := r.sink(r.conn, src, func(o *ClickHouseOptions) { o.FlushEvery, o.Now = time.Hour, now })
	counts := live.sink(live.rdb, src, func(o *RedisOptions) { o.FlushEvery, o.Now = time.Hour, now })
	src.add(records(0, 10, noon)...)
	src.add(records(10, 10, noon.Add(time.Hour-time.Second))...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // ends what waits where it should not
	defer cancel()
	if err := errors.Join(facts.step(ctx, false), counts.step(ctx, false)); err != nil {
		t.Fatal(err)
	}
	if facts.Position() != 20 || counts.at != 20 {
		t.Errorf("ClickHouse has clicks up to %d, Redis up to %d, want 20", facts.Position(), counts.at)
	}
}

func TestHowLongABatchHasWaited(t *testing.T) {
	opened := time.Now().Add(-time.Minute)
	f := func(what string, oldest, now time.Time, want time.Duration) {
		t.Helper()
		if got := waited(opened, oldest, now).Round(time.Minute); got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	f("its oldest click is older than the batch", noon, noon.Add(5*time.Minute), 5*time.Minute)
	f("the clock was set back", noon, noon.Add(-time.Hour), time.Minute)
	f("it holds gaps alone", time.Time{}, noon, time.Minute)
}

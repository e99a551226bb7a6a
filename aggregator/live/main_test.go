package live

import (
	"log/slog"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"fairlead/aggregator/aggregatortest"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// empty returns a world in which nothing has happened.
func empty(t testing.TB) *aggregatortest.World {
	t.Helper()
	return aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
}

// noon is the present of these tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newLive(t testing.TB, w *aggregatortest.World) *Live {
	return New(Options{
		ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Now:    func() time.Time { return noon },
	})
}

func mustLoad(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// counters is what the hashes hold: clicks by partner and day, and each hash's positions by node.
type counters struct {
	clicks    map[string]uint64
	positions map[string][schema.LiveShards]uint64
}

func stored(t testing.TB, w *aggregatortest.World) counters {
	t.Helper()
	out := counters{clicks: map[string]uint64{}, positions: map[string][schema.LiveShards]uint64{}}
	for shard := range schema.LiveShards {
		hash, err := w.Redis.HGetAll(t.Context(), w.Keys.Live(shard)).Result()
		if err != nil {
			t.Fatal(err)
		}
		for field, text := range hash {
			if field == schema.LiveEpoch {
				continue
			}
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				t.Fatalf("%s of shard %d: %v", field, shard, err)
			}
			node, isPosition := strings.CutPrefix(field, schema.LivePosition(""))
			if !isPosition {
				out.clicks[field] += n
				continue
			}
			all := out.positions[node]
			all[shard] = n
			out.positions[node] = all
		}
	}
	return out
}

// recount counts the shipped hits up to each node's position, in Go.
func recount(w *aggregatortest.World, zone *time.Location, positions map[string]uint64) map[string]uint64 {
	today := schema.DayOf(noon, zone)
	oldest := schema.DayOf(today.Time().AddDate(0, 0, -schema.LiveDays), time.UTC)
	out := map[string]uint64{}
	for _, h := range w.Hits {
		day := schema.DayOf(h.At, zone)
		if h.Verdict == schema.VerdictValid && h.Partner != 0 && day >= oldest && h.Seq <= positions[h.Node] {
			out[schema.LiveClicks(h.Partner, day)]++
		}
	}
	return out
}

func mustHold(t testing.TB, w *aggregatortest.World, zone *time.Location, positions map[string]uint64) {
	t.Helper()
	got, want := stored(t, w), recount(w, zone, positions)
	if !maps.Equal(got.clicks, want) {
		t.Errorf("the counters are not those of the facts:\n got %v\nwant %v", got.clicks, want)
	}
	for node, want := range positions {
		for shard, at := range got.positions[node] {
			if at != want {
				t.Errorf("position of %s in shard %d: got %d, want %d", node, shard, at, want)
				break
			}
		}
	}
	if len(got.positions) != len(positions) {
		t.Errorf("positions of %d nodes, want %d", len(got.positions), len(positions))
	}
}

// Package aggregatortest gives the aggregator's tests a world to work on: the schema on a real ClickHouse,
// a real Redis, hits that land there the way a redirector ships them, and a second opinion on the figures,
// counted in Go from the hits themselves.
package aggregatortest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// World is what one test works on. It is for the test's goroutine.
type World struct {
	CH    driver.Conn
	Redis redis.UniversalClient
	Keys  schema.Keys
	Hits  []Hit // all that were shipped

	t       testing.TB
	next    map[string]uint64 // by node
	version uint64            // of directory_log
}

// Hit is one row of clicks, as far as figures depend on it.
type Hit struct {
	Node    string
	Seq     uint64
	At      time.Time
	Partner schema.PartnerID
	Link    schema.LinkID
	Verdict schema.Verdict
	Visitor uint64

	Country, Device, Browser, Referrer, SubID, Destination string
}

// New brings the schema up in empty stores.
func New(t testing.TB, conn driver.Conn, rdb redis.UniversalClient) *World {
	t.Helper()
	w := &World{t: t, CH: conn, Redis: rdb, Keys: schema.DefaultKeys, next: map[string]uint64{}}
	w.must(clickhouse.Apply(t.Context(), w.CH, clickhouse.Options{}))
	return w
}

// Exec runs a statement.
func (w *World) Exec(stmt string, args ...any) {
	w.t.Helper()
	w.must(w.CH.Exec(context.Background(), stmt, args...))
}

// Count answers a question whose answer is one number.
func (w *World) Count(question string, args ...any) uint64 {
	w.t.Helper()
	var n uint64
	w.must(w.CH.QueryRow(context.Background(), question, args...).Scan(&n))
	return n
}

func (w *World) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// SetZone writes the program's time zone.
func (w *World) SetZone(zone string) {
	w.t.Helper()
	w.Entry(schema.KindProgram, 1, fmt.Sprintf(`{"name":"Test","zone":%q}`, zone))
}

// Entry writes the next version of a directory entry.
func (w *World) Entry(kind schema.Kind, id uint64, data string, keys ...string) uint64 {
	w.t.Helper()
	w.version++
	batch, err := w.CH.PrepareBatch(context.Background(), "INSERT INTO fairlead.directory_log (kind, id, version, unique_keys, changed_at, actor, data)")
	w.must(err)
	w.must(batch.Append(string(kind), id, w.version, keys, time.Now(), "cli", data))
	w.must(batch.Send())
	return w.version
}

// Context is that of the test.
func (w *World) Context() context.Context { return w.t.Context() }

// Ship lands hits of one node as one batch: the rows month by month, then the shipment. It gives them
// their seq when that is 0.
func (w *World) Ship(node string, hits ...Hit) {
	w.t.Helper()
	w.Announce(node, w.Land(node, hits...))
}

// Land does the first half of Ship: the rows stand in clicks, and no shipment tells of them. It answers
// the hits with their seq.
func (w *World) Land(node string, hits ...Hit) []Hit {
	w.t.Helper()
	hits = slices.Clone(hits)
	for i := range hits {
		w.next[node]++
		hits[i].Node, hits[i].Seq = node, w.next[node]
	}
	for _, month := range slices.Sorted(maps.Keys(byMonth(hits))) {
		batch, err := w.CH.PrepareBatch(context.Background(),
			"INSERT INTO fairlead.clicks (node, seq, clicked_at, partner_id, link_id, slug, click_nonce, click_tag, verdict, visitor, country, device, browser, referrer_host, sub_id, destination)")
		w.must(err)
		for _, h := range byMonth(hits)[month] {
			w.must(batch.Append(h.Node, h.Seq, h.At, uint32(h.Partner), uint32(h.Link), "s"+h.Link.String(), h.Seq, h.Tag(), int8(h.Verdict), h.Visitor, h.Country, h.Device, h.Browser, h.Referrer, h.SubID, h.Destination))
		}
		w.must(batch.Send())
	}
	w.Hits = append(w.Hits, hits...)
	return hits
}

// Tag is what stands in click_tag.
func (h Hit) Tag() uint64 { return h.Seq*0x9e3779b97f4a7c15 ^ uint64(len(h.Node))<<56 }

// Announce writes the shipment of landed hits: a row a month, in one insert.
func (w *World) Announce(node string, hits []Hit) {
	w.t.Helper()
	first, last := hits[0].Seq, hits[len(hits)-1].Seq
	batch, err := w.CH.PrepareBatch(context.Background(),
		"INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, checksum, quarters, complete_to, state)")
	w.must(err)
	for month, rows := range byMonth(hits) {
		var sum uint64
		quarters := map[time.Time]bool{}
		for _, h := range rows {
			sum ^= h.Tag()
			quarters[schema.QuarterHour(h.At)] = true
		}
		w.must(batch.Append(node, uint32(month), first, last, uint64(len(rows)), sum,
			slices.SortedFunc(maps.Keys(quarters), time.Time.Compare), hits[len(hits)-1].At, int8(1)))
	}
	w.must(batch.Send())
}

// Close writes a node's last heartbeat.
func (w *World) Close(node string, at time.Time) {
	w.t.Helper()
	w.Exec("INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, complete_to, state) VALUES (?, 0, ?, ?, ?, 'closed')",
		node, w.next[node]+1, w.next[node], at)
}

func byMonth(hits []Hit) map[schema.Month][]Hit {
	months := map[schema.Month][]Hit{}
	for _, h := range hits {
		m := schema.MonthOf(h.At, time.UTC)
		months[m] = append(months[m], h)
	}
	return months
}

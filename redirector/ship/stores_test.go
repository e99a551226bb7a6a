package ship

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
	"fairlead/redirector/enrich"
	"fairlead/redirector/enrich/enrichtest"
	"fairlead/schema/clickhouse"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// rig is a ClickHouse with an empty schema, and a proxy before it.
type rig struct {
	t     testing.TB
	store storestest.ClickHouseStore
	conn  driver.Conn // beside the proxy
	proxy *proxy
	data  *enrich.Data
	log   *logBook
	kind  kind
	reads fact // of the kind
}

// kind is what a rig ships.
type kind struct {
	*table
	tag, at string // columns
	records func(i, n int, at time.Time) [][]byte
	open    func(driver.Conn, ClickHouseOptions) *ClickHouse
	fact    func(testing.TB) fact
}

var kinds = map[string]kind{
	"clicks": {
		&clicksTable, "click_tag", "clicked_at", records, NewClickHouse,
		func(t testing.TB) fact { return newClicks(enrichtest.Data(t)) },
	},
	"conversions": {
		&conversionsTable, "record_hash", "received_at", conversionRecords, NewConversions,
		func(testing.TB) fact { return &conversions{} },
	},
}

// ofEachKind runs a test for clicks and for conversions.
func ofEachKind(t *testing.T, test func(t *testing.T, r *rig)) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.kind = k
			test(t, r)
		})
	}
}

// ofEachKindAtOnce is for tests that mostly wait: each kind has a ClickHouse of its own.
func ofEachKindAtOnce(t *testing.T, test func(t *testing.T, r *rig)) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRigOn(t, storestest.NewClickHouse(t))
			r.kind = k
			test(t, r)
		})
	}
}

// tagOf is the tag of a record that can be read.
func (r *rig) tagOf(rec []byte) (tag uint64, ok bool) {
	if r.reads == nil {
		r.reads = r.kind.fact(r.t)
	}
	at, tag, err := r.reads.decode(rec)
	return tag, err == nil && at < latest
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigOn(t, storestest.ClickHouse(t).Fresh(t))
}

func newRigOn(t testing.TB, store storestest.ClickHouseStore) *rig {
	t.Helper()
	r := &rig{t: t, store: store, data: enrichtest.Data(t), log: &logBook{}, kind: kinds["clicks"]}
	r.conn = r.store.Conn(t)
	if err := clickhouse.Apply(t.Context(), r.conn, clickhouse.Options{}); err != nil {
		t.Fatal(err)
	}
	r.proxy = newProxy(t, r.store.Addr())
	return r
}

// through opens connections that go through the proxy.
func (r *rig) through() driver.Conn {
	r.t.Helper()
	conn, err := ch.Open(&ch.Options{
		Addr:        []string{r.proxy.addr()},
		Auth:        ch.Auth{Username: stores.ClickHouseUser, Password: r.store.Password()},
		DialTimeout: 3 * time.Second,
		Compression: &ch.Compression{Method: ch.CompressionLZ4},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	return conn
}

func (r *rig) sink(conn driver.Conn, src Source, set ...func(*ClickHouseOptions)) *ClickHouse {
	opt := ClickHouseOptions{
		Source: src, Enrich: r.data, Dir: r.t.TempDir(), FlushEvery: time.Millisecond, MaxRows: 500, InsertTimeout: 10 * time.Second, Pause: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	for _, f := range set {
		f(&opt)
	}
	return r.kind.open(conn, opt)
}

// drain ships all that the source has.
func (r *rig) drain(s *ClickHouse) {
	r.t.Helper()
	if err := r.drainErr(s); err != nil {
		r.t.Fatalf("%v\n%s", err, r.log)
	}
}

func (r *rig) drainErr(s *ClickHouse) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	return s.Drain(ctx)
}

// exactlyOnce fails the test unless every record of the source stands once in its table, and every seq is covered by
// shipments and by either a record or a gap.
func (r *rig) exactlyOnce(src *memory) {
	r.t.Helper()
	type key struct {
		node string
		seq  uint64
	}
	want := map[key]uint64{}
	var last uint64
	for _, e := range src.entries {
		if e.reason != "" {
			continue
		}
		if tag, ok := r.tagOf(e.rec); ok {
			want[key{string(e.node), e.from}] = tag
		}
		last = max(last, e.to)
	}
	rows, err := r.conn.Query(r.t.Context(), fmt.Sprintf("SELECT node, seq, %s FROM fairlead.%s", r.kind.tag, r.kind.name))
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	got := map[key]int{}
	for rows.Next() {
		var k key
		var tag uint64
		if err := rows.Scan(&k.node, &k.seq, &tag); err != nil {
			r.t.Fatal(err)
		}
		got[k]++
		if w, ok := want[k]; !ok || w != tag {
			r.t.Errorf("%v has tag %x, want %x", k, tag, w)
		}
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	missing, doubled := 0, 0
	for k := range want {
		switch n := got[k]; {
		case n == 0:
			missing++
		case n > 1:
			doubled++
		}
	}
	if missing+doubled > 0 {
		r.t.Errorf("%d %s of %d are missing, %d stand there more than once\n%s", missing, r.kind.name, len(want), doubled, r.log)
	}
	r.shipmentsAddUp()
}

// shipmentsAddUp recounts the records of every shipment, and looks for holes between them.
func (r *rig) shipmentsAddUp() {
	r.t.Helper()
	type span struct {
		first, last uint64
	}
	spans := map[string][]span{}
	rows, err := r.conn.Query(r.t.Context(), strings.NewReplacer("clicks", r.kind.name, "click_tag", r.kind.tag, "clicked_at", r.kind.at).Replace(`
		SELECT s.node, s.month, s.first_seq, s.last_seq, s.rows, s.checksum, c.n, c.x
		FROM (SELECT * FROM fairlead.shipments FINAL WHERE month > 0 AND fact = 'clicks') AS s
		LEFT JOIN (
			SELECT s.node AS node, s.month AS month, s.first_seq AS first_seq, s.last_seq AS last_seq, count() AS n, groupBitXor(c.click_tag) AS x
			FROM fairlead.clicks AS c JOIN (SELECT * FROM fairlead.shipments FINAL WHERE month > 0 AND fact = 'clicks') AS s ON c.node = s.node AND toYYYYMM(c.clicked_at) = s.month
			WHERE c.seq BETWEEN s.first_seq AND s.last_seq
			GROUP BY node, month, first_seq, last_seq
		) AS c ON s.node = c.node AND s.month = c.month AND s.first_seq = c.first_seq AND s.last_seq = c.last_seq`))
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var node string
		var month uint32
		var s span
		var n, sum, wantN, wantSum uint64
		if err := rows.Scan(&node, &month, &s.first, &s.last, &n, &sum, &wantN, &wantSum); err != nil {
			r.t.Fatal(err)
		}
		if n != wantN || sum != wantSum {
			r.t.Errorf("shipment %s %d %v says %d rows, %x; there are %d, %x", node, month, s, n, sum, wantN, wantSum)
		}
		spans[node] = append(spans[node], s)
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	for node, list := range spans {
		slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.first, b.first) })
		at := uint64(0)
		for _, s := range list {
			if s.first > at+1 {
				r.t.Errorf("node %s: no shipment covers %d to %d", node, at+1, s.first-1)
			}
			at = max(at, s.last)
		}
	}
}

func (r *rig) count(query string, args ...any) (n uint64) {
	r.t.Helper()
	if err := r.conn.QueryRow(r.t.Context(), query, args...).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *rig) exec(query string, args ...any) {
	r.t.Helper()
	if err := r.conn.Exec(r.t.Context(), query, args...); err != nil {
		r.t.Fatal(err)
	}
}

// logBook keeps what was logged, for the message of a failure and for tests of the log itself.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// crashAt returns a fail point that crashes the n-th time it is reached.
func crashAt(point string, n int) func(string) error {
	return func(p string) error {
		if p != point {
			return nil
		}
		if n--; n == 0 {
			return fmt.Errorf("at %s: %w", point, errCrash)
		}
		return nil
	}
}

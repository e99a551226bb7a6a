package history

import (
	"encoding/csv"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
	"fairlead/schema/directory"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// today is when the tests' files are imported.
var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is an empty deployment with a program in Toronto and US dollars, and two partners.
type world struct {
	t        testing.TB
	ch       driver.Conn
	rdb      *redis.Client
	dir      *directory.Directory
	ada, bob schema.Partner
	now      time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, ch: storestest.ClickHouse(t).Fresh(t).Conn(t), rdb: storestest.Redis(t).Fresh(t).Client(t), now: today}
	if err := clickhouse.Apply(t.Context(), w.ch, clickhouse.Options{}); err != nil {
		t.Fatal(err)
	}
	w.dir = directory.New(w.ch, w.rdb, directory.Options{Keys: schema.DefaultKeys, Logger: slog.New(slog.DiscardHandler)})
	if _, err := w.dir.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.dir.SeedProgram(t.Context(), schema.Program{
		Name: "Shop", Homepage: "https://shop.example/", AllowedDomains: []string{"shop.example"}, Currency: "USD", Zone: "America/Toronto",
		WindowDays: 90, Touch: "last", HoldDays: 30, PayoutDay: 13, PayoutMinimum: 2500, Param: "fl_click",
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.dir.EnsureClickKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.ada, w.bob = w.partner("Ada"), w.partner("Bob")
	return w
}

func (w *world) partner(name string) schema.Partner {
	w.t.Helper()
	p, _, err := w.dir.AddPartner(w.t.Context(), directory.CLI, directory.NewPartner{Name: name, Email: strings.ToLower(name) + "@example.com"})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) importer(set ...func(*Importer)) *Importer {
	im := &Importer{
		ClickHouse: w.ch, Directory: w.dir, Rejects: filepath.Join(w.t.TempDir(), "rejects.csv"),
		Now: func() time.Time { return w.now }, Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range set {
		f(im)
	}
	return im
}

// conversions imports a text and checks how many rows were added, already there, and refused.
func (w *world) conversions(text string, added, already, rejected uint64, set ...func(*Importer)) ConversionsReport {
	w.t.Helper()
	r, err := w.importer(set...).Conversions(w.t.Context(), "-", strings.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Added != added || r.Already != already || r.Rejected != rejected || r.Taken != added+already {
		w.t.Errorf("got %+v; want %d added, %d already there, %d rejected\n%s", r, added, already, rejected, w.rejects(r.Read))
	}
	return r
}

// rejects are the lines and reasons of a file of rejects.
func (w *world) rejects(r Read) string {
	w.t.Helper()
	if r.Rejects == "" {
		return ""
	}
	f, err := os.Open(r.Rejects)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	c := csv.NewReader(f)
	c.FieldsPerRecord = -1
	rows, err := c.ReadAll()
	if err != nil || uint64(len(rows)) != r.Rejected+1 || !slices.Equal(rows[0][:2], []string{rejectedLine, rejectedReason}) {
		w.t.Fatalf("%d rows of rejects, want %d and a header: %v", len(rows), r.Rejected, err)
	}
	var out []string
	for _, row := range rows[1:] {
		out = append(out, row[0]+" "+row[1])
	}
	return strings.Join(out, "\n")
}

func (w *world) count(query string) (n uint64) {
	w.t.Helper()
	if err := w.ch.QueryRow(w.t.Context(), query).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// once checks that n conversions stand, each once and with numbers that have no gap, and that shipments say the same.
func (w *world) once(n uint64) {
	w.t.Helper()
	if rows := w.count("SELECT count() FROM fairlead.conversions"); rows != n {
		w.t.Errorf("%d rows, want %d", rows, n)
	}
	if holes := w.count("SELECT count() FROM (SELECT node FROM fairlead.conversions GROUP BY node HAVING uniqExact(seq) != count() OR min(seq) != 1 OR max(seq) != count())"); holes != 0 {
		w.t.Errorf("%d nodes have numbers that are missing or double", holes)
	}
	if rows := w.count("SELECT sum(rows) FROM fairlead.shipments FINAL WHERE fact = 'conversions' AND month > 0"); rows != n {
		w.t.Errorf("shipments tell of %d rows, want %d", rows, n)
	}
	if rows := w.count("SELECT count() FROM fairlead.gaps"); rows != 0 {
		w.t.Errorf("%d gaps", rows)
	}
}

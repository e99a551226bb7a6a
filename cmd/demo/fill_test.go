package demo

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"fairlead/cmd/stores/storestest"
	"fairlead/redirector/enrich/enrichtest"
	"fairlead/schema/clickhouse"
	"fairlead/schema/directory"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// TestAFillThatIsCutShortIsTakenUpAgain stops a fill in the middle of the clicks, and once they are stored, and looks what
// the third one leaves: everything once, and every reported click there, of the link that was reported.
func TestAFillThatIsCutShortIsTakenUpAgain(t *testing.T) {
	conn, rdb := storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t)
	log := slog.New(slog.DiscardHandler)
	if err := clickhouse.Apply(t.Context(), conn, clickhouse.Options{}); err != nil {
		t.Fatal(err)
	}
	d := directory.New(conn, rdb, directory.Options{AllowLoopback: true, Logger: log})
	const shop = "127.0.0.1:8091"
	if _, err := d.SeedProgram(t.Context(), Program(directory.DefaultProgram(), shop)); err != nil {
		t.Fatal(err)
	}
	if err := d.EnsureClickKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.EnsureSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	state, err := Load(dir, time.Now(), shop)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.EnsureKey(t.Context(), dir, d); err != nil {
		t.Fatal(err)
	}
	if again, err := Load(dir, time.Now(), ""); err != nil || again != state {
		t.Fatalf("the folder remembers %+v (%v), want %+v", again, err, state)
	}

	countryDB, _ := enrichtest.Paths(t)
	data := enrichtest.Data(t)
	fill := func(enough func(done, total uint64) bool) (Filled, error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f := &Filler{CH: conn, Directory: d, Enrich: data, CountryDB: countryDB, Log: log, Progress: func(done, total uint64) {
			if enough(done, total) {
				cancel()
			}
		}}
		return f.Fill(ctx, state)
	}
	for _, stop := range []struct {
		when   string
		enough func(done, total uint64) bool
	}{
		{"some clicks are stored", func(done, total uint64) bool { return done > 0 && done < total }},
		{"all clicks are stored", func(done, total uint64) bool { return done == total }},
	} {
		if _, err := fill(stop.enough); err == nil {
			t.Errorf("a fill that is stopped when %s tells of no error", stop.when)
		}
	}
	filled, err := fill(func(uint64, uint64) bool { return false })
	if err != nil {
		t.Fatal(err)
	}

	f := func(what, query string, want uint64) {
		t.Helper()
		var got uint64
		if err := conn.QueryRow(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: got %d (%v), want %d", what, got, err, want)
		}
	}
	if filled.Clicks < 100_000 || filled.Conversions < 10_000 {
		t.Errorf("it holds %+v", filled)
	}
	f("clicks", "SELECT count() FROM fairlead.clicks", filled.Clicks)
	f("numbers of clicks", "SELECT uniqExact(node, seq) FROM fairlead.clicks", filled.Clicks)
	f("conversions", "SELECT count() FROM fairlead.conversions", filled.Conversions)
	f("numbers of conversions", "SELECT uniqExact(node, seq) FROM fairlead.conversions", filled.Conversions)
	f("partners", "SELECT count() FROM fairlead.directory WHERE kind = 'partner' AND NOT deleted", uint64(len(partners)))
	f("coupons", "SELECT count() FROM fairlead.directory WHERE kind = 'coupon' AND NOT deleted", uint64(len(codes)))
	f("reported clicks that nobody made", `SELECT count() FROM fairlead.conversions
		WHERE click_state = 'genuine' AND (click_id, link_id) NOT IN (SELECT click_id, link_id FROM fairlead.clicks WHERE verdict = 'valid')`, 0)
	f("conversions of another key", fmt.Sprintf("SELECT countIf(key_id != %d) FROM fairlead.conversions", state.KeyID), 0)
	t.Run("the year that a partner reads of it is what a question by hand says", func(t *testing.T) { mustReport(t, conn, rdb, d, state) })
}

package clickhouse

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestApplyBringsAnEmptyServerUpAndThenHasNothingToDo(t *testing.T) {
	conn := empty(t)
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Pending(t.Context(), conn); err != nil || n != len(all) {
		t.Errorf("%d migrations are pending (%v), want %d", n, err, len(all))
	}
	var told []string
	err = Apply(t.Context(), conn, Options{Progress: func(done, total int, name string) {
		if done != len(told)+1 || total != len(all) {
			t.Errorf("progress %d of %d after %d", done, total, len(told))
		}
		told = append(told, name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != len(all) {
		t.Errorf("told of %d migrations, want %d", len(told), len(all))
	}
	began := time.Now()
	err = Apply(t.Context(), conn, Options{Progress: func(_, _ int, name string) { t.Errorf("%s was applied again", name) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("an up-to-date schema was looked at in %s", time.Since(began))
	if n, err := Pending(t.Context(), conn); err != nil || n != 0 {
		t.Errorf("%d migrations are pending (%v), want none", n, err)
	}
	if n := mustAsk[uint64](t, conn, "SELECT count() FROM fairlead.migrations"); n != uint64(len(all)) {
		t.Errorf("%d migrations are recorded, want %d", n, len(all))
	}
}

func TestProgramsThatApplyAtOnceDoNotHurtEachOther(t *testing.T) {
	conn := empty(t)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = Apply(t.Context(), conn, Options{}) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n, err := Pending(t.Context(), conn); err != nil || n != 0 {
		t.Errorf("%d migrations are pending (%v), want none", n, err)
	}
}

func TestAnApplyThatIsCutShortIsContinued(t *testing.T) {
	conn := empty(t)
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	for stop := 1; stop < len(all); stop += 3 {
		ctx, cancel := context.WithCancel(t.Context())
		done := 0
		_ = Apply(ctx, conn, Options{Progress: func(int, int, string) {
			if done++; done == 3 {
				cancel()
			}
		}})
		cancel()
	}
	mustApply(t, conn)
	if n, err := Pending(t.Context(), conn); err != nil || n != 0 {
		t.Errorf("%d migrations are pending (%v), want none", n, err)
	}
}

func TestASchemaOfANewerProgramIsRefused(t *testing.T) {
	conn := migrated(t)
	mustExec(t, conn, "INSERT INTO fairlead.migrations (number, name, checksum) VALUES (9012, '9012_future.sql', 'x')")
	err := Apply(t.Context(), conn, Options{})
	if !errors.Is(err, ErrNewerSchema) || !strings.Contains(err.Error(), "schema is at 9012, this program knows 00") || !strings.Contains(err.Error(), "run the newer program") {
		t.Errorf("a newer schema: %v", err)
	}
}

func TestAnAppliedMigrationThatDiffersIsRefused(t *testing.T) {
	conn := migrated(t)
	mustExec(t, conn, "INSERT INTO fairlead.migrations (number, name, checksum, applied_at) VALUES (4, '0004_clicks.sql', 'another', now64(3) + 1)")
	err := Apply(t.Context(), conn, Options{})
	if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "0004_clicks.sql") {
		t.Errorf("a changed migration: %v", err)
	}
}

func TestAClusterNameThatIsNoneIsRefused(t *testing.T) {
	if err := Apply(t.Context(), nil, Options{Cluster: "x' y"}); err == nil || !strings.Contains(err.Error(), `"x' y"`) {
		t.Errorf("the cluster x' y: %v", err)
	}
}

// The same files serve a server and a cluster; on a cluster this engine can only say that it
// understands them.
func TestEveryMigrationIsUnderstoodInBothForms(t *testing.T) {
	conn := empty(t)
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		for _, p := range []place{{Definer: "`fairlead`"}, {Cluster: "main-1", Definer: "`fairlead`"}} {
			stmt, err := m.render(p)
			if err != nil {
				t.Fatal(err)
			}
			onlyCluster := strings.Contains(m.name, "of_all_shards")
			if (stmt == "") != (onlyCluster && p.Cluster == "") {
				t.Errorf("%s for cluster %q: %d bytes", m.name, p.Cluster, len(stmt))
			}
			if stmt == "" {
				continue
			}
			if rows, err := conn.Query(t.Context(), "EXPLAIN AST "+stmt); err != nil {
				t.Errorf("%s for cluster %q: %v", m.name, p.Cluster, err)
			} else {
				rows.Close()
			}
			for _, word := range []string{"ON CLUSTER 'main-1'", "Replicated"} {
				is := strings.Contains(stmt, word)
				should := p.Cluster != "" && (word != "Replicated" || strings.Contains(m.text, "{{shard ") || strings.Contains(m.text, "{{everywhere "))
				if is != should {
					t.Errorf("%s for cluster %q: %q stands in it: %t", m.name, p.Cluster, word, is)
				}
			}
			if strings.Contains(stmt, ";\n") {
				t.Errorf("%s has more than one statement", m.name)
			}
		}
	}
}

func TestEnginesOfAServerAndOfACluster(t *testing.T) {
	one, many := place{}, place{Cluster: "main"}
	for _, c := range []struct{ got, want string }{
		{one.shard("MergeTree"), "MergeTree()"},
		{one.everywhere("ReplacingMergeTree", "token"), "ReplacingMergeTree(token)"},
		{many.shard("MergeTree"), "ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')"},
		{many.shard("ReplacingMergeTree", "shipped_at"), "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', shipped_at)"},
		{many.everywhere("MergeTree"), "ReplicatedMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}')"},
		{many.distributed("clicks_local"), "Distributed('main', fairlead, clicks_local, cityHash64(node))"},
		{one.dedupWindow(10000), "non_replicated_deduplication_window = 10000"},
		{many.dedupWindow(10000), "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800"},
		{one.Local() + one.OnCluster(), ""},
		{many.Local() + many.OnCluster(), "_local ON CLUSTER 'main'"},
		{quoteName("o`b\\"), "`o\\`b\\\\`"},
		{Quote(`o'b\`), `'o\'b\\'`},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestEveryTableAndColumnSaysWhatItHolds(t *testing.T) {
	conn := migrated(t)
	classes := []string{"none", "none by contract with the partner", "pseudonymous", "personal", "secret"}
	check := func(what, comment string) {
		t.Helper()
		_, class, ok := strings.Cut(comment, "privacy: ")
		if !ok || !slices.Contains(classes, class) {
			t.Errorf("%s: the comment %q does not end with a privacy class", what, comment)
		}
	}
	var tables []struct {
		Name    string `ch:"name"`
		Comment string `ch:"comment"`
	}
	if err := conn.Select(t.Context(), &tables, "SELECT concat(database, '.', name) AS name, comment FROM system.tables WHERE database IN ('fairlead', 'analytics')"); err != nil {
		t.Fatal(err)
	}
	if len(tables) < 14 {
		t.Errorf("%d tables", len(tables))
	}
	for _, table := range tables {
		check(table.Name, table.Comment)
	}
	var columns []struct {
		Name    string `ch:"name"`
		Type    string `ch:"type"`
		Comment string `ch:"comment"`
	}
	if err := conn.Select(t.Context(), &columns, "SELECT concat(database, '.', table, '.', name) AS name, type, comment FROM system.columns WHERE database IN ('fairlead', 'analytics')"); err != nil {
		t.Fatal(err)
	}
	if len(columns) < 150 {
		t.Errorf("%d columns", len(columns))
	}
	for _, c := range columns {
		check(c.Name, c.Comment)
		if !strings.Contains(c.Comment, "source: ") {
			t.Errorf("%s: the comment %q names no source", c.Name, c.Comment)
		}
		if strings.Contains(c.Type, "Date") && !strings.Contains(c.Comment, "zone: ") && !strings.Contains(c.Name, ".latest") {
			t.Errorf("%s: the comment %q names no zone", c.Name, c.Comment)
		}
	}
}

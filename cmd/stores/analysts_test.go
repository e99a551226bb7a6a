package stores_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
)

// withAnalyst starts a ClickHouse of its own with a fact, a view of it, and the analyst eva.
func withAnalyst(t *testing.T) (c storestest.ClickHouseStore, password string) {
	t.Helper()
	c = storestest.NewClickHouse(t)
	password, err := stores.AddAnalyst(c.Dir(), "eva")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ReloadAnalysts(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := c.Conn(t)
	for _, q := range []string{
		"CREATE DATABASE fairlead",
		"CREATE DATABASE analytics",
		"CREATE TABLE fairlead.clicks (n UInt64, secret String) ENGINE = MergeTree ORDER BY n",
		"INSERT INTO fairlead.clicks SELECT number, 'secret' FROM numbers(1000)",
		"CREATE VIEW analytics.clicks DEFINER = fairlead SQL SECURITY DEFINER AS SELECT n FROM fairlead.clicks",
	} {
		if err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	return c, password
}

func TestAnAnalystReadsTheViewsAndNothingElse(t *testing.T) {
	c, password := withAnalyst(t)
	conn := dial(t, c.Addr(), "eva", password)
	if got := count(t, conn, "SELECT count() FROM analytics.clicks"); got != 1000 {
		t.Errorf("the view has %d rows, want 1000", got)
	}
	if status, body := askHTTP(t, c.URL(), "eva", password, "SELECT max(n) FROM analytics.clicks", nil); status != http.StatusOK || body != "999" {
		t.Errorf("over HTTP the view's maximum is %q (%d), want 999", body, status)
	}
	for _, q := range []string{
		"SELECT * FROM fairlead.clicks",
		"SELECT * FROM merge('fairlead', 'clicks')",
		"SELECT * FROM remote('" + c.Addr() + "', 'fairlead', 'clicks', 'default', '')",
		"SELECT * FROM cluster('default', 'fairlead', 'clicks')",
		"SELECT * FROM mergeTreeIndex('fairlead', 'clicks')",
		"SHOW CREATE TABLE fairlead.clicks",
		"SELECT * FROM system.query_log",
		"SELECT * FROM system.processes",
		"SELECT * FROM system.users",
		"SELECT * FROM system.parts",
		"SELECT * FROM system.disks",
		"SELECT * FROM system.server_settings",
		"SELECT * FROM file('/etc/passwd', 'LineAsString')",
		"SELECT * FROM url('http://" + c.Addr() + "', 'LineAsString')",
		"SELECT * FROM executable('ls', 'TSV', 'a String')",
		"INSERT INTO fairlead.clicks VALUES (1, '')",
		"INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a String') VALUES ('')",
		"CREATE TABLE analytics.t (a UInt8) ENGINE = Memory",
		"CREATE TEMPORARY TABLE t (a UInt8)",
		"CREATE VIEW analytics.v AS SELECT 1",
		"CREATE FUNCTION f AS x -> x",
		"CREATE USER mallory",
		"DROP VIEW analytics.clicks",
		"ALTER USER eva SETTINGS readonly = 0",
		"GRANT SELECT ON fairlead.* TO eva",
		"KILL QUERY WHERE 1",
		"SYSTEM SHUTDOWN",
		"SYSTEM STOP LISTEN TCP",
		"SYSTEM FLUSH LOGS",
		"BACKUP DATABASE analytics TO File('/tmp/x')",
	} {
		if err := conn.Exec(t.Context(), q); err == nil {
			t.Errorf("%s is done, want a refusal", q)
		}
	}
	if got := count(t, conn, "SELECT count() FROM system.tables WHERE database = 'fairlead'"); got != 0 {
		t.Errorf("%d tables of ours are listed, want 0", got)
	}
}

func TestAnAnalystLowersLimitsAndDoesNotLiftThem(t *testing.T) {
	c, password := withAnalyst(t)
	conn := dial(t, c.Addr(), "eva", password)
	for setting, values := range map[string][]string{
		"max_execution_time":                       {"0", "61"},
		"max_memory_usage":                         {"0", "1000000000000"},
		"max_memory_usage_for_user":                {"0", "1000000000000"},
		"max_rows_to_read":                         {"0", "2000000001"},
		"max_result_rows":                          {"0", "1000001"},
		"max_result_bytes":                         {"0", "1000000001"},
		"max_temporary_data_on_disk_size_for_user": {"0", "10000000001"},
		"max_concurrent_queries_for_user":          {"0", "5"},
		"max_sessions_for_user":                    {"0", "33"},
		"max_threads":                              {"64"}, // 0 is the number of cores, and held to the limit
		"readonly":                                 {"0", "1"},
		"allow_ddl":                                {"1"},
		"allow_introspection_functions":            {"1"},
		"priority":                                 {"0", "1"},
		"timeout_overflow_mode":                    {"'break'"},
		"read_overflow_mode":                       {"'break'"},
		"result_overflow_mode":                     {"'break'"},
	} {
		_, limit := askHTTP(t, c.URL(), "eva", password, "SELECT getSetting('"+setting+"')", nil)
		for _, value := range values {
			if err := conn.Exec(t.Context(), "SELECT 1 SETTINGS "+setting+" = "+value); err == nil {
				t.Errorf("a query with %s = %s is done, want a refusal", setting, value)
			}
			if status, _ := askHTTP(t, c.URL(), "eva", password, "SELECT 1", url.Values{setting: {strings.Trim(value, "'")}}); status == http.StatusOK {
				t.Errorf("HTTP with %s=%s is done, want a refusal", setting, value)
			}
			for _, profile := range []string{"default", "analyst"} {
				session := url.Values{"session_id": {setting + value + profile}}
				askHTTP(t, c.URL(), "eva", password, "SET profile = '"+profile+"'", session)
				askHTTP(t, c.URL(), "eva", password, "SET "+setting+" = "+value, session)
				if _, got := askHTTP(t, c.URL(), "eva", password, "SELECT getSetting('"+setting+"')", session); got != limit {
					t.Errorf("SET %s = %s in profile %s made it %q, want %q", setting, value, profile, got, limit)
				}
			}
		}
	}
	if err := conn.Exec(t.Context(), "SELECT 1 SETTINGS max_execution_time = 5, max_threads = 1"); err != nil {
		t.Errorf("lowering limits: %v, want that it is allowed", err)
	}
	for _, q := range []string{
		"SELECT * FROM numbers(1000001) FORMAT Null SETTINGS max_block_size = 65536",
		"SELECT uniqExact(number) FROM numbers(2000000001)",
	} {
		if status, body := askHTTP(t, c.URL(), "eva", password, q, nil); status == http.StatusOK || !strings.Contains(body, "imit") {
			t.Errorf("%s: %d %s, want that a limit stops it", q, status, body)
		}
	}
}

func TestAnalystsComeAndGoWhileClickHouseRuns(t *testing.T) {
	c := storestest.NewClickHouse(t)
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		c.Keep(ctx, func(err error) { t.Errorf("reported %v", err) })
	}()
	defer func() { cancel(); <-kept }()

	first, err := stores.AddAnalyst(c.Dir(), "eva")
	if err != nil {
		t.Fatal(err)
	}
	awaitLogin(t, c, "eva", first, true)
	second, err := stores.AddAnalyst(c.Dir(), "eva")
	if err != nil {
		t.Fatal(err)
	}
	awaitLogin(t, c, "eva", second, true)
	awaitLogin(t, c, "eva", first, false)
	if err := stores.RemoveAnalyst(c.Dir(), "eva"); err != nil {
		t.Fatal(err)
	}
	awaitLogin(t, c, "eva", second, false)
	if err := stores.RemoveAnalyst(c.Dir(), "eva"); err == nil {
		t.Error("an analyst was removed twice")
	}
}

// awaitLogin waits until a user can log in, or cannot any more.
func awaitLogin(t *testing.T, c storestest.ClickHouseStore, user, password string, want bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		conn := dial(t, c.Addr(), user, password)
		err := conn.Ping(t.Context())
		if want && err == nil || !want && err != nil && strings.Contains(err.Error(), "Authentication failed") {
			return
		}
	}
	t.Fatalf("%s can log in: %v, want %v", user, !want, want)
}

func TestAnalystsAreCheckedBeforeTheyAreWritten(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"", "default", "fairlead", "Eva", "eva-1", "1eva", "eva/><x", strings.Repeat("e", 33), "xml"} {
		if _, err := stores.AddAnalyst(dir, name); err == nil {
			t.Errorf("an analyst is called %q", name)
		}
	}
	if _, err := stores.AddAnalyst(filepath.Join(dir, "none"), "eva"); err == nil {
		t.Error("an analyst was added where there is no ClickHouse")
	}
	for _, name := range []string{"zoe", "eva", "zoe"} {
		password, err := stores.AddAnalyst(dir, name)
		if err != nil || len(password) != 40 {
			t.Errorf("password of %s = %q, %v", name, password, err)
		}
	}
	analysts, err := stores.Analysts(dir)
	if err != nil || len(analysts) != 2 || analysts[0].Name != "eva" || analysts[1].Name != "zoe" {
		t.Errorf("analysts = %v, %v; want eva and zoe", analysts, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "analysts.json"), []byte(`[{"name":"x/><y","password_sha256":""}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stores.Analysts(dir); err == nil {
		t.Error("a damaged file was read")
	}
}

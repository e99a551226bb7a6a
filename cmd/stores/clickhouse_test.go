package stores_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
)

func TestNobodyGetsAnythingWithoutAPassword(t *testing.T) {
	c := storestest.ClickHouse(t)
	users := []struct{ name, user, password string }{
		{"nobody", "", ""},
		{"the engine's own user", "default", ""},
		{"the engine's own user with a password", "default", c.Password()},
		{"our user without the password", stores.ClickHouseUser, ""},
		{"our user with another password", stores.ClickHouseUser, strings.Repeat("0", len(c.Password()))},
	}
	queries := []string{
		"SELECT 1",
		"SELECT * FROM system.numbers LIMIT 1",
		"SELECT * FROM file('/dev/null', 'LineAsString', 'line String')",
		"CREATE TEMPORARY TABLE t (a UInt8)",
		"KILL QUERY WHERE user = 'default' SYNC",
		"SYSTEM STOP LISTEN TCP",
		"SET max_sessions_for_user = 0",
	}
	for _, u := range users {
		t.Run(u.name, func(t *testing.T) {
			for _, q := range queries {
				if status, body := askHTTP(t, c.URL(), u.user, u.password, q, nil); status == http.StatusOK {
					t.Errorf("HTTP: %s = %q, want a refusal", q, body)
				}
				if status, body := askHTTP(t, c.URL(), u.user, u.password, q, url.Values{"session_id": {"s"}, "max_sessions_for_user": {"9"}}); status == http.StatusOK {
					t.Errorf("HTTP in a session: %s = %q, want a refusal", q, body)
				}
				if err := dial(t, c.Addr(), u.user, u.password).Exec(t.Context(), q); err == nil {
					t.Errorf("native protocol: %s is done, want a refusal", q)
				}
			}
		})
	}
	if status, body := askHTTP(t, c.URL(), stores.ClickHouseUser, c.Password(), "SELECT 1", nil); status != http.StatusOK {
		t.Errorf("with the password: %d %s", status, body)
	}
	if err := c.Conn(t).Ping(t.Context()); err != nil {
		t.Errorf("with the password: %v", err)
	}
	if err := c.Err(); err != nil {
		t.Errorf("the engine did not survive the refusals: %v", err)
	}
}

func TestAClientThatIsCutOffDoesNotEndTheEngine(t *testing.T) {
	c := storestest.NewClickHouse(t)
	conn := c.Conn(t)
	for _, q := range []string{"CREATE DATABASE fairlead", "CREATE TABLE fairlead.t (n UInt64) ENGINE = MergeTree ORDER BY n"} {
		if err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		var socket *net.TCPConn
		cut, err := clickhouse.Open(&clickhouse.Options{
			Addr: []string{c.Addr()},
			Auth: clickhouse.Auth{Username: stores.ClickHouseUser, Password: c.Password()},
			DialContext: func(_ context.Context, addr string) (net.Conn, error) {
				conn, err := net.Dial("tcp", addr)
				if err == nil {
					socket = conn.(*net.TCPConn)
				}
				return conn, err
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := cut.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(random.IntN(20_000))*time.Microsecond, func() {
			socket.SetLinger(0) // a reset
			socket.Close()
		})
		if batch, err := cut.PrepareBatch(t.Context(), "INSERT INTO fairlead.t"); err == nil {
			for n := range 100_000 {
				if batch.Append(uint64(n)) != nil {
					break
				}
			}
			batch.Send() // it may come through
		}
		timer.Stop()
		cut.Close()
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasInsertedSurvivesSIGKILL(t *testing.T) {
	c := storestest.NewClickHouse(t)
	conn := c.Conn(t)
	for _, q := range []string{
		"CREATE DATABASE fairlead",
		"CREATE TABLE fairlead.t (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000",
	} {
		if err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	rows := uint64(0)
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan struct{})
		inserted := make(chan uint64)
		go func() {
			var n uint64
			for ; ctx.Err() == nil; n++ {
				if conn.Exec(ctx, fmt.Sprintf("INSERT INTO fairlead.t SELECT number FROM numbers(1000) SETTINGS insert_deduplication_token = '%d-%d'", round, n)) != nil {
					break
				}
				if n == 0 {
					close(first)
				}
			}
			inserted <- n
		}()
		<-first
		c.Kill()
		cancel()
		sure := <-inserted
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The one that was cut may stand or not; sent again with its token, it stands once.
		if err := conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO fairlead.t SELECT number FROM numbers(1000) SETTINGS insert_deduplication_token = '%d-%d'", round, sure)); err != nil {
			t.Fatal(err)
		}
		rows += 1000 * (sure + 1)
		if got := count(t, conn, "SELECT count() FROM fairlead.t"); got != rows {
			t.Fatalf("round %d: %d rows, want %d", round, got, rows)
		}
	}
}

func TestTheQueryLogWorksAfterARestart(t *testing.T) {
	c := storestest.NewClickHouse(t)
	for range 2 {
		conn := c.Conn(t)
		if err := conn.Exec(t.Context(), "SELECT 1 SETTINGS log_comment = 'test'"); err != nil {
			t.Fatal(err)
		}
		if err := conn.Exec(t.Context(), "SYSTEM FLUSH LOGS"); err != nil {
			t.Fatal(err)
		}
		if got := count(t, conn, "SELECT count() FROM system.query_log WHERE log_comment = 'test' AND type = 'QueryFinish'"); got != 1 {
			t.Errorf("the query log holds the query %d times, want 1", got)
		}
		if err := c.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClickHouseKeepsToItsShareOfTheMachine(t *testing.T) {
	conn := storestest.ClickHouse(t).Conn(t)
	for setting, want := range map[string]string{
		"max_server_memory_usage":       fmt.Sprint(2 << 30),
		"background_pool_size":          "4",
		"background_schedule_pool_size": "16",
		"max_concurrent_queries":        "200",
		"mark_cache_size":               fmt.Sprint(2 << 30 / 16),
		"uncompressed_cache_size":       "0",
		"background_common_pool_size":   "2",
		"background_fetches_pool_size":  "1",
		"background_move_pool_size":     "1",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT value FROM system.server_settings WHERE name = ?", setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %q, %v; want %s", setting, got, err, want)
		}
	}
}

func TestOneSentenceWhenClickHouseCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", stores.Loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	program := filepath.Join(t.TempDir(), "clickhouse")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$CLICKHOUSE_WATCHDOG_ENABLE $@\"\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	library := storestest.Library(t)
	notOne := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(notOne, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		opt  stores.ClickHouseOptions
		want []string
	}{
		"the port is in use": {
			stores.ClickHouseOptions{Library: library, NativePort: port, HTTPPort: storestest.FreePort(t)},
			[]string{fmt.Sprintf("port %d for ClickHouse is in use", port), "--clickhouse-port"},
		},
		"the HTTP port is in use": {
			stores.ClickHouseOptions{Library: library, NativePort: storestest.FreePort(t), HTTPPort: port},
			[]string{fmt.Sprintf("port %d for ClickHouse's HTTP interface is in use", port), "--clickhouse-http-port"},
		},
		"there is no engine": {
			stores.ClickHouseOptions{NativePort: storestest.FreePort(t), HTTPPort: storestest.FreePort(t)},
			[]string{"there is no ClickHouse engine", "make build", "clickhouse.library", "clickhouse.binary", "clickhouse.addrs"},
		},
		"the library is missing": {
			stores.ClickHouseOptions{Library: "/nowhere/libchdb.so", NativePort: storestest.FreePort(t), HTTPPort: storestest.FreePort(t)},
			[]string{"/nowhere/libchdb.so", "clickhouse.library", "make build"},
		},
		"the library is none": {
			stores.ClickHouseOptions{Library: notOne, NativePort: storestest.FreePort(t), HTTPPort: storestest.FreePort(t)},
			[]string{"ClickHouse ended (exit status 1)", "load the ClickHouse engine", notOne},
		},
		"the program is missing": {
			stores.ClickHouseOptions{Binary: "/nowhere/clickhouse", NativePort: storestest.FreePort(t), HTTPPort: storestest.FreePort(t)},
			[]string{"/nowhere/clickhouse", "clickhouse.binary"},
		},
		"the program fails": {
			stores.ClickHouseOptions{Binary: program, NativePort: storestest.FreePort(t), HTTPPort: storestest.FreePort(t)},
			[]string{"ClickHouse ended (exit status 3)", "0 server --config-file=", "config.xml"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", "")
			t.Setenv(stores.LibraryVariable, "")
			c.opt.Dir = filepath.Join(t.TempDir(), "clickhouse")
			ch, err := stores.StartClickHouse(t.Context(), c.opt)
			if err == nil {
				ch.Kill()
				t.Fatal("it started")
			}
			for _, want := range c.want {
				if !contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestAFolderMayBeCalledAnything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), `a "b" <c> & 'd' é`)
	c, err := stores.StartClickHouse(t.Context(), stores.ClickHouseOptions{
		Dir: filepath.Join(dir, "clickhouse"), Library: storestest.Library(t),
		NativePort: storestest.FreePort(t), HTTPPort: storestest.FreePort(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Kill()
	r, err := stores.StartRedis(t.Context(), stores.RedisOptions{Dir: filepath.Join(dir, "redis"), Port: storestest.FreePort(t)})
	if err != nil {
		t.Fatal(err)
	}
	r.Kill()
	for _, written := range []string{"redis/appendonlydir", "clickhouse/data/status", "clickhouse/clickhouse.log"} {
		if _, err := os.Stat(filepath.Join(dir, written)); err != nil {
			t.Errorf("it is written elsewhere: %v", err)
		}
	}
}

func TestNoFileWithASecretIsReadableByOthers(t *testing.T) {
	dir := t.TempDir()
	c, err := stores.StartClickHouse(t.Context(), stores.ClickHouseOptions{
		Dir: dir, Library: storestest.Library(t), NativePort: storestest.FreePort(t), HTTPPort: storestest.FreePort(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Kill()
	r, err := stores.StartRedis(t.Context(), stores.RedisOptions{Dir: filepath.Join(dir, "redis"), Port: storestest.FreePort(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Kill()
	for _, name := range []string{"password", "users.xml", "config.xml", "redis/password", "redis/redis.conf"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; want 0600", name, info.Mode(), err)
		}
	}
	for name, pid := range map[string]int{c.Password(): c.PID(), r.Password(): r.PID()} {
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && contains(string(line), name) {
			t.Errorf("the list of processes shows the password: %q", line)
		}
	}
}

// dial prepares a connection as somebody, closed with the test.
func dial(t *testing.T, addr, user, password string) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{addr}, Auth: clickhouse.Auth{Username: user, Password: password}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// askHTTP asks as somebody.
func askHTTP(t *testing.T, base, user, password, query string, params url.Values) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/?"+params.Encode(), strings.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(body))
}

func count(t *testing.T, conn driver.Conn, query string) (n uint64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func contains(text, part string) bool { return strings.Contains(text, part) }

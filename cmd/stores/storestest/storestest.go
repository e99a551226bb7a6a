// Package storestest gives tests a real ClickHouse and a real Redis, started once for a test binary
// and gone with it.
//
//	func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }
//
// A test that asks for a store that is not installed fails and says what to run: nothing is skipped.
package storestest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/cmd/stores"
)

// shared are the stores of this test binary.
var shared struct {
	mu         sync.Mutex
	dir        string // empty outside Main
	clickHouse *stores.ClickHouse
	redis      *stores.Redis
}

// Main runs the tests and then ends the shared stores. It is what makes ClickHouse run at all: the
// engine is this very program in a child process.
func Main(m *testing.M) int {
	stores.MaybeEngine()
	dir, err := os.MkdirTemp("", "fairlead-stores-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	shared.dir = dir
	defer func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		if shared.clickHouse != nil {
			shared.clickHouse.Kill()
		}
		if shared.redis != nil {
			shared.redis.Kill()
		}
	}()
	return m.Run()
}

// ClickHouseStore is a ClickHouse for tests. It can be bounced: Stop, Kill, Start, Restart.
type ClickHouseStore struct{ *stores.ClickHouse }

// RedisStore is a Redis for tests. It can be bounced: Stop, Kill, Start, Restart.
type RedisStore struct{ *stores.Redis }

// ClickHouse returns the ClickHouse that this test binary's tests share, started if it is not running,
// with whatever earlier tests left in it: see Fresh.
func ClickHouse(t testing.TB) ClickHouseStore {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.clickHouse == nil {
		shared.clickHouse = startClickHouse(t, filepath.Join(sharedDir(t), "clickhouse"))
	}
	restart(t, shared.clickHouse.Process)
	return ClickHouseStore{shared.clickHouse}
}

// NewClickHouse returns a ClickHouse of the test's own, empty, ended with the test.
func NewClickHouse(t testing.TB) ClickHouseStore {
	t.Helper()
	sharedDir(t)
	c := startClickHouse(t, filepath.Join(t.TempDir(), "clickhouse"))
	t.Cleanup(c.Kill)
	return ClickHouseStore{c}
}

// Redis returns the Redis that this test binary's tests share, started if it is not running, with
// whatever earlier tests left in it: see Fresh.
func Redis(t testing.TB) RedisStore {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.redis == nil {
		shared.redis = startRedis(t, filepath.Join(sharedDir(t), "redis"))
	}
	restart(t, shared.redis.Process)
	return RedisStore{shared.redis}
}

// NewRedis returns a Redis of the test's own, empty, ended with the test.
func NewRedis(t testing.TB) RedisStore {
	t.Helper()
	r := startRedis(t, filepath.Join(t.TempDir(), "redis"))
	t.Cleanup(r.Kill)
	return RedisStore{r}
}

// Conn is a pool of connections with every right, closed with the test.
func (s ClickHouseStore) Conn(t testing.TB) driver.Conn {
	t.Helper()
	conn, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Fresh drops everything that earlier tests left, and returns the store.
func (s ClickHouseStore) Fresh(t testing.TB) ClickHouseStore {
	t.Helper()
	conn, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, database := range []string{"analytics", "fairlead"} {
		if err := conn.Exec(t.Context(), "DROP DATABASE IF EXISTS "+database+" SYNC"); err != nil {
			t.Fatalf("make ClickHouse fresh: %v", err)
		}
	}
	return s
}

// Client is a client that repeats nothing by itself, closed with the test.
func (s RedisStore) Client(t testing.TB) *redis.Client {
	t.Helper()
	client := s.Open()
	t.Cleanup(func() { client.Close() })
	return client
}

// Fresh deletes everything that earlier tests left, and returns the store.
func (s RedisStore) Fresh(t testing.TB) RedisStore {
	t.Helper()
	client := s.Open()
	defer client.Close()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatalf("make Redis fresh: %v", err)
	}
	return s
}

// Library returns the engine's library.
func Library(t testing.TB) string {
	t.Helper()
	if library := os.Getenv(stores.LibraryVariable); library != "" {
		return library
	}
	library, err := stores.LibraryIn(bin(t))
	if err != nil {
		t.Fatal("the ClickHouse engine is not installed: run `make deps build`")
	}
	return library
}

// FreePort returns a port on loopback that nobody listened on a moment ago. It lies below those that the
// system gives to outgoing connections: one of them could take the port of a store that is being bounced.
func FreePort(t testing.TB) int {
	t.Helper()
	const lowest, highest = 10_000, 32_000
	for range 1000 {
		port := lowest + rand.IntN(highest-lowest)
		l, err := net.Listen("tcp", net.JoinHostPort(stores.Loopback, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatalf("no free port from %d to %d", lowest, highest)
	panic("unreachable")
}

func startClickHouse(t testing.TB, dir string) *stores.ClickHouse {
	t.Helper()
	library := Library(t)
	return start(t, func(ctx context.Context) (*stores.ClickHouse, error) {
		return stores.StartClickHouse(ctx, stores.ClickHouseOptions{
			Dir: dir, Library: library, NativePort: FreePort(t), HTTPPort: FreePort(t), MaxMemory: 2 << 30,
		})
	})
}

func startRedis(t testing.TB, dir string) *stores.Redis {
	t.Helper()
	return start(t, func(ctx context.Context) (*stores.Redis, error) {
		return stores.StartRedis(ctx, stores.RedisOptions{Dir: dir, Port: FreePort(t)})
	})
}

// start tries again when another test took one of the free ports in between.
func start[T any](t testing.TB, start func(context.Context) (T, error)) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	var errs []error
	for range 3 {
		s, err := start(ctx)
		if err == nil {
			return s
		}
		errs = append(errs, err)
	}
	t.Fatalf("start a store: %v; `make deps build` installs what is missing", errors.Join(errs...))
	panic("unreachable")
}

// restart starts a store that an earlier test stopped or killed.
func restart(t testing.TB, p *stores.Process) {
	t.Helper()
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// sharedDir is where the shared stores are; it exists while Main runs.
func sharedDir(t testing.TB) string {
	t.Helper()
	if shared.dir == "" {
		t.Fatal("storestest: TestMain has to call storestest.Main")
	}
	return shared.dir
}

// bin is the folder that the build fills, in the module that this test belongs to.
func bin(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "bin")
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	t.Fatal("storestest: this test runs outside the module")
	panic("unreachable")
}

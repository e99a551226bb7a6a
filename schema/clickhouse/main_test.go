package clickhouse

import (
	"os"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/cmd/stores/storestest"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// empty returns a server without the schema.
func empty(t testing.TB) driver.Conn {
	t.Helper()
	return storestest.ClickHouse(t).Fresh(t).Conn(t)
}

// migrated returns a server with the schema, and nothing in it.
func migrated(t testing.TB) driver.Conn {
	t.Helper()
	conn := empty(t)
	mustApply(t, conn)
	return conn
}

func mustApply(t testing.TB, conn driver.Conn) {
	t.Helper()
	if err := Apply(t.Context(), conn, Options{}); err != nil {
		t.Fatal(err)
	}
}

func mustExec(t testing.TB, conn driver.Conn, stmt string, args ...any) {
	t.Helper()
	if err := conn.Exec(t.Context(), stmt, args...); err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
}

// mustAsk answers a question whose answer is one value.
func mustAsk[T any](t testing.TB, conn driver.Conn, question string, args ...any) (answer T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), question, args...).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return answer
}

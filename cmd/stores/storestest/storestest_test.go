package storestest_test

import (
	"os"
	"testing"

	"fairlead/cmd/stores/storestest"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

func TestSharedStoresAnswerAndAreMadeFresh(t *testing.T) {
	conn := storestest.ClickHouse(t).Fresh(t).Conn(t)
	if err := conn.Exec(t.Context(), "CREATE DATABASE fairlead"); err != nil {
		t.Fatal(err)
	}
	storestest.ClickHouse(t).Fresh(t)
	var left uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM system.databases WHERE name = 'fairlead'").Scan(&left); err != nil || left != 0 {
		t.Fatalf("databases left after Fresh = %d, %v; want 0", left, err)
	}

	client := storestest.Redis(t).Client(t)
	if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	storestest.Redis(t).Fresh(t)
	if n, err := client.DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Fatalf("keys left after Fresh = %d, %v; want 0", n, err)
	}
}

func TestAStoreThatWasKilledIsStartedForTheNextTest(t *testing.T) {
	storestest.ClickHouse(t).Kill()
	if err := storestest.ClickHouse(t).Conn(t).Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	storestest.Redis(t).Kill()
	if err := storestest.Redis(t).Client(t).Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

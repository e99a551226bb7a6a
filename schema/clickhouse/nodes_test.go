package clickhouse

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCompleteUpToIsTheEarliestOfTheNodesThatMayHaveMore(t *testing.T) {
	conn := migrated(t)
	at := func(minute int) time.Time { return time.Date(2026, 11, 23, 14, minute, 0, 0, time.UTC) }
	beat := func(node string, seq int, minute int, state string) {
		t.Helper()
		mustExec(t, conn, "INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, complete_to, state) VALUES (?, 0, ?, ?, ?, ?)", node, seq+1, seq, at(minute), state)
	}
	expect := func(what string, want time.Time) {
		t.Helper()
		got, err := CompleteTo(t.Context(), conn)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: complete up to %s (%v), want %s", what, got, err, want)
		}
	}
	expect("nobody ever shipped", time.Time{})
	beat("a", 5, 5, "live")
	expect("one node", at(5))
	beat("b", 1, 3, "live")
	expect("a second one is behind", at(3))
	beat("b", 1, 9, "live")
	expect("it has caught up", at(5))
	mustExec(t, conn, "INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, complete_to, state) VALUES ('a', 202611, 6, 9, 4, ?, 'live')", at(8))
	expect("a shipment says it too", at(8))
	beat("a", 9, 8, "closed")
	expect("a node that stopped in order holds nothing back", at(9))
	beat("b", 1, 10, "closed")
	expect("all have stopped", at(10))
	mustExec(t, conn, "INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, state) VALUES ('c', 0, 1, 0, 'live')")
	expect("a third one has not said anything yet", time.Time{})
	beat("c", 0, 2, "live")
	expect("a third one is far behind", at(2))
	mustExec(t, conn, `INSERT INTO fairlead.directory_log (kind, id, version, data) VALUES ('node', 1, 1, '{"node":"c","reason":"asked"}')`)
	expect("somebody said something of it", at(2))
	mustExec(t, conn, `INSERT INTO fairlead.directory_log (kind, id, version, data) VALUES ('node', 1, 2, '{"node":"c","retired":"2026-11-23T14:30:00Z"}')`)
	expect("it was retired", at(10))

	mustExec(t, conn, "OPTIMIZE TABLE fairlead.nodes FINAL")
	expect("the same after a merge", at(10))
	states, err := NodeStates(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []NodeState{
		{Node: "a", LastSeq: 9, CompleteTo: at(8), Closed: true},
		{Node: "b", LastSeq: 1, CompleteTo: at(10), Closed: true},
		{Node: "c", LastSeq: 0, CompleteTo: at(2), Retired: true},
	} {
		got := states[i]
		if time.Since(got.ShippedAt) > time.Hour {
			t.Errorf("node %s shipped at %s", got.Node, got.ShippedAt)
		}
		got.ShippedAt, got.CompleteTo = time.Time{}, got.CompleteTo.UTC()
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestTheProgramsZone(t *testing.T) {
	conn := migrated(t)
	set := func(version int, data string) {
		mustExec(t, conn, "INSERT INTO fairlead.directory_log (kind, id, version, data) VALUES ('program', 1, ?, ?)", version, data)
	}
	for i, c := range []struct{ data, want string }{
		{"", "UTC"}, // no program
		{`{"name":"x"}`, "UTC"},
		{`{"zone":"Asia/Kathmandu"}`, "Asia/Kathmandu"},
		{`{"zone":"America/Toronto"}`, "America/Toronto"},
	} {
		if c.data != "" {
			set(i, c.data)
		}
		if zone, err := ProgramZone(t.Context(), conn); err != nil || zone.String() != c.want {
			t.Errorf("%s: zone %v (%v), want %s", c.data, zone, err, c.want)
		}
	}
	set(9, `{"zone":"Mars/Olympus"}`)
	if zone, err := ProgramZone(t.Context(), conn); err == nil || !strings.Contains(err.Error(), "Mars/Olympus") {
		t.Errorf("a zone that there is not: %v, %v", zone, err)
	}
}

func TestAnalystsBySQL(t *testing.T) {
	conn := empty(t)
	stmts, err := analystStatements("", "eva", "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	more, err := analystStatements("main", "eva", "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	for _, stmt := range append(stmts, more...) {
		rows, err := conn.Query(t.Context(), "EXPLAIN AST "+stmt)
		if err != nil {
			t.Errorf("%s: %v", stmt, err)
			continue
		}
		rows.Close()
		if strings.Contains(stmt, "horse") {
			t.Errorf("the password stands in %s", stmt)
		}
	}
	for i, stmt := range more {
		if stmt == stmts[i] || !strings.Contains(stmt, "ON CLUSTER 'main'") {
			t.Errorf("on a cluster: %s", stmt)
		}
	}
	if err := AddAnalyst(t.Context(), conn, "", "eva", "correct horse battery"); !errors.Is(err, ErrNoUsers) {
		t.Errorf("a server whose users stand in a file: %v, want %v", err, ErrNoUsers)
	}
	for _, c := range []struct{ name, password, cluster string }{
		{"", "correct horse battery", ""},
		{"Eva", "correct horse battery", ""},
		{"eva'; DROP", "correct horse battery", ""},
		{"fairlead", "correct horse battery", ""},
		{"eva", "short", ""},
		{"eva", "correct horse battery", "a b"},
	} {
		if _, err := analystStatements(c.cluster, c.name, c.password); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

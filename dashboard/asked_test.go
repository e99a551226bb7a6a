package dashboard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/schema"
	"fairlead/schema/directory"
)

// asking counts the questions that reach ClickHouse.
type asking struct {
	driver.Conn
	n atomic.Int64
}

func (a *asking) Select(ctx context.Context, dest any, query string, args ...any) error {
	a.n.Add(1)
	return a.Conn.Select(ctx, dest, query, args...)
}

func (a *asking) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	a.n.Add(1)
	return a.Conn.Query(ctx, query, args...)
}

func (a *asking) QueryRow(ctx context.Context, query string, args ...any) driver.Row {
	a.n.Add(1)
	return a.Conn.QueryRow(ctx, query, args...)
}

func TestAPageAsksClickHouseOnce(t *testing.T) {
	w := newWorld(t)
	conn := &asking{Conn: w.conn}
	opt := w.options()
	opt.ClickHouse = conn
	opt.Directory = directory.New(conn, w.client, directory.Options{})
	d, err := New(opt)
	w.must(err)
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	w.url = server.URL
	f := func(v *visitor, path string, want int64) {
		t.Helper()
		before := conn.n.Load()
		v.get(path)
		if got := conn.n.Load() - before; got != want {
			t.Errorf("%s asks %d times, want %d", path, got, want)
		}
	}
	ada, team := w.loggedIn("ada@example.com"), w.loggedIn("team@example.com")
	f(ada, "/home", 1)
	f(ada, "/reporting", 1)
	f(ada, "/reporting.csv", 1)
	f(ada, "/links", 1)
	f(ada, "/live", 0)
	f(ada, "/login", 0)
	f(team, "/partners", 1)
	f(team, "/partners?q=ada&sort=sold", 1)
	f(team, "/conversions?state=held", 1)
}

func TestFiguresAreNotAskedForAgainBeforeTheyChange(t *testing.T) {
	w := newWorld(t)
	conn := &asking{Conn: w.conn}
	opt := w.options()
	opt.ClickHouse, opt.Now = conn, func() time.Time { return w.now }
	d, err := New(opt)
	w.must(err)
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	w.url = server.URL
	stands := func(rollup, sales string) {
		t.Helper()
		w.must(w.client.HSet(t.Context(), schema.DefaultKeys.Rollup(), schema.RollupGeneration, rollup, schema.SalesGeneration, sales).Err())
	}
	t.Cleanup(func() {
		w.must(w.client.HDel(context.WithoutCancel(t.Context()), schema.DefaultKeys.Rollup(), schema.RollupGeneration, schema.SalesGeneration).Err())
	})
	ada, eve := w.loggedIn("ada@example.com"), w.loggedIn("eve@example.com")
	f := func(what string, v *visitor, path string, want int64) {
		t.Helper()
		before := conn.n.Load()
		v.get(path).wants(t, what, http.StatusOK)
		if got := conn.n.Load() - before; got != want {
			t.Errorf("%s: %s asks %d times, want %d", what, path, got, want)
		}
	}
	paths := []string{"/home", "/reporting", "/reporting?period=30-days", "/links", "/links?period=12-months"}
	for _, path := range paths {
		f("no generation is known", ada, path, 1)
	}
	stands("7", "8")
	for _, path := range paths {
		f("the first time", ada, path, 1)
	}
	first := ada.get("/home").body
	for _, path := range paths {
		f("again", ada, path, 0)
	}
	f("the same figures otherwise", ada, "/home?show=sold", 0)
	f("the same figures as a file", ada, "/reporting.csv", 0)
	if ada.get("/home").body != first {
		t.Error("the page differs the second time")
	}
	f("somebody else", eve, "/home", 1)
	if strings.Contains(eve.get("/reporting").body, count(w.sum(20251201, 20261123).Clicks)) {
		t.Error("Eve is shown Ada's figures")
	}
	team := w.loggedIn("team@example.com")
	teams := []string{"/partners", "/partners?sort=sold&order=down", "/partners?q=ada", "/conversions?state=held"}
	for _, path := range teams {
		f("the first time", team, path, 1)
	}
	for _, path := range teams {
		f("again", team, path, 0)
	}
	w.setStatus(w.eve.ID, schema.PartnerSuspended)
	f("after somebody was suspended", team, "/partners", 1)
	team.get("/partners").reads(t, "the suspended partner", "suspended 0 0 0 0.00 0")
	w.setStatus(w.eve.ID, schema.PartnerActive)
	team.get("/partners").reads(t, "the active partner", "Eve Secret eve@example.com go.shop.example/eve-secret (opens in a new tab) active 0 0 0 0.00 0")
	stands("7", "9")
	f("a later attribution", ada, "/home", 1)
	stands("10", "9")
	f("a later rollup", ada, "/home", 1)
	f("again", ada, "/home", 0)
	w.now = w.now.Add(time.Minute)
	f("a minute later", ada, "/home", 1)
}

package directory

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// world is an empty deployment on the real stores.
type world struct {
	t     *testing.T
	ch    driver.Conn
	rdb   *redis.Client
	click storestest.ClickHouseStore
	redis storestest.RedisStore
	*Directory
}

// life is a lock's life in tests: short, so that waiting for it is too, and long enough for a busy machine.
const life = 2 * time.Second

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, click: storestest.ClickHouse(t), redis: storestest.Redis(t).Fresh(t)}
	w.ch, w.rdb = w.click.Conn(t), w.client()
	if err := clickhouse.Apply(t.Context(), w.ch, clickhouse.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"directory_log", "shipments", "nodes"} {
		if err := w.ch.Exec(t.Context(), "TRUNCATE TABLE fairlead."+table); err != nil {
			t.Fatal(err)
		}
	}
	w.Directory = w.another()
	return w
}

// another is the directory as another process sees it.
func (w *world) another() *Directory {
	return New(w.click.Conn(w.t), w.client(), Options{
		LockLife: life,
		Logger:   slog.New(slog.NewTextHandler(logTo{w.t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

// client is one that finds out at once that Redis is away.
func (w *world) client() *redis.Client {
	opt := w.redis.Client(w.t).Options()
	c := redis.NewClient(&redis.Options{Addr: opt.Addr, Password: opt.Password, MaxRetries: -1, DialerRetries: 1, DisableIdentity: true})
	w.t.Cleanup(func() { c.Close() })
	return c
}

type logTo struct{ t *testing.T }

func (l logTo) Write(line []byte) (int, error) {
	l.t.Log(string(line[:len(line)-1]))
	return len(line), nil
}

// seeded is a world with a program and a complete Redis.
func seeded(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	if _, err := w.SeedProgram(t.Context(), DefaultProgram()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// partner adds one, without a password.
func (w *world) partner(name, email string) (schema.Partner, schema.Link) {
	w.t.Helper()
	p, l, err := w.AddPartner(w.t.Context(), CLI, NewPartner{Name: name, Email: email})
	if err != nil {
		w.t.Fatalf("add partner %s: %v", name, err)
	}
	return p, l
}

// refused checks an error's code and field.
func refused(t *testing.T, err error, code Code, field string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code || e.Field != field {
		t.Helper()
		t.Errorf("got %v (%+v), want code %s, field %q", err, e, code, field)
	}
}

// image is everything that Redis holds of the directory, but for what differs between two makings of the same.
func (w *world) image() map[string]map[string]string {
	w.t.Helper()
	ctx := w.t.Context()
	out := map[string]map[string]string{}
	keys, err := w.rdb.Keys(ctx, w.opt.Keys.Prefix+"{dir}:*").Result()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, key := range keys {
		switch key {
		case w.opt.Keys.Complete(), w.opt.Keys.Revision(), w.opt.Keys.Changed(), w.opt.Keys.DirectoryRun(), w.opt.Keys.DirectoryLock():
			continue
		case w.opt.Keys.DirectoryVersion():
			out[key] = map[string]string{"": w.rdb.Get(ctx, key).Val()}
			continue
		}
		if w.rdb.Type(ctx, key).Val() == "zset" {
			out[key] = map[string]string{}
			for _, z := range w.rdb.ZRangeWithScores(ctx, key, 0, -1).Val() {
				out[key][z.Member.(string)] = time.Unix(int64(z.Score), 0).UTC().String()
			}
			continue
		}
		out[key] = w.rdb.HGetAll(ctx, key).Val()
	}
	return out
}

// whole checks that Redis holds what a rebuild would make, and says what differs.
func (w *world) whole() {
	w.t.Helper()
	got := w.image()
	if err := w.RebuildRedis(w.t.Context(), nil); err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(w.image(), got); diff != "" {
		w.t.Errorf("Redis differs from what ClickHouse makes of it: -want +got\n%s", diff)
	}
}

// stopAt stops a writer of this directory at a point until release is called; reached is closed when it is there.
func stopAt(d *Directory, point string) (reached chan struct{}, release func()) {
	reached, gate := make(chan struct{}), make(chan struct{})
	d.at = func(_ context.Context, p string) {
		if p == point {
			d.at = nil
			close(reached)
			<-gate
		}
	}
	return reached, func() { close(gate) }
}

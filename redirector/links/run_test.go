package links

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// writer writes a directory into Redis as its writer does.
type writer struct {
	t   testing.TB
	rdb redis.UniversalClient
	k   schema.Keys
}

func (w writer) do(f func(p redis.Pipeliner)) {
	w.t.Helper()
	if _, err := w.rdb.TxPipelined(context.Background(), func(p redis.Pipeliner) error { f(p); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// change is one change as the directory's writer makes it: entry, revision and list at once.
var change = redis.NewScript(`
	if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
	return redis.call('ZADD', KEYS[3], redis.call('INCR', KEYS[2]), ARGV[3])`)

// put writes an entry; nil takes it out.
func put[T any](w writer, kind schema.Kind, id uint64, data *T) {
	w.t.Helper()
	entry := ""
	if data != nil {
		entry = entryOf(*data)
	}
	keys := []string{w.k.Entries(kind), w.k.Revision(), w.k.Changed()}
	if err := change.Run(context.Background(), w.rdb, keys, id, entry, fmt.Sprintf("%s:%d", kind, id)).Err(); err != nil {
		w.t.Fatal(err)
	}
}

func (w writer) link(id int, slug, to string) {
	w.t.Helper()
	put(w, schema.KindLink, uint64(id), &schema.Link{ID: schema.LinkID(id), Partner: 1, Slug: slug, To: to})
}

func (w writer) program() {
	w.t.Helper()
	p := testProgram
	put(w, schema.KindProgram, 1, &p)
	put(w, schema.KindClickKey, 1, &schema.StoredClickKey{ID: 1, Key: schema.ClickKey{1}})
}

func (w writer) complete(epoch string) {
	w.t.Helper()
	w.do(func(p redis.Pipeliner) { p.Set(context.Background(), w.k.Complete(), epoch, 0) })
}

// following is a directory whose Run is at work.
type following struct {
	*Directory
	t    testing.TB
	stop func()
	said *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func follow(t testing.TB, snapshot string, rdb redis.UniversalClient) *following {
	t.Helper()
	said := &lockedBuffer{}
	d, err := Open(Options{Snapshot: snapshot, Logger: slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, rdb) }()
	f := &following{Directory: d, t: t, said: said}
	f.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	t.Cleanup(f.stop)
	return f
}

// eventually waits until a condition holds, for as long as a change may take on a busy machine.
func (f *following) eventually(what string, cond func() bool) {
	f.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !cond(); <-tick.C {
		if time.Since(began) > time.Minute {
			f.t.Fatalf("not within a minute: %s; status %+v; said:\n%s", what, f.Status(), f.said.String())
		}
	}
}

// leads returns where a slug leads; "homepage" for a personal link, empty for none.
func (f *following) leads(slug string) string {
	v := f.View()
	if v == nil {
		return "not loaded"
	}
	l, ok := v.Lookup([]byte(slug))
	switch {
	case !ok:
		return ""
	case l.Suspended:
		return "suspended"
	case len(l.To.URL) == 0:
		return "homepage"
	}
	return string(l.To.URL)
}

func TestChangesAreSeenWithinASecond(t *testing.T) {
	store := storestest.Redis(t).Fresh(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	rdb := store.Open()
	defer rdb.Close()
	w := writer{t, rdb, schema.DefaultKeys}
	w.program()
	w.link(1, "Ada", "")
	w.complete("e1")
	f := follow(t, "", rdb)
	defer f.stop()
	f.eventually("the directory is loaded", func() bool { return f.Ready() == nil })
	if got := f.leads("ada"); got != "homepage" {
		t.Errorf("the personal link leads to %q", got)
	}
	changes := []struct {
		what  string
		do    func()
		slug  string
		leads string
	}{
		{"a link is added", func() { w.link(2, "spring", "https://shop.example/spring") }, "spring", "https://shop.example/spring"},
		{"a link leads elsewhere", func() { w.link(2, "spring", "https://shop.example/summer") }, "spring", "https://shop.example/summer"},
		{"a link is renamed", func() { w.link(2, "summer", "https://shop.example/summer") }, "spring", ""},
		{"its new name leads there", func() {}, "summer", "https://shop.example/summer"},
		{"its old name is given to another", func() { w.link(3, "spring", "https://shop.example/3") }, "spring", "https://shop.example/3"},
		{"a partner is suspended", func() {
			put(w, schema.KindPartner, 1, &schema.Partner{ID: 1, Status: schema.PartnerSuspended})
		}, "ada", "suspended"},
		{"a partner is back", func() {
			put(w, schema.KindPartner, 1, &schema.Partner{ID: 1, Status: schema.PartnerActive})
		}, "ada", "homepage"},
		{"a link is taken out", func() { put[schema.Link](w, schema.KindLink, 2, nil) }, "summer", ""},
		{"a link that cannot be used leads to the homepage", func() { w.link(4, "odd", "javascript:alert(1)") }, "odd", "homepage"},
	}
	for _, c := range changes {
		before := f.polls.Load()
		c.do()
		f.eventually(c.what, func() bool { return f.leads(c.slug) == c.leads })
		// A second has four looks; a look that was under way may come on top.
		if looks := f.polls.Load() - before; looks > uint64(time.Second/f.opt.Every)+1 {
			t.Errorf("%s: seen after %d looks, %v apart", c.what, looks, f.opt.Every)
		}
	}
	p := testProgram
	p.Homepage = "https://shop.example/new"
	put(w, schema.KindProgram, 1, &p)
	f.eventually("the homepage moves", func() bool { return string(f.View().Program.Homepage.URL) == p.Homepage })
	put(w, schema.KindClickKey, 2, &schema.StoredClickKey{ID: 2, Key: schema.ClickKey{2}})
	f.eventually("a new click key is used", func() bool { return f.View().Program.Key == schema.ClickKey{2} })
	p.Homepage = ""
	put(w, schema.KindProgram, 1, &p)
	f.eventually("a program that cannot be used is reported", func() bool { return strings.Contains(f.Status().Problem, "homepage") })
	if got := string(f.View().Program.Homepage.URL); got != "https://shop.example/new" {
		t.Errorf("and changed the homepage to %q", got)
	}
	w.program()
	f.eventually("it is mended", func() bool { return f.Status().Problem == "" })
}

func TestLinksGoOnWithoutRedis(t *testing.T) {
	store := storestest.NewRedis(t)
	rdb := store.Client(t)
	name := filepath.Join(t.TempDir(), "links.snapshot")
	w := writer{t, rdb, schema.DefaultKeys}
	w.program()
	w.link(1, "ada", "https://shop.example/1")
	w.complete("e1")
	f := follow(t, name, rdb)
	f.eventually("loaded", func() bool { return f.Ready() == nil })

	store.Kill()
	f.eventually("the loss is noticed", func() bool { return f.Status().Problem != "" })
	if got := f.leads("ada"); got != "https://shop.example/1" || f.Ready() != nil {
		t.Errorf("without Redis the link leads to %q, ready: %v", got, f.Ready())
	}
	f.stop()

	// A restart while Redis is away serves the snapshot.
	f = follow(t, name, rdb)
	if got := f.leads("ada"); got != "https://shop.example/1" || f.Ready() != nil || f.Status().Source != "snapshot" {
		t.Errorf("after a restart the link leads to %q, ready: %v, status %+v", got, f.Ready(), f.Status())
	}
	f.eventually("the loss is noticed", func() bool { return f.Status().Problem != "" })
	if err := store.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.link(2, "bob", "https://shop.example/2")
	f.eventually("changes are seen again", func() bool { return f.leads("bob") == "https://shop.example/2" })
	if s := f.Status(); s.Source != "redis" || s.Problem != "" {
		t.Errorf("status %+v", s)
	}
	f.stop()
}

func TestMemoryIsReplacedByAWholeDirectoryOnly(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	w := writer{t, rdb, schema.DefaultKeys}
	w.program()
	w.link(1, "ada", "https://shop.example/1")
	w.link(2, "bob", "https://shop.example/2")
	w.complete("e1")
	f := follow(t, "", rdb)
	f.eventually("loaded", func() bool { return f.Ready() == nil })

	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	f.eventually("the loss is noticed", func() bool { return strings.Contains(f.Status().Problem, "no complete directory") })
	w.link(1, "ada", "https://shop.example/half")
	f.eventually("two more looks", looks(f, 2))
	if got := f.leads("ada") + " " + f.leads("bob"); got != "https://shop.example/1 https://shop.example/2" {
		t.Errorf("half a directory replaced memory: %s", got)
	}
	// Whole, but for the program: nothing could be redirected with it.
	w.complete("e2")
	f.eventually("the lack is noticed", func() bool { return strings.Contains(f.Status().Problem, "no program") })
	if got := f.leads("bob"); got != "https://shop.example/2" {
		t.Errorf("a directory without a program replaced memory: %q", got)
	}
	w.program()
	f.eventually("the new directory is taken", func() bool { return f.leads("ada") == "https://shop.example/half" && f.leads("bob") == "" })

	// The revision goes back, as after a failover that lost writes.
	w.link(3, "eve", "https://shop.example/3")
	f.eventually("seen", func() bool { return f.leads("eve") != "" })
	w.do(func(p redis.Pipeliner) {
		p.HDel(t.Context(), w.k.Entries(schema.KindLink), "3")
		p.ZRem(t.Context(), w.k.Changed(), "link:3")
		p.Set(t.Context(), w.k.Revision(), 1, 0)
	})
	f.eventually("what was lost is gone", func() bool { return f.leads("eve") == "" })
}

// looks returns a condition that holds after Redis was asked n more times.
func looks(f *following, n int) func() bool {
	first := f.polls.Load()
	return func() bool { return f.polls.Load() >= first+uint64(n) }
}

// gate is a hook that cuts a client off from Redis while it is closed.
type gate struct{ closed atomic.Bool }

var errGate = errors.New("the gate is closed")

func (g *gate) DialHook(next redis.DialHook) redis.DialHook { return next }

func (g *gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (g *gate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if !g.closed.Load() {
			return next(ctx, cmds)
		}
		for _, c := range cmds {
			c.SetErr(errGate)
		}
		return errGate
	}
}

func TestNumbersGivenOutTwiceAreNoticedAfterALostConnection(t *testing.T) {
	store := storestest.Redis(t).Fresh(t)
	w := writer{t, store.Client(t), schema.DefaultKeys}
	w.program()
	w.complete("e1")
	w.link(1, "ada", "https://shop.example/1")
	g := &gate{}
	rdb := store.Client(t)
	rdb.AddHook(g)
	f := follow(t, "", rdb)
	f.eventually("loaded", func() bool { return f.leads("ada") == "https://shop.example/1" })

	// While the redirector is cut off, Redis comes back without its last change and gives its number
	// to another: nothing but the connection tells.
	g.closed.Store(true)
	f.eventually("the loss is noticed", func() bool { return f.Status().Problem != "" })
	w.do(func(p redis.Pipeliner) {
		p.HSet(t.Context(), w.k.Entries(schema.KindLink), "2", entryOf(schema.Link{ID: 2, Slug: "bob", To: "https://shop.example/2"}))
		p.ZAdd(t.Context(), w.k.Changed(), redis.Z{Score: float64(f.Status().Revision), Member: "link:2"})
	})
	g.closed.Store(false)
	f.eventually("the other change is seen", func() bool { return f.leads("bob") == "https://shop.example/2" })
}

func TestALargeDirectoryIsLoadedWhileItChanges(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	w := writer{t, rdb, schema.DefaultKeys}
	w.program()
	const n = 30_000
	for from := 1; from <= n; from += 5000 {
		w.do(func(p redis.Pipeliner) {
			for id := from; id < from+5000; id++ {
				p.HSet(t.Context(), w.k.Entries(schema.KindLink), fmt.Sprint(id), entryOf(schema.Link{ID: schema.LinkID(id), Slug: fmt.Sprint("s", id), To: "https://shop.example/old"}))
			}
		})
	}
	w.complete("e1")
	f := follow(t, "", rdb)
	for id := 1; id <= 200; id++ {
		w.link(id, fmt.Sprint("s", id), "https://shop.example/new")
	}
	f.eventually("every change is seen", func() bool {
		for id := 1; id <= 200; id++ {
			if f.leads(fmt.Sprint("s", id)) != "https://shop.example/new" {
				return false
			}
		}
		return true
	})
	for id := 201; id <= n; id++ {
		if got := f.leads(fmt.Sprint("s", id)); got != "https://shop.example/old" {
			t.Fatalf("s%d leads to %q", id, got)
		}
	}
}

func TestReadersAndChangesAtTheSameTime(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	w := writer{t, rdb, schema.DefaultKeys}
	w.program()
	w.link(1, "ada", "https://shop.example/0")
	w.complete("e1")
	f := follow(t, filepath.Join(t.TempDir(), "links.snapshot"), rdb)
	f.eventually("loaded", func() bool { return f.Ready() == nil })
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := f.leads("ADA"); !strings.HasPrefix(got, "https://shop.example/") && got != "suspended" {
					t.Errorf("the link leads to %q", got)
					return
				}
				f.Status()
			}
		})
	}
	for i := range 20 {
		w.link(1, "ada", fmt.Sprint("https://shop.example/", i))
		status := schema.PartnerActive
		if i%2 == 0 {
			status = schema.PartnerSuspended
		}
		put(w, schema.KindPartner, 1, &schema.Partner{ID: 1, Status: status})
		f.eventually("two looks", looks(f, 2))
	}
	f.eventually("the last change is seen", func() bool { return f.leads("ada") == "https://shop.example/19" })
	close(stop)
	readers.Wait()
}

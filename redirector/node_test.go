package redirector

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/cmd/chaostest"
	"fairlead/cmd/stores/storestest"
	"fairlead/redirector/journal"
	"fairlead/redirector/links"
	"fairlead/schema"
)

// fillRedis writes the tests' directory into Redis.
func fillRedis(t testing.TB, rdb redis.UniversalClient) {
	t.Helper()
	k := schema.DefaultKeys
	put := func(kind schema.Kind, id uint64, data any) {
		t.Helper()
		b, err := json.Marshal(schema.DirectoryEntry[any]{Version: 1, Data: data})
		if err != nil {
			t.Fatal(err)
		}
		if err := rdb.HSet(t.Context(), k.Entries(kind), fmt.Sprint(id), b).Err(); err != nil {
			t.Fatal(err)
		}
	}
	put(schema.KindProgram, 1, testContents.Program)
	put(schema.KindClickKey, 1, testKey)
	for _, p := range testContents.Partners {
		put(schema.KindPartner, uint64(p.ID), p)
	}
	for l := range testContents.Links {
		put(schema.KindLink, uint64(l.ID), l)
	}
	if err := rdb.Set(t.Context(), k.Complete(), "e1", 0).Err(); err != nil {
		t.Fatal(err)
	}
}

func nodeOptions(dir string) NodeOptions {
	quiet := slog.New(slog.DiscardHandler)
	return NodeOptions{
		JournalDir: filepath.Join(dir, "journal"), Journal: journal.Options{SegmentBytes: 1 << 20, Sinks: []string{"test"}},
		ConversionsDir: filepath.Join(dir, "conversions"), Conversions: journal.Options{SegmentBytes: 1 << 16, Sinks: []string{"test"}},
		Snapshot: filepath.Join(dir, "links.snapshot"), SaltFile: filepath.Join(dir, "visitor.salt"),
		Drain: 5 * time.Second, ShipDeadline: 5 * time.Second,
		Server: Options{Logger: quiet},
	}
}

// running is a node at work.
type running struct {
	*Node
	t    testing.TB
	addr string
	stop func() error
}

func run(t testing.TB, opt NodeOptions, rdb redis.UniversalClient, shippers ...Shipper) *running {
	t.Helper()
	n, err := OpenNode(opt)
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := Listen("127.0.0.1:0", 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx, rdb, listeners, shippers...) }()
	r := &running{Node: n, t: t, addr: listeners[0].Addr().String()}
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// visit follows a link and returns where it leads.
func (r *running) visit(path string) string {
	r.t.Helper()
	resp, err := visitor.Get("http://" + r.addr + path)
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 302 {
		return resp.Status
	}
	return resp.Header.Get("Location")
}

// visitor is a client that keeps no connection open and follows no redirect.
var visitor = &http.Client{
	Timeout:       time.Minute,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (r *running) ready() {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		ok, detail := r.Server.Readiness()
		if ok {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("not ready within a minute: %+v", detail)
		}
	}
}

// recorded returns the clicks in a journal that nobody has open.
func recorded(t testing.TB, dir string) (out []schema.Click) {
	t.Helper()
	l, err := journal.Open(dir, journal.Options{SegmentBytes: 1 << 20, Sinks: []string{"test"}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	r, err := l.NewReader(1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for r.Next() {
		if gap, ok := r.Gap(); ok {
			t.Logf("gap %+v", gap)
			continue
		}
		var c schema.Click
		if err := schema.DecodeClick(&c, append([]byte(nil), r.Record()...)); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestANodeServesWithoutRedisAfterARestart(t *testing.T) {
	store := storestest.NewRedis(t)
	rdb := store.Client(t)
	fillRedis(t, rdb)
	opt := nodeOptions(t.TempDir())
	n := run(t, opt, rdb)
	n.ready()
	if got := n.visit("/spring?n=1"); !strings.HasPrefix(got, "https://shop.example/spring?ref=own&z=%2F&n=1&fl_click=") {
		t.Errorf("the link leads to %s", got)
	}
	store.Kill()
	if got := n.visit("/ada?n=2"); !strings.HasPrefix(got, "https://shop.example/?n=2&fl_click=") {
		t.Errorf("with Redis killed the link leads to %s", got)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	again := run(t, opt, rdb)
	again.ready()
	if got := again.visit("/ada?n=3"); !strings.HasPrefix(got, "https://shop.example/?n=3&fl_click=") {
		t.Errorf("restarted without Redis the link leads to %s", got)
	}
	if s := again.Links.Status(); s.Source != "snapshot" {
		t.Errorf("status %+v", s)
	}
	if err := again.stop(); err != nil {
		t.Fatal(err)
	}
	clicks := recorded(t, opt.JournalDir)
	if len(clicks) != 3 {
		t.Fatalf("%d clicks, want 3", len(clicks))
	}
	if clicks[0].Visitor != clicks[2].Visitor || clicks[0].Visitor == 0 {
		t.Error("the restart forgot the visitor salt")
	}
}

// orderly is a shipper that looks around.
type orderly struct {
	n      *Node
	addr   string
	events chan string
}

func (o *orderly) Run(ctx context.Context) error {
	<-ctx.Done()
	_, err := net.Dial("tcp", o.addr)
	o.events <- fmt.Sprintf("shipping stops, synced: %v, listening: %v", o.n.Journal.Synced() == o.n.Journal.Appended(), err == nil)
	return ctx.Err()
}

func (o *orderly) Drain(ctx context.Context) error {
	ok, _ := o.n.Server.Readiness()
	o.events <- fmt.Sprintf("draining, ready: %v, journal open: %v", ok, o.n.Journal.Ready() == nil)
	<-ctx.Done()
	return ctx.Err()
}

func TestANodeStopsInOrder(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	fillRedis(t, rdb)
	opt := nodeOptions(t.TempDir())
	opt.Leave, opt.ShipDeadline = 20*time.Millisecond, 50*time.Millisecond
	opt.Journal.SyncEvery = time.Hour // nothing is synced but by the stop
	n, err := OpenNode(opt)
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := Listen("127.0.0.1:0", 2)
	if err != nil {
		t.Fatal(err)
	}
	o := &orderly{n: n, addr: listeners[0].Addr().String(), events: make(chan string, 2)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx, rdb, listeners, o) }()
	r := &running{Node: n, t: t, addr: o.addr}
	r.ready()
	r.visit("/ada")
	cancel()
	for _, want := range []string{"shipping stops, synced: true, listening: false", "draining, ready: false, journal open: true"} {
		if got := <-o.events; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := n.Journal.Ready(); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("afterwards the journal is %v", err)
	}
}

// breaking is a shipper that works until it is broken.
type breaking chan error

func (b breaking) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-b:
		return err
	}
}

func (breaking) Drain(context.Context) error { return nil }

func TestALeavingNodeAnswersUntilBalancersKnow(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	fillRedis(t, rdb)
	opt := nodeOptions(t.TempDir())
	opt.Leave = time.Hour
	n, err := OpenNode(opt)
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := Listen("127.0.0.1:0", 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended, b := make(chan error, 1), make(breaking)
	go func() { ended <- n.Run(ctx, rdb, listeners, b) }()
	r := &running{Node: n, t: t, addr: listeners[0].Addr().String()}
	r.ready()
	cancel()
	for ok := true; ok; ok, _ = n.Server.Readiness() {
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		if got := r.visit("/ada"); !strings.HasPrefix(got, "https://shop.example/?fl_click=") {
			t.Errorf("while it leaves the link leads to %s", got)
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	b <- errDisk // what else could end an hour
	if err := <-ended; !errors.Is(err, errDisk) {
		t.Errorf("Run: %v", err)
	}
	if c := recorded(t, opt.JournalDir); len(c) != 20 {
		t.Errorf("%d clicks are recorded, want 20", len(c))
	}
}

func TestAPartThatFailsEndsTheNode(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	n, err := OpenNode(nodeOptions(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context(), rdb, []net.Listener{failing{l}}); err == nil || !strings.Contains(err.Error(), "serve links") {
		t.Errorf("Run: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

type failing struct{ net.Listener }

func (failing) Accept() (net.Conn, error) { return nil, errDisk }

func TestANodeThatCannotBeOpenedLeavesNothingLocked(t *testing.T) {
	opt := nodeOptions(t.TempDir())
	opt.Server.TLSCert, opt.Server.TLSKey = "/nowhere/cert.pem", "/nowhere/key.pem"
	if _, err := OpenNode(opt); err == nil || !strings.Contains(err.Error(), "/nowhere/cert.pem") {
		t.Fatalf("OpenNode: %v", err)
	}
	opt.Server.TLSCert, opt.Server.TLSKey = "", ""
	n, err := OpenNode(opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenNode(opt); err == nil {
		t.Error("two nodes share a journal")
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// childVariable makes this test binary a redirector over the folder that it names.
const childVariable = "REDIRECTOR_TEST_CHILD"

func child(dir string) {
	n, err := OpenNode(nodeOptions(dir))
	if err != nil {
		panic(err)
	}
	listeners, err := Listen("127.0.0.1:0", 1)
	if err != nil {
		panic(err)
	}
	fmt.Println(listeners[0].Addr())
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1}) // nobody is there
	panic(n.Run(context.Background(), rdb, listeners))
}

// TestAnsweredClicksSurviveSIGKILL kills a redirector under load, again and again: every click that was
// answered with a redirect is in the journal once.
func TestAnsweredClicksSurviveSIGKILL(t *testing.T) {
	rounds := chaostest.Times(10, 200)
	dir := t.TempDir()
	makeSnapshot(t, dir)
	rnd, seed := chaostest.Rand(t)
	answered := map[string]bool{}
	var mu sync.Mutex
	next := 0
	for range rounds {
		enough, target := make(chan struct{}), len(answered)+1+rnd.IntN(1000)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		addr, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatalf("the child did not start: %v", err)
		}
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				c, err := net.Dial("tcp", strings.TrimSpace(addr))
				if err != nil {
					return
				}
				defer c.Close()
				answers := bufio.NewReader(c)
				for {
					mu.Lock()
					next++
					n := fmt.Sprint(next)
					mu.Unlock()
					fmt.Fprintf(c, "GET /ada?sub_id=%s HTTP/1.1\r\nHost: x\r\n\r\n", n)
					resp, err := http.ReadResponse(answers, nil)
					if err != nil {
						return
					}
					io.Copy(io.Discard, resp.Body)
					if resp.StatusCode == 302 {
						mu.Lock()
						if answered[n] = true; len(answered) == target {
							close(enough)
						}
						mu.Unlock()
					}
				}
			})
		}
		select {
		case <-enough:
		case <-time.After(time.Minute):
			t.Error("too few clicks were answered within a minute")
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		clients.Wait()
	}
	times := map[string]int{}
	for _, c := range recorded(t, filepath.Join(dir, "journal")) {
		times[string(c.SubID[0])]++
	}
	for n := range answered {
		if times[n] != 1 {
			t.Errorf("click %s was answered and stands %d times in the journal", n, times[n])
		}
	}
	for n, k := range times {
		if k != 1 {
			t.Errorf("click %s stands %d times in the journal", n, k)
		}
	}
	chaostest.Report(t, "%d SIGKILLs of a redirector without stores; %d clicks answered, %d in its journal, each once; seed %d", rounds, len(answered), len(times), seed)
}

// makeSnapshot leaves a snapshot of the tests' directory in a folder.
func makeSnapshot(t testing.TB, dir string) {
	t.Helper()
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	fillRedis(t, rdb)
	d, err := links.Open(links.Options{Snapshot: nodeOptions(dir).Snapshot, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, rdb) }()
	for d.Ready() != nil {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := errors.Join(<-ended, d.Close()); err != nil {
		t.Fatal(err)
	}
}

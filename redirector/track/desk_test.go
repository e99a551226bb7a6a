package track

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
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"fairlead/cmd/stores/storestest"
	"fairlead/redirector/journal"
	"fairlead/redirector/links"
	"fairlead/schema"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

var testKey = schema.StoredClickKey{ID: 1, Key: schema.ClickKey{1, 2, 3}}

// fixed is a directory that does not change.
type fixed struct{ view *links.View }

func (f fixed) View() *links.View { return f.view }

const shopKey = "fl_live_of_the_shop"

func viewOf(t testing.TB) *links.View {
	t.Helper()
	view, err := links.Make(links.Contents{
		Program: schema.Program{Homepage: "https://shop.example/", AllowedDomains: []string{"shop.example"}, Zone: "UTC", Param: "fl_click"},
		Keys:    []schema.StoredClickKey{testKey},
		Secret:  schema.Secret{Customers: schema.NewCustomerKey()},
		APIKeys: []schema.APIKey{{ID: 1, Hash: schema.HashAPIKey(shopKey), Scopes: []schema.Scope{schema.ScopeTrack}}},
		Links: func(yield func(schema.Link) bool) {
			yield(schema.Link{ID: 7, Partner: 3, Slug: "ada", CreatedAt: noon})
		},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// node is a desk with a journal of its own on a disk.
type node struct {
	*Desk
	t   testing.TB
	dir string
	log *journal.Log
}

// open opens a desk on a folder; rdb may be nil.
func open(t testing.TB, dir string, rdb redis.UniversalClient, change func(*Options, *journal.Options)) *node {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	j := journal.Options{SegmentBytes: 1 << 20, Logger: quiet}
	opt := Options{Links: fixed{viewOf(t)}, Redis: rdb, Logger: quiet, Now: func() time.Time { return noon }}
	if change != nil {
		change(&opt, &j)
	}
	log, err := journal.Open(dir, j)
	if err != nil {
		t.Fatal(err)
	}
	if opt.Journal == nil {
		opt.Journal = log
	}
	n := &node{Desk: NewDesk(opt), t: t, dir: dir, log: log}
	t.Cleanup(n.close)
	return n
}

func (n *node) close() {
	if err := n.log.Close(); err != nil && !errors.Is(err, journal.ErrClosed) {
		n.t.Errorf("close the journal: %v", err)
	}
}

// recorded returns what lies synced on the disk.
func (n *node) recorded() (out []schema.Conversion) {
	n.t.Helper()
	r, err := n.log.NewReader(1)
	if err != nil {
		n.t.Fatal(err)
	}
	defer r.Close()
	for r.Next() {
		if gap, ok := r.Gap(); ok {
			n.t.Fatalf("a gap: %+v", gap)
		}
		var c schema.Conversion
		if err := schema.DecodeConversion(&c, r.Record()); err != nil {
			n.t.Fatal(err)
		}
		out = append(out, c)
	}
	if err := r.Err(); err != nil {
		n.t.Fatal(err)
	}
	return out
}

func sold(invoice string, amount int64) *schema.Conversion {
	return &schema.Conversion{Kind: schema.Sale, Source: schema.SourceAPI, Event: "Purchase", Customer: "c", Amount: amount, Currency: "usd", Invoice: invoice}
}

// took records a sale and wants an answer: "", "repeat" or "conflict".
func (n *node) took(invoice string, amount int64, want string) {
	n.t.Helper()
	r, err := n.Record(n.t.Context(), sold(invoice, amount), "")
	got := ""
	switch {
	case err != nil:
		got = err.Error()
	case r.Conflict:
		got = "conflict"
	case r.Repeat:
		got = "repeat"
	}
	if got != want {
		n.t.Errorf("%s over %d: got %q, want %q", invoice, amount, got, want)
	}
}

func TestWhatWasAnsweredIsOnDisk(t *testing.T) {
	n := open(t, t.TempDir(), nil, func(_ *Options, j *journal.Options) { j.SyncEvery = time.Hour })
	id := schema.NewClickIDs("n").New(testKey.Key, noon.Add(-time.Hour).UnixMilli(), 7)
	c := sold("in_1", 4900)
	c.Click = id.String()
	r, err := n.Record(t.Context(), c, "")
	if err != nil {
		t.Fatal(err)
	}
	all := n.recorded()
	if len(all) != 1 {
		t.Fatalf("%d reports are on disk, want one", len(all))
	}
	got := all[0]
	if got.ID != r.ID || got.ClickState != schema.ClickGenuine || got.Link != 7 || got.Partner != 3 || got.ClickedAt != id.At ||
		got.ReceivedAt != noon.UnixMilli() || got.OccurredAt != got.ReceivedAt || got.Currency != "USD" || len(got.Payments) != 1 || got.Payments[0] != "in_1" {
		t.Errorf("recorded %+v", got)
	}
}

// What is wrong is named by the field, and nothing of it is recorded.
func TestLimitsAreNamedByField(t *testing.T) {
	n := open(t, t.TempDir(), nil, nil)
	long := strings.Repeat("x", schema.MaxConversionText+1)
	many := func(count int) (out []string) {
		for i := range count {
			out = append(out, fmt.Sprint("kind:", i))
		}
		return out
	}
	f := func(field string, change func(*schema.Conversion)) {
		t.Helper()
		c := sold("in_1", 1)
		change(c)
		_, err := n.Record(t.Context(), c, "")
		var e *Error
		if !errors.As(err, &e) || e.Code != Unprocessable || e.Field != field {
			t.Errorf("got %v, want %s refused", err, field)
		}
	}
	type C = *schema.Conversion
	f("event", func(c C) { c.Event = long })
	f("customer", func(c C) { c.Customer = long })
	f("customer", func(c C) { c.Customer = "a\x00b" })
	f("customer", func(c C) { c.Customer = "a\xff" })
	f("customer", func(c C) { c.Customer, c.Invoice = "", "" })
	f("click", func(c C) { c.Click = long })
	f("invoice", func(c C) { c.Invoice = long })
	f("invoice", func(c C) { c.Kind, c.Invoice = schema.Refund, "" })
	f("refund", func(c C) { c.Refund = long })
	f("processor", func(c C) { c.Processor = long })
	f("lead_event", func(c C) { c.LeadEvent = long })
	f("reason", func(c C) { c.Reason = long })
	f("delivery", func(c C) { c.Delivery = long })
	f("aliases", func(c C) { c.Aliases = many(schema.MaxAliases + 1) })
	f("aliases", func(c C) { c.Aliases = []string{""} })
	f("payments", func(c C) { c.Payments = many(schema.MaxPayments) }) // and the invoice
	f("coupons", func(c C) { c.Coupons = many(schema.MaxCoupons + 1) })
	f("metadata", func(c C) { c.Metadata = `"` + strings.Repeat("x", schema.MaxMetadata) + `"` })
	f("amount", func(c C) { c.Amount = -1 })
	f("amount", func(c C) { c.Amount = schema.MaxAmount + 1 })
	f("gross", func(c C) { c.Gross = schema.MaxAmount + 1 })
	f("currency", func(c C) { c.Currency = "" })
	f("currency", func(c C) { c.Currency = "zzq" })
	f("occurred_at", func(c C) { c.OccurredAt = 1 })
	f("occurred_at", func(c C) { c.OccurredAt = noon.Add(25 * time.Hour).UnixMilli() })
	if all := n.recorded(); len(all) != 0 {
		t.Errorf("%d were recorded", len(all))
	}
	n.took("in_1", 1, "") // and none of them has claimed its name
}

func TestARepeatIsKnownAndOneThatDiffersConflicts(t *testing.T) {
	n := open(t, t.TempDir(), nil, nil)
	n.took("in_1", 1, "")
	n.took("in_1", 1, "repeat")
	n.took("in_1", 2, "conflict")
	n.took("in_1", 1, "repeat")
	n.took("in_2", 2, "")
	test := sold("in_1", 5)
	test.Test = true
	if r, err := n.Record(t.Context(), test, ""); err != nil || r.Conflict || r.Repeat {
		t.Errorf("a test of the same name: got %+v, %v", r, err)
	}
	all := n.recorded()
	if len(all) != 6 {
		t.Fatalf("%d reports are on disk, want all 6: the facts decide", len(all))
	}
	if all[0].ID != all[2].ID || all[0].Content == all[2].Content || all[0].Content != all[1].Content || all[0].ID == all[5].ID {
		t.Errorf("ids and contents: %+v", all)
	}
}

func TestTwoNodesKnowOfEachOtherThroughRedis(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	a, b := open(t, t.TempDir(), rdb, nil), open(t, t.TempDir(), rdb, nil)
	a.took("in_1", 1, "")
	b.took("in_1", 1, "repeat")
	b.took("in_1", 2, "conflict")
	b.took("in_1", 1, "repeat")
	b.took("in_2", 1, "")
	a.took("in_2", 2, "conflict")
	a.took("in_2", 1, "repeat")
	if ttl := rdb.TTL(t.Context(), schema.DefaultKeys.Conversion(a.recorded()[0].ID)).Val(); ttl <= 0 || ttl > schema.ConversionLife {
		t.Errorf("what Redis knows ends after %v", ttl)
	}
}

func TestARestartForgetsNothingThatRedisKnows(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	dir := t.TempDir()
	n := open(t, dir, rdb, nil)
	n.took("in_1", 1, "")
	n.close()
	n = open(t, dir, rdb, nil)
	n.took("in_1", 1, "repeat")
	n.took("in_1", 2, "conflict")
	n.close()
	// Without Redis nothing is known; all of it is on disk, where it counts.
	n = open(t, dir, nil, nil)
	n.took("in_1", 3, "")
	if all := n.recorded(); len(all) != 4 || all[0].ID != all[3].ID {
		t.Errorf("on disk: %+v", all)
	}
}

func TestReportsAreTakenWhileRedisIsAway(t *testing.T) {
	store := storestest.NewRedis(t)
	rdb := store.Client(t)
	clock := noon
	n := open(t, t.TempDir(), rdb, func(o *Options, _ *journal.Options) { o.Now = func() time.Time { return clock } })
	n.took("in_1", 1, "")
	store.Kill()
	n.took("in_1", 2, "conflict") // this process knows by itself
	for i := range 200 {          // if each waited for Redis this test would take 10 s
		n.took(fmt.Sprint("away_", i), 1, "")
	}
	if err := store.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(2 * restAfter)
	n.took("in_2", 1, "")
	if known := rdb.Exists(t.Context(), schema.DefaultKeys.Conversion(n.recorded()[202].ID)).Val(); known != 1 {
		t.Error("Redis is back and is not told")
	}
	if all := n.recorded(); len(all) != 203 {
		t.Errorf("%d are on disk, want 203", len(all))
	}
}

// Redis that hangs costs a sender 50 ms once a second, and no more.
func TestASlowRedisIsNotWaitedFor(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dead := redis.NewClient(&redis.Options{Addr: "192.0.2.1:1", MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: time.Hour, DialerRetries: 1})
	defer dead.Close()
	k := newKnown(dead, schema.DefaultKeys, func() time.Time { return noon })
	one, two := sold("in_1", 1), sold("in_2", 1)
	one.Identify("")
	two.Identify("")
	if c := k.claim(t.Context(), one); c.repeat || c.conflict || c.shared {
		t.Errorf("got %+v", c)
	}
	if k.away.Load() <= noon.UnixNano() {
		t.Error("Redis is asked again at once")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // a question would fail, and move away
	was := k.away.Load()
	if k.claim(ctx, two); k.away.Load() != was {
		t.Error("Redis was asked while it is left alone")
	}
}

func TestConcurrentRepeatsAreOneThing(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	nodes := []*node{open(t, t.TempDir(), rdb, nil), open(t, t.TempDir(), rdb, nil)}
	const each = 100
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]int{}
	first, conflicts := 0, 0
	for i := range each {
		for _, n := range nodes {
			wg.Go(func() {
				r, err := n.Record(context.Background(), sold("in_1", 1), "")
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				ids[r.ID]++
				if !r.Repeat {
					first++
				}
				if r.Conflict {
					conflicts++
				}
			})
			wg.Go(func() {
				if r, err := n.Record(context.Background(), sold(fmt.Sprint("of_", i), 1), ""); err != nil || r.Conflict {
					t.Errorf("another sale: %+v, %v", r, err)
				}
			})
		}
	}
	wg.Wait()
	if len(ids) != 1 || first < 1 || first > 2 || conflicts != 0 {
		t.Errorf("ids %v, %d took themselves for the first, %d conflicts", ids, first, conflicts)
	}
	if a, b := len(nodes[0].recorded()), len(nodes[1].recorded()); a != 2*each || b != 2*each {
		t.Errorf("on disk: %d and %d, want %d each", a, b, 2*each)
	}
}

func TestAFullJournalRefusesAndClaimsNothing(t *testing.T) {
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	n := open(t, t.TempDir(), rdb, func(_ *Options, j *journal.Options) {
		j.SegmentBytes, j.MaxBytes, j.Sinks = 4<<10, 12<<10, []string{"a"}
	})
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		_, err = n.Record(t.Context(), sold(fmt.Sprint("fills_", i), 1), "")
	}
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, journal.ErrFull) || CodeOf(err) != Internal {
		t.Fatalf("got %v, want that it is full", err)
	}
	c := sold("late", 1)
	if _, err := n.Record(t.Context(), c, ""); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("got %v, want that it is full", err)
	}
	if known := rdb.Exists(t.Context(), schema.DefaultKeys.Conversion(c.ID)).Val(); known != 0 {
		t.Error("Redis knows of a report that was refused")
	}
	if err := n.log.Advance("a", n.log.Synced()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		r, err := n.Record(t.Context(), sold("late", 2), "")
		if err == nil {
			if r.Repeat || r.Conflict {
				t.Errorf("got %+v for the first that was recorded", r)
			}
			return
		}
		if !errors.Is(err, ErrUnavailable) || time.Now().After(end) {
			t.Fatalf("with room again: %v", err)
		}
	}
}

// A report that a kill takes before its answer may lie on disk or not; what was answered does, after any stop.
func TestWhatWasAnsweredIsThereAfterTheProcessIsGone(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir, nil, func(_ *Options, j *journal.Options) { j.SyncEvery = time.Hour })
	for i := range 10 {
		n.took(fmt.Sprint("in_", i), 1, "")
	}
	// A copy is what a machine finds that lost its power now, but for what was not synced.
	again := filepath.Join(t.TempDir(), "found")
	if err := os.CopyFS(again, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if all := open(t, again, nil, nil).recorded(); len(all) < 10 {
		t.Errorf("%d were found, want 10", len(all))
	}
}

func TestTheMemoryIsBounded(t *testing.T) {
	m := memory{most: 10}
	for i := range 1000 {
		m.claim([16]byte{byte(i), byte(i >> 8)}, uint64(i))
	}
	if n := len(m.now) + len(m.older); n > 20 {
		t.Errorf("%d are remembered, want 20 at most", n)
	}
	if got, known := m.claim([16]byte{byte(999 & 0xff), byte(999 >> 8)}, 1); !known || got != 999 {
		t.Errorf("the last one is %d, %v", got, known)
	}
}

func TestReportsAreCounted(t *testing.T) {
	set := metrics.NewSet()
	n := open(t, t.TempDir(), nil, func(o *Options, _ *journal.Options) { o.Metrics = set })
	n.took("in_1", 1, "")
	n.took("in_1", 1, "repeat")
	n.took("in_1", 2, "conflict")
	if _, err := n.Record(t.Context(), sold("in_1", -1), ""); CodeOf(err) != Unprocessable {
		t.Error(err)
	}
	n.close()
	if _, err := n.Record(t.Context(), sold("in_1", 1), ""); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	var out bytes.Buffer
	set.WritePrometheus(&out)
	for _, outcome := range []string{outcomeRecorded, outcomeRepeat, outcomeConflict, outcomeRefused, outcomeFailed} {
		if line := fmt.Sprintf("fairlead_conversions_total{kind=%q,source=%q,outcome=%q} 1\n", "sale", "api", outcome); !strings.Contains(out.String(), line) {
			t.Errorf("there is no line %s in:\n%s", line, out.String())
		}
	}
	if !strings.Contains(out.String(), "fairlead_conversion_seconds_count 3\n") {
		t.Errorf("the time of three reports is not told:\n%s", out.String())
	}
}

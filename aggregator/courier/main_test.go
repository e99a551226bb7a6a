package courier

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stripe/stripe-go/v85/webhook"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/attribute"
	"fairlead/aggregator/outside"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
	"fairlead/schema/directory"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// monday is the beginning of these tests' time.
var monday = time.Date(2026, 9, 7, 10, 0, 0, 0, time.UTC)

// world is a program with partners 1 and 2, a clock that only the test moves, and somebody who receives.
type world struct {
	*aggregatortest.World
	t        testing.TB
	dir      *directory.Directory
	credits  *attribute.Attribute
	opt      Options
	courier  *Courier
	receiver *receiver
	log      *logged

	mu  sync.Mutex
	now time.Time // guarded by mu
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		World: aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t)),
		t:     t, now: monday, receiver: newReceiver(t), log: &logged{t: t},
	}
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	w.dir = directory.New(w.CH, w.Redis, directory.Options{Now: w.Now, LoopbackEndpoints: true, Logger: logger, LockLife: time.Second})
	if _, err := w.dir.SeedProgram(t.Context(), directory.DefaultProgram()); err != nil {
		t.Fatal(err)
	}
	w.must(w.dir.EnsureSecret(t.Context()))
	if _, err := w.dir.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Ada", "Bob"} {
		if _, _, err := w.dir.AddPartner(t.Context(), directory.CLI, directory.NewPartner{Name: name, Email: name + "@example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	w.credits = attribute.New(attribute.Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: logger, Settle: time.Nanosecond})
	w.opt = Options{
		ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Endpoints: w.dir, Sender: w.receiver.client(time.Minute), Logger: logger,
		Metrics: metrics.NewSet(), Now: w.Now, Look: 20 * time.Millisecond,
	}
	w.courier = New(w.opt)
	w.pass(time.Hour)
	return w
}

func (w *world) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// hook adds a webhook that is told at a path of the receiver.
func (w *world) hook(path string, events ...schema.NoticeType) schema.Webhook {
	w.t.Helper()
	h, err := w.dir.AddWebhook(w.t.Context(), directory.CLI, "", directory.NewEndpoint{URL: w.receiver.URL + path, Events: events})
	w.must(err)
	w.pass(time.Second)
	return h
}

// tracker sets a partner's postback to a path and query of the receiver.
func (w *world) tracker(p schema.PartnerID, template string) {
	w.t.Helper()
	_, err := w.dir.SetPostback(w.t.Context(), directory.CLI, p, directory.NewEndpoint{URL: w.receiver.URL + template})
	w.must(err)
	w.pass(time.Second)
}

// secret replaces the key of the program's pseudonyms, in hexadecimal.
func (w *world) secret(key string) {
	w.t.Helper()
	w.Exec(`INSERT INTO fairlead.directory_log (kind, id, version, changed_at, actor, data)
		SELECT 'secret', 1, max(version) + 1, fromUnixTimestamp64Milli(?), 'cli', ? FROM fairlead.directory_log`, monday.UnixMilli(), `{"customers":"`+key+`"}`)
}

// change completes a conversion.
type change func(*schema.Conversion)

func (w *world) conversion(kind schema.ConversionKind, customer string, changes ...change) schema.Conversion {
	at := w.Now().UnixMilli()
	c := schema.Conversion{Kind: kind, Source: schema.SourceAPI, OccurredAt: at, ReceivedAt: at, Customer: customer, ClickState: schema.ClickNone}
	if kind == schema.Lead {
		c.Event = "Sign up"
	}
	for _, change := range changes {
		change(&c)
	}
	c.Identify("")
	return c
}

func sold(invoice string, minor int64) change {
	return func(c *schema.Conversion) {
		c.Event, c.Invoice, c.Payments, c.Amount, c.Currency = "Purchase", invoice, []string{invoice}, minor, "USD"
	}
}

func refunded(invoice, name string, minor int64) change {
	return func(c *schema.Conversion) {
		c.Invoice, c.Payments, c.Refund, c.Amount = invoice, []string{invoice}, name, minor
	}
}

// clicked is a click on a partner's personal link, some days before.
func clicked(p schema.PartnerID, days float64) change {
	return func(c *schema.Conversion) {
		c.ClickedAt = c.OccurredAt - int64(days*24*float64(time.Hour/time.Millisecond))
		id := schema.ClickID{At: c.ClickedAt, Link: schema.LinkID(p), Nonce: uint64(c.ClickedAt) % 1000}
		c.Click, c.ClickState, c.Link, c.Partner = id.String(), schema.ClickGenuine, id.Link, p
	}
}

func test(c *schema.Conversion)     { c.Test = true }
func imported(c *schema.Conversion) { c.Source = schema.SourceImport }

// decide ships conversions and decides them.
func (w *world) decide(conversions ...schema.Conversion) {
	w.t.Helper()
	if len(conversions) > 0 {
		w.Tell("shop", conversions...)
	}
	if _, err := w.credits.Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.pass(time.Second)
}

// run runs the courier once.
func (w *world) run() Report {
	w.t.Helper()
	report, err := w.courier.Run(w.t.Context())
	w.must(err)
	return report
}

// got is a message as the receiver got it.
type got struct {
	method, path, query, body string
	header                    http.Header
	notice                    Notice
}

// receiver is an HTTPS server that keeps what it gets.
type receiver struct {
	*httptest.Server
	t testing.TB

	mu     sync.Mutex
	all    []got                                        // guarded by mu
	answer func(w http.ResponseWriter, r *http.Request) // nil: 200; guarded by mu
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{t: t}
	r.Server = httptest.NewUnstartedServer(r)
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

// client is one that trusts the receiver.
func (r *receiver) client(timeout time.Duration) *outside.Client {
	roots := x509.NewCertPool()
	roots.AddCert(r.Certificate())
	return outside.New(outside.Options{Loopback: true, Roots: roots, Timeout: timeout})
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Errorf("read a message: %v", err)
	}
	g := got{method: req.Method, path: req.URL.Path, query: req.URL.RawQuery, body: string(body), header: req.Header}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &g.notice); err != nil {
			r.t.Errorf("%s: %v", body, err)
		}
	}
	r.mu.Lock()
	r.all = append(r.all, g)
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		answer(w, req)
	}
}

// answers sets what the receiver answers.
func (r *receiver) answers(answer func(http.ResponseWriter, *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// take returns what came to a path since it was asked last, in the order of what is told.
func (r *receiver) take(path string) []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []got
	r.all = slices.DeleteFunc(r.all, func(g got) bool {
		if g.path == path {
			out = append(out, g)
		}
		return g.path == path
	})
	slices.SortStableFunc(out, func(a, b got) int {
		return strings.Compare(string(a.notice.Type)+a.query, string(b.notice.Type)+b.query)
	})
	return out
}

// count is how many messages came to a path and were not taken yet.
func (r *receiver) count(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, g := range r.all {
		if g.path == path {
			n++
		}
	}
	return n
}

// types takes what came to a path and lists its types.
func (r *receiver) types(path string) string {
	var out []string
	for _, g := range r.take(path) {
		out = append(out, string(g.notice.Type))
	}
	return strings.Join(out, " ")
}

// queries takes what came to a path and lists the queries.
func (r *receiver) queries(path string) string {
	var out []string
	for _, g := range r.take(path) {
		out = append(out, g.query)
	}
	return strings.Join(out, " ")
}

// one takes the only message that came to a path.
func (r *receiver) one(path string) got {
	r.t.Helper()
	all := r.take(path)
	if len(all) != 1 {
		r.t.Fatalf("%d messages came to %s, want 1", len(all), path)
	}
	return all[0]
}

// genuine checks a message's signature the way Stripe's own library does. The tests' clock is not of today: its tolerance is left out.
func genuine(t testing.TB, g got, secret schema.SigningSecret) {
	t.Helper()
	if err := webhook.ValidatePayloadIgnoringTolerance([]byte(g.body), g.header.Get(schema.SignatureHeader), string(secret)); err != nil {
		t.Errorf("the signature: %v", err)
	}
	if g.header.Get("Content-Type") != "application/json" || g.header.Get("Fairlead-Event-Id") != g.notice.ID {
		t.Errorf("headers %v", g.header)
	}
}

func (w *world) equal(what, got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// logged keeps what is logged, and shows it with the test.
type logged struct {
	t    testing.TB
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(line)
	fmt.Fprint(l.t.Output(), string(line))
	return len(line), nil
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// eventually asks until the answer is yes.
func eventually(ctx context.Context, t testing.TB, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
		if yes() {
			return
		}
	}
	t.Fatalf("a minute went by, and still not: %s", what)
}

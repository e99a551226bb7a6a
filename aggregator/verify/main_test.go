package verify

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/attribute"
	"fairlead/aggregator/book"
	"fairlead/aggregator/live"
	"fairlead/aggregator/rewarddays"
	"fairlead/aggregator/rollup"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// empty returns a world in which nothing has happened.
func empty(t testing.TB) *aggregatortest.World {
	t.Helper()
	return aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
}

// noon is the present of these tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// world is a world with everything derived in it.
type world struct {
	*aggregatortest.World
	rollup    *rollup.Rollup
	attribute *attribute.Attribute
	book      *book.Book
	days      *rewarddays.RewardDays
	live      *live.Live
	verify    *Verify
	rng       *rand.Rand
	dir       []directoryEntry
}

type directoryEntry struct {
	kind    schema.Kind
	id      uint64
	version uint64
	data    string
}

// newWorld ships hits of two nodes over three months, and derives everything.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{World: empty(t), rng: rand.New(rand.NewPCG(1, 2))}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	now := func() time.Time { return noon }
	w.rollup = rollup.New(rollup.Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: log})
	w.attribute = attribute.New(attribute.Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: log, Settle: time.Nanosecond})
	w.live = live.New(live.Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: log, Now: now})
	w.book = book.New(book.Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: log, Now: now})
	w.days = rewarddays.New(rewarddays.Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: log})
	w.verify = New(Options{
		ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Rollup: w.rollup, Attribute: w.attribute, Book: w.book, RewardDays: w.days,
		Logger: log, Now: now, Patience: 20 * time.Millisecond,
	})
	w.Entry(schema.KindProgram, 1, program)
	w.directory(t)
	w.Ship("a", w.hits(400, 80)...)
	w.Ship("b", w.hits(100, 20)...)
	w.Ship("a", w.hits(100, 3)...)
	w.Close("b", noon)
	w.Tell("c", reports(60, 40)...)
	w.Tell("c", reports(20, 2)...)
	w.derive(t)
	return w
}

func (w *world) derive(t testing.TB) {
	t.Helper()
	if _, err := w.rollup.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.attribute.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.book.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.days.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.live.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) hits(n, days int) []aggregatortest.Hit {
	verdicts := append(schema.Verdicts(), schema.VerdictValid, schema.VerdictValid, schema.VerdictValid)
	out := make([]aggregatortest.Hit, n)
	for i := range out {
		partner := schema.PartnerID(1 + w.rng.IntN(5))
		out[i] = aggregatortest.Hit{
			At:      noon.Add(-time.Duration(w.rng.Int64N(int64(days) * int64(24*time.Hour)))).Truncate(time.Millisecond),
			Partner: partner, Link: schema.LinkID(partner*10) + schema.LinkID(w.rng.IntN(2)),
			Verdict: verdicts[w.rng.IntN(len(verdicts))],
			Visitor: uint64(w.rng.IntN(50)), Country: "DE", Device: "mobile", Browser: "Firefox", SubID: "autumn", Destination: "https://shop.example/chairs",
		}
	}
	return out
}

// reports are what customers did within some days before noon, in the order of time: sign-ups from partners' links, their
// sales and refunds, and sales that nobody is credited for.
func reports(n, days int) []schema.Conversion {
	out := make([]schema.Conversion, n)
	for i := range out {
		at := noon.Add(-time.Duration(n-i) * time.Duration(days) * 24 * time.Hour / time.Duration(n)).UnixMilli()
		c := schema.Conversion{
			ReceivedAt: at, OccurredAt: at, Source: schema.SourceAPI, ClickState: schema.ClickNone, Customer: fmt.Sprintf("c%d-%d", days, i/4),
		}
		link := 1 + i/4%3
		switch i % 4 {
		case 0:
			c.Kind, c.Event, c.Click, c.ClickState = schema.Lead, "Sign up", fmt.Sprintf("click%d-%d", days, i), schema.ClickGenuine
			c.Link, c.Partner, c.ClickedAt = schema.LinkID(link), schema.PartnerID(link), at-int64(time.Hour/time.Millisecond)
		case 1:
			c.Kind, c.Invoice, c.Amount, c.Currency = schema.Sale, fmt.Sprintf("in_%d_%d", days, i/4), 4900, "USD"
		case 2:
			c.Kind, c.Invoice, c.Amount, c.Currency, c.Customer = schema.Sale, fmt.Sprintf("in_%d_%d_x", days, i), 2500, "USD", fmt.Sprintf("x%d-%d", days, i)
		case 3:
			c.Kind, c.Invoice, c.Refund, c.Amount, c.Currency, c.Customer = schema.Refund, fmt.Sprintf("in_%d_%d", days, i/4), fmt.Sprintf("re_%d", i), 1000, "USD", ""
		}
		if c.Invoice != "" {
			c.Payments = []string{c.Invoice}
		}
		c.Identify("")
		out[i] = c
	}
	return out
}

// program is the program's entry.
const program = `{"name":"Test","zone":"America/Toronto","currency":"USD","window_days":90,"touch":"last","hold_days":10}`

// rule is what partners earn: a tenth of every sale.
const rule = `{"id":1,"name":"A tenth","event":"sale","percent":1000,"from":20260101}`

// directory writes entries of each kind, to ClickHouse and to Redis.
func (w *world) directory(t testing.TB) {
	t.Helper()
	w.dir = []directoryEntry{{kind: schema.KindProgram, id: 1, version: 1, data: program}}
	for id := uint64(1); id <= 3; id++ {
		w.entry(schema.KindPartner, id, fmt.Sprintf(`{"id":%d,"name":"P%d"}`, id, id))
		w.entry(schema.KindLink, id, fmt.Sprintf(`{"id":%d,"partner_id":%d,"slug":"s%d"}`, id, id, id), fmt.Sprintf("slug:s%d", id))
		w.entry(schema.KindLogin, id, fmt.Sprintf(`{"id":%d,"email":"p%d@x.example","password":"secret"}`, id, id), fmt.Sprintf("email:p%d@x.example", id))
	}
	w.entry(schema.KindClickKey, 1, `{"id":1,"key":"secret"}`)
	w.entry(schema.KindNode, 77, `{"node":"gone","retired":"2026-01-01T00:00:00Z"}`, "node:gone")
	w.entry(schema.KindRule, 1, rule)
	pipe := w.Redis.Pipeline()
	for _, e := range w.dir {
		id := fmt.Sprint(e.id)
		pipe.HSet(t.Context(), w.Keys.Entries(e.kind), id, fmt.Sprintf(`{"v":%d,"d":%s}`, e.version, e.data))
		switch e.kind {
		case schema.KindLink:
			pipe.HSet(t.Context(), w.Keys.Slugs(), "s"+id, id)
			pipe.ZAdd(t.Context(), w.Keys.LinksOf(schema.PartnerID(e.id)), member(e.id))
		case schema.KindLogin:
			pipe.HSet(t.Context(), w.Keys.Emails(), "p"+id+"@x.example", id)
		}
	}
	pipe.Set(t.Context(), w.Keys.Complete(), "epoch", 0)
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) entry(kind schema.Kind, id uint64, data string, keys ...string) {
	w.dir = append(w.dir, directoryEntry{kind, id, w.Entry(kind, id, data, keys...), data})
}

// mustVerify verifies, and checks what holds for every report.
func (w *world) mustVerify(t testing.TB, scope Scope) Report {
	t.Helper()
	report, err := w.verify.Run(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "secret") {
		t.Errorf("the report shows a secret: %s", text)
	}
	if report.OK != (len(report.Differences) == 0 && report.Gaps == 0 && report.Doubles == 0) {
		t.Errorf("ok is %t: %s", report.OK, text)
	}
	return report
}

package book

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/attribute"
	"fairlead/aggregator/ledger"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// monday is the beginning of these tests' time.
var monday = time.Date(2026, 9, 7, 10, 0, 0, 0, time.UTC)

func day(n float64) int64 { return monday.Add(time.Duration(n * 24 * float64(time.Hour))).UnixMilli() }

// world is a program with 30 days' hold, partners 1 to 4 with links of their numbers × 10, and a clock that only the test moves.
type world struct {
	*aggregatortest.World
	t       testing.TB
	credits *attribute.Attribute
	book    *Book
	ledger  ledger.Ledger
	now     time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return worldOn(t, emptied(t, storestest.ClickHouse(t)), storestest.Redis(t).Fresh(t))
}

// emptied takes what earlier tests left out of the tables. To make them anew for each test would take longer than most tests.
func emptied(t testing.TB, store storestest.ClickHouseStore) storestest.ClickHouseStore {
	t.Helper()
	conn := store.Conn(t)
	var tables []struct {
		Name string `ch:"name"`
	}
	err := conn.Select(t.Context(), &tables, "SELECT name FROM system.tables WHERE database = 'fairlead' AND endsWith(engine, 'MergeTree') AND name != 'migrations' AND total_rows > 0")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if err := conn.Exec(t.Context(), "TRUNCATE TABLE fairlead."+table.Name); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func worldOn(t testing.TB, clicks storestest.ClickHouseStore, rdb storestest.RedisStore) *world {
	t.Helper()
	w := &world{World: aggregatortest.New(t, clicks.Conn(t), rdb.Client(t)), t: t}
	w.now = time.UnixMilli(day(50))
	w.credits = attribute.New(attribute.Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: w.logger(), Settle: time.Nanosecond})
	w.book = w.another()
	w.ledger = ledger.Ledger{ClickHouse: w.CH, Purpose: "test"}
	w.program(-1000, func(*schema.Program) {})
	w.entry(-1000, schema.KindSecret, 1, schema.Secret{Customers: "0011"})
	for p := schema.PartnerID(1); p <= 4; p++ {
		w.partner(-1000, p, func(*schema.Partner) {})
		w.entry(-1000, schema.KindLink, uint64(p*10), schema.Link{ID: schema.LinkID(p * 10), Partner: p, Slug: fmt.Sprint("p", p)})
	}
	return w
}

func (w *world) logger() *slog.Logger { return slog.New(slog.NewTextHandler(w.t.Output(), nil)) }

// another returns another process's Book.
func (w *world) another() *Book {
	return New(Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: w.logger(), Now: func() time.Time { return w.now }})
}

func (w *world) entry(at float64, kind schema.Kind, id uint64, v any) {
	w.t.Helper()
	data, err := json.Marshal(v)
	w.must(err)
	w.EntryAt(time.UnixMilli(day(at)), kind, id, string(data))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) program(at float64, change func(*schema.Program)) {
	w.t.Helper()
	p := schema.Program{Name: "Test", Currency: "USD", Zone: "UTC", WindowDays: 90, Touch: "last", HoldDays: 30}
	change(&p)
	w.entry(at, schema.KindProgram, 1, p)
}

func (w *world) partner(at float64, id schema.PartnerID, change func(*schema.Partner)) {
	w.t.Helper()
	p := schema.Partner{ID: id, Name: fmt.Sprint("P", id), Email: fmt.Sprintf("p%d@x.example", id), Status: schema.PartnerActive}
	change(&p)
	w.entry(at, schema.KindPartner, uint64(id), p)
}

// rule adds a rule, or a later version of it; it is of sales and of all time unless it says otherwise.
func (w *world) rule(id uint32, r schema.Rule) {
	w.t.Helper()
	r.ID = id
	if r.From == 0 {
		r.From = 20200101
	}
	if r.Event == "" {
		r.Event = schema.Sale
	}
	if r.Flat+r.Cap+r.MinSale != 0 {
		r.Currency = "USD"
	}
	w.must(r.Validate())
	w.entry(0, schema.KindRule, uint64(id), r)
}

type change func(*schema.Conversion)

func conversion(kind schema.ConversionKind, at float64, customer string, changes []change) schema.Conversion {
	c := schema.Conversion{
		Kind: kind, Source: schema.SourceAPI, OccurredAt: day(at), ReceivedAt: day(at), Customer: customer, ClickState: schema.ClickNone,
	}
	for _, change := range changes {
		change(&c)
	}
	c.Identify("")
	return c
}

func clicked(p schema.PartnerID, at float64) change {
	return func(c *schema.Conversion) {
		c.Click, c.ClickState, c.ClickedAt, c.Link, c.Partner = fmt.Sprint("click", p, at), schema.ClickGenuine, day(at), schema.LinkID(p*10), p
	}
}

func sale(at float64, customer, invoice string, amount int64, changes ...change) schema.Conversion {
	return conversion(schema.Sale, at, customer, append([]change{func(c *schema.Conversion) {
		c.Event, c.Invoice, c.Payments, c.Amount, c.Currency = "Purchase", invoice, []string{invoice}, amount, "USD"
	}}, changes...))
}

func refund(at float64, invoice, id string, amount int64, changes ...change) schema.Conversion {
	return conversion(schema.Refund, at, "", append([]change{func(c *schema.Conversion) {
		c.Invoice, c.Payments, c.Refund, c.Amount = invoice, []string{invoice}, id, amount
	}}, changes...))
}

func lead(at float64, customer string, changes ...change) schema.Conversion {
	return conversion(schema.Lead, at, customer, append([]change{func(c *schema.Conversion) { c.Event = "Sign up" }}, changes...))
}

func test(c *schema.Conversion) { c.Test = true }

// tell ships conversions of a node and attributes them.
func (w *world) tell(node string, conversions ...schema.Conversion) {
	w.t.Helper()
	w.Tell(node, conversions...)
	w.attribute()
}

func (w *world) attribute() {
	w.t.Helper()
	_, err := w.credits.Run(w.t.Context())
	w.must(err)
}

func (w *world) run() Report {
	w.t.Helper()
	report, err := w.book.Run(w.t.Context())
	w.must(err)
	return report
}

// again reckons everything, and wants nothing more.
func (w *world) again() {
	w.t.Helper()
	if report, err := w.book.Rebuild(w.t.Context(), nil); err != nil || report.Rows != 0 || report.Deferred != 0 {
		w.t.Errorf("everything once more: %+v, %v", report, err)
	}
	if n := w.Count("SELECT count() FROM system.tables WHERE database = 'fairlead' AND startsWith(name, 'booking_')"); n != 0 {
		w.t.Errorf("%d staging tables are left", n)
	}
}

// stands is what is where of every reward, and its state.
func (w *world) stands() (out []string) {
	w.t.Helper()
	w.must(w.CH.QueryRow(w.t.Context(), `SELECT groupArray(line) FROM (SELECT concat(toString(partner_id), ' ', hex(reward_id), ' ', currency, ' ', toString(review), ' ', toString(holding),
		' ', toString(payable), ' ', toString(processing), ' ', toString(paid), ' ', state) AS line FROM fairlead.rewards WHERE amount != 0 ORDER BY line)`).Scan(&out))
	return out
}

// says holds how the rewards of partners stand against what is wanted: "1: 2000 holding".
func (w *world) says(what string, want ...string) {
	w.t.Helper()
	var got []string
	w.must(w.CH.QueryRow(w.t.Context(), `SELECT groupArray(line) FROM (SELECT concat(toString(partner_id), ': ', toString(amount), ' ', state) AS line
		FROM fairlead.rewards ORDER BY earned_at, partner_id, reward_id)`).Scan(&got))
	if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
		w.t.Errorf("%s: -want +got\n%s", what, diff)
	}
}

// trade draws what customers did in some days: n reports of any kind, by customers who share payments now and then. Attribution sums
// every month that is touched, so few months make a short test.
func trade(rng *rand.Rand, n int, days float64) []schema.Conversion {
	out := make([]schema.Conversion, n)
	for i := range out {
		who, at := fmt.Sprint("customer", rng.IntN(30)), rng.Float64()*days
		var more []change
		if rng.IntN(2) == 0 {
			more = append(more, clicked(schema.PartnerID(1+rng.IntN(4)), max(0, at-rng.Float64()*20)))
		}
		if rng.IntN(12) == 0 {
			more = append(more, test)
		}
		if rng.IntN(10) == 0 {
			who = ""
		}
		invoice := fmt.Sprint("in_", rng.IntN(2*n))
		switch rng.IntN(6) {
		case 0, 1:
			out[i] = lead(at, who, more...)
		case 2, 3, 4:
			out[i] = sale(at, who, invoice, int64(rng.IntN(9000)), more...)
		default:
			out[i] = refund(at, invoice, fmt.Sprint("re_", rng.IntN(2)), int64(rng.IntN(5000)), more...)
		}
		out[i].ReceivedAt = day(100) + int64(i)
	}
	return out
}

// lines are for comparing.
func lines(all []string) string { return strings.Join(all, "\n") }

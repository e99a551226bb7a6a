package attribute

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/attribution"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// monday is the beginning of these tests' time.
var monday = time.Date(2026, 9, 7, 10, 0, 0, 0, time.UTC)

func day(n float64) int64 { return monday.Add(time.Duration(n * 24 * float64(time.Hour))).UnixMilli() }

const customers = schema.CustomerKey("0011")

// world is a program with partners 1 to 4, each with a link of its number × 10, and what this package keeps of it.
type world struct {
	*aggregatortest.World
	t     testing.TB
	a     *Attribute
	told  []aggregatortest.Told
	names int // given out
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{World: aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t)), t: t}
	w.a = w.another()
	w.program(-1000, func(*schema.Program) {})
	w.entry(-1000, schema.KindSecret, 1, schema.Secret{Customers: customers})
	for p := schema.PartnerID(1); p <= 4; p++ {
		w.partner(-1000, p, schema.PartnerActive)
		w.entry(-1000, schema.KindLink, uint64(p*10), schema.Link{ID: schema.LinkID(p * 10), Partner: p, Slug: fmt.Sprint("p", p)})
	}
	return w
}

// another returns another process's Attribute.
func (w *world) another() *Attribute {
	return New(Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil)), Settle: time.Nanosecond})
}

func (w *world) entry(at float64, kind schema.Kind, id uint64, v any) {
	w.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	w.EntryAt(time.UnixMilli(day(at)), kind, id, string(data))
}

func (w *world) program(at float64, change func(*schema.Program)) {
	w.t.Helper()
	p := schema.Program{Name: "Test", Currency: "USD", Zone: "UTC", WindowDays: 90, Touch: "last"}
	change(&p)
	w.entry(at, schema.KindProgram, 1, p)
}

func (w *world) partner(at float64, p schema.PartnerID, status schema.PartnerStatus) {
	w.t.Helper()
	w.entry(at, schema.KindPartner, uint64(p), schema.Partner{ID: p, Name: fmt.Sprint("P", p), Email: fmt.Sprintf("p%d@x.example", p), Status: status})
}

func (w *world) rate(at float64, currency, rate string) {
	w.t.Helper()
	w.Exec("INSERT INTO fairlead.rates (day, currency, base, rate, actor) VALUES (?, ?, 'USD', ?, 'cli')", time.UnixMilli(day(at)).UTC().Format(time.DateOnly), currency, rate)
}

// change completes a conversion.
type change func(*schema.Conversion)

func conversion(kind schema.ConversionKind, at float64, customer string, changes ...change) schema.Conversion {
	c := schema.Conversion{Kind: kind, Source: schema.SourceAPI, OccurredAt: day(at), ReceivedAt: day(at) + 1, Customer: customer, ClickState: schema.ClickNone}
	switch kind {
	case schema.Lead, schema.Deferred:
		c.Event = "Sign up"
	case schema.Sale:
		c.Amount, c.Currency = 10000, "USD"
	}
	for _, change := range changes {
		change(&c)
	}
	c.Identify("")
	return c
}

func lead(at float64, customer string, changes ...change) schema.Conversion {
	return conversion(schema.Lead, at, customer, changes...)
}

func sale(at float64, customer, invoice string, changes ...change) schema.Conversion {
	return conversion(schema.Sale, at, customer, append([]change{invoiced(invoice)}, changes...)...)
}

func refund(at float64, invoice, name string, changes ...change) schema.Conversion {
	return conversion(schema.Refund, at, "", append([]change{invoiced(invoice), func(c *schema.Conversion) { c.Refund = name }}, changes...)...)
}

func invoiced(invoice string) change {
	return func(c *schema.Conversion) { c.Invoice, c.Payments = invoice, []string{invoice} }
}

func clicked(p schema.PartnerID, at float64) change {
	return func(c *schema.Conversion) {
		c.Click, c.ClickState = fmt.Sprintf("click-%d-%g", p, at), schema.ClickGenuine
		c.Link, c.Partner, c.ClickedAt = schema.LinkID(p*10), p, day(at)
	}
}

func amount(minor int64, currency string) change {
	return func(c *schema.Conversion) { c.Amount, c.Currency = minor, currency }
}

func alias(a ...string) change   { return func(c *schema.Conversion) { c.Aliases = a } }
func coupons(c ...string) change { return func(r *schema.Conversion) { r.Coupons = c } }
func test(c *schema.Conversion)  { c.Test = true }

// tell ships conversions of a node.
func (w *world) tell(node string, conversions ...schema.Conversion) {
	w.t.Helper()
	w.told = append(w.told, w.Tell(node, conversions...)...)
}

func (w *world) run() Report {
	w.t.Helper()
	return w.runOf(w.a)
}

func (w *world) runOf(a *Attribute) Report {
	w.t.Helper()
	report, err := a.Run(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// want decides everything that was told, in this process and at once.
func (w *world) want() []attribution.Decision {
	w.t.Helper()
	reports := make([]attribution.Report, len(w.told))
	for i, c := range w.told {
		reports[i] = attribution.Report{Node: c.Node, Seq: c.Seq, Conversion: c.Conversion}
	}
	i := readerOf(w.CH, (&run{ctx: w.t.Context()}).named)
	known, err := i.worldOf(reports)
	if err != nil {
		w.t.Fatal(err)
	}
	return attribution.Decide(known, reports)
}

// stands reads the decisions that stand.
func (w *world) stands() []attribution.Decision {
	w.t.Helper()
	rows, err := w.CH.Query(w.t.Context(), "SELECT "+decisionColumns+" FROM fairlead.attributions FINAL ORDER BY node, seq")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	var out []attribution.Decision
	for rows.Next() {
		var d attribution.Decision
		if err := scanDecision(rows, &d); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, d)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// saleDay names a row of sale_days.
type saleDay struct {
	partner, link uint32
	day           schema.Day
	currency      string
}

// figures are those of a row: referred, leads, sales, gross, refunds, refunded, held, review.
type figures [8]int64

// mustEqual holds decisions and days against a recount from what was told.
func (w *world) mustEqual(zone *time.Location) {
	w.t.Helper()
	want := w.want()
	if diff := cmp.Diff(want, w.stands()); diff != "" {
		w.t.Errorf("attributions: -want +got\n%s", diff)
	}
	days := map[saleDay]figures{}
	for _, d := range want {
		k := saleDay{uint32(d.Partner), uint32(d.Link), schema.DayOf(time.UnixMilli(d.OccurredAt), zone), d.Currency}
		var f figures
		switch {
		case d.Test:
			continue
		case d.State == schema.StateHeld:
			f[6] = 1
		case d.State == schema.StateReview:
			f[7] = 1
		case d.State == schema.StateUnattributed || d.State == schema.StateCounted:
			switch d.Kind {
			case schema.Lead:
				f[1] = 1
			case schema.Sale:
				f[2], f[3] = 1, d.Amount
			case schema.Refund:
				f[4], f[5] = 1, d.Amount
			case schema.Restored:
				f[5] = -d.Amount
			}
		default:
			continue
		}
		if d.State == schema.StateUnattributed {
			k.partner, k.link = 0, 0
		}
		if d.Binds {
			f[0] = 1
		}
		sum := days[k]
		for i := range f {
			sum[i] += f[i]
		}
		days[k] = sum
	}
	got := map[saleDay]figures{}
	rows, err := w.CH.Query(w.t.Context(), `SELECT partner_id, link_id, day, currency, toInt64(referred), toInt64(leads), toInt64(sales), gross, toInt64(refunds), refunded,
		toInt64(held), toInt64(review) FROM fairlead.sale_days`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var k saleDay
		var at time.Time
		var f figures
		if err := rows.Scan(&k.partner, &k.link, &at, &k.currency, &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7]); err != nil {
			w.t.Fatal(err)
		}
		k.day = schema.DayOf(at, time.UTC)
		if _, twice := got[k]; twice {
			w.t.Errorf("two rows for %+v", k)
		}
		got[k] = f
	}
	if diff := cmp.Diff(days, got, cmp.AllowUnexported(saleDay{})); diff != "" {
		w.t.Errorf("sale_days: -want +got\n%s", diff)
	}
	w.mustAgree(len(want))
	if n := w.Count("SELECT count() FROM system.tables WHERE database = 'fairlead' AND startsWith(name, 'draft_')"); n != 0 {
		w.t.Errorf("%d staging tables are left", n)
	}
}

// mustAgree holds the decisions against a recount of so many reports, which finds nothing that differs.
func (w *world) mustAgree(reports int) {
	w.t.Helper()
	c, err := w.a.Recount(w.t.Context(), 0)
	if err != nil {
		w.t.Fatal(err)
	}
	doubtful, compared, err := c.Doubtful(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(doubtful) != 0 || compared != uint64(reports) {
		w.t.Errorf("a recount of %d decisions doubts %v, want %d decisions and no doubt", compared, doubtful, reports)
	}
}

// trade draws what customers did: n reports of any kind, by customers who share addresses and payments now and then.
func (w *world) trade(rng *rand.Rand, n int) []schema.Conversion {
	out := make([]schema.Conversion, n)
	for i := range out {
		w.names++
		who := fmt.Sprint("customer", rng.IntN(60))
		at := rng.Float64() * 100
		var more []change
		if rng.IntN(3) == 0 {
			more = append(more, clicked(schema.PartnerID(1+rng.IntN(5)), rng.Float64()*100))
		}
		if rng.IntN(5) == 0 {
			more = append(more, alias(customers.EmailAlias(fmt.Sprintf("p%d@x.example", rng.IntN(30)))))
		}
		if rng.IntN(6) == 0 {
			more = append(more, coupons(fmt.Sprint("code", rng.IntN(4))))
		}
		if rng.IntN(15) == 0 {
			more = append(more, test)
		}
		invoice := fmt.Sprint("in_", rng.IntN(150))
		switch rng.IntN(6) {
		case 0, 1:
			event := fmt.Sprint("event", rng.IntN(3))
			out[i] = lead(at, who, append(more, func(c *schema.Conversion) { c.Event = event })...)
		case 2, 3:
			money := amount(int64(rng.IntN(9000)), []string{"USD", "EUR", "JPY"}[rng.IntN(3)])
			out[i] = sale(at, who, invoice, append(more, money)...)
		case 4:
			out[i] = refund(at, invoice, fmt.Sprint("re_", rng.IntN(2)), append(more, amount(int64(rng.IntN(5000)), ""))...)
		default:
			if w.names > 1 && i > 0 {
				out[i] = out[rng.IntN(i)] // again
			} else {
				out[i] = lead(at, who)
			}
		}
		out[i].ReceivedAt = day(100) + int64(w.names)
	}
	return slices.Clip(out)
}

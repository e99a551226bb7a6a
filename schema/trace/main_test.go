package trace

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/attribute"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
	"fairlead/schema/directory"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// monday is the beginning of these tests' time.
var monday = time.Date(2026, 9, 7, 10, 0, 0, 0, time.UTC)

func day(n float64) int64 { return monday.Add(time.Duration(n * 24 * float64(time.Hour))).UnixMilli() }

func date(n float64) time.Time { return time.UnixMilli(day(n)).UTC() }

const customers = schema.CustomerKey("00112233445566778899aabbccddeeff")

var clickKey = schema.ClickKey{1, 2, 3}

// world is a program with the partners Ada, Bob and Cyd, whose links are /ada, /bob and /cyd with their number × 10, and
// a reader of its stories.
type world struct {
	*aggregatortest.World
	*Reader
	t     *testing.T
	job   *attribute.Attribute
	ids   map[string]string // of clicks, by "partner day"
	hits  int
	nodes int
}

var names = []string{"", "Ada", "Bob", "Cyd"}

func newWorld(t *testing.T) *world {
	t.Helper()
	conn, rdb := storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t)
	w := &world{World: aggregatortest.New(t, conn, rdb), t: t, ids: map[string]string{}}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	w.Reader = New(conn, directory.New(conn, rdb, directory.Options{Keys: w.Keys, Logger: log}))
	w.job = attribute.New(attribute.Options{ClickHouse: conn, Redis: rdb, Keys: w.Keys, Logger: log, Settle: time.Nanosecond})
	w.entry(-1000, schema.KindProgram, 1, schema.Program{Name: "Test", Currency: "USD", Zone: "UTC", WindowDays: 90, Touch: "last"})
	w.entry(-1000, schema.KindSecret, 1, schema.Secret{Customers: customers})
	w.entry(-1000, schema.KindClickKey, 1, schema.StoredClickKey{ID: 1, Key: clickKey, CreatedAt: date(-1000)})
	for p := schema.PartnerID(1); p <= 3; p++ {
		w.entry(-1000, schema.KindPartner, uint64(p), schema.Partner{ID: p, Name: names[p], Email: names[p] + "@partners.example", Status: schema.PartnerActive})
		w.entry(-1000, schema.KindLink, uint64(p*10), schema.Link{ID: schema.LinkID(p * 10), Partner: p, Slug: []string{"", "ada", "bob", "cyd"}[p]})
	}
	return w
}

func (w *world) entry(at float64, kind schema.Kind, id uint64, v any) {
	w.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	w.EntryAt(date(at), kind, id, string(data))
}

// click returns the id of partner p's click of a day.
func (w *world) click(p schema.PartnerID, at float64) string {
	name := fmt.Sprint(p, at)
	if w.ids[name] == "" {
		w.ids[name] = schema.NewClickIDs("n").New(clickKey, day(at), schema.LinkID(p*10)).String()
	}
	return w.ids[name]
}

// land makes a click stand in ClickHouse.
func (w *world) land(p schema.PartnerID, at float64, verdict schema.Verdict, reason string) {
	w.t.Helper()
	id, err := schema.ParseClickID(w.click(p, at))
	if err != nil {
		w.t.Fatal(err)
	}
	w.hits++
	w.Exec(`INSERT INTO fairlead.clicks (node, seq, clicked_at, partner_id, link_id, slug, click_nonce, click_tag, verdict, verdict_reason, referrer_host, country, sub_id, sub_id2)
		VALUES ('clicks', ?, fromUnixTimestamp64Milli(?), ?, ?, ?, ?, ?, ?, ?, 'blog.example', 'DE', 'mail', 'b')`,
		w.hits, id.At, uint32(p), uint32(id.Link), "Spring", id.Nonce, id.Tag, verdict.String(), reason)
}

// change completes a conversion.
type change func(*schema.Conversion)

func conversion(kind schema.ConversionKind, at float64, changes ...change) schema.Conversion {
	c := schema.Conversion{Kind: kind, Source: schema.SourceAPI, OccurredAt: day(at), ReceivedAt: day(at) + 1, ClickState: schema.ClickNone}
	switch kind {
	case schema.Lead:
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
	return conversion(schema.Lead, at, append([]change{called(customer)}, changes...)...)
}

func sale(at float64, customer, invoice string, changes ...change) schema.Conversion {
	return conversion(schema.Sale, at, append([]change{called(customer), invoiced(invoice)}, changes...)...)
}

func refund(at float64, invoice, name string, changes ...change) schema.Conversion {
	return conversion(schema.Refund, at, append([]change{invoiced(invoice), func(c *schema.Conversion) { c.Refund = name }}, changes...)...)
}

func called(customer string) change { return func(c *schema.Conversion) { c.Customer = customer } }

func invoiced(invoice string) change {
	return func(c *schema.Conversion) { c.Invoice, c.Payments = invoice, []string{invoice} }
}

func paidAs(names ...string) change {
	return func(c *schema.Conversion) { c.Payments = append(c.Payments, names...) }
}

func (w *world) clicked(p schema.PartnerID, at float64) change {
	return func(c *schema.Conversion) {
		c.Click, c.ClickState = w.click(p, at), schema.ClickGenuine
		c.Link, c.Partner, c.ClickedAt = schema.LinkID(p*10), p, day(at)
	}
}

func amount(minor int64, currency string) change {
	return func(c *schema.Conversion) { c.Amount, c.Currency = minor, currency }
}

func alias(a ...string) change       { return func(c *schema.Conversion) { c.Aliases = a } }
func coupons(codes ...string) change { return func(c *schema.Conversion) { c.Coupons = codes } }
func test(c *schema.Conversion)      { c.Test = true }

// happens ships conversions and has them decided.
func (w *world) happens(conversions ...schema.Conversion) {
	w.t.Helper()
	w.nodes++
	w.Tell(fmt.Sprint("node", w.nodes), conversions...)
	w.decide()
}

func (w *world) decide() {
	w.t.Helper()
	if _, err := w.job.Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// asked is the story as the team is told it.
func (w *world) asked(text string) Story {
	w.t.Helper()
	s, err := w.Read(w.t.Context(), Question{Text: text})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// askedBy is the story as a partner is told it.
func (w *world) askedBy(p schema.PartnerID, text string) Story {
	w.t.Helper()
	s, err := w.ReadFor(w.t.Context(), p, Question{Text: text})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// lines are the events of a story: their day since monday, and the sentences.
func lines(s Story) []string {
	out := []string{}
	for _, e := range s.Events {
		out = append(out, fmt.Sprintf("%g %s", float64(e.At.Sub(monday)/time.Minute)/24/60, e.Text))
	}
	return out
}

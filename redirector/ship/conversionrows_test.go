package ship

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fairlead/redirector/journal"
	"fairlead/schema"
)

func conversionRecords(i, n int, at time.Time) [][]byte {
	out := make([][]byte, n)
	for k := range out {
		c := testConversion(i+k, at)
		out[k] = recordOf(&c)
	}
	return out
}

func recordOf(c *schema.Conversion) []byte {
	rec, err := schema.AppendConversion(nil, c)
	if err != nil {
		panic(err)
	}
	return rec
}

// testConversion is the same for the same i and time, and has something in every column.
func testConversion(i int, at time.Time) schema.Conversion {
	r := mix(uint64(i))
	kinds, sources, states := schema.ConversionKinds(), schema.ConversionSources(), schema.ClickStates()
	c := schema.Conversion{
		ReceivedAt: at.UnixMilli(), OccurredAt: at.Add(-time.Duration(r%1e6) * time.Millisecond).UnixMilli(),
		Kind: kinds[i%len(kinds)], Source: sources[i%len(sources)], Test: i%5 == 0, KeyID: uint32(r % 9),
		Event: "Purchase", Customer: fmt.Sprintf("cus_%x", r%500), Aliases: []string{fmt.Sprintf("shop:s%d.example", r%300)},
		Click: fmt.Sprintf("click-%x", r), ClickState: states[i%len(states)], Link: schema.LinkID(r % 100), Partner: schema.PartnerID(r % 10),
		ClickedAt: at.Add(-time.Hour).UnixMilli(), Credit: schema.PartnerID(r % 4),
		Amount: int64(r % 100_000), Gross: int64(r % 120_000), Running: i%7 == 0, Currency: "EUR",
		Invoice: fmt.Sprintf("in_%x", r), Payments: []string{fmt.Sprintf("in_%x", r), fmt.Sprintf("pi_%x", mix(r))}, Refund: fmt.Sprintf("re_%d", i%3),
		Processor: "stripe", Coupons: []string{"SUMMER10", "Grüezi"}, LeadEvent: "Sign up", Quantity: uint32(1 + i%3), Reason: "gefällt nicht",
		Metadata: fmt.Sprintf(`{"plan":"pro","n":%d}`, i), Delivery: fmt.Sprintf("evt_%x", r),
	}
	c.Identify("")
	return c
}

func TestEveryConversionLandsWithAllItsColumns(t *testing.T) {
	r := newRig(t)
	r.kind = kinds["conversions"]
	src := newMemory("c1")
	var want []schema.Conversion
	for i := range 300 {
		c := testConversion(i, noon.Add(time.Duration(i)*6*time.Hour)) // three months
		if i == 7 {
			c = schema.Conversion{ReceivedAt: c.ReceivedAt, OccurredAt: c.ReceivedAt, Kind: schema.Lead, Source: schema.SourceAPI, ClickState: schema.ClickNone}
			c.Identify("")
		}
		want = append(want, c)
		src.add(recordOf(&c))
	}
	r.drain(r.sink(r.conn, src))
	r.exactlyOnce(src)

	rows, err := r.conn.Query(t.Context(), `SELECT node, seq, record_hash, toUnixTimestamp64Milli(received_at), toUnixTimestamp64Milli(occurred_at), toString(kind), toString(source),
		test, key_id, conversion_id, content, event, customer_id, aliases, click_id, toString(click_state), link_id, partner_id, toUnixTimestamp64Milli(clicked_at), credit_partner_id,
		amount, gross, running, currency, invoice, payments, refund, processor, coupons, lead_event, quantity, reason, metadata, delivery
		FROM fairlead.conversions ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var node, kind, source, state string
		var seq, hash uint64
		var link, partner, credit uint32
		var c schema.Conversion
		if err := rows.Scan(&node, &seq, &hash, &c.ReceivedAt, &c.OccurredAt, &kind, &source,
			&c.Test, &c.KeyID, &c.ID, &c.Content, &c.Event, &c.Customer, &c.Aliases, &c.Click, &state, &link, &partner, &c.ClickedAt, &credit,
			&c.Amount, &c.Gross, &c.Running, &c.Currency, &c.Invoice, &c.Payments, &c.Refund, &c.Processor, &c.Coupons, &c.LeadEvent, &c.Quantity, &c.Reason, &c.Metadata, &c.Delivery); err != nil {
			t.Fatal(err)
		}
		c.Kind, c.Source, c.ClickState = schema.ConversionKind(kind), schema.ConversionSource(source), schema.ClickState(state)
		c.Link, c.Partner, c.Credit = schema.LinkID(link), schema.PartnerID(partner), schema.PartnerID(credit)
		if node != "c1" || seq != uint64(n+1) || hash != xxhash.Sum64(recordOf(&want[n])) {
			t.Errorf("row %d is %s:%d with hash %x", n, node, seq, hash)
		}
		if d := cmp.Diff(want[n], c, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("row %d: %s", n, d)
		}
	}
	if err := rows.Err(); err != nil || n != len(want) {
		t.Fatalf("%d rows, want %d: %v", n, len(want), err)
	}
}

func TestAConversionThatTheTableCannotHoldIsSetAside(t *testing.T) {
	good := testConversion(1, noon)
	for what, change := range map[string]func(*schema.Conversion){
		"a kind that there is not":          func(c *schema.Conversion) { c.Kind = "gift" },
		"a source that there is not":        func(c *schema.Conversion) { c.Source = "" },
		"a click state that there is not":   func(c *schema.Conversion) { c.ClickState = "odd" },
		"received in another century":       func(c *schema.Conversion) { c.ReceivedAt = latest },
		"it happened before there was time": func(c *schema.Conversion) { c.OccurredAt = -1 },
		"clicked in another century":        func(c *schema.Conversion) { c.ClickedAt = latest },
	} {
		bad := good
		change(&bad)
		m := newMemory("c")
		m.add(recordOf(&good), recordOf(&bad), recordOf(&good))
		c := newCutter(t, m)
		c.fact = &conversions{}
		var b batch
		if _, err := c.fill(&b); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if want := []journal.Gap{{From: 2, To: 2, Reason: reasonUndecodable}}; b.records() != 2 || !slices.Equal(b.gaps, want) {
			t.Errorf("%s: %d records and gaps %v, want 2 and %v", what, b.records(), b.gaps, want)
		}
	}
}

func TestMetricsTellConversionsFromClicks(t *testing.T) {
	r := newRig(t)
	r.kind = kinds["conversions"]
	set := metrics.NewSet()
	src := newMemory("c1")
	src.add(conversionRecords(1, 20, noon)...)
	src.addGap(3, journal.ReasonDiskFull)
	r.drain(r.sink(r.conn, src, func(o *ClickHouseOptions) { o.Metrics = set }))
	var b strings.Builder
	set.WritePrometheus(&b)
	for _, line := range []string{`fairlead_ship_rows_total{sink="conversions"} 20`, `fairlead_ship_lag_records{sink="conversions"} 0`, `fairlead_ship_conversion_gap_records_total{reason="disk_full"} 3`} {
		if !strings.Contains(b.String(), line+"\n") {
			t.Errorf("no %s in\n%s", line, &b)
		}
	}
	if strings.Contains(b.String(), "fairlead_ship_gap_records_total") || strings.Contains(b.String(), `sink="clickhouse"`) {
		t.Errorf("clicks are counted that there are not:\n%s", &b)
	}
}

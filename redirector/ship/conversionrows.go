package ship

import (
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/cespare/xxhash/v2"

	"fairlead/schema"
)

//go:embed landed_conversions.sql
var landedConversionsSQL string

//go:embed landed_last_conversion.sql
var landedLastConversionSQL string

var conversionsTable = table{
	name: "conversions", sink: SinkConversions, gaps: "fairlead_ship_conversion_gap_records_total", flight: "conversions.inflight",
	columns: conversionColumnNames, landed: landedConversionsSQL, last: landedLastConversionSQL,
}

// NewConversions returns a sink for conversions that goes on from the source's cursor. They are few, and people wait to see
// them: a batch is sent after 100 ms unless FlushEvery says otherwise.
func NewConversions(conn driver.Conn, opt ClickHouseOptions) *ClickHouse {
	def(&opt.FlushEvery, 100*time.Millisecond)
	return newSink(conn, opt, &conversions{})
}

// conversions make rows of what merchants report. A conversion's time is that at which it was received, its tag the hash of its record.
type conversions struct{ last schema.Conversion }

func (f *conversions) table() *table { return &conversionsTable }

func (f *conversions) columns() columns { return &conversionColumns{} }

func (f *conversions) decode(rec []byte) (at int64, tag uint64, err error) {
	if err := schema.DecodeConversion(&f.last, rec); err != nil {
		return 0, 0, err
	}
	return f.last.ReceivedAt, xxhash.Sum64(rec), fits(&f.last)
}

// fits tells what the table cannot hold. One such row would hold up all that come after it.
func fits(c *schema.Conversion) error {
	for what, at := range map[string]int64{"occurred_at": c.OccurredAt, "clicked_at": c.ClickedAt} {
		if at < 0 || at >= latest {
			return fmt.Errorf("%w: conversion: %s %d ms is outside 1970 to 2099", schema.ErrRecord, what, at)
		}
	}
	switch {
	case !slices.Contains(schema.ConversionKinds(), c.Kind):
		return fmt.Errorf("%w: conversion: there is no kind %q", schema.ErrRecord, c.Kind)
	case !slices.Contains(schema.ConversionSources(), c.Source):
		return fmt.Errorf("%w: conversion: there is no source %q", schema.ErrRecord, c.Source)
	case !slices.Contains(schema.ClickStates(), c.ClickState):
		return fmt.Errorf("%w: conversion: there is no click state %q", schema.ErrRecord, c.ClickState)
	}
	return nil
}

func (f *conversions) add(to columns) {
	r := to.(*conversionColumns)
	r.list = append(r.list, f.last)
}

// conversionColumns are a conversion's own. They are few: columns are made of them when they are sent.
type conversionColumns struct{ list []schema.Conversion }

func (r *conversionColumns) addFrom(from columns, i int) {
	r.list = append(r.list, from.(*conversionColumns).list[i])
}

func (r *conversionColumns) reset() {
	clear(r.list)
	r.list = r.list[:0]
}

// conversionColumnNames are the columns of an insert, in the order of send.
const conversionColumnNames = "node, seq, record_hash, received_at, occurred_at, kind, source, test, key_id, conversion_id, content, event, " +
	"customer_id, aliases, click_id, click_state, link_id, partner_id, clicked_at, credit_partner_id, amount, gross, running, currency, invoice, payments, refund, " +
	"processor, coupons, lead_event, quantity, reason, metadata, delivery"

func (r *conversionColumns) send(all *rows, f *filler, node string) {
	text := func(get func(*schema.Conversion) string) { f.whole(each(r.list, get)) }
	texts := func(get func(*schema.Conversion) []string) { f.whole(each(r.list, get)) }
	number := func(get func(*schema.Conversion) uint32) { f.whole(each(r.list, get)) }
	moment := func(get func(*schema.Conversion) int64) { f.times(each(r.list, get)) }

	f.constant(node)
	f.whole(all.seq)
	f.whole(all.tag)
	f.times(all.at)
	moment(func(c *schema.Conversion) int64 { return c.OccurredAt })
	text(func(c *schema.Conversion) string { return string(c.Kind) })
	text(func(c *schema.Conversion) string { return string(c.Source) })
	f.whole(each(r.list, func(c *schema.Conversion) bool { return c.Test }))
	number(func(c *schema.Conversion) uint32 { return c.KeyID })
	text(func(c *schema.Conversion) string { return c.ID })
	f.whole(each(r.list, func(c *schema.Conversion) uint64 { return c.Content }))
	text(func(c *schema.Conversion) string { return c.Event })
	text(func(c *schema.Conversion) string { return c.Customer })
	texts(func(c *schema.Conversion) []string { return c.Aliases })
	text(func(c *schema.Conversion) string { return c.Click })
	text(func(c *schema.Conversion) string { return string(c.ClickState) })
	number(func(c *schema.Conversion) uint32 { return uint32(c.Link) })
	number(func(c *schema.Conversion) uint32 { return uint32(c.Partner) })
	moment(func(c *schema.Conversion) int64 { return c.ClickedAt })
	number(func(c *schema.Conversion) uint32 { return uint32(c.Credit) })
	f.whole(each(r.list, func(c *schema.Conversion) int64 { return c.Amount }))
	f.whole(each(r.list, func(c *schema.Conversion) int64 { return c.Gross }))
	f.whole(each(r.list, func(c *schema.Conversion) bool { return c.Running }))
	text(func(c *schema.Conversion) string { return c.Currency })
	text(func(c *schema.Conversion) string { return c.Invoice })
	texts(func(c *schema.Conversion) []string { return c.Payments })
	text(func(c *schema.Conversion) string { return c.Refund })
	text(func(c *schema.Conversion) string { return c.Processor })
	texts(func(c *schema.Conversion) []string { return c.Coupons })
	text(func(c *schema.Conversion) string { return c.LeadEvent })
	number(func(c *schema.Conversion) uint32 { return c.Quantity })
	text(func(c *schema.Conversion) string { return c.Reason })
	text(func(c *schema.Conversion) string { return c.Metadata })
	text(func(c *schema.Conversion) string { return c.Delivery })
}

func each[T any](list []schema.Conversion, get func(*schema.Conversion) T) []T {
	out := make([]T, len(list))
	for i := range list {
		out[i] = get(&list[i])
	}
	return out
}

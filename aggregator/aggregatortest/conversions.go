package aggregatortest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"fairlead/schema"
)

// Told is a conversion that a node recorded.
type Told struct {
	Node string
	Seq  uint64
	schema.Conversion
}

// Tell lands conversions of one node as one batch, the way a redirector ships them: the rows month by month, then the
// shipment. It answers them with their seq.
func (w *World) Tell(node string, conversions ...schema.Conversion) []Told {
	w.t.Helper()
	told := w.TellSilently(node, conversions...)
	w.announceTold(node, told)
	return told
}

// TellSilently does the first half of Tell: the rows stand in conversions, and no shipment tells of them.
func (w *World) TellSilently(node string, conversions ...schema.Conversion) []Told {
	w.t.Helper()
	told := make([]Told, len(conversions))
	for i, c := range conversions {
		w.next[node]++
		told[i] = Told{node, w.next[node], c}
	}
	for _, month := range slices.Sorted(maps.Keys(toldByMonth(told))) {
		batch, err := w.CH.PrepareBatch(context.Background(), `INSERT INTO fairlead.conversions (node, seq, record_hash, received_at, occurred_at, kind, source, test, key_id,
			conversion_id, content, event, customer_id, aliases, click_id, click_state, link_id, partner_id, clicked_at, credit_partner_id, amount, gross, running, currency,
			invoice, payments, refund, processor, coupons, lead_event, quantity, reason, metadata, delivery)`)
		w.must(err)
		for _, c := range toldByMonth(told)[month] {
			w.must(batch.Append(c.Node, c.Seq, c.tag(w), time.UnixMilli(c.ReceivedAt), time.UnixMilli(c.OccurredAt), string(c.Kind), string(c.Source), c.Test, c.KeyID,
				c.ID, c.Content, c.Event, c.Customer, some(c.Aliases), c.Click, string(c.ClickState), uint32(c.Link), uint32(c.Partner), time.UnixMilli(c.ClickedAt), uint32(c.Credit), c.Amount, c.Gross, c.Running, c.Currency,
				c.Invoice, some(c.Payments), c.Refund, c.Processor, some(c.Coupons), c.LeadEvent, c.Quantity, c.Reason, c.Metadata, c.Delivery))
		}
		w.must(batch.Send())
	}
	return told
}

func (c Told) tag(w *World) uint64 {
	w.t.Helper()
	record, err := schema.AppendConversion(nil, &c.Conversion)
	w.must(err)
	return xxhash.Sum64(record)
}

func (w *World) announceTold(node string, told []Told) {
	w.t.Helper()
	batch, err := w.CH.PrepareBatch(context.Background(),
		"INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, checksum, quarters, complete_to, state, fact)")
	w.must(err)
	for month, rows := range toldByMonth(told) {
		var sum uint64
		quarters := map[time.Time]bool{}
		for _, c := range rows {
			sum ^= c.tag(w)
			quarters[schema.QuarterHour(time.UnixMilli(c.ReceivedAt))] = true
		}
		w.must(batch.Append(node, uint32(month), told[0].Seq, told[len(told)-1].Seq, uint64(len(rows)), sum,
			slices.SortedFunc(maps.Keys(quarters), time.Time.Compare), time.UnixMilli(told[len(told)-1].ReceivedAt), int8(1), "conversions"))
	}
	w.must(batch.Send())
}

func toldByMonth(told []Told) map[schema.Month][]Told {
	months := map[schema.Month][]Told{}
	for _, c := range told {
		m := schema.MonthOf(time.UnixMilli(c.ReceivedAt), time.UTC)
		months[m] = append(months[m], c)
	}
	return months
}

func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// EntryAt writes the next version of a directory entry as of a moment.
func (w *World) EntryAt(at time.Time, kind schema.Kind, id uint64, data string) {
	w.t.Helper()
	w.version++
	w.Exec("INSERT INTO fairlead.directory_log (kind, id, version, changed_at, actor, data) VALUES (?, ?, ?, fromUnixTimestamp64Milli(?), 'cli', ?)",
		string(kind), id, w.version, at.UnixMilli(), data)
}

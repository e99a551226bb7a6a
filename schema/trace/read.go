package trace

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

//go:embed queries/*.sql
var queries embed.FS

// sql returns the query of a file.
func sql(name string) string {
	text, err := queries.ReadFile("queries/" + name + ".sql")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(text)
}

// mostReports is how many reports a story tells at most.
const mostReports = 1000

// told is a report and what stands of it in attributions.
type told struct {
	node string
	seq  uint64
	schema.Conversion
	names    []uint64
	decision *decided // nil: there is none yet
}

func (t *told) at() time.Time { return time.UnixMilli(t.OccurredAt).UTC() }

// decided is a row of attributions.
type decided struct {
	state     schema.AttributionState
	reason    schema.AttributionReason
	partner   schema.PartnerID
	link      schema.LinkID
	click     string
	clickedAt int64 // milliseconds since 1970
	coupon    string
	claim     uint32
	sale      string
	binds     bool
	amount    int64
	currency  string
	rate      string
}

// reading is one way of understanding a question.
type reading struct {
	as   As
	name string // as conversions have it
	told string // as whoever asks was told it; empty: the same
}

// tie is the name of what ties reports together, as it is hashed in the column names of conversions.
func (r reading) tie() string {
	switch r.as {
	case AsClick:
		return "click:" + r.name
	case AsCustomer:
		return "customer:" + r.name
	case AsPayment:
		return "payment:" + r.name
	case AsConversion:
		return "id:" + r.name
	}
	return r.name
}

// names reports whether a report is about what the reading says.
func (r reading) names(t *told) bool {
	switch r.as {
	case AsClick:
		return t.Click == r.name
	case AsCustomer:
		return t.Customer == r.name
	case AsPayment:
		return slices.Contains(t.Payments, r.name)
	case AsConversion:
		return t.ID == r.name
	}
	return slices.Contains(t.Aliases, r.name)
}

// readings are the ways in which a question can be understood.
func readings(q Question, key schema.CustomerKey) []reading {
	text := strings.TrimSpace(q.Text)
	var out []reading
	add := func(as As, name string, likely bool) {
		if name != "" && (q.As == as || q.As == "" && likely) {
			out = append(out, reading{as: as, name: name})
		}
	}
	_, noClick := schema.ParseClickID(text)
	add(AsClick, text, noClick == nil)
	add(AsCustomer, text, true)
	add(AsPayment, text, true)
	add(AsEmail, key.EmailAlias(text), strings.Contains(text, "@"))
	add(AsShop, schema.ShopAlias(text), strings.Contains(text, ".") && !strings.Contains(text, "@"))
	add(AsConversion, text, isID(text))
	add(AsAlias, text, strings.HasPrefix(text, "email:") || strings.HasPrefix(text, "shop:"))
	return out
}

// isID reports whether a text looks like a conversion's id.
func isID(text string) bool { return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == "" }

// unmask adds the conversions that partners and analysts know by what was asked for: they are not told a conversion's own
// id, but one that is keyed.
func (r *Reader) unmask(ctx context.Context, m *material) error {
	for _, a := range m.asked {
		if a.as != AsConversion || !isID(a.name) {
			continue
		}
		var ids []struct {
			ID string `ch:"conversion_id"`
		}
		if err := r.ch.Select(clickhouse.Named(ctx, "trace: whose id it is", map[string]string{"pseudonym": a.name}), &ids, sql("pseudonym")); err != nil {
			return fmt.Errorf("read whose id it is: %w", err)
		}
		for _, c := range ids {
			m.asked = append(m.asked, reading{AsConversion, c.ID, a.name})
		}
	}
	return nil
}

// reports reads every report that belongs together with what was asked for, and how that was found.
func (r *Reader) reports(ctx context.Context, asked []reading) (all []*told, found []As, more bool, err error) {
	var ties []string
	for _, a := range asked {
		ties = append(ties, clickhouse.Quote(a.tie()))
	}
	first, err := r.query(ctx, "what was asked for", "WHERE hasAny(names, arrayMap(name -> cityHash64(name), {ties:Array(String)}))",
		map[string]string{"ties": "[" + strings.Join(ties, ",") + "]"})
	if err != nil {
		return nil, nil, false, err
	}
	for _, a := range asked {
		if a.as != AsClick {
			continue
		}
		// Of a report that names its customer the click is no tie.
		by, err := r.query(ctx, "reports of a click", "WHERE click_id IN {clicks:Array(String)}", map[string]string{"clicks": "[" + clickhouse.Quote(a.name) + "]"})
		if err != nil {
			return nil, nil, false, err
		}
		first = append(first, by...)
	}
	seen := map[place]bool{}
	// By whether they are tests.
	names := map[bool]map[uint64]bool{false: {}, true: {}}
	frontier := map[bool][]uint64{}
	take := func(reports []*told) {
		for _, t := range reports {
			at := place{t.node, t.seq}
			switch {
			case seen[at]:
				continue
			case len(all) == mostReports:
				more = true
				return
			}
			seen[at] = true
			all = append(all, t)
			for _, n := range t.names {
				if !names[t.Test][n] {
					names[t.Test][n] = true
					frontier[t.Test] = append(frontier[t.Test], n)
				}
			}
		}
	}
	first = slices.DeleteFunc(first, func(t *told) bool {
		return !slices.ContainsFunc(asked, func(a reading) bool { return a.names(t) })
	})
	for _, a := range asked {
		if slices.ContainsFunc(first, a.names) {
			found = append(found, a.as)
		}
	}
	take(first)
	// Tests are a world of their own: what only a test ties together does not belong together.
	for _, test := range []bool{false, true} {
		for len(frontier[test]) > 0 && !more {
			next := frontier[test][:min(len(frontier[test]), 1000)]
			frontier[test] = frontier[test][len(next):]
			texts := make([]string, len(next))
			for i, n := range next {
				texts[i] = strconv.FormatUint(n, 10)
			}
			tied, err := r.query(ctx, "what belongs together", "WHERE hasAny(names, {names:Array(UInt64)}) AND test = {test:Bool}",
				map[string]string{"names": "[" + strings.Join(texts, ",") + "]", "test": strconv.FormatBool(test)})
			if err != nil {
				return nil, nil, false, err
			}
			take(tied)
		}
	}
	return all, found, more, nil
}

// place is the key of a report.
type place struct {
	node string
	seq  uint64
}

// query reads reports, the earliest first.
func (r *Reader) query(ctx context.Context, purpose, where string, values map[string]string) ([]*told, error) {
	rows, err := r.ch.Query(clickhouse.Named(ctx, "trace: "+purpose, values), sql("reports")+where+
		fmt.Sprintf(" ORDER BY received_at, node, seq LIMIT %d", mostReports+1))
	if err != nil {
		return nil, fmt.Errorf("read the reports: %w", err)
	}
	defer rows.Close()
	var out []*told
	for rows.Next() {
		t := &told{}
		c := &t.Conversion
		err := rows.Scan(&t.node, &t.seq, &c.ReceivedAt, &c.OccurredAt, (*string)(&c.Kind), (*string)(&c.Source), &c.Test, &c.KeyID, &c.ID, &c.Content,
			&c.Event, &c.Customer, &c.Aliases, &c.Click, (*string)(&c.ClickState), (*uint32)(&c.Link), (*uint32)(&c.Partner), &c.ClickedAt, (*uint32)(&c.Credit),
			&c.Amount, &c.Gross, &c.Running, &c.Currency, &c.Invoice, &c.Payments, &c.Refund, &c.Coupons, &c.Reason, &c.Delivery, &t.names)
		if err != nil {
			return nil, fmt.Errorf("read the reports: %w", err)
		}
		out = append(out, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the reports: %w", err)
	}
	return out, nil
}

// decisions reads what stands of reports in attributions.
func (r *Reader) decisions(ctx context.Context, all []*told) error {
	if len(all) == 0 {
		return nil
	}
	wanted, err := ext.NewTable("wanted", ext.Column("day", "Date"), ext.Column("node", "String"), ext.Column("seq", "UInt64"))
	if err != nil {
		return fmt.Errorf("read the decisions: %w", err)
	}
	byPlace := map[place]*told{}
	for _, t := range all {
		byPlace[place{t.node, t.seq}] = t
		if err := wanted.Append(t.at().Truncate(24*time.Hour), t.node, t.seq); err != nil {
			return fmt.Errorf("read the decisions: %w", err)
		}
	}
	rows, err := r.ch.Query(ch.Context(clickhouse.Named(ctx, "trace: decisions", nil), ch.WithExternalTable(wanted)), sql("decisions"))
	if err != nil {
		return fmt.Errorf("read the decisions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var at place
		d := &decided{}
		err := rows.Scan(&at.node, &at.seq, (*string)(&d.state), (*string)(&d.reason), (*uint32)(&d.partner), (*uint32)(&d.link), &d.click, &d.clickedAt,
			&d.coupon, &d.claim, &d.sale, &d.binds, &d.amount, &d.currency, &d.rate)
		if err != nil {
			return fmt.Errorf("read the decisions: %w", err)
		}
		byPlace[at].decision = d
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the decisions: %w", err)
	}
	return nil
}

// inOrder sorts reports by when what they tell happened, and then by when they came.
func inOrder(all []*told) {
	slices.SortFunc(all, func(a, b *told) int {
		return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), cmp.Compare(turn(a.Kind), turn(b.Kind)),
			cmp.Compare(a.ReceivedAt, b.ReceivedAt), cmp.Compare(a.node, b.node), cmp.Compare(a.seq, b.seq))
	})
}

// turn orders what occurred in one millisecond.
func turn(k schema.ConversionKind) int {
	return slices.Index([]schema.ConversionKind{schema.Deferred, schema.Lead, schema.Sale, schema.Refund, schema.Restored}, k)
}

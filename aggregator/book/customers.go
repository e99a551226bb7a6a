package book

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
)

var (
	//go:embed queries/decisions_of.sql
	decisionsOfSQL string
	//go:embed queries/decisions.sql
	decisionsSQL string
	//go:embed queries/booked.sql
	bookedSQL string
)

// customer is the hash of what a customer is called; see the package's words on whose decisions belong together.
type customer [16]byte

// called is that hash in SQL, of a row of attributions. Every report of one conversion has the same.
const called = `sipHash128(multiIf(customer_id != '', concat('customer ', customer_id),
	kind IN ('refund', 'restored') AND sale_id != '', concat('conversion ', sale_id), concat('conversion ', conversion_id)))`

// Of so many customers, or about so many decisions, is held in memory at once what it takes.
const (
	mostCustomers = 10_000
	mostDecisions = 20_000
)

// batch is what was decided of some customers, whole, and what is booked of it.
type batch struct {
	customers []span
	decisions []attribution.Decision
	booked    []schema.Transfer
}

// span is where a customer's decisions end in a batch.
type span struct {
	customer
	end    int
	moving bool // decisions of it are being written
}

// add takes up a decision. They come by customer.
func (b *batch) add(c customer, d attribution.Decision, moving bool) {
	b.decisions = append(b.decisions, d)
	if n := len(b.customers); n == 0 || b.customers[n-1].customer != c {
		b.customers = append(b.customers, span{customer: c})
	}
	last := &b.customers[len(b.customers)-1]
	last.end, last.moving = len(b.decisions), last.moving || moving
}

// scanDecision reads what decisions.sql and decisions_of.sql select.
func scanDecision(rows driver.Rows, c *customer, d *attribution.Decision, token *uint64) error {
	var hash string
	err := rows.Scan(&hash, &d.ID, (*string)(&d.Kind), &d.OccurredAt, (*string)(&d.State), (*uint32)(&d.Partner), &d.Sale, &d.Binds, &d.Amount, &d.Currency, token)
	copy(c[:], hash)
	return err
}

// of reads everything of some customers.
func (r *run) of(customers []customer) (*batch, error) {
	wanted, err := ext.NewTable("wanted", ext.Column("hash", "FixedString(16)"))
	if err != nil {
		return nil, fmt.Errorf("BUG: the table of customers: %w", err)
	}
	for _, c := range customers {
		if err := wanted.Append(string(c[:])); err != nil {
			return nil, fmt.Errorf("BUG: the table of customers: %w", err)
		}
	}
	b := &batch{}
	rows, err := r.ClickHouse.Query(ch.Context(r.named("decisions of customers", nil), ch.WithExternalTable(wanted)), fmt.Sprintf(decisionsOfSQL, called))
	if err != nil {
		return nil, fmt.Errorf("read the decisions of %d customers: %w", len(customers), err)
	}
	defer rows.Close()
	for rows.Next() {
		var c customer
		var d attribution.Decision
		var token uint64
		if err := scanDecision(rows, &c, &d, &token); err != nil {
			return nil, fmt.Errorf("read the decisions of %d customers: %w", len(customers), err)
		}
		b.add(c, d, token > r.to)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the decisions of %d customers: %w", len(customers), err)
	}
	ids := map[string]bool{}
	for _, d := range b.decisions {
		if d.Kind == schema.Sale || d.Kind == schema.Lead {
			ids[d.ID] = true
		}
	}
	b.booked, err = r.bookedFor(ids)
	return b, err
}

// conversionsTable is a table of conversion ids.
func conversionsTable(ids map[string]bool) (*ext.Table, error) {
	table, err := ext.NewTable("wanted", ext.Column("id", "String"))
	if err != nil {
		return nil, fmt.Errorf("BUG: the table of conversions: %w", err)
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if err := table.Append(id); err != nil {
			return nil, fmt.Errorf("BUG: the table of conversions: %w", err)
		}
	}
	return table, nil
}

// bookedFor reads all rows of rewards for conversions.
func (r *run) bookedFor(ids map[string]bool) ([]schema.Transfer, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	wanted, err := conversionsTable(ids)
	if err != nil {
		return nil, err
	}
	// What belongs to the rewards is found by one column, and only that is read whole.
	return r.ledger.Where(r.ctx, "rows of conversions",
		"(partner_id, reward_id) IN (SELECT partner_id, reward_id FROM fairlead.ledger WHERE conversion_id IN (SELECT id FROM wanted))", nil, wanted)
}

// each reads everything, some customers after the other in bounded memory: ClickHouse sorts decisions and rows of the ledger
// alike, and here they are put together. Since, when it is not 0, leaves out customers of whom nothing occurred in that month of
// UTC or later. Yield is told how many decisions are read, and of how many about.
func (r *run) each(since schema.Month, yield func(b *batch, done, total int) error) error {
	var total uint64
	if err := r.ClickHouse.QueryRow(r.named("number of decisions", nil), "SELECT count() FROM fairlead.attributions").Scan(&total); err != nil {
		return fmt.Errorf("count the decisions: %w", err)
	}
	values := map[string]string{"since": strconv.FormatUint(uint64(since), 10)}
	rows, err := r.ClickHouse.Query(r.named("all decisions", values), fmt.Sprintf(decisionsSQL, called))
	if err != nil {
		return fmt.Errorf("read the decisions: %w", err)
	}
	defer rows.Close()
	booked, err := r.openBooked(since)
	if err != nil {
		return err
	}
	defer booked.rows.Close()
	b, done := &batch{}, 0
	hand := func() error {
		if len(b.customers) == 0 {
			return nil
		}
		var err error
		if b.booked, err = booked.upTo(b.customers[len(b.customers)-1].customer); err != nil {
			return err
		}
		done += len(b.decisions)
		full := b
		b = &batch{}
		return yield(full, done, max(done, int(total)))
	}
	for rows.Next() {
		var c customer
		var d attribution.Decision
		var token uint64
		if err := scanDecision(rows, &c, &d, &token); err != nil {
			return fmt.Errorf("read the decisions: %w", err)
		}
		if n := len(b.customers); len(b.decisions) >= mostDecisions && b.customers[n-1].customer != c {
			if err := hand(); err != nil {
				return err
			}
		}
		b.add(c, d, token > r.to)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the decisions: %w", err)
	}
	return hand()
}

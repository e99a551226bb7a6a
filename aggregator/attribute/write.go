package attribute

import (
	"context"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/aggregator/attribution"
	"fairlead/aggregator/staging"
)

// place is the key of a report among the decisions.
type place struct {
	node string
	seq  uint64
}

// write puts the decisions that differ from those that stand in their place. They go by a staging table, which whoever
// has the lock after this run takes away.
func (r *run) write(decisions []attribution.Decision) error {
	stands, err := r.stored(decisions)
	if err != nil {
		return err
	}
	var changed []attribution.Decision
	for _, d := range decisions {
		if stands[place{d.Node, d.Seq}] != d {
			changed = append(changed, d)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	stage := r.staging.Name("attributions")
	if err := r.staging.Create(stage); err != nil {
		return err
	}
	into, err := r.insertInto(stage)
	if err != nil {
		return err
	}
	for _, d := range changed {
		if err := into.add(d); err != nil {
			return err
		}
	}
	if err := into.close(); err != nil {
		return err
	}
	if err := r.after("drafted"); err != nil {
		return err
	}
	if err := r.lock.Check(); err != nil {
		return err
	}
	if err := r.ClickHouse.Exec(r.anyMonths("decisions"), "INSERT INTO fairlead.attributions SELECT * FROM fairlead."+stage.Name); err != nil {
		return fmt.Errorf("write %d decisions: %w", len(changed), err)
	}
	if err := r.after("decided"); err != nil {
		return err
	}
	r.report.Changed += len(changed)
	return r.staging.Drop(stage.Name)
}

// anyMonths returns the context of an insert of what may have occurred in any number of months: ClickHouse refuses more
// than a hundred at once by default, and whoever reports a history of ten years would stop the job for everybody.
func (r *run) anyMonths(purpose string) context.Context {
	return ch.Context(r.ctx, ch.WithSettings(ch.Settings{"log_comment": "fairlead attribute: " + purpose, "max_partitions_per_insert_block": 0}))
}

// decisionColumns are the columns of a decision, in the order in which scanDecision reads them.
const decisionColumns = `node, seq, toString(kind), test, conversion_id, customer_id, toUnixTimestamp64Milli(received_at), toUnixTimestamp64Milli(occurred_at),
	toString(state), reason, partner_id, link_id, click_id, toUnixTimestamp64Milli(clicked_at), coupon, claim_id, sale_id, binds, amount, currency, toString(rate)`

func scanDecision(rows driver.Rows, d *attribution.Decision) error {
	var rate string
	err := rows.Scan(&d.Node, &d.Seq, (*string)(&d.Kind), &d.Test, &d.ID, &d.Customer, &d.ReceivedAt, &d.OccurredAt,
		(*string)(&d.State), (*string)(&d.Reason), (*uint32)(&d.Partner), (*uint32)(&d.Link), &d.Click, &d.ClickedAt, &d.Coupon, &d.Claim, &d.Sale, &d.Binds, &d.Amount, &d.Currency, &rate)
	if rate != "0" {
		d.Rate = attribution.Rate(rate)
	}
	return err
}

// stored reads the decisions that stand of the same reports.
func (r *run) stored(decisions []attribution.Decision) (map[place]attribution.Decision, error) {
	table, err := ext.NewTable("wanted", ext.Column("day", "Date"), ext.Column("node", "String"), ext.Column("seq", "UInt64"))
	if err != nil {
		return nil, fmt.Errorf("read the decisions that stand: %w", err)
	}
	for _, d := range decisions {
		if err := table.Append(time.UnixMilli(d.OccurredAt).UTC().Truncate(24*time.Hour), d.Node, d.Seq); err != nil {
			return nil, fmt.Errorf("read the decisions that stand: %w", err)
		}
	}
	rows, err := r.ClickHouse.Query(ch.Context(r.named("decisions that stand", nil), ch.WithExternalTable(table)),
		"SELECT "+decisionColumns+" FROM fairlead.attributions FINAL WHERE (toDate(occurred_at), node, seq) IN (SELECT day, node, seq FROM wanted)")
	if err != nil {
		return nil, fmt.Errorf("read the decisions that stand: %w", err)
	}
	return eachDecision(rows)
}

// eachDecision reads decisions by their place, and closes the rows.
func eachDecision(rows driver.Rows) (map[place]attribution.Decision, error) {
	defer rows.Close()
	out := map[place]attribution.Decision{}
	for rows.Next() {
		var d attribution.Decision
		if err := scanDecision(rows, &d); err != nil {
			return nil, fmt.Errorf("read the decisions that stand: %w", err)
		}
		out[place{d.Node, d.Seq}] = d
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the decisions that stand: %w", err)
	}
	return out, nil
}

// inserter adds decisions to a staging table, a block at a time.
type inserter struct {
	r     *run
	table staging.Table
	batch driver.Batch
}

// blockRows is how many decisions are sent at once.
const blockRows = 100_000

func (r *run) insertInto(t staging.Table) (*inserter, error) {
	i := &inserter{r: r, table: t}
	return i, i.open()
}

func (i *inserter) open() (err error) {
	i.batch, err = i.r.ClickHouse.PrepareBatch(i.r.anyMonths("draft decisions"), "INSERT INTO fairlead."+i.table.Name+
		` (node, seq, token, kind, test, conversion_id, customer_id, received_at, occurred_at, state, reason, partner_id, link_id, click_id, clicked_at,
		coupon, claim_id, sale_id, binds, amount, currency, rate)`)
	if err != nil {
		return fmt.Errorf("write into %s: %w", i.table.Name, err)
	}
	return nil
}

func (i *inserter) add(d attribution.Decision) error {
	rate := string(d.Rate)
	if rate == "" {
		rate = "0"
	}
	err := i.batch.Append(d.Node, d.Seq, i.r.lock.Token(), string(d.Kind), d.Test, d.ID, d.Customer, instant(d.ReceivedAt), instant(d.OccurredAt),
		string(d.State), string(d.Reason), uint32(d.Partner), uint32(d.Link), d.Click, instant(d.ClickedAt),
		d.Coupon, d.Claim, d.Sale, d.Binds, d.Amount, d.Currency, rate)
	if err == nil && i.batch.Rows() >= blockRows {
		if err = i.batch.Send(); err == nil {
			err = i.open()
		}
	}
	if err != nil {
		return fmt.Errorf("write the decision on %s:%d into %s: %w", d.Node, d.Seq, i.table.Name, err)
	}
	return nil
}

func (i *inserter) close() error {
	if err := i.batch.Send(); err != nil {
		return fmt.Errorf("write into %s: %w", i.table.Name, err)
	}
	return nil
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

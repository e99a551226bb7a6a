package attribute

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/aggregator/attribution"
)

// reportColumns are what decisions depend on of a report, in the order in which scanReport reads them.
const reportColumns = `node, seq, toUnixTimestamp64Milli(received_at), toUnixTimestamp64Milli(occurred_at), toString(kind), toString(source), test,
	conversion_id, content, customer_id, aliases, click_id, toString(click_state), link_id, partner_id, toUnixTimestamp64Milli(clicked_at), credit_partner_id,
	amount, gross, running, currency, invoice, payments, refund, coupons`

// scanReport reads reportColumns, after what comes before them.
func scanReport(rows driver.Rows, r *attribution.Report, before ...any) error {
	c := &r.Conversion
	return rows.Scan(append(before, &r.Node, &r.Seq, &c.ReceivedAt, &c.OccurredAt, (*string)(&c.Kind), (*string)(&c.Source), &c.Test,
		&c.ID, &c.Content, &c.Customer, &c.Aliases, &c.Click, (*string)(&c.ClickState), (*uint32)(&c.Link), (*uint32)(&c.Partner), &c.ClickedAt, (*uint32)(&c.Credit),
		&c.Amount, &c.Gross, &c.Running, &c.Currency, &c.Invoice, &c.Payments, &c.Refund, &c.Coupons)...)
}

// eachName walks rows of one UInt64, and closes them.
func eachName(rows driver.Rows, yield func(uint64)) error {
	defer rows.Close()
	for rows.Next() {
		var n uint64
		if err := rows.Scan(&n); err != nil {
			return err
		}
		yield(n)
	}
	return rows.Err()
}

// reports reads all reports that have any of the names.
func (r *run) reports(set *names) ([]attribution.Report, error) {
	ctx, has, err := r.having("reports that belong together", slices.Sorted(maps.Keys(set.set)))
	if err != nil {
		return nil, err
	}
	rows, err := r.ClickHouse.Query(ctx, "SELECT "+reportColumns+" FROM fairlead.conversions WHERE "+has)
	if err != nil {
		return nil, fmt.Errorf("read the reports that belong together: %w", err)
	}
	defer rows.Close()
	var out []attribution.Report
	for rows.Next() {
		var one attribution.Report
		if err := scanReport(rows, &one); err != nil {
			return nil, fmt.Errorf("read the reports that belong together: %w", err)
		}
		out = append(out, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the reports that belong together: %w", err)
	}
	return out, nil
}

// decide decides reports that nothing outside of them belongs to, and looks whether a waiting claim's customer is among
// them.
func (r *run) decide(reports []attribution.Report) ([]attribution.Decision, error) {
	world, err := r.inputs.worldOf(reports)
	if err != nil {
		return nil, err
	}
	r.report.Reports += len(reports)
	return attribution.Decide(world, reports), nil
}

// arrived tells of waiting claims whose customer is among the reports.
func (r *run) arrived(reports []attribution.Report) error {
	if r.ClaimArrived == nil || len(r.inputs.waiting) == 0 {
		return nil
	}
	tell := func(alias string) error {
		for _, id := range r.inputs.waiting[alias] {
			if err := r.ClaimArrived(r.ctx, id); err != nil {
				return fmt.Errorf("tell that the customer of claim %d has arrived: %w", id, err)
			}
		}
		delete(r.inputs.waiting, alias)
		return nil
	}
	for _, one := range reports {
		if one.Test {
			continue
		}
		for _, alias := range append(slices.Clone(one.Aliases), "customer:"+one.Customer) {
			if err := tell(alias); err != nil {
				return err
			}
		}
	}
	return nil
}

package attribute

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/aggregator/attribution"
	"fairlead/aggregator/shipped"
	"fairlead/aggregator/staging"
	"fairlead/schema"
)

var (
	//go:embed queries/ties.sql
	tiesSQL string
	//go:embed queries/spool.sql
	spoolSQL string
)

// rebuild decides everything anew beside what stands, and swaps it in by month. What is noted as contained is what had
// been shipped before the reading began.
func (r *run) rebuild(progress func(done, total int)) error {
	now := r.state
	err := r.ClickHouse.QueryRow(r.named("newest directory entry", nil), "SELECT max(version) FROM fairlead.directory_log").Scan(&now.Version)
	if err != nil {
		return fmt.Errorf("ask for the newest directory entry: %w", err)
	}
	if now.RatesTo, err = r.changedRates(&names{}); err != nil {
		return err
	}
	// What a run has read before it turned into this one may be older than what is recorded as accounted for.
	r.inputs = newInputs(r)
	log, bounds := r.staging.Name("attribution_log"), r.staging.Name("attribution_nodes")
	values := map[string]string{"token": strconv.FormatUint(r.lock.Token(), 10), "fact": r.new.Fact, "log": log.Name}
	for _, s := range []struct {
		staging.Table
		purpose, sql string
	}{{log, "all shipments", shipped.StagedLogSQL}, {bounds, "bounds of all nodes", shipped.StagedBoundsSQL}} {
		if err := r.staging.Create(s.Table); err != nil {
			return err
		}
		if err := r.staging.Fill(s.Table, s.purpose, s.sql, values); err != nil {
			return err
		}
	}
	if err := r.rebuildDecisions(progress); err != nil {
		return err
	}
	for _, s := range []staging.Table{log, bounds} {
		if err := r.staging.Swap(s, "tuple()"); err != nil {
			return err
		}
		if err := r.staging.Drop(s.Name); err != nil {
			return err
		}
	}
	if err := r.sumAll(nil); err != nil {
		return err
	}
	return r.finish(now)
}

func (r *run) rebuildDecisions(progress func(done, total int)) error {
	stage := r.staging.Name("attributions")
	if err := r.staging.Create(stage); err != nil {
		return err
	}
	into, err := r.insertInto(stage)
	if err != nil {
		return err
	}
	s := spool{ch: r.ClickHouse, named: r.named}
	err = s.each(func(reports []attribution.Report, done, total int) error {
		decisions, err := r.decide(reports)
		if err != nil {
			return err
		}
		for _, d := range decisions {
			if err := into.add(d); err != nil {
				return err
			}
		}
		if progress != nil {
			progress(done, total)
		}
		return r.arrived(reports)
	})
	if err != nil {
		return err
	}
	if err := into.close(); err != nil {
		return err
	}
	partitions := map[string]bool{}
	for _, table := range []string{stage.Name, "attributions"} {
		var all []struct {
			ID string `ch:"id"`
		}
		if err := r.ClickHouse.Select(r.named("months of decisions", nil), &all, "SELECT DISTINCT _partition_id AS id FROM fairlead."+table); err != nil {
			return fmt.Errorf("look for the months of %s: %w", table, err)
		}
		for _, p := range all {
			partitions[p.ID] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(partitions)) {
		if err := r.swapDecisions(stage, id); err != nil {
			return err
		}
	}
	r.report.Changed = r.report.Reports
	return r.staging.Drop(stage.Name)
}

// swapDecisions puts one month of the decisions in.
func (r *run) swapDecisions(stage staging.Table, partition string) error {
	var rows uint64
	if err := r.ClickHouse.QueryRow(r.named("rows of a month", map[string]string{"id": partition}),
		"SELECT count() FROM fairlead."+stage.Name+" WHERE _partition_id = {id:String}").Scan(&rows); err != nil {
		return fmt.Errorf("count the decisions of %s: %w", partition, err)
	}
	if rows > 0 {
		return r.staging.Swap(stage, partition)
	}
	if err := r.lock.Check(); err != nil {
		return err
	}
	if err := r.ClickHouse.Exec(r.named("month without decisions", nil), "ALTER TABLE fairlead.attributions DROP PARTITION "+partition); err != nil {
		return fmt.Errorf("drop the decisions of %s: %w", partition, err)
	}
	return r.after("swap")
}

// spool reads all reports, those that belong together one after the other, in bounded memory: ClickHouse sorts them, and
// here is only held what ties names together that a report's first name does not.
type spool struct {
	ch    driver.Conn
	named func(purpose string, values map[string]string) context.Context
	since schema.Month // only customers of whom something occurred in this month of UTC or later; 0: all
}

// batchReports is about how many reports are decided at once.
const batchReports = 10_000

// each calls yield with reports that nothing else belongs to. Total counts those of customers who are left out, too.
func (s spool) each(yield func(reports []attribution.Report, done, total int) error) error {
	ties, err := s.tie()
	if err != nil {
		return err
	}
	var total uint64
	if err := s.ch.QueryRow(s.named("number of reports", nil), "SELECT count() FROM fairlead.conversions").Scan(&total); err != nil {
		return fmt.Errorf("count the reports: %w", err)
	}
	ctx := ch.Context(s.named("sorted reports", map[string]string{"since": strconv.FormatUint(uint64(s.since), 10)}), ch.WithExternalTable(ties))
	rows, err := s.ch.Query(ctx, "SELECT customer, "+reportColumns+" FROM ("+spoolSQL+") ORDER BY customer SETTINGS max_bytes_before_external_sort = 500000000")
	if err != nil {
		return fmt.Errorf("read the reports: %w", err)
	}
	defer rows.Close()
	var batch []attribution.Report
	var last uint64
	done := 0
	for rows.Next() {
		var one attribution.Report
		var customer uint64
		if err := scanReport(rows, &one, &customer); err != nil {
			return fmt.Errorf("read the reports: %w", err)
		}
		if len(batch) >= batchReports && customer != last {
			done += len(batch)
			if err := yield(batch, done, max(done, int(total))); err != nil {
				return err
			}
			batch = nil
		}
		last = customer
		batch = append(batch, one)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the reports: %w", err)
	}
	if len(batch) == 0 {
		return nil
	}
	done += len(batch)
	return yield(batch, done, max(done, int(total)))
}

// tie finds out which first names of reports are of one customer, and answers a table: name, and the least of those that
// it belongs with.
func (s spool) tie() (*ext.Table, error) {
	least := map[uint64]uint64{} // a forest: name → a smaller one of the same customer
	var root func(uint64) uint64
	root = func(n uint64) uint64 {
		up, ok := least[n]
		if !ok || up == n {
			return n
		}
		top := root(up)
		least[n] = top
		return top
	}
	rows, err := s.ch.Query(s.named("names that tie customers", nil), tiesSQL)
	if err != nil {
		return nil, fmt.Errorf("look for names that tie customers together: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var tied []uint64
		if err := rows.Scan(&tied); err != nil {
			return nil, fmt.Errorf("look for names that tie customers together: %w", err)
		}
		for _, n := range tied[1:] {
			a, b := root(tied[0]), root(n)
			least[max(a, b)] = min(a, b)
			least[min(a, b)] = min(a, b)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for names that tie customers together: %w", err)
	}
	table, err := ext.NewTable("ties", ext.Column("name", "UInt64"), ext.Column("least", "UInt64"))
	if err != nil {
		return nil, fmt.Errorf("BUG: the table of ties: %w", err)
	}
	for n := range least {
		if err := table.Append(n, root(n)); err != nil {
			return nil, fmt.Errorf("BUG: the table of ties: %w", err)
		}
	}
	return table, nil
}

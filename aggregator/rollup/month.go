package rollup

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/link_days.sql
	linkDaysSQL string
	//go:embed queries/partner_days.sql
	partnerDaysSQL string
	//go:embed queries/partner_months.sql
	partnerMonthsSQL string
)

// countMonth counts days of a month from the facts and swaps the month in, in all three tables. The
// month's other days keep their figures; with whole there are no others.
func (r *run) countMonth(month schema.Month, days []schema.Day, whole bool) error {
	links, partners, months := r.stage("link_days"), r.stage("partner_days"), r.stage("partner_months")
	for _, s := range []stage{links, partners, months} {
		if err := r.create(s); err != nil {
			return err
		}
	}
	values := map[string]string{
		"token":   strconv.FormatUint(r.lock.Token(), 10),
		"month":   strconv.FormatUint(uint64(month), 10),
		"first":   date(month.FirstDay()),
		"touched": dates(days),
		"keep":    strconv.FormatBool(!whole),
		"counted": partners.name,
	}
	for _, d := range schema.Weeks(days) {
		if err := r.countDays(links, partners, d, values); err != nil {
			return err
		}
		values["keep"] = "false" // the days that stay came with the first
	}
	if err := r.fill(months, "month", partnerMonthsSQL, values); err != nil {
		return err
	}
	partition := strconv.FormatUint(uint64(month), 10)
	for _, swap := range []struct {
		stage
		partition string
	}{{links, partition}, {partners, partition}, {months, "tuple()"}} {
		if err := r.swap(swap.stage, swap.partition); err != nil {
			return err
		}
	}
	if err := r.noteMonth(month); err != nil {
		return err
	}
	for _, s := range []stage{links, partners, months} {
		if err := r.drop(s.name); err != nil {
			return err
		}
	}
	r.report.Days += len(days)
	r.report.Months = append(r.report.Months, month)
	r.report.Generation = r.lock.Token()
	return nil
}

// countDays counts days that follow each other from the facts. The bounds on clicked_at prune by month and
// UTC day; where each program-day begins is told, so that its cut is that of the live counters.
func (r *run) countDays(links, partners stage, days []schema.Day, values map[string]string) error {
	starts := make([]string, len(days))
	for i, d := range days {
		starts[i] = clickhouse.Instant(d.Period(r.zone).From)
	}
	values["days"], values["starts"] = dates(days), list(starts)
	values["from"], values["to"] = starts[0], clickhouse.Instant(days[len(days)-1].Period(r.zone).To)
	if err := r.fill(links, "days of links", linkDaysSQL, values); err != nil {
		return fmt.Errorf("days %d to %d: %w", days[0], days[len(days)-1], err)
	}
	if err := r.fill(partners, "days of partners", partnerDaysSQL, values); err != nil {
		return fmt.Errorf("days %d to %d: %w", days[0], days[len(days)-1], err)
	}
	return r.after("count")
}

// stage is a staging table: the shape of a table of figures, for one run.
type stage struct{ name, of string }

// stagePrefix begins the name of every staging table. Nothing else in the database begins with it.
const stagePrefix = "stage_"

// stage names a new staging table for a table.
func (r *run) stage(of string) stage {
	r.tables++
	return stage{name: fmt.Sprintf("%s%s_%d_%d", stagePrefix, of, r.lock.Token(), r.tables), of: of}
}

// create makes a staging table. Its engine is plain, whatever the table's is: its parts are swapped in,
// and the table replicates them.
func (r *run) create(s stage) error {
	keys := map[string]string{
		"link_days":      "PARTITION BY toYYYYMM(day) ORDER BY (partner_id, link_id, day)",
		"partner_days":   "PARTITION BY toYYYYMM(day) ORDER BY (partner_id, day)",
		"partner_months": "ORDER BY (partner_id, month)",
		"rollup_log":     "ORDER BY (node, month, first_seq)",
		"rollup_nodes":   "ORDER BY node",
	}
	engines := map[string]string{"rollup_log": "ReplacingMergeTree(token)", "rollup_nodes": "ReplacingMergeTree(token)"}
	engine := "MergeTree"
	if e, ok := engines[s.of]; ok {
		engine = e
	}
	err := r.ClickHouse.Exec(clickhouse.Named(r.ctx, "rollup: stage", nil), fmt.Sprintf(
		"CREATE TABLE fairlead.%s AS fairlead.%s ENGINE = %s %s SETTINGS fsync_after_insert = 1, fsync_part_directory = 1",
		s.name, s.of, engine, keys[s.of]))
	if err != nil {
		return fmt.Errorf("make the staging table %s: %w", s.name, err)
	}
	return r.after("stage")
}

// fill runs an INSERT … SELECT into a staging table.
func (r *run) fill(s stage, purpose, sql string, values map[string]string) error {
	values["stage"] = s.name
	if err := r.ClickHouse.Exec(clickhouse.Named(r.ctx, "rollup: "+purpose, values), sql); err != nil {
		return fmt.Errorf("count into %s: %w", s.name, err)
	}
	return r.after("fill")
}

// swap puts the staging table's rows in the place of the partition's, if the run still holds the lock.
func (r *run) swap(s stage, partition string) error {
	var rows uint64
	ctx := clickhouse.Named(r.ctx, "rollup: swap", nil)
	if err := r.ClickHouse.QueryRow(ctx, "SELECT count() FROM fairlead."+s.name).Scan(&rows); err != nil {
		return fmt.Errorf("count the rows of %s: %w", s.name, err)
	}
	if err := r.lock.Check(); err != nil {
		return err
	}
	stmt := fmt.Sprintf("ALTER TABLE fairlead.%s REPLACE PARTITION %s FROM fairlead.%s", s.of, partition, s.name)
	if rows == 0 { // which REPLACE PARTITION refuses
		stmt = fmt.Sprintf("ALTER TABLE fairlead.%s DROP PARTITION %s", s.of, partition)
	}
	if err := r.ClickHouse.Exec(ctx, stmt); err != nil {
		return fmt.Errorf("swap %s of %s: %w", partition, s.of, err)
	}
	return r.after("swap")
}

func (r *run) drop(name string) error {
	if err := r.ClickHouse.Exec(clickhouse.Named(r.ctx, "rollup: clean", nil), "DROP TABLE IF EXISTS fairlead."+name+" SYNC"); err != nil {
		return fmt.Errorf("drop the staging table %s: %w", name, err)
	}
	return r.after("drop")
}

// dropStages drops the staging tables of every run before this one.
func (r *run) dropStages() error {
	var left []struct {
		Name string `ch:"name"`
	}
	ctx := clickhouse.Named(r.ctx, "rollup: what other runs left", nil)
	err := r.ClickHouse.Select(ctx, &left, "SELECT name FROM system.tables WHERE database = 'fairlead' AND startsWith(name, '"+stagePrefix+"')")
	if err != nil {
		return fmt.Errorf("look for staging tables: %w", err)
	}
	for _, t := range left {
		if err := r.drop(t.Name); err != nil {
			return err
		}
	}
	return nil
}

func date(d schema.Day) string { return d.Time().Format(time.DateOnly) }

func dates(days []schema.Day) string {
	texts := make([]string, len(days))
	for i, d := range days {
		texts[i] = date(d)
	}
	return list(texts)
}

// list writes an array of dates or instants.
func list(texts []string) string { return "['" + strings.Join(texts, "','") + "']" }

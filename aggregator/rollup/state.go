package rollup

import (
	_ "embed"
	"fmt"
	"slices"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/newest_token.sql
	newestTokenSQL string
	//go:embed queries/months.sql
	monthsSQL string
)

// newestToken returns the token of the last run that swapped anything in; 0 when none did.
func (r *run) newestToken() (token uint64, err error) {
	if err := r.ClickHouse.QueryRow(clickhouse.Named(r.ctx, "rollup: newest token", nil), newestTokenSQL).Scan(&token); err != nil {
		return 0, fmt.Errorf("read the newest token: %w", err)
	}
	return token, nil
}

// zoneMoved reports whether figures stand that were cut in another zone than the program's and can be
// counted anew.
func (r *run) zoneMoved() (bool, error) {
	var all []struct {
		Month uint32 `ch:"month"`
		Zone  string `ch:"zone"`
	}
	if err := r.ClickHouse.Select(clickhouse.Named(r.ctx, "rollup: months", nil), &all, monthsSQL); err != nil {
		return false, fmt.Errorf("read the months of the rollups: %w", err)
	}
	moved := map[schema.Month]bool{}
	for _, m := range all {
		if m.Zone != r.zone.String() {
			moved[schema.Month(m.Month)] = true
		}
	}
	if len(moved) == 0 {
		return false, nil
	}
	again, err := r.monthsToRebuild()
	return slices.ContainsFunc(again, func(m schema.Month) bool { return moved[m] }), err
}

// noteMonth records that the month's figures are this run's.
func (r *run) noteMonth(month schema.Month) error {
	ctx := clickhouse.Named(r.ctx, "rollup: month done", nil)
	err := r.ClickHouse.Exec(ctx, "INSERT INTO fairlead.rollup_months (month, zone, token) VALUES (?, ?, ?)",
		uint32(month), r.zone.String(), r.lock.Token())
	if err != nil {
		return fmt.Errorf("record month %d as done: %w", month, err)
	}
	return r.after("month")
}

// publish tells the readers of Redis which figures stand now.
func (r *run) publish() error {
	if err := r.lock.Check(); err != nil {
		return err
	}
	err := r.Redis.HSet(r.ctx, r.Keys.Rollup(),
		schema.RollupGeneration, r.report.Generation,
		schema.RollupCompleteTo, max(0, r.report.CompleteTo.UnixMilli()),
	).Err()
	if err != nil {
		return fmt.Errorf("tell Redis which figures stand: %w", err)
	}
	return r.after("publish")
}

package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"fairlead/aggregator/verify"
	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

//go:embed scale/tables.sql
var scaleTablesSQL string

// plainQuestions are what somebody without rollups would ask ClickHouse for the same figures.
func plainQuestions() []struct{ name, sql string } {
	const kinds = "countIf(verdict = 'valid'), countIf(verdict = 'bot'), countIf(verdict = 'prefetch'), countIf(verdict = 'embedded'), " +
		"countIf(verdict = 'unknown_link'), countIf(verdict = 'suspended'), countIf(verdict = 'disabled'), countIf(verdict = 'expired')"
	const uniques = ", uniqExactIf(visitor, verdict = 'valid' AND visitor != 0)"
	all := []struct{ name, sql string }{
		{"partner × day", "SELECT partner_id, toDate(clicked_at) AS day, " + kinds + uniques + " FROM fairlead.clicks GROUP BY partner_id, day"},
		{"partner × month", "SELECT partner_id, toYYYYMM(clicked_at) AS month, " + kinds + " FROM fairlead.clicks GROUP BY partner_id, month"},
		{"link × day", "SELECT partner_id, link_id, toDate(clicked_at) AS day, " + kinds + uniques + " FROM fairlead.clicks GROUP BY partner_id, link_id, day"},
	}
	for _, by := range []struct{ name, column string }{
		{"country", "country"}, {"device", "device"}, {"browser", "browser"}, {"referrer", "referrer_host"}, {"sub id", "sub_id"}, {"landing page", "path(destination)"},
	} {
		all = append(all, struct{ name, sql string }{"partner × day × " + by.name, "SELECT partner_id, toDate(clicked_at) AS day, " + by.column +
			" AS value, count(), uniqExactIf(visitor, visitor != 0) FROM fairlead.clicks WHERE verdict = 'valid' GROUP BY partner_id, day, value"})
	}
	return all
}

// ask measures the plain questions, those of the pages and the audit, and what the stores take.
func (r *scaleReport) ask(ctx context.Context, y *year, times int) error {
	for _, q := range plainQuestions() {
		began := time.Now()
		// All rows are made, none is sent; groups that do not fit into memory go to the disk, as the aggregator's do.
		if err := y.exec(ctx, "plain GROUP BY", "INSERT INTO FUNCTION null() "+q.sql+" SETTINGS max_bytes_before_external_group_by = 500000000", nil); err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		took := time.Since(began).Seconds()
		r.Plain = append(r.Plain, timed{q.name, took})
		r.PlainAll += took
		fmt.Fprintf(y.progress, "plain GROUP BY of %s, %.1f s\n", q.name, took)
	}
	if err := r.askPages(ctx, y, times); err != nil {
		return err
	}
	if err := r.audit(ctx, y); err != nil {
		return err
	}
	if err := y.ch.Select(clickhouse.Named(ctx, "bench: sizes", nil), &r.Tables, scaleTablesSQL); err != nil {
		return fmt.Errorf("read the sizes of the tables: %w", err)
	}
	var err error
	r.Memory, err = peakMemory(y.clickHouse.PID())
	return err
}

// askPages asks for partners' figures as the pages do, without the pages' cache: a stand that has no generation is not
// kept. The partners are those from the most to the least clicked ones.
func (r *scaleReport) askPages(ctx context.Context, y *year, times int) error {
	reader := figures.New(y.ch, y.rdb, schema.DefaultKeys, time.Now)
	first := schema.DayOf(firstOfYear, time.UTC)
	last := schema.DayOf(firstOfYear.AddDate(0, 0, y.days-1), time.UTC)
	span := period.Range{From: first, To: last}
	spans := figures.OverviewSpans{
		FirstMonth: first.Month(), LastMonth: last.Month(),
		Days:      period.Range{From: period.Day(last, -29), To: last},
		OtherDays: period.Range{From: period.Day(last, -59), To: period.Day(last, -30)},
		Links:     span,
	}
	dimensions := []schema.Dimension{schema.DimensionCountry, schema.DimensionDevice, schema.DimensionBrowser, schema.DimensionReferrer, schema.DimensionSubID, schema.DimensionLandingPage}
	var overview, breakdown []float64
	for i := range times {
		partner := schema.PartnerID(1 + i*y.partners/times)
		began := time.Now()
		if _, err := reader.Overview(ctx, figures.Stand{}, partner, spans); err != nil {
			return err
		}
		overview = append(overview, float64(time.Since(began).Nanoseconds())/1e6)
		began = time.Now()
		if _, err := reader.Breakdown(ctx, figures.Stand{}, partner, dimensions[i%len(dimensions)], span, 20); err != nil {
			return err
		}
		breakdown = append(breakdown, float64(time.Since(began).Nanoseconds())/1e6)
	}
	r.Overview, r.Breakdown = spreadOf(overview), spreadOf(breakdown)
	return nil
}

// audit asks the one question that shows every gap and double. None was made.
func (r *scaleReport) audit(ctx context.Context, y *year) error {
	var nodes []struct {
		Rows    uint64 `ch:"rows"`
		Gaps    uint64 `ch:"gaps"`
		Doubles uint64 `ch:"doubles"`
	}
	began := time.Now()
	question := "SELECT rows, gaps, doubles FROM (" + verify.AuditSQL + ")"
	if err := y.ch.Select(clickhouse.Named(ctx, "bench: audit", map[string]string{"since": "0"}), &nodes, question); err != nil {
		return fmt.Errorf("audit the sequences: %w", err)
	}
	r.Audit = time.Since(began).Seconds()
	var found uint64
	for _, n := range nodes {
		if found += n.Rows; n.Gaps+n.Doubles > 0 {
			return fmt.Errorf("the audit finds %d gaps and %d doubles", n.Gaps, n.Doubles)
		}
	}
	if found != y.done {
		return fmt.Errorf("the audit finds %d clicks, want %d", found, y.done)
	}
	return nil
}

// peakMemory returns the most memory that a process has had resident, in MB.
func peakMemory(pid int) (float64, error) {
	name := filepath.Join("/proc", strconv.Itoa(pid), "status")
	status, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("read the memory of a process: %w", err)
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			var kib float64
			if _, err := fmt.Sscanf(string(value), "%g kB", &kib); err != nil {
				return 0, fmt.Errorf("read %s: %q: %w", name, line, err)
			}
			return kib * 1024 / 1e6, nil
		}
	}
	return 0, fmt.Errorf("%s does not tell VmHWM", name)
}

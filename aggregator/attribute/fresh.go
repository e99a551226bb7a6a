package attribute

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"time"

	"fairlead/aggregator/shipped"
	"fairlead/schema/clickhouse"
)

// most is how many new reports are taken up at once, and about how many names: what belongs to them has to fit in memory.
const (
	mostReports = 20_000
	mostNames   = 50_000
)

// From so many new reports on, which are at least one in muchOfAll of all, everything is decided anew: 1,000,000 of
// 1,000,000 took 80 s piece by piece, and 10 to 16 s at once.
const (
	muchReports = 100_000
	muchOfAll   = 5
)

// span is a range of a node's reports.
type span struct {
	node        string
	month       uint32
	first, last uint64
	from, to    time.Time // when they were received
	rows        uint64
}

// spans joins shipments that follow each other, and splits large ones, into ranges of at most mostReports numbers.
func spans(fresh []shipped.Shipment) []span {
	fresh = slices.Clone(fresh)
	slices.SortFunc(fresh, func(a, b shipped.Shipment) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Month, b.Month), cmp.Compare(a.First, b.First))
	})
	var out []span
	for _, s := range fresh {
		if s.Rows == 0 || len(s.Quarters) == 0 {
			continue
		}
		from, to := slices.MinFunc(s.Quarters, time.Time.Compare), slices.MaxFunc(s.Quarters, time.Time.Compare).Add(quarter)
		if n := len(out) - 1; n >= 0 && out[n].node == s.Node && out[n].month == s.Month && s.Last-out[n].first < mostReports {
			last := &out[n]
			last.last, last.rows = max(last.last, s.Last), last.rows+s.Rows
			if from.Before(last.from) {
				last.from = from
			}
			if to.After(last.to) {
				last.to = to
			}
			continue
		}
		for first := s.First; first <= s.Last; first += mostReports {
			last := min(s.Last, first+mostReports-1)
			out = append(out, span{node: s.Node, month: s.Month, first: first, last: last, from: from, to: to, rows: min(s.Rows, last-first+1)})
		}
	}
	return out
}

// quarter is the length of what a shipment's quarters begin.
const quarter = 15 * time.Minute

//go:embed queries/names_of_span.sql
var namesOfSpanSQL string

// decideFresh decides what new shipments touch, and notes them as done.
func (r *run) decideFresh(fresh []shipped.Shipment) error {
	if len(fresh) == 0 {
		return nil
	}
	seeds, rows := &names{}, uint64(0)
	for _, s := range spans(fresh) {
		err := r.seed(seeds, "names of new reports", namesOfSpanSQL, map[string]string{
			"node":  s.node,
			"month": strconv.FormatUint(uint64(s.month), 10),
			"first": strconv.FormatUint(s.first, 10),
			"last":  strconv.FormatUint(s.last, 10),
			"from":  clickhouse.Instant(s.from),
			"to":    clickhouse.Instant(s.to),
		})
		if err != nil {
			return err
		}
		if rows += s.rows; rows >= mostReports {
			if err := r.decideAll(seeds); err != nil {
				return err
			}
			rows = 0
		}
	}
	if err := r.decideAll(seeds); err != nil {
		return err
	}
	if err := r.lock.Check(); err != nil {
		return err
	}
	r.report.Shipments += len(fresh)
	return r.new.Note(r.ctx, fresh, r.lock.Token())
}

// seed adds the names that a question answers.
func (r *run) seed(seeds *names, purpose, sql string, values map[string]string) error {
	rows, err := r.ClickHouse.Query(r.named(purpose, values), sql)
	if err == nil {
		err = eachName(rows, func(n uint64) { seeds.add(n) })
	}
	if err != nil {
		return fmt.Errorf("look for the %s: %w", purpose, err)
	}
	return nil
}

// isMuch reports whether so much is new that deciding everything costs less: what belongs to some reports is found by
// reading a column of all of them, for every mostReports anew.
func (r *run) isMuch(fresh []shipped.Shipment) (bool, error) {
	var rows, all uint64
	for _, s := range fresh {
		rows += s.Rows
	}
	if rows < muchReports {
		return false, nil
	}
	if err := r.ClickHouse.QueryRow(r.named("all reports", nil), "SELECT count() FROM fairlead.conversions").Scan(&all); err != nil {
		return false, fmt.Errorf("count the reports: %w", err)
	}
	return rows >= all/muchOfAll, nil
}

// decideAll decides everything that belongs to the names, and empties them.
func (r *run) decideAll(seeds *names) error {
	for seeds.len() > 0 {
		set := &names{}
		for _, n := range seeds.take(mostNames) {
			set.add(n)
		}
		if err := r.close(set); err != nil {
			return err
		}
		for n := range set.set {
			delete(seeds.set, n)
		}
		reports, err := r.reports(set)
		if err != nil {
			return err
		}
		decisions, err := r.decide(reports)
		if err != nil {
			return err
		}
		if err := r.write(decisions); err != nil {
			return err
		}
		if err := r.arrived(reports); err != nil {
			return err
		}
	}
	return nil
}

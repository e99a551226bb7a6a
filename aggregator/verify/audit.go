package verify

import (
	_ "embed"
	"fmt"
	"strconv"
)

var (
	// AuditSQL is the one question that proves that nothing is lost or doubled; {since:UInt32} is 0 for all.
	//go:embed queries/audit.sql
	AuditSQL string
	//go:embed queries/doubles.sql
	doublesSQL string
)

// audited is a row of the audit.
type audited struct {
	Node      string  `ch:"node"`
	First     uint64  `ch:"first_seq"`
	Last      uint64  `ch:"last_seq"`
	Rows      uint64  `ch:"rows"`
	Explained uint64  `ch:"explained"`
	Gaps      uint64  `ch:"gaps"`
	Doubles   uint64  `ch:"doubles"`
	FirstGaps [][]any `ch:"first_gaps"`    // (first missing seq of a block, how many are missing in it)
	DoubledIn [][]any `ch:"double_blocks"` // (first seq of a block, how many rows are too many in it)
}

// audit looks at the sequences of a fact and counts its rows in found. A shipment that lands between ClickHouse's looks
// at the rows and at shipments appears as a gap; the second question does not repeat that.
func (r *run) audit(f fact, found *uint64) error {
	all, err := r.ask(f)
	if err != nil {
		return err
	}
	suspects := map[string]audited{}
	for _, a := range all {
		*found += a.Rows
		r.report.Explained += a.Explained
		if a.Gaps+a.Doubles > 0 {
			suspects[a.Node] = a
		}
	}
	r.report.Nodes += len(all)
	if len(suspects) == 0 {
		return nil
	}
	r.wait()
	again, err := r.ask(f)
	if err != nil {
		return err
	}
	for _, a := range again {
		before, suspect := suspects[a.Node]
		if !suspect {
			continue
		}
		seen, gaps := map[uint64]uint64{}, uint64(0)
		for _, g := range before.FirstGaps {
			seen[number(g[0])] = number(g[1])
		}
		for _, g := range a.FirstGaps {
			first := number(g[0])
			if n := min(number(g[1]), seen[first]); n > 0 {
				gaps += n
				r.differ(Gap, fmt.Sprintf("node %s, seq %d", a.Node, first),
					"a row in "+f.table+", or a reason in gaps", fmt.Sprintf("neither; %d numbers up to seq %d are missing like it", n, first|65535))
			}
		}
		if len(a.FirstGaps) == listed {
			gaps = min(a.Gaps, before.Gaps)
		}
		r.report.Gaps += gaps
		r.report.Doubles += min(a.Doubles, before.Doubles)
		for _, d := range a.DoubledIn {
			if err := r.doubled(f, a.Node, number(d[0])); err != nil {
				return err
			}
		}
	}
	return nil
}

// listed is how many blocks of a node the audit lists.
const listed = 100

// number reads a UInt64 from a tuple.
func number(v any) uint64 {
	n, ok := v.(uint64)
	if !ok {
		panic(fmt.Sprintf("BUG: the audit answers a %T where a UInt64 stands", v))
	}
	return n
}

func (r *run) ask(f fact) ([]audited, error) {
	var all []audited
	ctx := r.named("audit of the sequences", map[string]string{"since": r.since()})
	if err := r.ClickHouse.Select(ctx, &all, f.about(AuditSQL)); err != nil {
		return nil, fmt.Errorf("audit the sequences of %s: %w", f.table, err)
	}
	return all, nil
}

func (r *run) since() string { return strconv.FormatUint(uint64(r.scope.Since), 10) }

// doubled lists the first numbers of a block that stand more than once.
func (r *run) doubled(f fact, node string, from uint64) error {
	var found []struct {
		Seq  uint64 `ch:"seq"`
		Rows uint64 `ch:"rows"`
	}
	ctx := r.named("doubles", map[string]string{"node": node, "from": strconv.FormatUint(from, 10), "since": r.since()})
	if err := r.ClickHouse.Select(ctx, &found, f.about(doublesSQL)); err != nil {
		return fmt.Errorf("look for the doubles of node %s: %w", node, err)
	}
	for _, d := range found {
		r.differ(Double, fmt.Sprintf("node %s, seq %d", node, d.Seq), "1 row", fmt.Sprintf("%d rows", d.Rows))
	}
	return nil
}

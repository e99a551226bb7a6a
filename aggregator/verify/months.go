package verify

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/landed.sql
	landedSQL string
	//go:embed queries/months.sql
	monthsSQL string
	//go:embed queries/conversion_months.sql
	conversionMonthsSQL string
)

// months are those to be gone through.
type months struct {
	facts   map[string][]schema.Month // by table; of UTC, as rows and shipments are kept
	figures []schema.Month            // of the program
}

// months returns the months in which there is something to compare.
func (r *run) months() (months, error) {
	var known []struct {
		Month   uint32 `ch:"month"`
		Facts   bool   `ch:"facts"`
		Shipped bool   `ch:"shipped"`
		Figures bool   `ch:"figures"`
	}
	if err := r.ClickHouse.Select(r.named("months", nil), &known, monthsSQL); err != nil {
		return months{}, fmt.Errorf("look for the months with hits: %w", err)
	}
	facts, figures := map[schema.Month]bool{}, map[schema.Month]bool{}
	for _, k := range known {
		m := schema.Month(k.Month)
		if k.Facts || k.Shipped {
			facts[m] = true
		}
		if k.Facts {
			figures[schema.MonthOf(m.FirstDay().Time(), r.zone)] = true
			figures[schema.MonthOf(m.Add(1).FirstDay().Time().Add(-time.Second), r.zone)] = true
		}
		if k.Figures {
			figures[m] = true
		}
	}
	before := func(m schema.Month, _ bool) bool { return m < r.scope.Since }
	maps.DeleteFunc(facts, before)
	maps.DeleteFunc(figures, before)
	out := months{facts: map[string][]schema.Month{clicks.table: slices.Sorted(maps.Keys(facts))}, figures: slices.Sorted(maps.Keys(figures))}
	var reported []struct {
		Month uint32 `ch:"month"`
	}
	if err := r.ClickHouse.Select(r.named("months", map[string]string{"since": r.since()}), &reported, conversionMonthsSQL); err != nil {
		return months{}, fmt.Errorf("look for the months with conversions: %w", err)
	}
	for _, m := range reported {
		out.facts[conversions.table] = append(out.facts[conversions.table], schema.Month(m.Month))
	}
	return out, nil
}

// landed asks up to where the nodes' hits are known.
func (r *run) landed() ([]node, error) {
	var nodes []node
	if err := r.ClickHouse.Select(r.named("what has landed", nil), &nodes, landedSQL); err != nil {
		return nil, fmt.Errorf("ask what has landed: %w", err)
	}
	return nodes, nil
}

// bounds are the parameters nodes and bounds of a question: a number for each node.
func bounds(nodes []node, of func(node) uint64) (names, numbers string) {
	ns, bs := make([]string, len(nodes)), make([]string, len(nodes))
	for i, n := range nodes {
		ns[i], bs[i] = clickhouse.Quote(n.Node), strconv.FormatUint(of(n), 10)
	}
	if len(nodes) == 0 { // transform needs something to look in
		ns, bs = []string{"''"}, []string{"0"}
	}
	return "[" + strings.Join(ns, ",") + "]", "[" + strings.Join(bs, ",") + "]"
}

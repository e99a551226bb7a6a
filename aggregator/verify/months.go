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
	sales   []schema.Month            // likewise
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
		r.programMonths(figures, m, k.Facts, k.Figures)
	}
	out := months{facts: map[string][]schema.Month{clicks.table: r.inScope(facts)}, figures: r.inScope(figures)}
	var reported []struct {
		Month uint32 `ch:"month"`
	}
	if err := r.ClickHouse.Select(r.named("months", map[string]string{"since": r.since()}), &reported, conversionMonthsSQL); err != nil {
		return months{}, fmt.Errorf("look for the months with conversions: %w", err)
	}
	for _, m := range reported {
		out.facts[conversions.table] = append(out.facts[conversions.table], schema.Month(m.Month))
	}
	var err error
	out.sales, err = r.saleMonths()
	return out, err
}

// programMonths adds the program-months into which figures of a month of UTC fall, and that of figures themselves.
func (r *run) programMonths(to map[schema.Month]bool, m schema.Month, facts, figures bool) {
	if facts {
		to[schema.MonthOf(m.FirstDay().Time(), r.zone)] = true
		to[schema.MonthOf(m.Add(1).FirstDay().Time().Add(-time.Second), r.zone)] = true
	}
	if figures {
		to[m] = true
	}
}

// inScope returns the months that are to be looked at, in their order.
func (r *run) inScope(all map[schema.Month]bool) []schema.Month {
	maps.DeleteFunc(all, func(m schema.Month, _ bool) bool { return m < r.scope.Since })
	return slices.Sorted(maps.Keys(all))
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

package attribute

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
)

// names is a set of hashes of names: those of the column names of conversions.
type names struct{ set map[uint64]bool }

func (n *names) add(name uint64) bool {
	if n.set == nil {
		n.set = map[uint64]bool{}
	}
	if n.set[name] {
		return false
	}
	n.set[name] = true
	return true
}

func (n *names) len() int { return len(n.set) }

// take removes up to so many names and returns them.
func (n *names) take(most int) []uint64 {
	var out []uint64
	for name := range n.set {
		if len(out) == most {
			break
		}
		out = append(out, name)
		delete(n.set, name)
	}
	return out
}

// fewNames is up to how many names are looked for by the index; for more the column is read, which a bloom filter
// would not spare.
const fewNames = 100

// having prepares a question for rows that have any of the names: its context, and the condition.
func (r *run) having(purpose string, wanted []uint64) (context.Context, string, error) {
	if len(wanted) <= fewNames {
		texts := make([]string, len(wanted))
		for i, n := range wanted {
			texts[i] = strconv.FormatUint(n, 10)
		}
		return r.named(purpose, map[string]string{"names": "[" + strings.Join(texts, ",") + "]"}), "hasAny(names, {names:Array(UInt64)})", nil
	}
	table, err := ext.NewTable("wanted", ext.Column("name", "UInt64"))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", purpose, err)
	}
	for _, n := range wanted {
		if err := table.Append(n); err != nil {
			return nil, "", fmt.Errorf("%s: %w", purpose, err)
		}
	}
	return ch.Context(r.named(purpose, nil), ch.WithExternalTable(table)), "arrayExists(n -> n IN (SELECT name FROM wanted), names)", nil
}

// close adds to a set all names that are tied to one of them by any report, whatever number of reports lie between.
func (r *run) close(set *names) error {
	frontier := slices.Sorted(maps.Keys(set.set))
	for len(frontier) > 0 {
		ctx, has, err := r.having("names that belong together", frontier)
		if err != nil {
			return err
		}
		rows, err := r.ClickHouse.Query(ctx, "SELECT DISTINCT arrayJoin(names) FROM fairlead.conversions WHERE "+has)
		if err != nil {
			return fmt.Errorf("look for what belongs together: %w", err)
		}
		frontier = frontier[:0]
		err = eachName(rows, func(n uint64) {
			if set.add(n) {
				frontier = append(frontier, n)
			}
		})
		if err != nil {
			return fmt.Errorf("look for what belongs together: %w", err)
		}
	}
	return nil
}

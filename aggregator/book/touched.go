package book

import (
	_ "embed"
	"fmt"
	"maps"
	"strconv"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/touched_rewards.sql
	touchedRewardsSQL string
)

// muchTouched is from how many customers or rewards on everything is reckoned instead, which reads in one go.
const muchTouched = 200_000

// found is what changes touch.
type found struct {
	customers map[customer]bool
	rewards   map[schema.RewardID]bool // that may be by hand
	openings  map[schema.PartnerID]bool
	much      bool
}

func (f found) empty() bool { return len(f.customers)+len(f.rewards)+len(f.openings) == 0 }

// changed looks for what was not taken account of up to a state.
func (r *run) changed(now state) (found, error) {
	f := found{customers: map[customer]bool{}, rewards: map[schema.RewardID]bool{}, openings: map[schema.PartnerID]bool{}}
	if now.AttributedTo > r.state.AttributedTo {
		err := r.find(&f, "customers of new decisions", "token > {after:UInt64} AND token <= {to:UInt64}", map[string]string{
			"after": strconv.FormatUint(r.state.AttributedTo, 10), "to": strconv.FormatUint(now.AttributedTo, 10),
		})
		if err != nil || f.much {
			return f, err
		}
	}
	conversions, err := r.findRewards(&f, now)
	if err != nil || f.much {
		return f, err
	}
	if now.Version > r.state.Version {
		if err := r.findByDirectory(&f, now, conversions); err != nil || f.much {
			return f, err
		}
	}
	if len(conversions) == 0 {
		return f, nil
	}
	wanted, err := conversionsTable(conversions)
	if err != nil {
		return f, err
	}
	return f, r.find(&f, "customers of rewards", "conversion_id IN (SELECT id FROM wanted)", nil, wanted)
}

// find adds the customers of decisions for which a condition holds. A decision that another one has replaced since may be
// among them: nothing is missed by it.
func (r *run) find(f *found, what, condition string, values map[string]string, tables ...*ext.Table) error {
	options := []ch.QueryOption{}
	for _, t := range tables {
		options = append(options, ch.WithExternalTable(t))
	}
	rows, err := r.ClickHouse.Query(ch.Context(r.named(what, values), options...),
		fmt.Sprintf("SELECT DISTINCT %s FROM fairlead.attributions WHERE NOT test AND %s LIMIT %d", called, condition, r.much+1))
	if err != nil {
		return fmt.Errorf("look for the %s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		var hash string
		if err := rows.Scan(&hash); err != nil {
			return fmt.Errorf("look for the %s: %w", what, err)
		}
		f.customers[customer([]byte(hash))] = true
	}
	f.much = f.much || len(f.customers) > r.much
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look for the %s: %w", what, err)
	}
	return nil
}

// findRewards adds the rewards whose hold is over by now, those of which a run that was cut short booked something, and those that
// payouts gave back: while they were in a payout a review may have begun. It answers the conversions that they are for.
func (r *run) findRewards(f *found, now state) (map[string]bool, error) {
	values := map[string]string{
		"done": strconv.FormatUint(r.state.Token, 10),
		"from": clickhouse.Instant(r.state.DueTo), "to": clickhouse.Instant(now.DueTo),
		"freed": strconv.FormatUint(r.freed, 10), "most": strconv.Itoa(r.much + 1),
	}
	rows, err := r.ClickHouse.Query(r.named("rewards to look at", values), touchedRewardsSQL)
	if err != nil {
		return nil, fmt.Errorf("look for holds that are over, and rewards that payouts gave back: %w", err)
	}
	defer rows.Close()
	conversions := map[string]bool{}
	for rows.Next() {
		var id, conversion string
		if err := rows.Scan(&id, &conversion); err != nil {
			return nil, fmt.Errorf("look for holds that are over, and rewards that payouts gave back: %w", err)
		}
		if conversion != "" {
			conversions[conversion] = true
		} else {
			f.rewards[schema.RewardID([]byte(id))] = true
		}
	}
	f.much = f.much || len(conversions)+len(f.rewards) > r.much
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for holds that are over, and rewards that payouts gave back: %w", err)
	}
	return conversions, nil
}

// touched reckons what was found and books what is missing.
func (r *run) touched(f found) error {
	if f.empty() {
		return nil
	}
	if err := r.inputs.open(); err != nil {
		return err
	}
	some := make([]customer, 0, min(len(f.customers), mostCustomers))
	reckon := func() error {
		if len(some) == 0 {
			return nil
		}
		b, err := r.of(some)
		some = some[:0]
		if err != nil {
			return err
		}
		return r.book(b)
	}
	for c := range maps.Keys(f.customers) {
		if some = append(some, c); len(some) == mostCustomers {
			if err := reckon(); err != nil {
				return err
			}
		}
	}
	if err := reckon(); err != nil {
		return err
	}
	h := newHand()
	for id := range f.rewards {
		h.add(r.inputs, id)
	}
	if len(f.openings) > 0 {
		err := r.partners(f.openings, func(p schema.Partner) { h.open(r.inputs, p) })
		if err != nil {
			return err
		}
	}
	return r.byHand(h)
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

package figures

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"time"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// ConversionsQuestion is which reports are listed.
type ConversionsQuestion struct {
	State  schema.AttributionState
	Since  time.Time // when they occurred, at the earliest
	Limit  int
	Offset int
}

// Conversions are reports of one state, and how many there are of each state that is in no partner's figures.
type Conversions struct {
	States map[schema.AttributionState]uint64
	List   []Reported // the latest first
}

// Reported is a report and what was decided of it.
type Reported struct {
	At       time.Time                `ch:"at"`
	Kind     schema.ConversionKind    `ch:"-"`
	Reason   schema.AttributionReason `ch:"-"`
	Partner  schema.PartnerID         `ch:"-"` // 0: nobody
	Customer string                   `ch:"customer"`
	ID       string                   `ch:"conversion_id"`
	Coupon   string                   `ch:"coupon"`
	Amount   int64                    `ch:"amount"` // minor units of Currency
	Currency string                   `ch:"currency"`
}

//go:embed conversions.sql
var conversionsSQL string

// Conversions reads the reports of one state.
func (r *Reader) Conversions(ctx context.Context, stand Stand, q ConversionsQuestion) (Conversions, error) {
	return cached(ctx, r.cache, stand.generation, q, func(ctx context.Context) (Conversions, error) { return r.conversions(ctx, q) },
		func(c Conversions) int { return len(c.List) + len(c.States) })
}

func (r *Reader) conversions(ctx context.Context, q ConversionsQuestion) (Conversions, error) {
	type row struct {
		Part     string `ch:"part"`
		State    string `ch:"state_name"`
		N        uint64 `ch:"n"`
		Position uint64 `ch:"position"`
		KindName string `ch:"kind_name"`
		Why      string `ch:"reason"`
		Whose    uint32 `ch:"partner"`
		Reported
	}
	var rows []row
	err := r.ch.Select(clickhouse.Named(ctx, "dashboard: conversions", map[string]string{
		"state":  string(q.State),
		"since":  clickhouse.Instant(q.Since),
		"limit":  strconv.Itoa(q.Limit),
		"offset": strconv.Itoa(q.Offset),
	}), &rows, conversionsSQL)
	if err != nil {
		return Conversions{}, fmt.Errorf("read the reports that are %s: %w", q.State, err)
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.Position, b.Position) }) // a union brings them in any order
	c := Conversions{States: map[schema.AttributionState]uint64{}}
	for _, row := range rows {
		if row.Part == "state" {
			c.States[schema.AttributionState(row.State)] = row.N
			continue
		}
		row.Reported.Kind, row.Reported.Reason, row.Reported.Partner = schema.ConversionKind(row.KindName), schema.AttributionReason(row.Why), schema.PartnerID(row.Whose)
		c.List = append(c.List, row.Reported)
	}
	return c, nil
}

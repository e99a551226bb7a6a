package payout

import (
	"context"
	"fmt"
	"time"

	"fairlead/aggregator/ledger"
)

// Booked returns up to when the holds that ended are released in the ledger: what Options ask for. The zero time: nothing was booked
// yet, or payouts gave something back that the booking of rewards has not looked at, which may be under review by now.
func (d Database) Booked(ctx context.Context) (time.Time, error) {
	var at time.Time
	var known ledger.Freed
	err := d.ClickHouse.QueryRow(d.asking(ctx, "rewards booked to", nil),
		"SELECT argMax(due_to, token), argMax(freed, token), argMax(freed_rows, token) FROM fairlead.reward_state").Scan(&at, &known.Token, &known.Rows)
	if err != nil {
		return at, fmt.Errorf("ask up to when rewards are booked: %w", err)
	}
	freed, _, err := d.ledger().Freed(ctx, known)
	if err != nil || freed != known {
		return time.Time{}, err
	}
	return at, nil
}

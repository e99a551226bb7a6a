// Package rewards reads how rewards stand, for whoever shows them: what partners earned, for what, and where that money is. It
// reads the ledger and the views over it, and reckons nothing.
package rewards

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/rewards.sql
	rewardsSQL string
	//go:embed queries/settled.sql
	settledSQL string
)

// Which rows of the ledger are looked at.
const (
	ofConversions = "conversion_id IN {conversions:Array(String)}"
	ofReward      = "reward_id = unhex({reward:String})"
	ofPartner     = "({partner:UInt32} = 0 OR partner_id = {partner:UInt32})"
)

// rewardsWith are the rewards that have such rows: the ledger finds these by its indexes, which the view does not reach.
func rewardsWith(rows string) string {
	return "(partner_id, reward_id) IN (SELECT DISTINCT partner_id, reward_id FROM fairlead.ledger WHERE " + rows + ")"
}

// query asks for rewards, and for the last payout among rows of the ledger.
func query(rows, which string) string { return fmt.Sprintf(rewardsSQL, rows, which) }

// Reader reads rewards over an open connection, which stays the caller's. It is safe for concurrent use.
type Reader struct{ ClickHouse driver.Conn }

// State is where a reward stands: the first of these in which there is something of it.
type State string

// The states of a reward.
const (
	StateReview     State = "review"
	StateHolding    State = "holding"
	StateProcessing State = "processing"
	StatePayable    State = "payable"
	StatePaid       State = "paid"
	StateReversed   State = "reversed" // there is nothing of it
)

// States lists the states.
func States() []State {
	return []State{StateReview, StateHolding, StateProcessing, StatePayable, StatePaid, StateReversed}
}

// Reward is what one partner has of one sale, lead, entry by hand or opening balance. Amounts are minor units of Currency.
type Reward struct {
	ID         schema.RewardID  `json:"id"`
	Partner    schema.PartnerID `json:"partner_id"`
	Conversion string           `json:"conversion_id,omitempty"` // of the sale or lead; empty: it is for none
	Rule       uint32           `json:"rule_id,omitempty"`       // 0: by none
	State      State            `json:"state"`
	Currency   string           `json:"currency"`
	Amount     int64            `json:"amount"` // the five together
	Review     int64            `json:"review"`
	Holding    int64            `json:"holding"`
	Payable    int64            `json:"payable"` // below zero: taken back after it was paid
	Processing int64            `json:"processing"`
	Paid       int64            `json:"paid"`
	EarnedAt   time.Time        `json:"earned_at"`
	DueAt      time.Time        `json:"due_at,omitzero"`     // when its hold ends or ended; zero: it has none that ends
	Payout     string           `json:"payout_id,omitempty"` // the last that it was in; empty: none yet
}

// Of returns the rewards for conversions, by conversion; of one there are several where it was another partner's before.
func (r Reader) Of(ctx context.Context, conversions []string) (map[string][]Reward, error) {
	if len(conversions) == 0 {
		return nil, nil
	}
	quoted := make([]string, len(conversions))
	for i, id := range conversions {
		quoted[i] = clickhouse.Quote(id)
	}
	out := map[string][]Reward{}
	err := r.each(clickhouse.Named(ctx, "rewards of conversions", map[string]string{"conversions": "[" + strings.Join(quoted, ",") + "]"}), query(ofConversions, rewardsWith(ofConversions)+" ORDER BY conversion_id, partner_id"), func(one Reward) error {
		out[one.Conversion] = append(out[one.Conversion], one)
		return nil
	})
	return out, err
}

// Reward returns a reward; false: the ledger has none of that id.
func (r Reader) Reward(ctx context.Context, id schema.RewardID) (one Reward, found bool, err error) {
	err = r.each(clickhouse.Named(ctx, "a reward", map[string]string{"reward": id.String()}), query(ofReward, rewardsWith(ofReward)), func(read Reward) error {
		one, found = read, true
		return nil
	})
	return one, found, err
}

// List calls yield with the rewards of a partner, 0: of all; in a state, empty: in any; the newest first.
func (r Reader) List(ctx context.Context, partner schema.PartnerID, state State, yield func(Reward) error) error {
	return r.each(clickhouse.Named(ctx, "list rewards", map[string]string{"partner": partner.String(), "state": string(state)}),
		query(ofPartner, ofPartner+" AND ({state:String} = '' OR state = {state:String}) ORDER BY earned_at DESC, partner_id, reward_id"), yield)
}

func (r Reader) each(ctx context.Context, query string, yield func(Reward) error) error {
	rows, err := r.ClickHouse.Query(ctx, query)
	if err != nil {
		return fmt.Errorf("read rewards: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var one Reward
		var id string
		err := rows.Scan(&id, (*uint32)(&one.Partner), &one.Conversion, &one.Rule, (*string)(&one.State), &one.Currency, &one.Amount,
			&one.Review, &one.Holding, &one.Payable, &one.Processing, &one.Paid, &one.EarnedAt, &one.DueAt, &one.Payout)
		if err != nil {
			return fmt.Errorf("read rewards: %w", err)
		}
		copy(one.ID[:], id)
		if one.DueAt.Unix() == 0 {
			one.DueAt = time.Time{}
		}
		if err := yield(one); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read rewards: %w", err)
	}
	return nil
}

// Settled is what of rewards lies in payouts, in one currency: amounts in minor units.
type Settled struct {
	Currency   string
	Rewards    uint64 // of which something was received or is in a payout
	Paid       int64
	Processing int64
}

// Settled sums what was paid, or is in a payout, of the rewards for sales and leads of a period by some rules; of one partner,
// 0: of all. A period without an end has none.
func (r Reader) Settled(ctx context.Context, when schema.Period, partner schema.PartnerID, rules []uint32) ([]Settled, error) {
	ids := make([]string, len(rules))
	for i, id := range rules {
		ids[i] = strconv.FormatUint(uint64(id), 10)
	}
	if when.To.IsZero() {
		when.To = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	var out []Settled
	rows, err := r.ClickHouse.Query(clickhouse.Named(ctx, "rewards in payouts", map[string]string{
		"from": clickhouse.Instant(when.From), "to": clickhouse.Instant(when.To), "partner": partner.String(), "rules": "[" + strings.Join(ids, ",") + "]",
	}), settledSQL)
	if err != nil {
		return nil, fmt.Errorf("ask what was paid: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s Settled
		if err := rows.Scan(&s.Currency, &s.Rewards, &s.Paid, &s.Processing); err != nil {
			return nil, fmt.Errorf("ask what was paid: %w", err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("ask what was paid: %w", err)
	}
	return out, nil
}

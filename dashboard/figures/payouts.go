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

// Payouts is what a partner's page of payouts needs.
type Payouts struct {
	Balances []Balance // where the rewards of all times stand, by currency, ordered by it
	// Due are what of the balances is due by the cut-off that was asked about, if nothing happens until then.
	Due     map[string]int64
	Pending []PendingReward // the next to become payable first, those under review last
	List    []Payout        // the newest first
}

// PendingReward is a reward of which something is in no payout. Amounts are minor units of Currency.
type PendingReward struct {
	Currency   string
	Conversion bool // it is for a sale or sign-up
	Review     int64
	Holding    int64
	Payable    int64 // below zero: taken back after it was paid
	EarnedAt   time.Time
	DueAt      time.Time // when its hold ends or ended; zero: it has none that ends
}

// Payout is a payout as its partner sees it.
type Payout struct {
	ID                             schema.PayoutID
	Status                         schema.PayoutStatus
	To                             string // masked
	Amount                         int64  // minor units of Currency
	Currency                       string
	CreatedAt, SentAt, CompletedAt time.Time // zero: not yet
}

// PayoutsQuestion is which payouts and rewards are asked for.
type PayoutsQuestion struct {
	Partner                  schema.PartnerID
	CutOff                   time.Time // up to when what is due counts
	RewardsFrom, PayoutsFrom int       // how many of each list are left out
	Limit                    int       // of each list
}

//go:embed payouts.sql
var payoutsSQL string

// Payouts reads what is owed to a partner and what was paid. It is asked anew each time: payouts change without a figure
// changing.
func (r *Reader) Payouts(ctx context.Context, q PayoutsQuestion) (Payouts, error) {
	var rows []struct {
		Part     string      `ch:"part"`
		Currency string      `ch:"currency"`
		ID       string      `ch:"id"`
		Status   string      `ch:"status"`
		To       string      `ch:"whereto"`
		Amounts  []int64     `ch:"amounts"`
		Times    []time.Time `ch:"times"`
	}
	err := r.ch.Select(clickhouse.Named(ctx, "dashboard: payouts", map[string]string{
		"partner":      q.Partner.String(),
		"cut_off":      clickhouse.Instant(q.CutOff),
		"rewards_from": strconv.Itoa(q.RewardsFrom),
		"payouts_from": strconv.Itoa(q.PayoutsFrom),
		"limit":        strconv.Itoa(q.Limit),
	}), &rows, payoutsSQL)
	if err != nil {
		return Payouts{}, fmt.Errorf("read the payouts of partner %s: %w", q.Partner, err)
	}
	out := Payouts{Due: map[string]int64{}}
	for _, row := range rows {
		a, at := row.Amounts, row.Times
		for i := range at {
			if at[i] = at[i].UTC(); at[i].Unix() <= 0 {
				at[i] = time.Time{}
			}
		}
		switch row.Part {
		case "balance":
			out.Balances = append(out.Balances, Balance{Currency: row.Currency, Review: a[0], Holding: a[1], Payable: a[2], Processing: a[3], Paid: a[4], NextDue: at[0]})
			out.Due[row.Currency] = a[5]
		case "reward":
			out.Pending = append(out.Pending, PendingReward{Currency: row.Currency, Conversion: row.ID != "", Review: a[0], Holding: a[1], Payable: a[2], EarnedAt: at[0], DueAt: at[1]})
		case "payout":
			p := Payout{Status: schema.PayoutStatus(row.Status), To: row.To, Amount: a[0], Currency: row.Currency, CreatedAt: at[0], SentAt: at[1], CompletedAt: at[2]}
			if p.ID, err = schema.ParsePayoutID(row.ID); err != nil {
				return Payouts{}, fmt.Errorf("read the payouts of partner %s: %w", q.Partner, err)
			}
			out.List = append(out.List, p)
		}
	}
	slices.SortFunc(out.Balances, func(a, b Balance) int { return cmp.Compare(a.Currency, b.Currency) })
	return out, nil
}

// PaysTo reports whether there is a payout of an id to a partner.
func (r *Reader) PaysTo(ctx context.Context, id schema.PayoutID, partner schema.PartnerID) (bool, error) {
	var n uint64
	err := r.ch.QueryRow(clickhouse.Named(ctx, "dashboard: payout", map[string]string{"id": id.String(), "partner": partner.String()}),
		"SELECT count() FROM fairlead.payouts WHERE id = unhex({id:String}) AND partner_id = {partner:UInt32}").Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for payout %s: %w", id, err)
	}
	return n > 0, nil
}

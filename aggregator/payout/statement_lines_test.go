package payout

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"fairlead/schema"
)

// Whatever was booked before, between and after payouts of a reward, the lines of each are what that payout pays of it.
func TestTheLinesOfAPartSumUpToIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var booked []schema.Transfer
		reward := schema.NewRewardID(1, schema.CauseEarned, "sale", "USD")
		var clock, payable int64
		add := func(row schema.Transfer) {
			row.Reward, row.Partner, row.Currency, row.BookedAt, row.At = reward, 1, "USD", clock, clock
			row.Identify(len(booked))
			booked = append(booked, row)
		}
		type made struct {
			p    Payout
			part Part
		}
		var payouts []made
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			clock += rapid.Int64Range(0, 2).Draw(t, "pause")
			switch amount := rapid.Int64Range(1, 5).Draw(t, "amount"); rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				add(schema.Transfer{Kind: schema.CauseEarned, Cause: "sale", Debit: schema.AccountExpense, Credit: schema.AccountPayable, Amount: amount})
				payable += amount
			case 1:
				add(schema.Transfer{Kind: schema.CauseAdjusted, Cause: "refund", Debit: schema.AccountPayable, Credit: schema.AccountExpense, Amount: amount})
				payable -= amount
			case 2:
				if payable == 0 {
					continue
				}
				one := made{Payout{ID: PayoutID{byte(len(payouts) + 1)}, Partner: 1, Currency: "USD", CreatedAt: time.UnixMilli(clock)}, Part{Reward: reward, Amount: payable}}
				add(one.p.row(one.part, rowReserved, time.UnixMilli(clock)))
				payouts, payable = append(payouts, one), 0
			case 3:
				if len(payouts) == 0 {
					continue
				}
				last := payouts[len(payouts)-1]
				add(last.p.row(last.part, rowFreed, time.UnixMilli(clock)))
				payable += last.part.Amount
			}
		}
		for _, one := range payouts {
			var sum int64
			for _, l := range one.p.lines(one.part, booked, origin{}, time.UTC) {
				sum += l.Amount
			}
			if sum != one.part.Amount {
				t.Fatalf("the lines of %d sum up to %d, with %+v", one.part.Amount, sum, booked)
			}
		}
	})
}

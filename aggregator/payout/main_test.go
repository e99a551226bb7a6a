package payout_test

import (
	"context"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fairlead/aggregator/payout"
	"fairlead/aggregator/payout/payouttest"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestMain(m *testing.M) {
	code := storestest.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		println(err.Error())
		code = 1
	}
	os.Exit(code)
}

// day is the payout day of these tests.
var day = time.Date(2026, 11, 13, 0, 0, 0, 0, time.UTC)

// world is a program whose partners are paid by Stripe, and PayPal where they are so set up.
type world struct {
	*payouttest.Store
	t       *testing.T
	now     time.Time
	locks   payouttest.Locks
	stripe  *payouttest.Provider
	methods methods
	opt     payout.Options
	rewards int
}

type methods map[schema.PartnerID]payout.Method

func (m methods) Of(context.Context, []schema.PartnerID) (map[schema.PartnerID]payout.Method, error) {
	return m, nil
}

func newWorld(t *testing.T) *world {
	w := &world{Store: payouttest.NewStore(), t: t, now: day.Add(time.Hour), methods: methods{}}
	clock := func() time.Time { return w.now }
	w.stripe = &payouttest.Provider{Now: clock, KeyLife: 24 * time.Hour, AtOnce: true}
	for p := range schema.PartnerID(4) {
		w.methods[p+1] = payout.Method{Target: payout.Target{By: schema.PayByStripe, StripeAccount: "acct_" + (p + 1).String(), Masked: "Stripe"}}
	}
	w.opt = payout.Options{
		Store: w.Store, Methods: w.methods, Providers: map[schema.PayBy]payout.Provider{schema.PayByStripe: w.stripe},
		Program: func(context.Context) (schema.Program, error) {
			return schema.Program{Currency: "USD", Zone: "UTC", PayoutDay: 13, PayoutMinimum: 2500}, nil
		},
		ProgramID:   func(context.Context) (string, error) { return "test", nil },
		Lock:        w.locks.Do,
		Now:         clock,
		AutoApprove: true,
	}
	return w
}

// earn books a reward that is payable, due ten days before the first payout day.
func (w *world) earn(partner schema.PartnerID, amount int64, currency string) schema.RewardID {
	w.t.Helper()
	w.rewards++
	cause := "sale " + time.Duration(w.rewards).String()
	t := schema.Transfer{
		BookedAt: day.AddDate(0, 0, -10).UnixMilli(), At: day.AddDate(0, 0, -40).UnixMilli(), DueAt: day.AddDate(0, 0, -10).UnixMilli(), Partner: partner,
		Reward: schema.NewRewardID(partner, schema.CauseEarned, cause, currency), Debit: schema.AccountExpense, Credit: schema.AccountPayable,
		Amount: amount, Currency: currency, Kind: schema.CauseEarned, Cause: cause, Conversion: cause, Rule: 1,
	}
	t.Identify(0)
	w.book(t)
	return t.Reward
}

// refund takes a part of a reward back.
func (w *world) refund(partner schema.PartnerID, reward schema.RewardID, amount int64, currency string) {
	w.t.Helper()
	w.rewards++
	t := schema.Transfer{
		BookedAt: w.now.UnixMilli(), At: w.now.UnixMilli(), Partner: partner, Reward: reward, Debit: schema.AccountPayable, Credit: schema.AccountExpense,
		Amount: amount, Currency: currency, Kind: schema.CauseAdjusted, Cause: "refund " + time.Duration(w.rewards).String(),
	}
	t.Identify(0)
	w.book(t)
}

func (w *world) book(t schema.Transfer) {
	w.t.Helper()
	if err := w.Book(w.t.Context(), []schema.Transfer{t}); err != nil {
		w.t.Fatal(err)
	}
}

// another returns another process's Runner.
func (w *world) another() *payout.Runner { return payout.New(w.opt) }

func (w *world) run() payout.Report {
	w.t.Helper()
	report, err := w.another().Run(w.t.Context(), payout.CutOff(schema.Program{Zone: "UTC", PayoutDay: 13}, w.now), "system")
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// runToTheEnd runs until everything that can end has.
func (w *world) runToTheEnd() {
	w.t.Helper()
	for range 3 {
		w.run()
	}
}

// only returns the one payout there is.
func (w *world) only() payout.Payout {
	w.t.Helper()
	all, err := w.Find(w.t.Context(), payout.Filter{})
	if err != nil || len(all) != 1 {
		w.t.Fatalf("%d payouts, want one (%v)", len(all), err)
	}
	return all[0]
}

// balances are what the accounts of a partner hold in a currency.
func (w *world) balances(partner schema.PartnerID, currency string) map[schema.Account]int64 {
	var rows []schema.Transfer
	for _, t := range w.Ledger() {
		if t.Partner == partner && t.Currency == currency {
			rows = append(rows, t)
		}
	}
	return schema.Balances(rows)
}

// mustHold compares balances, and holds that all accounts together are nothing.
func (w *world) mustHold(partner schema.PartnerID, currency string, payable, processing, paid int64) {
	w.t.Helper()
	b := w.balances(partner, currency)
	if got, want := [3]int64{b[schema.AccountPayable], b[schema.AccountProcessing], b[schema.AccountPaid]}, [3]int64{payable, processing, paid}; got != want {
		w.t.Errorf("partner %s has payable, processing, paid %d, want %d", partner, got, want)
	}
	var sum int64
	for _, amount := range b {
		sum += amount
	}
	if sum != 0 {
		w.t.Errorf("the ledger's accounts sum up to %d", sum)
	}
}

// mustHavePaid holds the provider's own account: these amounts, by nobody's word but its own.
func (w *world) mustHavePaid(amounts ...int64) {
	w.t.Helper()
	paid := w.stripe.Paid()
	if len(paid) != len(amounts) {
		w.t.Errorf("the provider paid %d times, want %d: %v", len(paid), len(amounts), paid)
		return
	}
	for i, p := range paid {
		if p.Amount != amounts[i] {
			w.t.Errorf("payment %d is of %d, want %d", i, p.Amount, amounts[i])
		}
	}
}

package payout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/ledger"
	"fairlead/aggregator/lock"
	"fairlead/aggregator/payout"
	"fairlead/aggregator/payout/payouttest"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

// A payout's whole life in ClickHouse and Redis is what it is in memory: the same statuses, the same rows of the ledger.
func TestAPayoutInTheStores(t *testing.T) {
	stores := aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
	w := newWorld(t)
	db := payout.Database{ClickHouse: stores.CH, Box: schema.NewPayoutKey()}
	w.earn(1, 3000, "USD")
	r := w.earn(1, 500, "USD")
	w.refund(1, r, 600, "USD") // taken back after it was paid, as it were
	w.earn(1, 4000, "EUR")
	w.earn(2, 100, "USD")
	if err := (ledger.Ledger{ClickHouse: stores.CH, Purpose: "test"}).Append(t.Context(), w.Ledger()); err != nil {
		t.Fatal(err)
	}
	memory, err := w.Payable(t.Context(), day, 0)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := db.Payable(t.Context(), day, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(memory, stored); diff != "" {
		t.Errorf("payable: -memory +ClickHouse\n%s", diff)
	}
	payee := schema.Payee{PayPalEmail: "ada@example.com", LegalName: "Ada", TaxID: "DE1"}
	w.methods[1] = payout.Method{Target: payout.Target{By: schema.PayByPayPal, Payee: payee, Masked: "PayPal a•••@example.com"}}
	w.stripe.AtOnce = false
	w.opt.Providers[schema.PayByPayPal] = w.stripe
	w.opt.Store = db
	w.opt.Lock = payout.Lock(stores.Redis, stores.Keys)
	report := w.run()
	if len(report.Drafted) != 2 || len(report.Carried) != 1 || len(report.Problems) != 0 {
		t.Fatalf("the first run: %+v", report)
	}
	w.run()
	usd := schema.NewPayoutID("test", 1, "USD", day)
	w.stripe.Becomes(usd, payout.Completed, "")
	w.stripe.Becomes(schema.NewPayoutID("test", 1, "EUR", day), payout.Returned, "unclaimed")
	w.now = w.now.Add(time.Hour)
	if report = w.run(); !report.Ran || len(report.Changed) != 2 {
		t.Errorf("the last run: %+v", report)
	}
	history, err := db.History(t.Context(), usd)
	if err != nil {
		t.Fatal(err)
	}
	var statuses []payout.Status
	for _, p := range history {
		statuses = append(statuses, p.Status)
	}
	if diff := cmp.Diff([]payout.Status{payout.Draft, payout.Approved, payout.Processing, payout.Sent, payout.Completed}, statuses); diff != "" {
		t.Errorf("history: -want +got\n%s", diff)
	}
	if p := history[len(history)-1]; p.Amount != 2900 || p.Rewards != 2 || p.To.Payee != payee || p.CompletedAt.IsZero() || p.Ref == "" {
		t.Errorf("completed: %+v", p)
	}
	if n := stores.Count("SELECT count() FROM fairlead.payouts WHERE position(payee, 'ada@example.com') > 0 OR position(masked, 'ada@') > 0"); n != 0 {
		t.Errorf("%d rows tell where the money went", n)
	}
	var got []string
	rows, err := stores.CH.Query(t.Context(), "SELECT concat(toString(partner_id), ' ', currency, ' ', toString((payable, processing, paid))) FROM fairlead.balances ORDER BY partner_id, currency")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
	}
	if diff := cmp.Diff([]string{"1 EUR (4000,0,0)", "1 USD (0,0,2900)", "2 USD (100,0,0)"}, got); diff != "" {
		t.Errorf("balances: -want +got\n%s", diff)
	}
	if doubtful, err := db.Doubtful(t.Context()); err != nil || len(doubtful) != 0 {
		t.Errorf("doubtful: %v, %v", doubtful, err)
	}
}

// What lacks in the ledger is found by its sums and booked by the next run; of one version the higher token's row holds.
func TestWhatTheLedgerLacksIsFoundInTheStores(t *testing.T) {
	stores := aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
	w := newWorld(t)
	w.opt.AutoApprove = false
	db := payout.Database{ClickHouse: stores.CH, Box: schema.NewPayoutKey()}
	reward := w.earn(1, 3000, "USD")
	if err := db.Book(t.Context(), w.Ledger()); err != nil {
		t.Fatal(err)
	}
	p := payout.Payout{
		ID: schema.NewPayoutID("test", 1, "USD", day), Version: 1, Status: payout.Draft, Partner: 1, Amount: 3000, Currency: "USD", CutOff: day, Rewards: 1,
		CreatedAt: w.now, At: w.now, Actor: "system", Token: 7,
	}
	late := p
	late.Token, late.Amount = 6, 1
	part := payout.Part{Reward: reward, Amount: 3000, Conversion: w.Ledger()[0].Conversion, Rule: 1}
	for _, v := range []payout.Payout{p, late} {
		if err := db.Put(t.Context(), v, part); err != nil {
			t.Fatal(err)
		}
	}
	w.opt.Store = db
	w.opt.Lock = payout.Lock(stores.Redis, stores.Keys)
	if report := w.run(); report.Mended != 1 || len(report.Drafted) != 0 {
		t.Errorf("%+v", report)
	}
	if n := stores.Count("SELECT count() FROM fairlead.balances WHERE payable = 0 AND processing = 3000"); n != 1 {
		t.Error("the rewards of the draft are not reserved")
	}
	held, err := lock.Acquire(t.Context(), stores.Redis, stores.Keys, payout.LockName, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	if report := w.run(); !report.Skipped {
		t.Errorf("while another process is at it: %+v", report)
	}
}

// A run without the key, or with another one, sends nothing to who cannot be read, ends no payout for that, and loses nobody:
// the one that has the key goes on.
func TestWhoIsPaidIsKeptByARunThatCannotReadIt(t *testing.T) {
	stores := aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
	w := newWorld(t)
	w.earn(1, 3000, "USD")
	db := payout.Database{ClickHouse: stores.CH, Box: schema.NewPayoutKey()}
	if err := db.Book(t.Context(), w.Ledger()); err != nil {
		t.Fatal(err)
	}
	payee := schema.Payee{PayPalEmail: "ada@example.com", LegalName: "Ada"}
	w.methods[1] = payout.Method{Target: payout.Target{By: schema.PayByPayPal, Payee: payee}}
	w.stripe.AtOnce = false
	w.opt.Providers[schema.PayByPayPal] = w.stripe
	w.opt.Lock = payout.Lock(stores.Redis, stores.Keys)
	w.opt.Store = db
	w.stripe.Before = func(string, payout.Order) error { return payouttest.ErrLost }
	w.run() // it is processing, and nobody knows what became of it
	w.stripe.Before = nil
	id := schema.NewPayoutID("test", 1, "USD", day)
	for name, box := range map[string]payout.Box{"no key": nil, "another key": schema.NewPayoutKey()} {
		w.opt.Store = payout.Database{ClickHouse: stores.CH, Box: box}
		report := w.run()
		if len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Text, "payouts.encryption_key") {
			t.Errorf("%s: %+v, want a problem that names the key", name, report)
		}
		w.mustHavePaid()
	}
	w.opt.Store = db
	w.run()
	w.mustHavePaid(3000)
	if to := w.stripe.Paid()[0].Destination; to != payee.PayPalEmail {
		t.Errorf("it went to %q", to)
	}
	w.stripe.Becomes(id, payout.Completed, "")
	w.opt.Store = payout.Database{ClickHouse: stores.CH}
	w.run() // asking and noting what became of it takes no key
	found, err := db.Find(t.Context(), payout.Filter{ID: id})
	if err != nil || len(found) != 1 || found[0].Status != payout.Completed || found[0].To.Payee != payee || found[0].To.Unread() != nil {
		t.Errorf("who was paid is lost: %+v, %v", found, err)
	}
}

package rewarddays

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/ledger"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// november is the beginning of these tests' time.
var november = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func on(day float64) int64 {
	return november.Add(time.Duration(day * 24 * float64(time.Hour))).UnixMilli()
}

// world is a ledger, what was decided of conversions, and the days of rewards.
type world struct {
	*aggregatortest.World
	t      testing.TB
	days   *RewardDays
	ledger ledger.Ledger
	rows   []schema.Transfer
	links  map[string]linked // by conversion
	seq    uint64
}

// linked is what was decided of a conversion.
type linked struct {
	partner schema.PartnerID
	link    schema.LinkID
	at      int64
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{World: aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t)), t: t, links: map[string]linked{}}
	w.ledger = ledger.Ledger{ClickHouse: w.CH, Purpose: "test"}
	w.days = w.another()
	return w
}

// another returns another process's RewardDays.
func (w *world) another() *RewardDays {
	return New(Options{ClickHouse: w.CH, Redis: w.Redis, Keys: w.Keys, Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil))})
}

func (w *world) run() Report {
	w.t.Helper()
	report, err := w.days.Run(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// book appends rows under a token.
func (w *world) book(token uint64, rows ...schema.Transfer) {
	w.t.Helper()
	for i := range rows {
		rows[i].Token, rows[i].BookedAt = token, on(40)
	}
	if err := w.ledger.Append(w.t.Context(), rows); err != nil {
		w.t.Fatal(err)
	}
	w.rows = append(w.rows, rows...)
}

// decide says that a conversion is a partner's by a link; run is the token of who decided so, and whether that run has finished.
func (w *world) decide(run uint64, finished bool, conversion string, l linked) {
	w.t.Helper()
	w.links[conversion] = l
	// A decision replaces that of the same report: its seq follows from its name.
	var seq uint64
	for _, c := range conversion {
		seq = seq*31 + uint64(c)
	}
	w.Exec(`INSERT INTO fairlead.attributions (node, seq, token, kind, conversion_id, customer_id, received_at, occurred_at, state, reason, partner_id, link_id, amount, currency)
		VALUES ('n', ?, ?, 'sale', ?, 'c', fromUnixTimestamp64Milli(?), fromUnixTimestamp64Milli(?), 'counted', 'last_click', ?, ?, 10000, 'USD')`,
		seq, run, conversion, l.at, l.at, uint32(l.partner), uint32(l.link))
	if finished {
		w.Exec("INSERT INTO fairlead.attribution_state (token) VALUES (?)", run)
	}
}

// earned is the first row of the reward for a conversion.
func earned(p schema.PartnerID, conversion string, day float64, amount int64, currency string) schema.Transfer {
	t := schema.Transfer{
		At: on(day), Partner: p, Reward: schema.NewRewardID(p, schema.CauseEarned, conversion, currency), Debit: schema.AccountExpense, Credit: schema.AccountHolding,
		Amount: amount, Currency: currency, Kind: schema.CauseEarned, Cause: conversion, Conversion: conversion, Rule: 1,
	}
	t.Identify(0)
	return t
}

// then is a later row of the same reward.
func then(t schema.Transfer, kind schema.CauseKind, cause string, ordinal int, day float64, debit, credit schema.Account, amount int64) schema.Transfer {
	t.Kind, t.Cause, t.At, t.Debit, t.Credit, t.Amount = kind, cause, on(day), debit, credit, amount
	t.Identify(ordinal)
	return t
}

func released(t schema.Transfer, amount int64) schema.Transfer {
	return then(t, schema.CauseReleased, t.Reward.String(), 0, 60, schema.AccountHolding, schema.AccountPayable, amount)
}

// paid are the rows of a payout of a reward.
func paid(t schema.Transfer, payout string, amount int64) []schema.Transfer {
	return []schema.Transfer{
		then(t, schema.CausePayout, payout, 0, 65, schema.AccountPayable, schema.AccountProcessing, amount),
		then(t, schema.CausePayout, payout, 1, 66, schema.AccountProcessing, schema.AccountPaid, amount),
	}
}

// key names a row of reward_days.
type key struct {
	Partner, Link uint32
	Day           schema.Day
	Currency      string
}

// sums are the figures of a row: paid, holding, payable, processing, review, rewards.
type sums [6]int64

var accounts = []schema.Account{schema.AccountPaid, schema.AccountHolding, schema.AccountPayable, schema.AccountProcessing, schema.AccountReview}

// want sums the rows in Go.
func (w *world) want(zone *time.Location) map[key]sums {
	w.t.Helper()
	seen := map[schema.TransferID]bool{}
	of := map[schema.RewardID][]schema.Transfer{}
	for _, t := range w.rows {
		if !seen[t.ID] {
			seen[t.ID] = true
			of[t.Reward] = append(of[t.Reward], t)
		}
	}
	out := map[key]sums{}
	for _, rows := range of {
		first := rows[0].At
		for _, t := range rows {
			switch t.Kind {
			case schema.CauseEarned, schema.CauseAdjusted, schema.CauseAdded, schema.CauseReversed, schema.CauseOpening:
				first = min(first, t.At)
			}
		}
		k := key{Partner: uint32(rows[0].Partner), Day: schema.DayOf(time.UnixMilli(first), zone), Currency: rows[0].Currency}
		if l := w.links[rows[0].Conversion]; l.partner == rows[0].Partner {
			k.Link = uint32(l.link)
		}
		balances, f, stands := schema.Balances(rows), out[k], int64(0)
		for i, a := range accounts {
			f[i] += balances[a]
			if balances[a] != 0 {
				stands = 1
			}
		}
		if f[5] += stands; stands > 0 {
			out[k] = f
		}
	}
	return out
}

// mustEqual holds the days that stand against the ledger.
func (w *world) mustEqual(zone *time.Location) {
	w.t.Helper()
	rows, err := w.CH.Query(w.t.Context(), "SELECT partner_id, link_id, day, currency, paid, holding, payable, processing, review, toInt64(rewards) FROM fairlead.reward_days")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	got := map[key]sums{}
	for rows.Next() {
		var k key
		var day time.Time
		var f sums
		if err := rows.Scan(&k.Partner, &k.Link, &day, &k.Currency, &f[0], &f[1], &f[2], &f[3], &f[4], &f[5]); err != nil {
			w.t.Fatal(err)
		}
		k.Day = schema.DayOf(day, time.UTC)
		if _, twice := got[k]; twice {
			w.t.Errorf("two rows for %+v", k)
		}
		got[k] = f
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(w.want(zone), got); diff != "" {
		w.t.Errorf("reward_days: -want +got\n%s", diff)
	}
}

// left is how many staging tables there are.
func (w *world) left() uint64 {
	return w.Count("SELECT count() FROM system.tables WHERE database = 'fairlead' AND startsWith(name, 'tally_')")
}

// live draws what became of n rewards that were earned within some days: booked under one token, payouts under another.
func (w *world) live(rng *rand.Rand, booked, payouts uint64, n int, days float64) {
	w.t.Helper()
	var rows, payout []schema.Transfer
	for range n {
		w.seq++
		p := schema.PartnerID(1 + rng.IntN(4))
		day := rng.Float64() * days
		conversion := fmt.Sprint("sale", w.seq)
		if rng.IntN(8) > 0 {
			w.decide(1, false, conversion, linked{p, schema.LinkID(uint32(p)*10 + uint32(rng.IntN(2))), on(day)})
		}
		t := earned(p, conversion, day, 10+rng.Int64N(1000), []string{"USD", "EUR"}[rng.IntN(2)])
		left := t.Amount
		rows = append(rows, t)
		if rng.IntN(4) == 0 {
			back := 1 + rng.Int64N(left)
			rows = append(rows, then(t, schema.CauseAdjusted, conversion+"-refund", 0, day+rng.Float64()*20, schema.AccountHolding, schema.AccountExpense, back))
			left -= back
		}
		if left == 0 || rng.IntN(3) == 0 {
			continue
		}
		if rng.IntN(6) == 0 {
			rows = append(rows, then(t, schema.CauseReview, t.Reward.String(), 0, day+1, schema.AccountHolding, schema.AccountReview, left))
			continue
		}
		rows = append(rows, released(t, left))
		if rng.IntN(2) == 0 {
			payout = append(payout, paid(t, "payout", left)[:1+rng.IntN(2)]...)
		}
	}
	w.book(booked, rows...)
	w.book(payouts, payout...)
}

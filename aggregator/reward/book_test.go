package reward

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
)

// mustWant checks the rows that are wanted beside those that are booked.
func mustWant(t *testing.T, in Input, want ...string) {
	t.Helper()
	rows := Wanted(in)
	if diff := cmp.Diff(want, said(rows)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	in.Booked = append(in.Booked[:len(in.Booked):len(in.Booked)], rows...)
	if again := Wanted(in); len(again) > 0 {
		t.Errorf("asked again: %v", said(again))
	}
}

// paid is a payout of what is payable of the rewards that are booked.
func (in Input) paid(id string) Input {
	of := map[schema.RewardID][]schema.Transfer{}
	for _, t := range in.Booked {
		of[t.Reward] = append(of[t.Reward], t)
	}
	for _, rows := range of {
		for _, way := range [][2]schema.Account{{schema.AccountPayable, schema.AccountProcessing}, {schema.AccountProcessing, schema.AccountPaid}} {
			p := rows[0]
			p.Kind, p.Cause, p.Debit, p.Credit, p.Amount = schema.CausePayout, id+string(way[1]), way[0], way[1], schema.Balances(rows)[schema.AccountPayable]
			if p.Amount < 0 {
				p.Debit, p.Credit, p.Amount = p.Credit, p.Debit, -p.Amount
			}
			p.Identify(0)
			if p.Amount > 0 {
				in.Booked = append(in.Booked[:len(in.Booked):len(in.Booked)], p)
			}
		}
	}
	return in
}

var tenth = schema.Rule{Percent: 1000}

func TestTheLifeOfAReward(t *testing.T) {
	bought := tale{}.sale(1, "s", 1000)
	in := input(2, bought, tenth)
	mustWant(t, in, "s earned: expense>holding 100 on day 1")
	returned := bought.refund(10, "s", "r", 300)
	in = in.later(11, returned)
	mustWant(t, in, "s adjusted: holding>expense 30 on day 10")
	in = in.later(30, returned)
	mustWant(t, in)
	in = in.later(31, returned)
	mustWant(t, in, "s released: holding>payable 70 on day 31")
	again := returned.refund(40, "s", "q", 200)
	in = in.later(41, again)
	mustWant(t, in, "s adjusted: payable>expense 20 on day 40")
	in = in.later(45, again).paid("first")
	all := again.refund(50, "s", "p", 500)
	in = in.later(51, all)
	mustWant(t, in, "s adjusted: payable>expense 50 on day 50")
	in = in.later(52, all)
	if got := schema.Balances(in.Booked); got[schema.AccountPayable] != -50 || got[schema.AccountPaid] != 50 || got[schema.AccountExpense] != 0 {
		t.Errorf("taken back after it was paid: %v", got)
	}
	won := all.restored(60, "s", "p", 500)
	mustWant(t, in.later(61, won), "s adjusted: expense>payable 50 on day 60")
	carried := in.paid("second").later(61, won)
	mustWant(t, carried, "s adjusted: expense>payable 50 on day 60")
	if got := schema.Balances(carried.Booked); got[schema.AccountPayable] != 0 || got[schema.AccountPaid] != 0 {
		t.Errorf("after the next payout carried it: %v", got)
	}
}

// Asked once about a long time, the rows are those of having been asked all along.
func TestWhatIsReckonedLateStandsAsIfItHadBeenReckonedInTime(t *testing.T) {
	told := tale{}.sale(1, "s", 1000).refund(10, "s", "r", 300).refund(40, "s", "q", 200).restored(50, "s", "q", 200)
	mustWant(t, input(90, told, tenth),
		"s earned: expense>holding 100 on day 1", "s adjusted: holding>expense 30 on day 10", "s released: holding>payable 70 on day 31",
		"s adjusted: payable>expense 20 on day 40", "s adjusted: expense>payable 20 on day 50")
	early := tale{}.sale(10, "s", 1000).refund(5, "s", "r", 300) // by the senders' clocks
	mustWant(t, input(20, early, tenth), "s earned: expense>holding 100 on day 10", "s adjusted: holding>expense 30 on day 10")
	whole := tale{}.sale(1, "s", 1000).refund(10, "s", "r", 1000)
	mustWant(t, input(40, whole, tenth), "s earned: expense>holding 100 on day 1", "s adjusted: holding>expense 100 on day 10")
	mustWant(t, input(40, whole, tenth).later(60, whole.restored(50, "s", "r", 1000)), "s adjusted: expense>payable 100 on day 50")
}

func TestACustomerWhoMovesTakesTheRewardsAlong(t *testing.T) {
	here := tale{}.sale(1, "s", 1000).refund(2, "s", "r", 400).sale(3, "u", 500)
	there := tale{}.sale(1, "s", 1000, of(2)).refund(2, "s", "r", 400).sale(3, "u", 500)
	mustWant(t, input(5, here, tenth).later(6, there),
		"s adjusted: expense>holding 40 on day 6", "s earned: holding>expense 100 on day 6",
		"s earned: expense>holding 100 on day 1, partner 2", "s adjusted: holding>expense 40 on day 2, partner 2")
	moved := input(40, here, tenth).paid("none yet").later(40, here).paid("all").later(41, there)
	mustWant(t, moved,
		"s adjusted: expense>payable 40 on day 41", "s earned: payable>expense 100 on day 41",
		"s earned: expense>holding 100 on day 1, partner 2", "s adjusted: holding>expense 40 on day 2, partner 2", "s released: holding>payable 60 on day 31, partner 2")
	back := moved.later(50, here)
	mustWant(t, back,
		"s earned: expense>payable 100 on day 50", "s adjusted: payable>expense 40 on day 50",
		"s adjusted: expense>payable 40 on day 50, partner 2", "s earned: payable>expense 100 on day 50, partner 2")
}

func TestWhatIsUnderReviewIsNotPaid(t *testing.T) {
	clear, doubtful := tale{}.sale(1, "s", 1000), tale{}.sale(1, "s", 1000, review)
	in := input(50, doubtful, tenth)
	mustWant(t, in, "s earned: expense>review 100 on day 1")
	mustWant(t, in.later(51, clear), "s released: review>payable 100 on day 51")
	in = input(5, doubtful, tenth).later(6, doubtful.refund(6, "s", "r", 500))
	mustWant(t, in, "s adjusted: review>expense 50 on day 6")
	in = in.later(7, clear.refund(6, "s", "r", 500))
	mustWant(t, in, "s cleared: review>holding 50 on day 7")
	in = in.later(40, clear.refund(6, "s", "r", 500))
	mustWant(t, in, "s released: holding>payable 50 on day 31")
	in = in.later(41, doubtful.refund(6, "s", "r", 500))
	mustWant(t, in, "s review: payable>review 50 on day 41")
	in = in.later(42, tale{}.sale(1, "s", 1000, of(0), func(d *attribution.Decision) { d.State = schema.StateUnattributed }))
	mustWant(t, in, "s adjusted: expense>payable 50 on day 42", "s earned: review>expense 50 on day 42", "s earned: payable>expense 50 on day 42")
}

// A rule that is backdated, or ended in the past, changes what was earned since, and nothing of before.
func TestBackdatedRulesAreBookedAsDifferences(t *testing.T) {
	told := tale{}.sale(1, "s", 1000).sale(20, "u", 1000).refund(21, "u", "r", 500)
	in := input(25, told, tenth)
	in = in.later(26, told)
	in.Rules = schema.NewRules([]schema.Rule{{ID: 1, Event: schema.Sale, Percent: 1000, From: 20200101}, {ID: 2, Event: schema.Sale, Percent: 3000, From: 20260201}})
	mustWant(t, in, "u earned: expense>holding 200 on day 26", "u adjusted: holding>expense 100 on day 26")
	in = in.later(27, told)
	in.Rules = schema.NewRules([]schema.Rule{{ID: 1, Event: schema.Sale, Percent: 1000, From: 20200101, EndedFrom: 20260201}})
	mustWant(t, in, "u adjusted: expense>holding 150 on day 27", "u earned: holding>expense 300 on day 27")
}

func TestEntriesByHandAndOpeningBalances(t *testing.T) {
	in := input(5, tale{}.sale(1, "s", 1000), tenth)
	in.Openings = map[schema.PartnerID]schema.OpeningBalance{2: {Amount: 5000, Currency: "EUR", AsOf: morning}}
	in.Entries = []Entry{{ID: "thanks", At: day(2), Partner: 1, Amount: 777, Currency: "USD", HoldDays: 10, Note: "for the talk"}}
	mustWant(t, in, "2 opening: opening>payable 5000 on day 0, partner 2", "s earned: expense>holding 100 on day 1", "thanks added: expense>holding 777 on day 2")
	if rows := Wanted(in); rows[2].Note != "for the talk" || rows[2].Currency != "USD" || rows[0].Currency != "EUR" || rows[1].Rule != 1 {
		t.Errorf("got %+v", rows)
	}
	sale, thanks := schema.NewRewardID(1, schema.CauseEarned, "s", "USD"), schema.NewRewardID(1, schema.CauseAdded, "thanks", "USD")
	in = in.later(13, tale(in.Decisions))
	in.Entries = append(in.Entries, Entry{ID: "part", At: day(6), Reverses: sale, Amount: 40}, Entry{ID: "more", At: day(7), Reverses: sale, Amount: 90}, Entry{ID: "all", At: day(13), Reverses: thanks},
		Entry{ID: "of another customer", At: day(13), Reverses: schema.RewardID{1}})
	mustWant(t, in, "s reversed: holding>expense 40 on day 6", "s reversed: holding>expense 60 on day 7", "it released: holding>payable 777 on day 12", "all reversed: payable>expense 777 on day 13")
	in = in.later(14, tale{}.sale(1, "s", 1000).refund(13, "s", "r", 700))
	mustWant(t, in, "s reversed: expense>holding 10 on day 14", "s reversed: expense>holding 60 on day 14", "s adjusted: holding>expense 70 on day 13")
	in = in.later(15, tale(in.Decisions))
	in.Entries, in.Openings = nil, nil
	mustWant(t, in, "s reversed: expense>holding 30 on day 15")
	if left := schema.Balances(in.Booked)[schema.AccountOpening]; left != -5000 {
		t.Errorf("what the input does not speak of: %d", left)
	}
}

func TestTimeThatGoesBackTakesNothingOutOfPayable(t *testing.T) {
	told := tale{}.sale(1, "s", 1000)
	in := input(40, told, tenth).later(20, told)
	mustWant(t, in)
	in.Now = time.UnixMilli(day(19))
	mustWant(t, in.later(20, told.refund(15, "s", "r", 500)), "s adjusted: payable>expense 50 on day 15")
}

// The row that a run booked after it had lost its lock ended a hold, while the reward was put under review.
func TestWhatALateRunTookOutOfAnEmptyAccountIsPutBack(t *testing.T) {
	clear, doubtful := tale{}.sale(1, "s", 1000), tale{}.sale(1, "s", 1000, review)
	in := input(5, clear, tenth)
	in = in.later(31, clear)
	late := Wanted(in)
	in = in.later(20, doubtful)
	in.Booked = append(in.Booked[:1:1], Wanted(Input{Decisions: doubtful, Rules: in.Rules, Programs: in.Programs, Booked: in.Booked[:1], Now: time.UnixMilli(day(30))})...)
	in.Booked = append(in.Booked, late...)
	in = in.later(41, clear)
	in = in.later(42, clear)
	got := schema.Balances(in.Booked)
	if got[schema.AccountPayable] != 100 || got[schema.AccountHolding] != 0 || got[schema.AccountReview] != 0 {
		t.Errorf("after the review ended: %v: %v", got, said(in.Booked))
	}
}

func TestARowThatTheLedgerLostIsWantedAgain(t *testing.T) {
	told := tale{}.sale(1, "s", 1000).refund(10, "s", "r", 300).refund(40, "s", "q", 200)
	in := input(90, told, tenth)
	all := Wanted(in)
	for i, lost := range all {
		in.Booked = append(append([]schema.Transfer(nil), all[:i]...), all[i+1:]...)
		if diff := cmp.Diff([]schema.Transfer{lost}, Wanted(in)); diff != "" {
			t.Errorf("without %v: -want +got\n%s", said([]schema.Transfer{lost}), diff)
		}
	}
}

// What attribution decides is what is reckoned: an accepted claim takes the sales of its day and after it along, and no others.
func TestAClaimMovesTheSalesOfItsDayAndAfterIt(t *testing.T) {
	report := func(seq uint64, at float64, invoice string, c schema.Conversion) attribution.Report {
		c.Kind, c.Customer, c.Amount, c.Currency, c.Invoice, c.Payments = schema.Sale, "ann", 1000, "USD", invoice, []string{invoice}
		c.OccurredAt, c.ReceivedAt = day(at), day(at)
		c.Identify("")
		return attribution.Report{Node: "n", Seq: seq, Conversion: c}
	}
	click := schema.Conversion{Click: "k", ClickState: schema.ClickGenuine, Link: 1, Partner: 1, ClickedAt: day(0)}
	reports := []attribution.Report{report(1, 1, "in_1", click), report(2, 6, "in_2", schema.Conversion{})}
	active := attribution.Partner{Statuses: []attribution.StatusVersion{{Status: schema.PartnerActive}}}
	in := input(8, nil, tenth)
	in.Programs[0].WindowDays = 90
	w := &attribution.World{
		Programs: in.Programs, Partners: map[schema.PartnerID]attribution.Partner{1: active, 2: active},
		Links: map[schema.LinkID]schema.PartnerID{1: 1},
	}
	in.Decisions = attribution.Decide(w, reports)
	of := func(n int) string { return reports[n].ID }
	mustWant(t, in, of(0)+" earned: expense>holding 100 on day 1", of(1)+" earned: expense>holding 100 on day 6")
	w.Claims = map[string][]schema.Claim{"customer:ann": {{ID: 1, Partner: 2, State: schema.ClaimAccepted, Alias: "customer:ann", From: time.UnixMilli(day(5))}}}
	mustWant(t, in.later(9, attribution.Decide(w, reports)),
		of(1)+" earned: holding>expense 100 on day 9", of(1)+" earned: expense>holding 100 on day 6, partner 2")
}

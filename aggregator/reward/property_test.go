package reward

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
)

// world draws rules, settings and groups.
func world(t *rapid.T) Input {
	pick := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
	in := Input{Groups: map[schema.PartnerID][]schema.GroupVersion{}, Now: time.UnixMilli(day(float64(pick("now", 300))))}
	var rules []schema.Rule
	for i := range pick("rules", 7) {
		r := schema.Rule{ID: uint32(i + 1), Event: schema.Sale, From: schema.DayOf(time.UnixMilli(day(float64(pick("from", 200)-60))), time.UTC)}
		switch pick("scope", 4) {
		case 0:
			r.Partner = schema.PartnerID(1 + pick("whose", 3))
		case 1:
			r.Group = "gold"
		}
		if pick("event", 4) == 0 {
			r.Event = schema.Lead
		}
		switch kind := pick("kind", 7); {
		case kind == 0:
			r.None = true
		case kind < 3 || r.Event == schema.Lead:
			r.Flat, r.Once = int64(1+pick("flat", 3000)), pick("once", 3) == 0
		default:
			r.Percent, r.Once = int64(1+pick("percent", schema.WholePercent)), pick("once", 3) == 0
			r.Cap = int64(max(0, pick("cap", 4000)-2000))
		}
		if r.Event == schema.Sale && !r.None {
			r.Months, r.MinSale = max(0, pick("months", 6)-2), int64(max(0, pick("minimum", 4000)-2000))
			if days := pick("hold", 60); days < 20 {
				r.HoldDays = &days
			}
		}
		if r.Flat+r.Cap+r.MinSale != 0 {
			r.Currency = "USD"
		}
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	in.Rules = schema.NewRules(rules)
	for i, zone := range []string{"Asia/Kathmandu", "America/Toronto"} {
		in.Programs = append(in.Programs, attribution.ProgramVersion{At: day(float64(i * pick("settings", 200))), Program: schema.Program{Zone: zone, HoldDays: pick("days", 60)}})
	}
	for p := range schema.PartnerID(3) {
		in.Groups[p+1] = []schema.GroupVersion{{At: morning}, {At: time.UnixMilli(day(float64(pick("grouped", 200)))), Group: "gold"}}
	}
	return in
}

// story draws what was decided of a customer: sales whose refunds never take more than there is.
func story(t *rapid.T) tale {
	pick := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
	at := func() float64 { return float64(pick("hour", 24*250)) / 24 }
	how := func(d *attribution.Decision) {
		d.Partner, d.Binds = schema.PartnerID(1+pick("partner", 3)), pick("binds", 3) == 0
		d.State = []schema.AttributionState{schema.StateCounted, schema.StateCounted, schema.StateCounted, schema.StateReview, schema.StateHeld, schema.StateUnattributed}[pick("state", 6)]
	}
	var told tale
	for i := range pick("sales", 6) {
		id := fmt.Sprint("s", i)
		gross := int64(pick("amount", 5000))
		told = told.sale(at(), id, gross, how)
		back := int64(0)
		for n := range pick("refunds", 4) {
			name := fmt.Sprint(id, "r", n)
			if back > 0 && pick("restored", 3) == 0 {
				part := int64(1 + pick("part", int(back)))
				told, back = told.restored(at(), id, name, part), back-part
			} else if part := int64(pick("part", int(gross-back)+1)); part > 0 {
				told, back = told.refund(at(), id, name, part), back+part
			}
		}
	}
	for i := range pick("leads", 4) {
		told = told.lead(at(), fmt.Sprint("l", i), how)
	}
	return told
}

// byHand draws entries, some of them reversals of rewards of the story, and an opening balance.
func byHand(t *rapid.T, in *Input) {
	pick := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
	in.Openings = map[schema.PartnerID]schema.OpeningBalance{2: {Amount: 5000, Currency: "USD", AsOf: morning}}
	in.Entries = nil
	for i := range pick("entries", 4) {
		e := Entry{ID: fmt.Sprint("e", i), At: day(float64(pick("entered", 250))), Partner: 1, Amount: int64(pick("by hand", 800)), Currency: "USD", HoldDays: pick("held", 50)}
		if len(in.Decisions) > 0 && pick("reverses", 3) > 0 {
			d := in.Decisions[pick("which", len(in.Decisions))]
			e.Reverses = schema.NewRewardID(d.Partner, schema.CauseEarned, d.ID, "USD")
		} else {
			e.Amount++
		}
		in.Entries = append(in.Entries, e)
	}
}

// naive reckons what each reward should amount to now, and for the whole sale, in another way.
func naive(in Input) (now, whole map[schema.RewardID]int64) {
	now, whole = map[schema.RewardID]int64{}, map[schema.RewardID]int64{}
	credited := func(d attribution.Decision) bool {
		return d.State == schema.StateCounted || d.State == schema.StateReview
	}
	before := func(a, b attribution.Decision) bool {
		if (a.State == schema.StateReview) != (b.State == schema.StateReview) {
			return b.State == schema.StateReview
		}
		return a.OccurredAt < b.OccurredAt || a.OccurredAt == b.OccurredAt && a.ID < b.ID
	}
	for _, d := range in.Decisions {
		if !credited(d) || d.Kind != schema.Sale && d.Kind != schema.Lead {
			continue
		}
		zone, bound := in.Programs[0].Location(), firstBinding(in, d.Partner)
		if in.Programs[1].At <= d.OccurredAt {
			zone = in.Programs[1].Location()
		}
		at := time.UnixMilli(d.OccurredAt)
		group := ""
		if v := in.Groups[d.Partner]; !at.Before(v[1].At) {
			group = v[1].Group
		}
		rule, ok := in.Rules.InForce(schema.RuleFor{Partner: d.Partner, Group: group, Event: d.Kind, Day: schema.DayOf(at, zone), Currency: "USD"})
		if !ok || rule.None || d.Kind == schema.Sale && (d.Amount == 0 || d.Amount < rule.MinSale) {
			continue
		}
		first, left := true, d.Amount
		for _, o := range in.Decisions {
			if o.Partner == d.Partner && credited(o) && o.Kind == d.Kind && (d.Kind == schema.Lead || o.Amount > 0 && o.Amount >= rule.MinSale) && before(o, d) {
				first = false
			}
			if o.Sale == d.ID && credited(o) && o.Kind == schema.Refund {
				left -= o.Amount
			}
			if o.Sale == d.ID && credited(o) && o.Kind == schema.Restored {
				left += o.Amount
			}
		}
		if rule.Once && !first {
			continue
		}
		if rule.Months > 0 {
			y, m, dd := time.UnixMilli(bound).In(zone).Date()
			end := time.Date(y, m+time.Month(rule.Months), dd, 0, 0, 0, 0, time.UTC)
			if end.Day() != dd {
				end = end.AddDate(0, 0, -end.Day())
			}
			if !schema.DayOf(at, zone).Time().Before(end) {
				continue
			}
		}
		of := func(left int64) int64 {
			exact := new(big.Rat).SetFrac64(left*rule.Percent, schema.WholePercent)
			if rule.Percent == 0 {
				exact.SetInt64(rule.Flat)
				if d.Kind == schema.Sale {
					exact.SetFrac64(left*rule.Flat, d.Amount)
				}
			}
			exact.Add(exact, big.NewRat(1, 2))
			amount := new(big.Int).Quo(exact.Num(), exact.Denom()).Int64()
			if rule.Cap > 0 && amount > rule.Cap {
				return rule.Cap
			}
			return amount
		}
		id := schema.NewRewardID(d.Partner, schema.CauseEarned, d.ID, "USD")
		now[id], whole[id] = of(left), of(d.Amount)
	}
	for _, e := range in.Entries {
		if e.Reverses == (schema.RewardID{}) {
			id := schema.NewRewardID(e.Partner, schema.CauseAdded, e.ID, "USD")
			now[id], whole[id] = e.Amount, e.Amount
		}
	}
	for _, e := range in.Entries {
		if n, ok := now[e.Reverses]; ok {
			if e.Amount == 0 {
				e.Amount = n
			}
			now[e.Reverses] = max(0, n-e.Amount)
		}
	}
	opening := schema.NewRewardID(2, schema.CauseOpening, "2", "USD")
	now[opening], whole[opening] = 5000, 5000
	return now, whole
}

// firstBinding is when a customer became a partner's: by what binds, else by the first thing.
func firstBinding(in Input, partner schema.PartnerID) int64 {
	at := int64(-1)
	for _, only := range []bool{true, false} {
		for _, d := range in.Decisions {
			if d.Partner == partner && d.State != schema.StateUnattributed && (d.Kind == schema.Sale || d.Kind == schema.Lead) && (d.Binds || !only) && (at < 0 || d.OccurredAt < at) {
				at = d.OccurredAt
			}
		}
		if at >= 0 {
			return at
		}
	}
	return at
}

// mustBalance books what is wanted, and checks that every reward amounts to what it should and nothing more is wanted then.
func mustBalance(t *rapid.T, in *Input) {
	t.Helper()
	rows := Wanted(*in)
	for _, r := range rows {
		if r.Amount <= 0 || r.Debit == r.Credit || r.Currency == "" || r.Partner == 0 || r.BookedAt != in.Now.UnixMilli() {
			t.Fatalf("no transfer: %+v", r)
		}
	}
	in.Booked = append(in.Booked, rows...)
	if again := Wanted(*in); len(again) > 0 {
		t.Fatalf("booked %v, and then wants %v", said(rows), said(again))
	}
	seen := map[schema.TransferID]bool{}
	of := map[schema.RewardID][]schema.Transfer{}
	for _, r := range in.Booked {
		if seen[r.ID] {
			t.Fatalf("two rows have one id: %v", said([]schema.Transfer{r}))
		}
		seen[r.ID] = true
		of[r.Reward] = append(of[r.Reward], r)
	}
	now, whole := naive(*in)
	for id := range now {
		of[id] = append([]schema.Transfer(nil), of[id]...)
	}
	for id, rows := range of {
		b := schema.Balances(rows)
		amount, sum := int64(0), int64(0)
		for a := range b {
			sum += b[a]
			if a != schema.AccountExpense && a != schema.AccountOpening {
				amount += b[a]
			}
		}
		if sum != 0 || amount != now[id] || amount < 0 || amount > whole[id] {
			t.Fatalf("amounts to %d, want %d, of %d for the whole: %v", amount, now[id], whole[id], said(rows))
		}
		if b[schema.AccountHolding] < 0 || b[schema.AccountReview] < 0 {
			t.Fatalf("below zero: %v", b)
		}
	}
}

func TestEveryRewardIsWhatItShouldBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := world(t)
		in.Decisions = story(t)
		byHand(t, &in)
		mustBalance(t, &in)
	})
}

// Whatever changes between two runs, payouts among them: after each run the ledger is right, and what was paid stays paid.
func TestTheLedgerFollowsWhateverChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := world(t)
		in.Decisions = story(t)
		byHand(t, &in)
		for n := range rapid.IntRange(1, 6).Draw(t, "runs") {
			mustBalance(t, &in)
			paid := schema.Balances(in.Booked)[schema.AccountPaid]
			switch rapid.IntRange(0, 4).Draw(t, "then") {
			case 0:
				in.Decisions = story(t)
				for _, r := range in.Booked { // what was decided once stays decided, if only as nothing
					if r.Conversion != "" && !slices.ContainsFunc(in.Decisions, func(d attribution.Decision) bool { return d.ID == r.Conversion }) {
						in.Decisions = append(in.Decisions, attribution.Decision{ID: r.Conversion, Kind: schema.Sale, State: schema.StateDuplicate})
					}
				}
				in.Entries = slices.DeleteFunc(in.Entries, func(e Entry) bool { return e.Reverses != schema.RewardID{} })
			case 1:
				other := world(t)
				in.Rules, in.Groups, in.Programs = other.Rules, other.Groups, other.Programs
			case 2:
				in = in.paid(fmt.Sprint("payout", n))
				paid = schema.Balances(in.Booked)[schema.AccountPaid]
			case 3:
				for i := range in.Decisions { // somebody has to look at the customer, or need not any more
					switch d := &in.Decisions[i]; d.State {
					case schema.StateCounted:
						d.State = schema.StateReview
					case schema.StateReview:
						d.State = schema.StateCounted
					}
				}
			}
			in.Now = in.Now.Add(time.Duration(rapid.IntRange(0, 40*24).Draw(t, "hours")) * time.Hour)
			if got := schema.Balances(append(in.Booked, Wanted(in)...))[schema.AccountPaid]; got != paid {
				t.Fatalf("%d paid, and then %d", paid, got)
			}
		}
		mustBalance(t, &in)
	})
}

func TestOrderAndRepeatsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := world(t)
		in.Decisions = story(t)
		byHand(t, &in)
		rows := Wanted(in)
		for _, booked := range [][]schema.Transfer{nil, rows[:rapid.IntRange(0, len(rows)).Draw(t, "booked")]} {
			in.Booked = booked
			want := Wanted(in)
			twice := in
			twice.Decisions = rapid.Permutation(append(slices.Clone(in.Decisions), in.Decisions...)).Draw(t, "decisions")
			twice.Entries = rapid.Permutation(append(slices.Clone(in.Entries), in.Entries...)).Draw(t, "entries")
			twice.Booked = rapid.Permutation(append(slices.Clone(booked), booked...)).Draw(t, "rows")
			if diff := cmp.Diff(want, Wanted(twice)); diff != "" {
				t.Fatalf("shuffled and twice: -want +got\n%s", diff)
			}
		}
		mustBalance(t, &in) // a run that was cut short is finished
	})
}

// Reckoned day by day the rows are those of reckoning once, but for when they were booked.
func TestHowOftenItIsReckonedChangesNoRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := world(t)
		all := story(t)
		for i, d := range all { // which sale is the first shows later for what is under review, and what binds comes first
			if all[i].Binds = false; d.State == schema.StateReview || d.State == schema.StateHeld {
				all[i].State = schema.StateCounted
			}
		}
		for i, d := range all {
			for _, s := range all {
				if s.ID == d.Sale {
					all[i].OccurredAt = max(d.OccurredAt, s.OccurredAt)
				}
			}
		}
		often := in
		for n := 0.0; n <= 320; n += float64(rapid.IntRange(1, 60).Draw(t, "days")) {
			often.Now, often.Decisions = time.UnixMilli(day(n)), nil
			for _, d := range all {
				if d.OccurredAt <= day(n) {
					often.Decisions = append(often.Decisions, d)
				}
			}
			often.Booked = append(often.Booked, Wanted(often)...)
		}
		in.Now, in.Decisions = time.UnixMilli(day(400)), all
		often.Now, often.Decisions = in.Now, all
		often.Booked = append(often.Booked, Wanted(often)...)
		rows := func(list []schema.Transfer) map[schema.TransferID]schema.Transfer {
			out := map[schema.TransferID]schema.Transfer{}
			for _, r := range list {
				r.BookedAt = 0
				out[r.ID] = r
			}
			return out
		}
		if diff := cmp.Diff(rows(Wanted(in)), rows(often.Booked)); diff != "" {
			t.Fatalf("-once +often\n%s", diff)
		}
	})
}

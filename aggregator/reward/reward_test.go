package reward

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
)

func TestHalvesAreRoundedUpOncePerReward(t *testing.T) {
	f := func(amount, refunded int64, rule schema.Rule, want int64) {
		t.Helper()
		told := tale{}.sale(1, "s", amount)
		if refunded > 0 {
			told = told.refund(2, "s", "r", refunded)
		}
		if got := amounts(Wanted(input(3, told, rule)))["s"]; got != want {
			t.Errorf("%d less %d by %s: got %d, want %d", amount, refunded, rule.Earns(), got, want)
		}
	}
	percent := func(n int64) schema.Rule { return schema.Rule{Percent: n} }
	flat := func(n int64) schema.Rule { return schema.Rule{Flat: n, Currency: "USD"} }
	f(10000, 0, percent(2000), 2000)
	f(5, 0, percent(5000), 3)     // 2.5
	f(4, 0, percent(1250), 1)     // 0.5
	f(3, 0, percent(1250), 0)     // 0.375
	f(1, 0, percent(4999), 0)     // 0.4999
	f(1, 0, percent(5000), 1)     // 0.5
	f(999, 0, percent(1250), 125) // 124.875
	f(10000, 3333, percent(2000), 1333)
	f(10000, 10000, percent(2000), 0)
	f(10000, 9999, percent(2000), 0) // 0.2
	f(10000, 9997, percent(2000), 1) // 0.6
	f(10000, 0, percent(10000), 10000)
	f(1<<62, 0, percent(9999), 4611224849825545165)
	f(10000, 3333, flat(1000), 667) // 666.7
	f(3, 1, flat(1), 1)             // 0.667
	f(3, 2, flat(1), 0)             // 0.333
	f(2, 1, flat(1), 1)             // 0.5
	f(1<<62, 1<<61, flat(1000), 500)
	f(10000, 0, schema.Rule{Percent: 2000, Cap: 1500, Currency: "USD"}, 1500)
	f(10000, 2000, schema.Rule{Percent: 2000, Cap: 1500, Currency: "USD"}, 1500) // 16.00 are left
	f(10000, 5000, schema.Rule{Percent: 2000, Cap: 1500, Currency: "USD"}, 1000)
	f(10000, 0, schema.Rule{Percent: 2000, MinSale: 10000, Currency: "USD"}, 2000)
	f(9999, 0, schema.Rule{Percent: 2000, MinSale: 10000, Currency: "USD"}, 0)
	f(10000, 9000, schema.Rule{Percent: 2000, MinSale: 10000, Currency: "USD"}, 200)
	f(0, 0, flat(1000), 0)
	f(0, 0, percent(2000), 0)
	f(10000, 0, schema.Rule{None: true}, 0)
}

func TestWhichSalesAndLeadsEarn(t *testing.T) {
	lead := func(r schema.Rule) schema.Rule { r.Event, r.Flat = schema.Lead, 500; return r }
	f := func(story string, told tale, want map[string]int64, rules ...schema.Rule) {
		t.Helper()
		if diff := cmp.Diff(want, amounts(Wanted(input(400, told, rules...)))); diff != "" {
			t.Errorf("%s: -want +got\n%s", story, diff)
		}
	}
	ten := schema.Rule{Percent: 1000}
	f("no rule", tale{}.lead(1, "l").sale(2, "s", 10000), map[string]int64{})
	f("a rule for leads gives nothing for sales", tale{}.lead(1, "l").sale(2, "s", 10000), map[string]int64{"l": 500}, lead(schema.Rule{}))
	f("every lead and sale", tale{}.lead(1, "l").lead(1, "m").sale(2, "s", 10000).sale(3, "u", 100), map[string]int64{"l": 500, "m": 500, "s": 1000, "u": 10}, lead(schema.Rule{}), ten)
	f("what does not count", tale{}.sale(1, "s", 100, held).sale(1, "u", 100, func(d *attribution.Decision) { d.State = schema.StateDuplicate }).
		sale(1, "v", 100, func(d *attribution.Decision) { d.State = schema.StateTest }).sale(1, "w", 100, func(d *attribution.Decision) { d.State, d.Partner = schema.StateUnattributed, 0 }),
		map[string]int64{}, ten)
	once := schema.Rule{Percent: 1000, Once: true}
	f("once, told in another order", tale{}.sale(3, "u", 200).sale(2, "s", 100), map[string]int64{"s": 10}, once)
	f("once, and what is refunded stays the first", tale{}.sale(2, "s", 100).refund(2, "s", "r", 100).sale(3, "u", 200), map[string]int64{"s": 0}, once)
	f("once: a sale of nothing is not the first", tale{}.sale(2, "s", 0).sale(3, "u", 200), map[string]int64{"u": 20}, once)
	f("once: the first that reaches the minimum", tale{}.sale(2, "s", 100).sale(3, "u", 200).sale(4, "v", 200), map[string]int64{"u": 20}, schema.Rule{Percent: 1000, Once: true, MinSale: 150})
	f("once: of two at one moment one", tale{}.sale(2, "s", 100).sale(2, "a", 200), map[string]int64{"a": 20}, once)
	f("once: what is under review comes after what counts", tale{}.sale(2, "s", 100, review).sale(3, "u", 200), map[string]int64{"u": 20}, once)
	f("once: with nothing that counts, the first under review", tale{}.sale(2, "s", 100, review).sale(3, "u", 200, review), map[string]int64{"s": 10}, once)
	f("once for each partner", tale{}.sale(2, "s", 100).sale(3, "u", 200, of(2)), map[string]int64{"s": 10, "u": 20}, once)
	f("once, leads", tale{}.sale(1, "s", 100).lead(2, "l").lead(3, "m"), map[string]int64{"l": 500}, lead(schema.Rule{Once: true}))
	month := schema.Rule{Percent: 1000, Months: 1} // bound on 15 January
	f("a month", tale{}.lead(0, "l", binds).sale(0, "s", 100).sale(30, "u", 100).sale(31, "v", 100), map[string]int64{"s": 10, "u": 10}, month)
	f("a month, to the end of its last day", tale{}.sale(0.5, "s", 100, binds).sale(30.6, "u", 100).sale(30.7, "v", 100), map[string]int64{"s": 10, "u": 10}, month)
	f("a month from what binds, whatever came before it", tale{}.sale(0, "s", 100, review).sale(20, "u", 100, binds).sale(45, "v", 100), map[string]int64{"s": 10, "u": 10, "v": 10}, month)
	f("a month from a sale that is held", tale{}.sale(0, "s", 100, held, binds).sale(31, "v", 100), map[string]int64{}, month)
	f("a month from when the customer became that partner's", tale{}.sale(0, "s", 100, binds).sale(40, "u", 100, of(2), binds).sale(60, "v", 100, of(2)).sale(75, "w", 100, of(2)), map[string]int64{"s": 10, "u": 10, "v": 10}, month)
	f("rules that change at a date leave what was before", tale{}.sale(0, "s", 100).sale(17, "u", 100).sale(45, "v", 100), map[string]int64{"s": 10, "u": 20, "v": 30},
		ten, schema.Rule{Percent: 2000, From: 20260201}, schema.Rule{Percent: 3000, From: 20260301}, schema.Rule{Percent: 9000, From: 20260301, EndedFrom: 20260301})
	f("a rule in another currency", tale{}.sale(0, "s", 100, func(d *attribution.Decision) { d.Currency = "EUR" }), map[string]int64{"s": 10}, schema.Rule{Flat: 77}, schema.Rule{ID: 1, Percent: 1000, From: 20190101})
}

func TestAMonthFromThe31stOfJanuaryIsUntilThe28thOfFebruary(t *testing.T) {
	f := func(day schema.Day, months int, want schema.Day) {
		t.Helper()
		if got := day.PlusMonths(months); got != want {
			t.Errorf("%d months after %d: got %d, want %d", months, day, got, want)
		}
	}
	f(20260131, 1, 20260228)
	f(20280131, 1, 20280229)
	f(20260131, 2, 20260331)
	f(20260131, 12, 20270131)
	f(20280229, 12, 20290228)
	f(20280229, 48, 20320229)
	f(20260115, 1, 20260215)
	f(20261231, 2, 20270228)
	f(20260331, 120, 20360331)
	f(20261030, 4, 20270228)

	told := tale{}.sale(16, "bound", 100, binds) // 31 January
	for _, n := range []float64{42, 43, 44} {    // 26, 27 and 28 February
		told = told.sale(n, time.UnixMilli(day(n)).UTC().Format("2 January"), 100)
	}
	want := map[string]int64{"bound": 10, "26 February": 10, "27 February": 10}
	if diff := cmp.Diff(want, amounts(Wanted(input(100, told, schema.Rule{Percent: 1000, Months: 1})))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A sale's day and its months are those of the program's zone, also across a change of the clock.
func TestDaysAreThoseOfTheProgramsZone(t *testing.T) {
	at := func(text string) change {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return func(d *attribution.Decision) { d.OccurredAt = when.UnixMilli() }
	}
	in := input(200, tale{}.
		sale(0, "bound", 100, binds, at("2026-03-01T04:30:00Z")). // 28 February in Toronto
		sale(0, "last", 100, at("2026-03-28T03:59:00Z")).         // 27 March, in summer time
		sale(0, "out", 100, at("2026-03-28T04:00:00Z")).          // 28 March
		sale(0, "new", 100, at("2026-06-01T04:00:00Z")),          // 1 June
		schema.Rule{Percent: 1000, Months: 1}, schema.Rule{Percent: 2000, From: 20260601})
	in.Programs[0].Zone = "America/Toronto"
	if diff := cmp.Diff(map[string]int64{"bound": 10, "last": 10, "new": 20}, amounts(Wanted(in))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestGroupsAndHoldsAreThoseOfTheMoment(t *testing.T) {
	in := input(98, tale{}.sale(1, "s", 100).sale(5, "u", 100).sale(9, "v", 100), schema.Rule{Percent: 1000}, schema.Rule{Percent: 2000, Group: "gold"})
	in.Groups = map[schema.PartnerID][]schema.GroupVersion{1: {{At: time.UnixMilli(day(0))}, {At: time.UnixMilli(day(5)), Group: "gold"}, {At: time.UnixMilli(day(6))}}}
	longer := in.Programs[0]
	longer.At, longer.HoldDays = day(8), 90
	in.Programs = append(in.Programs, longer)
	want := []string{
		"s earned: expense>holding 10 on day 1", "s released: holding>payable 10 on day 31",
		"u earned: expense>holding 20 on day 5", "u released: holding>payable 20 on day 35",
		"v earned: expense>holding 10 on day 9",
	}
	if diff := cmp.Diff(want, said(Wanted(in))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	none := 0
	in = input(1, tale{}.sale(1, "s", 100), schema.Rule{Percent: 1000, HoldDays: &none})
	if diff := cmp.Diff([]string{"s earned: expense>holding 10 on day 1", "s released: holding>payable 10 on day 1"}, said(Wanted(in))); diff != "" {
		t.Errorf("without a hold: -want +got\n%s", diff)
	}
}

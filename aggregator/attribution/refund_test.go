package attribution

import (
	"testing"
	"time"

	"fairlead/schema"
)

func gross(minor int64) change { return func(r *Report) { r.Gross = minor } }
func running(r *Report)        { r.Running = true }

func TestWhatIsGivenBack(t *testing.T) {
	sold := "sale counted: last_click, partner 1, binds, 100.00 USD"
	sale := func() *journal { return new(journal).sale(1, "in_1", paidAs("pi_1"), clicked(1, 0)) }
	usd := func(minor int64) change { return amount(minor, "USD") }
	for _, c := range []struct {
		story string
		told  *journal
		want  []string
	}{
		{"all of it, without an amount", sale().refund(2, "in_1", "re_1"),
			[]string{sold, "refund counted: refund, partner 1, 100.00 USD"}},
		{"in parts, by another name of the payment, and the rest", sale().refund(2, "pi_1", "re_1", usd(3000)).refund(3, "in_1", "re_2", usd(1)).refund(4, "in_1", "re_3"),
			[]string{sold, "refund counted: refund, partner 1, 30.00 USD", "refund counted: refund, partner 1, 0.01 USD", "refund counted: refund, partner 1, 69.99 USD"}},
		{"more than there was", sale().refund(2, "in_1", "re_1", usd(7000)).refund(3, "in_1", "re_2", usd(7000)).refund(4, "in_1", "re_3", usd(1)),
			[]string{sold, "refund counted: refund, partner 1, 70.00 USD", "refund counted: refund_capped, partner 1, 30.00 USD", "refund counted: refund_capped, partner 1"}},
		{"before the sale was reported", new(journal).refund(2, "in_1", "re_1").sale(1, "in_1", clicked(1, 0)),
			[]string{"refund counted: refund, partner 1, 100.00 USD", sold}},
		{"a sale that never was reported", new(journal).refund(2, "in_1", "re_1").restored(3, "in_1", "re_1"),
			[]string{"refund waiting: no_sale", "restored waiting: no_sale"}},
		{"of a sale that nobody is credited for", new(journal).sale(1, "in_1").refund(2, "in_1", "re_1"),
			[]string{"sale unattributed: no_click, 100.00 USD", "refund unattributed: sale_unattributed, 100.00 USD"}},
		{"one refund told twice, by two names of the payment", sale().refund(2, "in_1", "re_1", usd(3000)).refund(2.1, "pi_1", "re_1", usd(3000)).refund(2.2, "in_1", "re_1", usd(3000)).refund(2.3, "pi_1", "re_1", usd(1)),
			[]string{sold, "refund counted: refund, partner 1, 30.00 USD", "refund duplicate: same_refund", "refund duplicate: repeat", "refund conflict: other_content"}},
		{"taken back", sale().refund(2, "in_1", "dp_1").restored(9, "in_1", "dp_1").refund(10, "in_1", "re_1", usd(2500)),
			[]string{sold, "refund counted: refund, partner 1, 100.00 USD", "restored counted: restored, partner 1, 100.00 USD", "refund counted: refund, partner 1, 25.00 USD"}},
		{"taken back in part", sale().refund(2, "in_1", "dp_1").restored(9, "in_1", "dp_1", usd(4000)),
			[]string{sold, "refund counted: refund, partner 1, 100.00 USD", "restored counted: restored, partner 1, 40.00 USD"}},
		{"taken back before it was given, by the senders' clocks", sale().restored(2, "in_1", "dp_1").refund(3, "in_1", "dp_1"),
			[]string{sold, "restored counted: restored, partner 1, 100.00 USD", "refund counted: refund, partner 1, 100.00 USD"}},
		{"taken back, and never given", sale().restored(2, "in_1", "dp_1"),
			[]string{sold, "restored waiting: no_refund"}},
		{"running totals and single refunds of the same money", sale().refund(2, "in_1", "total_1", usd(3000), running).refund(2.1, "in_1", "re_1", usd(3000)).
			refund(3, "in_1", "re_2", usd(2000)).refund(3.1, "in_1", "total_2", usd(5000), running),
			[]string{sold, "refund counted: refund, partner 1, 30.00 USD", "refund counted: refund_included, partner 1",
				"refund counted: refund, partner 1, 20.00 USD", "refund counted: refund_included, partner 1"}},
		{"a running total after a refund that was restored", sale().refund(2, "in_1", "re_1", usd(3000)).restored(3, "in_1", "re_1").refund(4, "in_1", "total", usd(5000), running),
			[]string{sold, "refund counted: refund, partner 1, 30.00 USD", "restored counted: restored, partner 1, 30.00 USD", "refund counted: refund, partner 1, 50.00 USD"}},
		{"a refund that only a running total told is restored", sale().refund(2, "in_1", "total", usd(3000), running).refund(3, "in_1", "re_1", usd(3000)).restored(4, "in_1", "re_1"),
			[]string{sold, "refund counted: refund, partner 1, 30.00 USD", "refund counted: refund_included, partner 1", "restored counted: restored, partner 1, 30.00 USD"}},
		{"a dispute by another name of the payment, beside running totals", sale().refund(2, "pi_1", "dp_1", usd(4000)).refund(3, "in_1", "total", usd(4000), running),
			[]string{sold, "refund counted: refund, partner 1, 40.00 USD", "refund counted: refund, partner 1, 40.00 USD"}},
		{"by a name that something else ties to the payment", sale().refund(2, "ch_1", "re_1").take(schema.Deferred, 1, paidAs("ch_1", "pi_1")),
			[]string{sold, "refund counted: refund, partner 1, 100.00 USD", "deferred noted: deferred"}},
		{"in terms of what was charged", new(journal).sale(1, "in_1", clicked(1, 0), gross(11900)).refund(2, "in_1", "re_1", gross(3967)).refund(3, "in_1", "re_2", gross(3967)).refund(4, "in_1", "re_3", gross(3966)),
			[]string{sold, "refund counted: refund, partner 1, 33.34 USD", "refund counted: refund, partner 1, 33.33 USD", "refund counted: refund, partner 1, 33.33 USD"}},
		{"in another currency", sale().refund(2, "in_1", "re_1", amount(100, "EUR")),
			[]string{sold, "refund held: other_currency, partner 1"}},
		{"of a payment that was told by two sales", sale().sale(1.1, "ch_1", paidAs("pi_1")).refund(2, "ch_1", "re_1"),
			[]string{sold, "sale duplicate: same_payment", "refund counted: refund, partner 1, 100.00 USD"}},
	} {
		t.Run(c.story, func(t *testing.T) { mustDecide(t, world(), c.told, c.want...) })
	}
}

func TestAmountsInOtherCurrencies(t *testing.T) {
	w := world()
	at := func(n float64) int { return int(dayOf(n)) }
	rate := func(currency string, n float64, r Rate) {
		p := Pair{currency, "USD"}
		w.Rates[p] = append(w.Rates[p], DayRate{dayOf(n), r})
	}
	rate("EUR", 0, "1.1")
	rate("EUR", 2, "1.2")
	rate("JPY", 0, "0.0064935")
	rate("KWD", 0, "3.2555")
	rate("BTN", 0, "1000000000000")
	if at(0) != 20261102 {
		t.Fatalf("the world begins on %d", at(0))
	}
	sold := func(at float64, minor int64, currency string) *journal {
		return new(journal).sale(at, "in_1", clicked(1, 0), amount(minor, currency))
	}
	const counted = "sale counted: last_click, partner 1, binds"
	mustDecide(t, w, sold(1, 10000, "EUR"), counted+", 110.00 USD")
	mustDecide(t, w, sold(2, 10000, "EUR"), counted+", 120.00 USD")
	mustDecide(t, w, sold(9, 10000, "EUR"), counted+", 120.00 USD")
	mustDecide(t, w, sold(10, 10000, "EUR"), "sale held: no_rate, partner 1, binds")
	mustDecide(t, w, sold(1, 1000, "GBP"), "sale held: no_rate, partner 1, binds")
	mustDecide(t, w, sold(1, 0, "GBP"), counted)
	mustDecide(t, w, sold(1, 1000, "JPY"), counted+", 6.49 USD") // 6.4935
	mustDecide(t, w, sold(1, 1000, "KWD"), counted+", 3.26 USD") // 3.2555
	mustDecide(t, w, sold(1, 1000001, "BTN"), "sale counted: last_click, partner 1, binds, 10000010000000000.00 USD")
	mustDecide(t, w, sold(1, 1_000_000_000, "BTN"), "sale held: amount_too_large, partner 1, binds")
	mustDecide(t, w, sold(9, 999, "EUR").refund(20, "in_1", "re_1", amount(333, "EUR")).refund(21, "in_1", "re_2", amount(333, "EUR")).refund(22, "in_1", "re_3"),
		counted+", 11.99 USD", // 11.988
		"refund counted: refund, partner 1, 4.00 USD", "refund counted: refund, partner 1, 3.99 USD", "refund counted: refund, partner 1, 4.00 USD")
	mustDecide(t, w, sold(20, 999, "EUR").refund(20, "in_1", "re_1"), "sale held: no_rate, partner 1, binds", "refund held: sale_held, partner 1")
}

func TestHalvesAreRoundedUp(t *testing.T) {
	f := func(amount int64, from, to string, rate Rate, want int64) {
		t.Helper()
		if got, ok := Convert(amount, from, to, rate); !ok || got != want {
			t.Errorf("%d %s at %s: got %d %s (%t), want %d", amount, from, rate, got, to, ok, want)
		}
	}
	f(1, "USD", "EUR", "0.5", 1)
	f(1, "USD", "EUR", "0.499999999999", 0)
	f(3, "USD", "EUR", "0.5", 2)
	f(5, "USD", "EUR", "0.1", 1)
	f(4, "USD", "EUR", "0.1", 0)
	f(1000, "JPY", "USD", "0.0065", 650)
	f(123, "USD", "JPY", "153.5", 189) // 188.805
	f(1234, "KWD", "USD", "3.25", 401) // 4.0105
	f(100, "USD", "KWD", "0.3075", 308)
	f(7, "USD", "USD", "1", 7)
	for _, no := range []Rate{"", "0", "-1", "1.0000000000001", "x"} {
		if got, ok := Convert(1, "USD", "EUR", no); ok {
			t.Errorf("the rate %q: got %d", no, got)
		}
	}
}

func dayOf(n float64) schema.Day { return schema.DayOf(when(day(n)), time.UTC) }

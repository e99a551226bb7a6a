package attribution

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"fairlead/schema"
)

// story draws what some customers did, told so that no two reports of one thing differ: what merchants whose systems
// are in order report.
func story(t *rapid.T, prefix string) []Report {
	j := new(journal)
	pick := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
	at := func() float64 { return float64(pick("hour", 24*120)) / 24 }
	who := func() change {
		return func(r *Report) {
			switch n := pick("customer", 6); {
			case n < 4:
				r.Customer = fmt.Sprintf("%sc%d", prefix, n)
			case n == 4:
				r.Aliases = append(r.Aliases, prefix+"shop:a")
			}
			if pick("alias", 5) == 0 {
				r.Aliases = append(r.Aliases, fmt.Sprintf("%sshop:%d", prefix, pick("shop", 3)))
			}
		}
	}
	how := func() change {
		switch pick("how", 8) {
		case 0, 1, 2:
			return clicked(schema.PartnerID(1+pick("partner", 4)), float64(pick("click", 24*120))/24)
		case 3:
			return coupons([]string{"A", "B", "NONE"}[pick("coupon", 3)])
		case 4:
			return badClick(schema.ClickForged)
		case 5:
			return named(schema.PartnerID(1 + pick("named", 4)))
		}
		return func(*Report) {}
	}
	// Clicks, invoices and refunds of different stories never meet.
	own := func(r *Report) {
		if r.Click != "" {
			r.Click = prefix + r.Click
		}
		for i := range r.Payments {
			r.Payments[i] = prefix + r.Payments[i]
		}
		r.Invoice = prefix + r.Invoice
		r.Refund = prefix + r.Refund
		r.Test = pick("test", 12) == 0
	}
	sales := 1 + pick("sales", 8)
	for i := range sales {
		invoice := fmt.Sprintf("in_%d", i)
		names := paidAs()
		if pick("names", 3) == 0 {
			names = paidAs(fmt.Sprintf("pi_%d", pick("payment", 3)))
		}
		money := amount(int64(pick("amount", 20000)), []string{"USD", "EUR", "JPY", "XTS"}[pick("currency", 4)])
		j.take(schema.Sale, at(), who(), invoiced(invoice), names, money, how(), own)
		for n := range pick("refunds", 4) {
			part := amount(int64(pick("part", 12000)), "")
			if pick("terms", 3) == 0 {
				part = gross(int64(pick("gross", 12000)))
			}
			told := func(r *Report) { r.Running = pick("running", 4) == 0 }
			refund := fmt.Sprintf("re_%d_%d", i, n)
			j.take(schema.Refund, at(), invoiced(invoice), func(r *Report) { r.Refund = refund }, part, told, own)
			if pick("restored", 4) == 0 {
				j.take(schema.Restored, at(), invoiced(invoice), func(r *Report) { r.Refund = refund }, own)
			}
		}
	}
	for range pick("leads", 6) {
		event := fmt.Sprint("event", pick("event", 3))
		kind := []schema.ConversionKind{schema.Lead, schema.Lead, schema.Deferred}[pick("kind", 3)]
		j.take(kind, at(), who(), how(), func(r *Report) { r.Event = prefix + event }, own)
	}
	// A thing is told once: the same things told differently are a matter of who comes first.
	seen := map[string]bool{}
	return slices.DeleteFunc(j.reports, func(r Report) bool {
		twice := seen[r.ID]
		seen[r.ID] = true
		nobodys := (r.Kind == schema.Lead || r.Kind == schema.Deferred) && r.Customer == "" && r.Click == "" // refused at the door
		return twice || nobodys
	})
}

// busy is a world with everything in it that can decide.
func busy() *World {
	w := world()
	w.coupon(1, "A", 1, 0, 60)
	w.coupon(2, "B", 2, 30, 0)
	w.claim(1, "customer:c0", 3, 50)
	w.claim(2, "shop:1", 4, 20)
	w.Partners[3] = Partner{Statuses: []StatusVersion{{day(-9), schema.PartnerActive}, {day(40), schema.PartnerSuspended}, {day(60), schema.PartnerActive}}, Aliases: []string{"shop:2"}}
	later := w.Programs[0]
	later.At, later.WindowDays, later.Touch = day(70), 20, "first"
	w.Programs = append(w.Programs, later)
	for n := 0.0; n < 120; n += 9 {
		for currency, rate := range map[string]Rate{"EUR": "1.085", "JPY": "0.0067"} {
			p := Pair{currency, "USD"}
			w.Rates[p] = append(w.Rates[p], DayRate{dayOf(n), rate})
		}
	}
	return w
}

// deliver tells reports in any order, some several times, each time from any of three nodes.
func deliver(rng *rand.Rand, reports []Report, times int) []Report {
	var out []Report
	for _, r := range reports {
		for range times {
			out = append(out, r)
		}
	}
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	seq := map[string]uint64{}
	for i := range out {
		r := &out[i]
		r.Node = fmt.Sprint("node", rng.IntN(3))
		seq[r.Node]++
		r.Seq, r.ReceivedAt = seq[r.Node], day(200)+int64(rng.IntN(50))
	}
	return out
}

// outcome is what does not depend on how reports were delivered: the decision on each conversion.
func outcome(ds []Decision) map[string]Decision {
	out := map[string]Decision{}
	for _, d := range ds {
		if d.Reason == schema.ReasonRepeat {
			continue
		}
		d.Node, d.Seq, d.ReceivedAt = "", 0, 0
		out[d.ID] = d
	}
	return out
}

func TestDeliveryChangesNothing(t *testing.T) {
	w := busy()
	rapid.Check(t, func(t *rapid.T) {
		reports := story(t, "")
		want := outcome(Decide(w, reports))
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for times := 1; times <= 3; times++ {
			told := deliver(rng, reports, times)
			ds := Decide(w, told)
			if len(ds) != len(told) {
				t.Fatalf("%d decisions of %d reports", len(ds), len(told))
			}
			if diff := cmp.Diff(want, outcome(ds)); diff != "" {
				t.Fatalf("told %d times, shuffled: -in order +shuffled\n%s", times, diff)
			}
		}
	})
}

// What the merchant says in an import stands above coupons and clicks: no lead or sale that names a partner is decided
// by either, or left without anybody for want of them.
func TestTheMerchantsWordStandsAboveClicks(t *testing.T) {
	w := busy()
	rapid.Check(t, func(t *rapid.T) {
		reports := story(t, "")
		for i := range reports {
			if r := &reports[i]; (r.Kind == schema.Lead || r.Kind == schema.Sale) && rapid.Bool().Draw(t, "named") {
				r.Credit = schema.PartnerID(1 + rapid.IntRange(0, 4).Draw(t, "whom")) // 5 is not in the program
			}
		}
		word, named := map[string]schema.PartnerID{}, map[schema.PartnerID]bool{}
		for _, r := range reports {
			word[r.ID] = r.Credit
			named[r.Credit] = r.Credit != 0
		}
		for _, d := range Decide(w, reports) {
			who := word[d.ID]
			switch d.Reason {
			case schema.ReasonCredit:
				// Of reports of one payment, another one may have named the partner.
				if who != 0 && d.Partner != who || who == 0 && !named[d.Partner] {
					t.Fatalf("the merchant named %d: %+v", who, d)
				}
			case schema.ReasonLastClick, schema.ReasonFirstClick, schema.ReasonCoupon, schema.ReasonNoClick, schema.ReasonClickTooOld, schema.ReasonClickLater,
				schema.ReasonClickForged, schema.ReasonClickMalformed, schema.ReasonUnknownLink, schema.ReasonCouponUnknown, schema.ReasonCouponNotActive:
				if who != 0 {
					t.Fatalf("the merchant named %d, and yet: %+v", who, d)
				}
			}
		}
		if diff := cmp.Diff(outcome(Decide(w, reports)), outcome(Decide(w, deliver(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), reports, 2)))); diff != "" {
			t.Fatalf("told twice, shuffled: %s", diff)
		}
	})
}

func TestMoneyAddsUp(t *testing.T) {
	w := busy()
	rapid.Check(t, func(t *rapid.T) {
		ds := Decide(w, story(t, ""))
		sold, back := map[string]int64{}, map[string]int64{}
		bound := map[schema.PartnerID]map[string]int{}
		for _, d := range ds {
			if d.Amount < 0 {
				t.Fatalf("a negative amount: %+v", d)
			}
			if d.Reason.Sentence() == "" {
				t.Fatalf("the reason %q has no sentence", d.Reason)
			}
			switch d.State {
			case schema.StateCounted, schema.StateReview, schema.StateHeld:
				if d.Partner == 0 {
					t.Fatalf("%s without a partner: %+v", d.State, d)
				}
			default:
				if d.Partner != 0 && !d.Test || d.Binds {
					t.Fatalf("%s, and credited: %+v", d.State, d)
				}
			}
			switch d.Kind {
			case schema.Sale:
				sold[d.Sale] += d.Amount
			case schema.Refund:
				back[d.Sale] += d.Amount
			case schema.Restored:
				back[d.Sale] -= d.Amount
			}
			if d.Binds && d.Customer != "" {
				if bound[d.Partner] == nil {
					bound[d.Partner] = map[string]int{}
				}
				if bound[d.Partner][d.Customer]++; bound[d.Partner][d.Customer] > 1 {
					t.Fatalf("%s was referred twice by partner %d", d.Customer, d.Partner)
				}
			}
		}
		for sale, n := range back {
			if n < 0 || n > sold[sale] {
				t.Fatalf("%d given back of a sale of %d", n, sold[sale])
			}
		}
	})
}

func TestAnUnrelatedCustomerChangesNothing(t *testing.T) {
	w := busy()
	rapid.Check(t, func(t *rapid.T) {
		one, other := story(t, ""), story(t, "other:")
		for i := range other {
			other[i].Node = "another"
			other[i].Identify("other:" + fmt.Sprint(i))
		}
		want := outcome(Decide(w, one))
		got := outcome(Decide(w, append(slices.Clone(one), other...)))
		for id := range outcome(Decide(w, other)) {
			delete(got, id)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-alone +beside another customer\n%s", diff)
		}
	})
}

// Five events of one purchase, as a payment processor sends them, in each of their 120 orders and each three times.
func TestEveryOrderOfFiveEventsIsOneLedger(t *testing.T) {
	w := world()
	w.coupon(1, "WELCOME", 2, -10, 0)
	events := new(journal).
		lead(1, customerIs("cus_1"), alias("email:ann")).
		sale(1.01, "cs_1", customerIs(""), paidAs("pi_1"), alias("email:ann"), clicked(1, 0)).
		sale(1.01, "in_1", customerIs("cus_1"), paidAs("pi_1"), coupons("welcome")).
		refund(3, "ch_1", "re_1", paidAs("pi_1"), amount(2500, "USD")).
		refund(4, "in_1", "re_2", amount(9000, "USD")).reports
	want := outcome(Decide(w, events))
	var credited, back int64
	for _, d := range want {
		switch {
		case d.State == schema.StateCounted && d.Kind == schema.Sale:
			credited += d.Amount
		case d.State == schema.StateCounted && d.Kind == schema.Refund:
			back += d.Amount
		}
	}
	if credited != 10000 || back != 10000 {
		t.Fatalf("%d sold and %d given back, want 10000 of each", credited, back)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	orders := 0
	permutations(len(events), func(order []int) {
		orders++
		var told []Report
		for range 3 {
			for _, i := range order {
				r := events[i]
				r.Seq = uint64(len(told) + 1)
				r.Node = fmt.Sprint("node", rng.IntN(2))
				r.ReceivedAt = day(5) + int64(len(told))
				told = append(told, r)
			}
		}
		if diff := cmp.Diff(want, outcome(Decide(w, told))); diff != "" {
			t.Errorf("order %v: -want +got\n%s", order, diff)
		}
	})
	if orders != 120 {
		t.Errorf("%d orders, want 120", orders)
	}
}

// permutations calls yield with every order of n things.
func permutations(n int, yield func([]int)) {
	order := make([]int, 0, n)
	var rest func()
	rest = func() {
		if len(order) == n {
			yield(order)
			return
		}
		for i := range n {
			if !slices.Contains(order, i) {
				order = append(order, i)
				rest()
				order = order[:len(order)-1]
			}
		}
	}
	rest()
}

func BenchmarkDecide(b *testing.B) {
	w := world()
	customers := make([][]Report, 1000)
	for i := range customers {
		who := customerIs(fmt.Sprint("customer", i))
		customers[i] = new(journal).lead(1, who, clicked(1, 0), alias("email:"+fmt.Sprint(i))).
			sale(2, fmt.Sprint("in_", i, "_1"), who).sale(32, fmt.Sprint("in_", i, "_2"), who).
			refund(40, fmt.Sprint("in_", i, "_2"), "re_1", amount(100, "USD")).reports
	}
	for b.Loop() {
		for _, c := range customers {
			Decide(w, c)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*4000), "ns/report")
}

package attribution

import (
	"testing"

	"fairlead/schema"
)

func TestWhoIsCredited(t *testing.T) {
	for _, c := range []struct {
		story string
		world func(*World)
		told  *journal
		want  []string
	}{
		{
			story: "a click, a sign-up, two sales",
			told:  new(journal).lead(1, clicked(1, 0)).sale(2, "in_1").sale(40, "in_2"),
			want:  []string{"lead counted: last_click, partner 1, binds", "sale counted: bound, partner 1, 100.00 USD", "sale counted: bound, partner 1, 100.00 USD"},
		},
		{
			story: "a sale without a lead binds too",
			told:  new(journal).sale(2, "in_1", clicked(1, 0)).sale(3, "in_2"),
			want:  []string{"sale counted: last_click, partner 1, binds, 100.00 USD", "sale counted: bound, partner 1, 100.00 USD"},
		},
		{
			story: "the last of two clicks",
			told:  new(journal).lead(3, clicked(1, 0)).sale(4, "in_1", clicked(2, 2)),
			want:  []string{"lead counted: last_click, partner 2, binds", "sale counted: bound, partner 2, 100.00 USD"},
		},
		{
			story: "the first of two clicks, where the program says so",
			world: func(w *World) { w.Programs[0].Touch = "first" },
			told:  new(journal).lead(3, clicked(1, 0)).sale(4, "in_1", clicked(2, 2)),
			want:  []string{"lead counted: first_click, partner 1, binds", "sale counted: bound, partner 1, 100.00 USD"},
		},
		{
			story: "a click after the customer was bound moves nothing",
			told:  new(journal).lead(1, clicked(1, 0)).sale(10, "in_1", clicked(2, 5)),
			want:  []string{"lead counted: last_click, partner 1, binds", "sale counted: bound, partner 1, 100.00 USD"},
		},
		{
			story: "a click that a late report tells decides what was before the report",
			told:  new(journal).lead(1).sale(5, "in_1", clicked(1, 0.5)),
			want:  []string{"lead counted: last_click, partner 1, binds", "sale counted: bound, partner 1, 100.00 USD"},
		},
		{
			story: "what a page tells decides its own lead and what comes after it",
			told:  new(journal).lead(1, clicked(1, 0), toldByPage(1)).sale(5, "in_1"),
			want:  []string{"lead counted: last_click, partner 1, binds", "sale counted: bound, partner 1, 100.00 USD"},
		},
		{
			story: "what a page tells moves nothing that was before",
			told:  new(journal).lead(3, clicked(1, 0)).lead(9, called("again"), clicked(2, 2), toldByPage(9)),
			want:  []string{"lead counted: last_click, partner 1, binds", "lead counted: bound, partner 1"},
		},
		{
			story: "what a page tells credits nobody with what was before",
			told:  new(journal).sale(3, "in_1").lead(9, clicked(2, 2), toldByPage(9)).sale(10, "in_2"),
			want:  []string{"sale unattributed: click_later, 100.00 USD", "lead counted: last_click, partner 2, binds", "sale counted: bound, partner 2, 100.00 USD"},
		},
		{
			story: "a click that a page tells and the shop told before",
			told:  new(journal).lead(3, clicked(1, 0)).lead(9, called("again"), clicked(1, 0), toldByPage(9)),
			want:  []string{"lead counted: last_click, partner 1, binds", "lead counted: bound, partner 1"},
		},
		{
			story: "a page cannot make a partner's sale one to themselves",
			told:  new(journal).sale(3, "in_1", clicked(1, 0)).lead(9, alias("email:partner1"), toldByPage(9)),
			want:  []string{"sale counted: last_click, partner 1, binds, 100.00 USD", "lead review: self_referral, partner 1"},
		},
		{
			story: "a lead that was deferred tells the click",
			told:  new(journal).take(schema.Deferred, 1, customer1, clicked(1, 0)).lead(2),
			want:  []string{"deferred noted: deferred", "lead counted: last_click, partner 1, binds"},
		},
		{
			story: "a window's last moment, and the one after it",
			told:  new(journal).lead(90, clicked(1, 0)).lead(90.01, customerIs("bob"), clicked(1, 0)),
			want:  []string{"lead counted: last_click, partner 1, binds", "lead unattributed: click_outside_window"},
		},
		{
			story: "another window changes nothing of what was before it",
			world: func(w *World) {
				short := w.Programs[0]
				short.At, short.WindowDays = day(50), 7
				w.Programs = append(w.Programs, short)
			},
			told: new(journal).lead(49, clicked(1, 0)).lead(51, customerIs("bob"), clicked(1, 2)),
			want: []string{"lead counted: last_click, partner 1, binds", "lead unattributed: click_outside_window"},
		},
		{
			story: "nothing is known of the customer",
			told:  new(journal).sale(1, "in_1"),
			want:  []string{"sale unattributed: no_click, 100.00 USD"},
		},
		{
			story: "a click id that was made up",
			told:  new(journal).sale(1, "in_1", badClick(schema.ClickForged)),
			want:  []string{"sale unattributed: click_forged, 100.00 USD"},
		},
		{
			story: "a click id that is none",
			told:  new(journal).sale(1, "in_1", badClick(schema.ClickMalformed)),
			want:  []string{"sale unattributed: click_malformed, 100.00 USD"},
		},
		{
			story: "a click after the sale",
			told:  new(journal).sale(1, "in_1", clicked(1, 2)),
			want:  []string{"sale unattributed: click_later, 100.00 USD"},
		},
		{
			story: "a link that is not known, and whose partner the node did not know either",
			told:  new(journal).sale(1, "in_1", clicked(9, 0), func(r *Report) { r.Partner = 0 }),
			want:  []string{"sale unattributed: unknown_link, 100.00 USD"},
		},
		{
			story: "a partner who is not known",
			told:  new(journal).sale(1, "in_1", clicked(9, 0)),
			want:  []string{"sale unattributed: unknown_partner, 100.00 USD"},
		},
		{
			story: "a partner while suspended, and active again",
			world: func(w *World) {
				w.Partners[1] = Partner{Statuses: []StatusVersion{{day(-9), schema.PartnerInvited}, {day(2), schema.PartnerSuspended}, {day(4), schema.PartnerActive}}}
			},
			told: new(journal).sale(1, "in_1", clicked(1, 0)).sale(3, "in_2").sale(5, "in_3").sale(3, "in_4", customerIs("bob"), clicked(1, 0)).sale(5, "in_5", customerIs("bob")),
			want: []string{
				"sale counted: last_click, partner 1, binds, 100.00 USD", "sale unattributed: partner_suspended, 100.00 USD", "sale counted: bound, partner 1, 100.00 USD",
				"sale unattributed: partner_suspended, 100.00 USD", "sale counted: last_click, partner 1, binds, 100.00 USD",
			},
		},
		{
			story: "partners who were not accepted",
			world: func(w *World) {
				w.Partners[1] = Partner{Statuses: []StatusVersion{{day(-9), schema.PartnerDeclined}}}
				w.Partners[2] = Partner{Statuses: []StatusVersion{{day(-9), schema.PartnerApplied}}}
			},
			told: new(journal).sale(1, "in_1", clicked(1, 0)).sale(1, "in_2", customerIs("bob"), clicked(2, 0)),
			want: []string{"sale unattributed: partner_declined, 100.00 USD", "sale unattributed: partner_applied, 100.00 USD"},
		},
		{
			story: "a coupon goes before a click, and however it is written",
			world: func(w *World) { w.coupon(1, "SUMMER10", 2, 0, 0) },
			told:  new(journal).sale(1, "in_1", clicked(1, 0), coupons(" summer10 ")).sale(2, "in_2"),
			want:  []string{"sale counted: coupon, partner 2, binds, 100.00 USD", "sale counted: bound, partner 2, 100.00 USD"},
		},
		{
			story: "of two coupons the one that was given out first",
			world: func(w *World) { w.coupon(2, "B", 2, 0, 0); w.coupon(1, "A", 1, 0, 0) },
			told:  new(journal).sale(1, "in_1", coupons("B", "A")),
			want:  []string{"sale counted: coupon, partner 1, binds, 100.00 USD"},
		},
		{
			story: "coupons that credit nobody leave it to the click",
			world: func(w *World) { w.coupon(1, "OLD", 2, -5, -2); w.coupon(2, "NEW", 2, 5, 0) },
			told: new(journal).sale(1, "in_1", clicked(1, 0), coupons("OLD", "NEW", "NOBODY")).
				sale(1, "in_2", customerIs("bob"), coupons("OLD")).sale(1, "in_3", customerIs("cyd"), coupons("NOBODY")),
			want: []string{"sale counted: last_click, partner 1, binds, 100.00 USD", "sale unattributed: coupon_not_active, 100.00 USD", "sale unattributed: coupon_unknown, 100.00 USD"},
		},
		{
			story: "a code that went to another partner",
			world: func(w *World) { w.coupon(1, "X", 1, 0, 2); w.coupon(2, "X", 2, 2, 0) },
			told:  new(journal).sale(1, "in_1", coupons("X")).sale(3, "in_2", customerIs("bob"), coupons("X")),
			want:  []string{"sale counted: coupon, partner 1, binds, 100.00 USD", "sale counted: coupon, partner 2, binds, 100.00 USD"},
		},
		{
			story: "the merchant's word goes before coupons and clicks",
			world: func(w *World) { w.coupon(1, "A", 2, 0, 0) },
			told:  new(journal).lead(1, named(3), clicked(1, 0), coupons("A")).sale(2, "in_1"),
			want:  []string{"lead counted: credit, partner 3, binds", "sale counted: bound, partner 3, 100.00 USD"},
		},
		{
			story: "an accepted claim, from its date on",
			world: func(w *World) { w.claim(7, "shop:toys.example", 2, 5) },
			told:  new(journal).lead(1, clicked(1, 0), alias("shop:toys.example")).sale(2, "in_1").sale(5, "in_2").sale(6, "in_3"),
			want: []string{
				"lead counted: last_click, partner 1, binds", "sale counted: bound, partner 1, 100.00 USD",
				"sale counted: claim, partner 2, binds, 100.00 USD", "sale counted: claim, partner 2, 100.00 USD",
			},
		},
		{
			story: "a claim for a customer of whom nothing else is known, by the merchant's id",
			world: func(w *World) { w.claim(7, "customer:ann", 2, 0) },
			told:  new(journal).lead(1).sale(2, "in_1"),
			want:  []string{"lead counted: claim, partner 2, binds", "sale counted: claim, partner 2, 100.00 USD"},
		},
		{
			story: "of two claims the later one",
			world: func(w *World) { w.claim(7, "customer:ann", 2, 0); w.claim(8, "shop:toys.example", 3, 3) },
			told:  new(journal).sale(2, "in_1").sale(4, "in_2", alias("shop:toys.example")),
			want:  []string{"sale counted: claim, partner 2, binds, 100.00 USD", "sale counted: claim, partner 3, binds, 100.00 USD"},
		},
		{
			story: "a customer with the partner's own address",
			told:  new(journal).lead(1, clicked(1, 0)).sale(2, "in_1", alias("email:partner1")).refund(3, "in_1", "re_1"),
			want:  []string{"lead review: self_referral, partner 1", "sale review: self_referral, partner 1, 100.00 USD", "refund review: sale_in_review, partner 1, 100.00 USD"},
		},
		{
			story: "a customer with another partner's address is nothing special",
			told:  new(journal).lead(1, clicked(1, 0), alias("email:partner2")),
			want:  []string{"lead counted: last_click, partner 1, binds"},
		},
		{
			story: "tests are a world of their own",
			told: new(journal).lead(1, clicked(1, 0)).lead(2, test).sale(3, "in_1", test, clicked(2, 0)).sale(3, "in_1").
				lead(2, test, customerIs("bob"), alias("email:x")).lead(2, customerIs("cyd"), alias("email:x"), clicked(2, 0)),
			want: []string{
				"lead counted: last_click, partner 1, binds", "lead test: last_click, partner 2", "sale test: bound, partner 2, 100.00 USD", "sale counted: bound, partner 1, 100.00 USD",
				"lead test: no_click", "lead counted: last_click, partner 2, binds",
			},
		},
		{
			story: "repeats, and one that says something else",
			told:  new(journal).sale(1, "in_1", clicked(1, 0)).sale(1, "in_1", clicked(1, 0)).sale(1, "in_1", clicked(1, 0), amount(1, "USD")),
			want:  []string{"sale counted: last_click, partner 1, binds, 100.00 USD", "sale duplicate: repeat", "sale conflict: other_content"},
		},
		{
			story: "what a repeat tells of the customer is evidence",
			told:  new(journal).sale(1, "in_1").sale(1, "in_1", clicked(1, 0), alias("shop:a.example")).lead(2, customerIs("other"), alias("shop:a.example")),
			want:  []string{"sale counted: last_click, partner 1, binds, 100.00 USD", "sale conflict: other_content", "lead counted: bound, partner 1"},
		},
		{
			story: "one payment told by three events",
			told: new(journal).sale(1, "cs_1", paidAs("pi_1"), clicked(1, 0)).sale(1.001, "in_1", paidAs("pi_1")).
				sale(1.002, "ch_1", paidAs("in_1"), amount(9000, "USD")),
			want: []string{"sale counted: last_click, partner 1, binds, 100.00 USD", "sale duplicate: same_payment", "sale conflict: other_amount"},
		},
		{
			story: "a coupon that only one of the payment's events tells",
			world: func(w *World) { w.coupon(1, "A", 2, 0, 0) },
			told:  new(journal).sale(1, "cs_1", paidAs("pi_1")).sale(1.001, "in_1", paidAs("pi_1"), coupons("a")),
			want:  []string{"sale counted: coupon, partner 2, binds, 100.00 USD", "sale duplicate: same_payment"},
		},
		{
			story: "a click without a customer",
			told:  new(journal).lead(1, customerIs(""), clicked(1, 0)).sale(2, "in_1", customerIs(""), clicked(1, 0)),
			want:  []string{"lead counted: last_click, partner 1, binds", "sale counted: bound, partner 1, 100.00 USD"},
		},
		{
			story: "two customers of one click are two",
			told:  new(journal).lead(1, clicked(1, 0)).lead(1, customerIs("bob"), clicked(1, 0)),
			want:  []string{"lead counted: last_click, partner 1, binds", "lead counted: last_click, partner 1, binds"},
		},
	} {
		t.Run(c.story, func(t *testing.T) {
			w := world()
			if c.world != nil {
				c.world(w)
			}
			mustDecide(t, w, c.told, c.want...)
		})
	}
}

func TestADecisionShowsWhatItRestsOn(t *testing.T) {
	w := world()
	w.coupon(1, "SUMMER10", 2, 0, 0)
	w.claim(7, "customer:cyd", 3, 0)
	told := new(journal).lead(1, clicked(1, 0)).sale(2, "in_1").sale(3, "in_2", customerIs("bob"), coupons("Summer10")).
		lead(4, customerIs("cyd")).sale(200, "in_3", customerIs("dee"), clicked(1, 5), alias("shop:d.example")).refund(6, "in_1", "re_1").
		lead(7, customerIs(""), alias("shop:z.example", "shop:e.example"))
	ds := Decide(w, told.reports)
	check := func(n int, what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("report %d: %s is %v, want %v", n+1, what, got, want)
		}
	}
	for _, n := range []int{0, 1} {
		check(n, "click", ds[n].Click, "click-1-0")
		check(n, "its time", ds[n].ClickedAt, day(0))
		check(n, "link", ds[n].Link, schema.LinkID(10))
		check(n, "customer", ds[n].Customer, "ann")
	}
	check(1, "sale", ds[1].Sale, ds[1].ID)
	check(2, "coupon", ds[2].Coupon, "SUMMER10")
	check(3, "claim", ds[3].Claim, uint32(7))
	check(4, "the click that is too old", ds[4].Click, "click-1-5")
	check(4, "partner", ds[4].Partner, schema.PartnerID(0))
	check(5, "sale", ds[5].Sale, ds[1].ID)
	check(5, "link", ds[5].Link, schema.LinkID(10))
	check(5, "customer", ds[5].Customer, "ann")
	check(6, "customer", ds[6].Customer, "shop:e.example")
}

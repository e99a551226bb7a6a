package attribute

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"fairlead/aggregator/lock"
	"fairlead/cmd/chaostest"
	"fairlead/schema"
)

func TestDecisionsAndDaysFollowWhatIsTold(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(1, 2))
	w.rate(0, "EUR", "1.085")
	w.entry(-5, schema.KindCoupon, 1, schema.Coupon{ID: 1, Code: "CODE1", Partner: 1, CreatedAt: monday})
	w.run()
	for n := range 6 {
		w.tell(fmt.Sprint("node", n%2), w.trade(rng, 60)...)
		report := w.run()
		if report.Shipments != 1 || report.Reports < 60 || report.Generation == 0 {
			t.Errorf("run %d: %+v", n, report)
		}
		w.mustEqual(time.UTC)
	}
	if report := w.run(); report.Reports != 0 || report.Changed != 0 || report.Days != 0 {
		t.Errorf("with nothing new: %+v", report)
	}
	if n := w.Redis.HGet(t.Context(), w.Keys.Rollup(), schema.SalesGeneration).Val(); n != fmt.Sprint(w.Count("SELECT max(token) FROM fairlead.attribution_state")) {
		t.Errorf("Redis says generation %s", n)
	}
	if _, err := w.a.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w.mustEqual(time.UTC)
	if report := w.runOf(w.another()); report.Reports != 0 || report.Days != 0 {
		t.Errorf("after a rebuild: %+v", report)
	}
}

func TestWhatChangesLaterIsTakenAccountOf(t *testing.T) {
	w := newWorld(t)
	w.tell("a",
		lead(1, "ann", clicked(1, 0)), sale(2, "ann", "in_1", amount(5000, "EUR")), refund(3, "in_1", "re_1", amount(1000, "EUR")),
		sale(20, "bob", "in_2", clicked(9, 19)), sale(20, "cyd", "in_3", clicked(2, 1), coupons(" later")),
		sale(20, "dee", "in_4", alias("shop:d.example")), sale(30, "eve", "in_5", clicked(3, 2), alias(customers.EmailAlias("new@x.example"))),
		sale(30, "fay", "in_6", clicked(4, 3), alias(customers.EmailAlias("paid@x.example"))),
	)
	w.run()
	w.mustEqual(time.UTC)
	state := func(node string, seq uint64) string {
		for _, d := range w.stands() {
			if d.Node == node && d.Seq == seq {
				return fmt.Sprintf("%s %s %d %d", d.State, d.Reason, d.Partner, d.Amount)
			}
		}
		return "nothing"
	}
	check := func(what string, seq uint64, want string) {
		t.Helper()
		report := w.run()
		w.mustEqual(time.UTC)
		if got := state("a", seq); got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
		if report.Changed == 0 {
			t.Errorf("%s: %+v", what, report)
		}
		if again := w.run(); again.Reports != 0 {
			t.Errorf("%s, once more: %+v", what, again)
		}
	}
	if got := state("a", 2); got != "held no_rate 1 0" {
		t.Errorf("without a rate: %q", got)
	}
	w.rate(0, "EUR", "1.5")
	check("a rate", 2, "counted bound 1 7500")
	w.rate(0, "EUR", "1.6")
	check("another rate for the same day", 3, "counted refund 1 1600")
	w.entry(90, schema.KindLink, 90, schema.Link{ID: 90, Partner: 4, Slug: "late"})
	w.partner(90, 9, schema.PartnerActive)
	check("a partner and a link that were not there", 4, "counted last_click 4 10000")
	w.entry(90, schema.KindCoupon, 1, schema.Coupon{ID: 1, Code: "Later", Partner: 3, CreatedAt: time.UnixMilli(day(10))})
	check("a coupon of earlier", 5, "counted coupon 3 10000")
	w.entry(90, schema.KindClaim, 1, schema.Claim{ID: 1, Partner: 2, State: schema.ClaimAccepted, Alias: "shop:d.example", From: time.UnixMilli(day(5))})
	check("a claim", 6, "counted claim 2 10000")
	w.entry(90, schema.KindPartner, 3, schema.Partner{ID: 3, Email: "new@x.example", Status: schema.PartnerActive})
	check("a partner's new address", 7, "review self_referral 3 10000")
	w.entry(90, schema.KindPayoutMethod, 4, schema.PayoutMethod{Partner: 4, By: schema.PayByPayPal, Alias: customers.EmailAlias("paid@x.example")})
	check("the address at which a partner is paid by PayPal", 8, "review self_referral 4 10000")
	w.partner(1.5, 1, schema.PartnerSuspended)
	check("a partner was suspended before a sale that is decided", 2, "unattributed partner_suspended 0 8000")
	w.program(25, func(p *schema.Program) { p.WindowDays = 7 })
	check("a window since before a sale that is decided", 7, "unattributed click_outside_window 0 10000")
	if _, err := w.a.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w.mustEqual(time.UTC)
}

// ClickHouse's upper case of ß is SS, and of a tab it trims nothing: codes are compared as decisions compare them.
func TestACouponOfAnyLettersIsTakenAccountOfLater(t *testing.T) {
	w := newWorld(t)
	w.tell("a", sale(20, "ann", "in_1", coupons("SPAß10")), sale(20, "bob", "in_2", coupons("\tspaß10")), sale(20, "cyd", "in_3", coupons("SPASS10")))
	w.run()
	w.entry(90, schema.KindCoupon, 1, schema.Coupon{ID: 1, Code: "Spaß10", Partner: 3, CreatedAt: time.UnixMilli(day(10))})
	if report := w.run(); report.Changed != 2 {
		t.Errorf("report %+v, want two decisions changed", report)
	}
	w.mustEqual(time.UTC)
}

func TestAWaitingClaimIsToldWhenItsCustomerArrives(t *testing.T) {
	w := newWorld(t)
	var told []uint32
	w.a.opt.ClaimArrived = func(_ context.Context, id uint32) error { told = append(told, id); return nil }
	w.entry(0, schema.KindClaim, 1, schema.Claim{ID: 1, Partner: 2, State: schema.ClaimWaiting, Alias: "shop:d.example"})
	w.entry(0, schema.KindClaim, 2, schema.Claim{ID: 2, Partner: 2, State: schema.ClaimWaiting, Alias: "customer:ann"})
	w.tell("a", sale(1, "bob", "in_1"), sale(1, "dee", "in_2", alias("shop:d.example"), test))
	w.run()
	if len(told) != 0 {
		t.Errorf("claims %v were told before anybody came", told)
	}
	w.tell("a", sale(2, "dee", "in_3", alias("shop:d.example")))
	w.run()
	w.entry(0, schema.KindClaim, 3, schema.Claim{ID: 3, Partner: 2, State: schema.ClaimWaiting, Alias: "customer:bob"})
	w.run()
	if fmt.Sprint(told) != "[1 3]" {
		t.Errorf("claims %v were told, want 1 and 3", told)
	}
	w.a.opt.ClaimArrived = func(context.Context, uint32) error { return errors.New("no directory today") }
	w.tell("a", lead(2, "ann"))
	if _, err := w.a.Run(t.Context()); err == nil {
		t.Error("no error")
	}
	w.a.opt.ClaimArrived = func(_ context.Context, id uint32) error { told = append(told, id); return nil }
	w.run()
	if fmt.Sprint(told) != "[1 3 2]" {
		t.Errorf("claims %v were told, want 2 as well", told)
	}
}

func TestAnotherZoneCutsTheDaysAnew(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(5, 6))
	w.tell("a", w.trade(rng, 100)...)
	w.run()
	w.program(101, func(p *schema.Program) { p.Zone = "America/Toronto" })
	w.run()
	toronto, err := time.LoadLocation("America/Toronto")
	if err != nil {
		t.Fatal(err)
	}
	w.mustEqual(toronto)
	w.Exec("TRUNCATE TABLE fairlead.sale_days")
	if _, err := w.a.RebuildDays(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w.mustEqual(toronto)
}

func TestACrashAtAnyStepIsFinishedByTheNextRun(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(3, 4))
	w.tell("a", w.trade(rng, 60)...)
	w.run()
	crash := errors.New("crash")
	for k := 1; ; k++ {
		w.tell(fmt.Sprint("node", k%3), w.trade(rng, 25)...)
		if k%4 == 0 {
			w.partner(float64(100-k), schema.PartnerID(1+k%3), []schema.PartnerStatus{schema.PartnerSuspended, schema.PartnerActive}[k/4%2])
		}
		left, at := k, ""
		w.a.step = func(name string) error {
			if left--; left == 0 {
				at = name
				return crash
			}
			return nil
		}
		_, err := w.a.Run(t.Context())
		w.a.step = nil
		if err == nil && at == "" {
			chaostest.Report(t, "a crash at each of the %d steps of a run of attribution; the next run ends as if there had been none", k-1)
			break
		}
		if !errors.Is(err, crash) {
			t.Fatalf("step %d (%s): %v", k, at, err)
		}
		w.run()
		w.mustEqual(time.UTC)
		if t.Failed() {
			t.Fatalf("after a crash at step %d, %s", k, at)
		}
	}
}

func TestARunThatSleptTooLongWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.run()
	w.tell("a", lead(1, "ann", clicked(1, 0)))
	slow := w.another()
	slow.opt.LockLife = time.Second
	slow.step = func(name string) error {
		if name != "drafted" {
			return nil
		}
		// Meanwhile the lock has gone to another, who knows more.
		if err := w.Redis.Del(t.Context(), w.Keys.Lock("attribute")).Err(); err != nil {
			return err
		}
		w.tell("b", sale(0.5, "ann", "in_0", clicked(2, 0.2)))
		w.run()
		return nil
	}
	if _, err := slow.Run(t.Context()); !errors.Is(err, lock.ErrLost) {
		t.Errorf("the slow run: %v", err)
	}
	w.mustEqual(time.UTC)
}

// Where a large part of everything is new, everything is decided at once.
func TestManyNewReportsAreDecidedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.run()
	w.tell("a", lead(1, "ann", clicked(1, 0)), sale(2, "ann", "in_ann"))
	w.run()
	w.report("n", 0, muchReports)
	piecemeal := false
	w.a.step = func(name string) error {
		piecemeal = piecemeal || name == "drafted"
		return nil
	}
	if report := w.run(); report.Reports != muchReports+2 || piecemeal {
		t.Errorf("report %+v, piece by piece: %t", report, piecemeal)
	}
	w.mustAgree(muchReports + 2)
	w.report("n2", muchReports, 3000)
	if w.run(); !piecemeal {
		t.Error("3,000 more reports made everything anew")
	}
	w.mustAgree(muchReports + 3002)
}

// A run reads partners, coupons and rates once; when it turns out that everything is to be decided anew, what was added
// meanwhile is either used or left to the next run.
func TestWhatIsAddedBeforeARunTurnsIntoARebuildIsNotSkipped(t *testing.T) {
	w := newWorld(t)
	w.tell("a", sale(20, "ann", "in_ann", coupons("ONE")), sale(20, "bob", "in_bob", coupons("TWO")), sale(20, "cyd", "in_cyd", amount(5000, "EUR"), clicked(1, 19)))
	w.run()
	w.entry(90, schema.KindCoupon, 1, schema.Coupon{ID: 1, Code: "ONE", Partner: 1, CreatedAt: monday})
	w.report("n", 0, muchReports)
	added := false
	w.a.step = func(name string) error {
		if name == "drafted" && !added { // what the first coupon touches is decided
			added = true
			w.entry(90, schema.KindCoupon, 2, schema.Coupon{ID: 2, Code: "TWO", Partner: 2, CreatedAt: monday})
			w.rate(20, "EUR", "1.5")
		}
		return nil
	}
	if report := w.run(); report.Reports < muchReports || !added {
		t.Fatalf("report %+v, added meanwhile: %t", report, added)
	}
	w.a.step = nil
	w.run()
	w.mustAgree(muchReports + 3)
}

// What is decided depends on no click in ClickHouse: a click id carries what it takes.
func TestNoClickIsRead(t *testing.T) {
	w := newWorld(t)
	w.Exec("DROP TABLE fairlead.clicks SYNC")
	rng := rand.New(rand.NewPCG(9, 10))
	w.tell("a", w.trade(rng, 100)...)
	w.run()
	w.tell("a", w.trade(rng, 20)...)
	w.run()
	w.mustEqual(time.UTC)
}

// Of what occurred over decades each decision finds its month.
func TestWhatOccurredOverDecadesIsDecided(t *testing.T) {
	w := newWorld(t)
	w.run()
	for _, node := range []string{"a", "b"} { // the one by pieces, the other at once
		var old []schema.Conversion
		for i := range 150 {
			c := sale(-float64(i)*31, node+fmt.Sprint(i), fmt.Sprint("in_", node, i), clicked(1, -float64(i)*31-1))
			c.ReceivedAt = day(1)
			old = append(old, c)
		}
		w.tell(node, old...)
		var err error
		if node == "a" {
			_, err = w.a.Run(t.Context())
		} else {
			_, err = w.a.Rebuild(t.Context(), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.mustEqual(time.UTC)
	}
}

func TestOnlyOneRunsAtATime(t *testing.T) {
	w := newWorld(t)
	held, err := lock.Acquire(t.Context(), w.Redis, w.Keys, "attribute", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	if report := w.run(); !report.Skipped {
		t.Errorf("report %+v", report)
	}
	if _, err := w.a.Rebuild(t.Context(), nil); !errors.Is(err, lock.ErrHeld) {
		t.Errorf("rebuild: %v", err)
	}
}

func TestALongShipmentIsTakenUpInParts(t *testing.T) {
	w := newWorld(t)
	w.run()
	rng := rand.New(rand.NewPCG(7, 8))
	var all []schema.Conversion
	for i := range 3 * mostReports {
		who := fmt.Sprint("c", rng.IntN(2*mostReports))
		all = append(all, lead(rng.Float64()*20, who, func(c *schema.Conversion) { c.Event = fmt.Sprint(i) }, clicked(schema.PartnerID(1+rng.IntN(4)), 0)))
		all[i].ReceivedAt = day(30)
	}
	w.tell("a", all...)
	w.run()
	w.mustEqual(time.UTC)
}

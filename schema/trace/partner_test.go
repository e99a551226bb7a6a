package trace

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
)

// busy is a world in which customers have to do with several partners, and some with none.
func busy(t *testing.T) *world {
	w := newWorld(t)
	w.land(1, 0, schema.VerdictValid, "")
	w.land(2, 0, schema.VerdictValid, "")
	w.land(3, 0, schema.VerdictBot, "Googlebot")
	w.entry(-1000, schema.KindCoupon, 1, schema.Coupon{ID: 1, Code: "BOBS", Partner: 2, CreatedAt: date(-1000)})
	w.entry(8, schema.KindPartner, 3, schema.Partner{ID: 3, Name: "Cyd", Email: "cyd@partners.example", Status: schema.PartnerSuspended})
	w.happens(
		// Ann came by Ada's link, then by Bob's; both are told, and Bob is credited.
		lead(1, "ann", w.clicked(1, 0)), sale(2, "ann", "ann_1", w.clicked(2, 0.5), alias("shop:ann.example", customers.EmailAlias("ann@home.example"))),
		// Ben is Ada's, with much to be told.
		lead(1, "ben", w.clicked(1, 0), alias("shop:ben.example"), func(c *schema.Conversion) { c.Aliases = append(c.Aliases, customers.EmailAlias("ben@home.example")) }),
		sale(2, "ben", "ben_1", amount(5000, "USD")), sale(2, "ben", "ben_1", amount(5000, "USD")), sale(3, "ben", "ben_2", amount(7777, "USD"), paidAs("pi_ben")),
		refund(4, "ben_2", "re_secret", amount(1000, "USD"), func(c *schema.Conversion) { c.Reason = "was in hospital" }),
		// Bob's coupon.
		sale(2, "cat", "cat_1", coupons("bobs")),
		// Nobody's, though Ada and Cyd had clicks.
		sale(95, "dan", "dan_1", w.clicked(1, 0)), sale(9, "eve", "eve_1", w.clicked(3, 7)),
		sale(9, "fay", "fay_1"),
		// The merchant's test, by Ada's link.
		sale(3, "ben", "test_1", test, w.clicked(1, 0)), sale(3, "gus", "test_2", test, w.clicked(1, 0)),
	)
	claim := schema.Claim{ID: 5, Partner: 1, State: schema.ClaimSubmitted, Alias: "shop:ann.example", Shown: "ann.example", ReferredAt: date(-1)}
	w.entry(4, schema.KindClaim, 5, claim)
	return w
}

func TestAPartnerIsToldWhatIsTheirs(t *testing.T) {
	w := busy(t)
	story := func(p schema.PartnerID, question, answer string, want ...string) {
		t.Helper()
		s := w.askedBy(p, question)
		if s.Answer != answer {
			t.Errorf("%s to %d:\n got %s\nwant %s", question, p, s.Answer, answer)
		}
		if diff := cmp.Diff(append([]string{}, want...), lines(s)); diff != "" {
			t.Errorf("%s to %d: -want +got\n%s", question, p, diff)
		}
	}
	const why = "The customer's last click within the window was on this partner's link. "
	story(1, "ben_2", "The sale of 2026-09-10: 77.77 USD count for you. The customer was already this partner's. The click on /Spring of yours was on 2026-09-07, 3 days before.",
		"0 A click on /Spring of yours. It is counted.",
		"1 A sign-up was reported. Credited to you. The customer counts as referred. "+why+"The click on /Spring of yours was on 2026-09-07, 1 day before; the window was 90 days.",
		"2 A sale was reported. 50.00 USD count for you. The customer was already this partner's. The click on /Spring of yours was on 2026-09-07, 2 days before.",
		"3 A sale was reported. 77.77 USD count for you. The customer was already this partner's. The click on /Spring of yours was on 2026-09-07, 3 days before.",
		"4 A refund was reported. 10.00 USD are taken back from you. It takes back from the sale it belongs to, at the sale's exchange rate.")
	story(1, "ann_1", "Credited elsewhere.",
		"0 A click on /Spring of yours. It is counted.",
		"0.5833333333333334 Credited elsewhere.",
		"4 You claimed the customer ann.example, referred on 2026-09-06 (claim 5).")
	story(2, "cat", "The sale of 2026-09-09: 100.00 USD count for you. The customer counts as referred. The customer entered this partner's coupon. The coupon was BOBS.",
		"2 A sale was reported. 100.00 USD count for you. The customer counts as referred. The customer entered this partner's coupon. The coupon was BOBS.")
	story(1, "dan_1", "The sale of 2026-12-11: Credited to nobody. The customer's click was longer ago than the program's window allows. The click on /Spring of yours was on 2026-09-07, 95 days before; the window was 90 days.",
		"0 A click on /Spring of yours. It is counted.",
		"94.58333333333333 A sale was reported. Credited to nobody. The customer's click was longer ago than the program's window allows. The click on /Spring of yours was on 2026-09-07, 95 days before; the window was 90 days.")
	story(3, "eve", "The sale of 2026-09-16: Credited to nobody. The partner was suspended at that time. The click on /cyd of yours was on 2026-09-14, 2 days before.",
		"7 A click on /cyd of yours. Its id is genuine; the click itself has not arrived in ClickHouse.",
		"8.583333333333334 A sale was reported. Credited to nobody. The partner was suspended at that time. The click on /cyd of yours was on 2026-09-14, 2 days before.")
	w.entry(-1000, schema.KindCoupon, 2, schema.Coupon{ID: 2, Code: "ADAS", Partner: 1, CreatedAt: date(-1000), EndedAt: date(1)})
	w.entry(-1000, schema.KindCoupon, 3, schema.Coupon{ID: 3, Code: "MOVED", Partner: 1, CreatedAt: date(-1000), EndedAt: date(1)})
	w.entry(-1000, schema.KindCoupon, 4, schema.Coupon{ID: 4, Code: "Moved", Partner: 2, CreatedAt: date(1)})
	w.happens(sale(2, "hal", "hal_1", coupons("adas")), sale(2, "ida", "ida_1", coupons("moved")))
	const ended = "Credited to nobody. The coupon did not credit its partner at that time, and there was no click."
	story(1, "hal", "The sale of 2026-09-09: "+ended, "1.5833333333333333 A sale was reported. "+ended)
	story(1, "ida", nothingOfYours)
	story(3, w.click(3, 0), "A click on /Spring of yours. It is not counted as a click: a program, not a person (Googlebot). Nothing was reported with it.",
		"0 A click on /Spring of yours. It is not counted as a click: a program, not a person (Googlebot).")
	if s := w.askedBy(1, w.click(1, 0)); s.Events[0].Click.ID != w.click(1, 0) || len(s.Counts) != 1 || s.Counts[0].Text != "For you: 1 customer referred, 2 sales of 127.77 USD, 10.00 USD given back, 117.77 USD sold." {
		t.Errorf("got %+v", s)
	}
}

// TestWhatConcernsAPartnerNotIsToldAsIfItDidNotExist asks for everything there is in the name of everybody.
func TestWhatConcernsAPartnerNotIsToldAsIfItDidNotExist(t *testing.T) {
	w := busy(t)
	strangers := map[schema.PartnerID][]string{
		1: {"cat", "cat_1", "eve", "eve_1", "fay", "fay_1", "gus", "test_2", "re_secret", w.click(2, 0), w.click(3, 7)},
		2: {"ben", "ben_1", "pi_ben", "dan", "eve_1", "fay", "shop:ben.example", "ben@home.example", "test_1", w.click(3, 0), sale(2, "ben", "ben_1").ID},
		3: {"ann", "ann_1", "ben", "cat_1", "dan", "fay", "ann.example", "ann@home.example", w.click(1, 0)},
	}
	for p, questions := range strangers {
		nothing := w.askedBy(p, "nobody is called so")
		for _, q := range append(questions, "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", "") {
			got := w.askedBy(p, q)
			got.Question = nothing.Question
			if diff := cmp.Diff(nothing, got); diff != "" {
				t.Errorf("%q to %s: -nothing +got\n%s", q, names[p], diff)
			}
		}
	}
}

// TestAPartnerLearnsNothingOfOthers looks through all that partners are told of customers who concern them.
func TestAPartnerLearnsNothingOfOthers(t *testing.T) {
	w := busy(t)
	// What names customers, payments and clicks; a question may be repeated in its answer, nothing else.
	secret := []string{"ann@", "ben@", "ann_1", "ben_1", "ben_2", "cat_1", "dan_1", "eve_1", "pi_ben", "re_secret", "hospital", "email:", "shop:", "blog.example", "\"DE\"",
		w.click(1, 0), w.click(2, 0), w.click(2, 0.5), w.click(3, 7), "test_", "node1", sale(2, "ben", "ben_1").ID, "\"ann\"", "\"ben\"", "\"cat\"", "customer ann ", "customer ben "}
	own := map[schema.PartnerID][]string{
		1: {"Bob", "Cyd", "partner 2", "partner 3", "BOBS", "Googlebot", "/bob", "/cyd", "\"id\":2", "\"id\":3"},
		2: {"Ada", "Cyd", "partner 1", "partner 3", "Googlebot", "/ada", "/cyd", "\"id\":1", "\"id\":3", "ann.example", "claim"},
		3: {"Ada", "Bob", "partner 1", "partner 2", "BOBS", "/ada", "/bob", "\"id\":1", "\"id\":2", "ann.example", "claim"},
	}
	told := 0
	for p, others := range own {
		for _, q := range []string{"ann", "ben", "cat", "dan", "eve", "fay", "ann_1", "ben_1", "ben_2", "pi_ben", "ann.example", "ben.example", "ann@home.example", "ben@home.example", "test_1",
			w.click(1, 0), w.click(2, 0), w.click(2, 0.5), w.click(3, 0), w.click(3, 7)} {
			s := w.askedBy(p, q)
			told += len(s.Events)
			text, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			answer := strings.ReplaceAll(string(text), `"`+q+`"`, `""`) // the question may be repeated
			for _, no := range append(secret, others...) {
				if strings.Contains(answer, no) {
					t.Errorf("%s, asking for %s, is told %q:\n%s", names[p], q, no, text)
				}
			}
		}
	}
	if told < 50 {
		t.Errorf("only %d events were told: the test looks through little", told)
	}
}

func TestThatOthersAreCreditedIsToldByTheDay(t *testing.T) {
	w := busy(t)
	for _, e := range w.askedBy(1, "ann").Events {
		if e.Decision == nil {
			continue
		}
		if !e.Decision.Elsewhere || e.Decision.State != "" || e.Decision.Partner != nil || !e.At.Equal(e.At.Truncate(24*time.Hour)) || !e.Report.OccurredAt.Equal(e.At) {
			t.Errorf("got %+v, %+v, %+v", e, e.Report, e.Decision)
		}
	}
}

package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
)

func TestAStoryIsToldInOrderOfTime(t *testing.T) {
	w := newWorld(t)
	w.land(1, 0, schema.VerdictValid, "")
	w.land(2, 2.5, schema.VerdictBot, "Googlebot")
	w.happens(
		sale(3, "ann", "in_1", paidAs("pi_1")), lead(2, "ann", w.clicked(1, 0), alias(customers.EmailAlias("ann@home.example"))), sale(3, "ann", "in_1", paidAs("pi_1")),
		sale(3, "ann", "in_1", amount(1, "USD")), sale(3.25, "ann", "ch_1", paidAs("pi_1")), refund(4, "in_1", "re_1", amount(3000, "")),
		sale(5, "ann", "in_2", w.clicked(2, 2.5), func(c *schema.Conversion) { c.Source, c.ReceivedAt = schema.SourceStripe, day(7) }),
		lead(2, "bob", w.clicked(3, 1)),
	)
	const sold = "The merchant's system reported a sale of 100.00 USD (in_1) of customer ann. "
	want := []string{
		"0 A click on /Spring of Ada (partner 1), from a page of blog.example. It is counted.",
		"2 The merchant's system reported a sign-up “Sign up” of customer ann, with the click on /Spring of 2026-09-07. Credited to Ada (partner 1). The customer counts as referred. " +
			"The customer's last click within the window was on this partner's link. The click on /Spring of Ada (partner 1) was on 2026-09-07, 2 days before; the window was 90 days.",
		"2.5 A click on /Spring of Bob (partner 2), from a page of blog.example. It is not counted as a click: a program, not a person (Googlebot).",
		"3 " + sold + "100.00 USD count for Ada (partner 1). The customer was already this partner's. The click on /Spring of Ada (partner 1) was on 2026-09-07, 3 days before.",
		"3 " + sold + "A repeat, which changes nothing. The same report came before; each counts once.",
		"3 The merchant's system reported a sale of 0.01 USD (in_1) of customer ann. It contradicts what was reported before, and changes nothing. " +
			"A report of the same thing with other content came before, and that one stands.",
		"3.25 The merchant's system reported a sale of 100.00 USD (ch_1) of customer ann. A repeat, which changes nothing. Another report of the same payment counts; a payment counts once.",
		"4 The merchant's system reported a refund of 30.00 USD (in_1). 30.00 USD are taken back from Ada (partner 1). It takes back from the sale it belongs to, at the sale's exchange rate.",
		"5 Stripe reported a sale of 100.00 USD (in_2) of customer ann, with the click on /Spring of 2026-09-09. The report came 2 days later. " +
			"100.00 USD count for Ada (partner 1). The customer was already this partner's. The click on /Spring of Ada (partner 1) was on 2026-09-07, 5 days before.",
	}
	for _, question := range []struct {
		text string
		as   As
	}{{"ann", AsCustomer}, {"in_2", AsPayment}, {"ch_1", AsPayment}, {" Ann+x@home.example", AsEmail}, {w.click(1, 0), AsClick}, {w.click(2, 2.5), AsClick}, {sale(3, "ann", "in_1").ID, AsConversion}} {
		s := w.asked(question.text)
		if diff := cmp.Diff(want, lines(s)); diff != "" {
			t.Errorf("%s: -want +got\n%s", question.text, diff)
		}
		if !slices.Equal(s.Found, []As{question.as}) {
			t.Errorf("%s was found to be %v, want %s", question.text, s.Found, question.as)
		}
		counts := []Count{{Partner: &Who{1, "Ada"}, Currency: "USD", Referred: 1, Sales: 2, Gross: 20000, Refunded: 3000,
			Text: "For Ada (partner 1): 1 customer referred, 2 sales of 200.00 USD, 30.00 USD given back, 170.00 USD sold."}}
		if diff := cmp.Diff(counts, s.Counts); diff != "" {
			t.Errorf("%s: -want +got\n%s", question.text, diff)
		}
	}
}

func TestAnIDThatPartnersAndAnalystsWereToldIsFound(t *testing.T) {
	w := newWorld(t)
	w.happens(lead(2, "ann", w.clicked(1, 0)), sale(3, "ann", "in_1"), sale(4, "bob", "in_2", w.clicked(2, 1)))
	var told string
	if err := w.CH.QueryRow(t.Context(), "SELECT conversion_id FROM analytics.conversions WHERE kind = 'sale' AND partner_id = 1").Scan(&told); err != nil {
		t.Fatal(err)
	}
	if own := sale(3, "ann", "in_1").ID; told == own {
		t.Fatalf("analysts are told a conversion's own id, %s", own)
	}
	for what, got := range map[string]Story{"the team": w.asked(told), "the partner": w.askedBy(1, told)} {
		if !slices.Equal(got.Found, []As{AsConversion}) || len(got.Counts) != 1 || got.Counts[0].Gross != 10000 {
			t.Errorf("%s: found as %v, it counts %+v", what, got.Found, got.Counts)
		}
	}
	text, err := json.Marshal(w.askedBy(1, told))
	if err != nil {
		t.Fatal(err)
	}
	if own := sale(3, "ann", "in_1").ID; bytes.Contains(text, []byte(own)) || !bytes.Contains(text, []byte(told)) {
		t.Errorf("a partner is told a conversion's own id: %s", text)
	}
	if got := w.asked("00112233445566778899aabbccddeeff"); len(got.Found) > 0 {
		t.Errorf("an id of nothing was found as %v", got.Found)
	}
}

func TestWhyItWasNotCredited(t *testing.T) {
	w := newWorld(t)
	w.entry(-1000, schema.KindCoupon, 1, schema.Coupon{ID: 1, Code: "Old", Partner: 2, CreatedAt: date(-500), EndedAt: date(-400)})
	w.entry(8, schema.KindPartner, 3, schema.Partner{ID: 3, Name: "Cyd", Email: "cyd@partners.example", Status: schema.PartnerSuspended})
	forged := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	w.happens(
		sale(1, "c1", "no_click"), sale(95, "c2", "too_old", w.clicked(1, 0)), sale(1, "c3", "later", w.clicked(1, 2)),
		sale(1, "c4", "forged", func(c *schema.Conversion) { c.Click, c.ClickState = forged, schema.ClickForged }),
		sale(1, "c5", "malformed", func(c *schema.Conversion) { c.Click, c.ClickState = "x", schema.ClickMalformed }),
		sale(1, "c6", "unknown_link", w.clicked(9, 0), func(c *schema.Conversion) { c.Partner = 0 }),
		sale(1, "c7", "old_coupon", coupons("old")), sale(1, "c8", "no_coupon", coupons("NEW")), sale(9, "c9", "suspended", w.clicked(3, 7)),
		sale(1, "c10", "own", w.clicked(1, 0), alias(customers.EmailAlias("ada@partners.example"))),
		sale(1, "c11", "euros", w.clicked(1, 0), amount(5000, "EUR")), refund(1, "nothing", "re_1"), sale(1, "c12", "a_test", w.clicked(2, 0), test),
	)
	w.Tell("late", sale(1, "c13", "fresh"))
	const nobody = "Credited to nobody. "
	for question, want := range map[string]string{
		"no_click":  "The sale of 2026-09-08: " + nobody + "No click, coupon or claim leads from this customer to a partner.",
		"too_old":   "The sale of 2026-12-11: " + nobody + "The customer's click was longer ago than the program's window allows. The click on /ada of Ada (partner 1) was on 2026-09-07, 95 days before; the window was 90 days.",
		"later":     "The sale of 2026-09-08: " + nobody + "The customer's click came after this, or a page told of it only afterwards. The click on /ada of Ada (partner 1) was on 2026-09-09, 1 day later.",
		"forged":    "The sale of 2026-09-08: " + nobody + "The click id was not given out by this program.",
		forged:      "The sale of 2026-09-08: " + nobody + "The click id was not given out by this program.",
		"malformed": "The sale of 2026-09-08: " + nobody + "What was reported as a click id is none.",
		"unknown_link": "The sale of 2026-09-08: " + nobody + "The click was on a link that the program does not have. " +
			"The click on link 90 was on 2026-09-07, 1 day before.",
		"old_coupon": "The sale of 2026-09-08: " + nobody + "The coupon did not credit its partner at that time, and there was no click.",
		"no_coupon":  "The sale of 2026-09-08: " + nobody + "The coupon belongs to no partner, and there was no click.",
		"suspended":  "The sale of 2026-09-16: " + nobody + "The partner was suspended at that time. The click on /cyd of Cyd (partner 3) was on 2026-09-14, 2 days before.",
		"own": "The sale of 2026-09-08: Under review: it does not count for Ada (partner 1). The customer has the partner's own e-mail address. " +
			"The click on /ada of Ada (partner 1) was on 2026-09-07, 1 day before.",
		"euros": "The sale of 2026-09-08: Credited to Ada (partner 1), and held until its amount is known. The customer counts as referred. " +
			"There is no exchange rate of that day or the seven days before it. `fairlead rates set` or `fairlead rates import` gives one. " +
			"The click on /ada of Ada (partner 1) was on 2026-09-07, 1 day before.",
		"nothing": "The refund of 2026-09-08: It waits. The sale that it belongs to has not been reported yet.",
		"a_test": "The sale of 2026-09-08: A test, which counts for nobody; otherwise it would be credited to Bob (partner 2). The customer's last click within the window was on this partner's link. " +
			"The click on /bob of Bob (partner 2) was on 2026-09-07, 1 day before; the window was 90 days.",
		"fresh":                            undecided,
		"who":                              "Nothing is known of it.",
		"":                                 "Nothing is known of it.",
		w.click(1, 50):                     "A click on /ada of Ada (partner 1). Its id is genuine; the click itself has not arrived in ClickHouse. Nothing was reported with it.",
		"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB": "This click id was not given out by this program, and nothing was reported with it.",
	} {
		if s := w.asked(question); s.Answer != want {
			t.Errorf("%s:\n got %s\nwant %s", question, s.Answer, want)
		}
	}
	for _, question := range []string{"who", "", "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"} {
		if s := w.asked(question); len(s.Found)+len(s.Events)+len(s.Counts) != 0 {
			t.Errorf("%q: got %+v", question, s)
		}
	}
}

func TestAnotherWindowDoesNotRewriteWhatIsTold(t *testing.T) {
	w := newWorld(t)
	w.happens(sale(20, "ann", "in_1", w.clicked(1, 0)))
	before := w.asked("in_1").Answer
	w.entry(21, schema.KindProgram, 1, schema.Program{Name: "Test", Currency: "USD", Zone: "America/Toronto", WindowDays: 7, Touch: "first"})
	w.happens(sale(22, "bob", "in_2", w.clicked(1, 3)))
	if got := w.asked("in_1").Answer; got != before {
		t.Errorf("got %s\nwant %s", got, before)
	}
	s := w.asked("in_2")
	want := "The sale of 2026-09-29: Credited to nobody. The customer's click was longer ago than the program's window allows. The click on /ada of Ada (partner 1) was on 2026-09-10, 19 days before; the window was 7 days."
	if s.Answer != want || s.Zone != "America/Toronto" {
		t.Errorf("got %s, %s\nwant %s", s.Zone, s.Answer, want)
	}
}

func TestClaimsAreToldStepByStep(t *testing.T) {
	w := newWorld(t)
	claim := schema.Claim{ID: 7, Partner: 2, State: schema.ClaimWaiting, Alias: "shop:toys.example", Shown: "toys.example", ReferredAt: date(-3), How: "at a\nfair"}
	w.entry(1, schema.KindClaim, 7, claim)
	if s := w.asked("Toys.example"); s.Answer != "Claim 7 waits: nothing was reported of the customer yet." || len(s.Events) != 1 || !slices.Equal(s.Found, []As{AsShop}) {
		t.Errorf("got %+v", s)
	}
	w.happens(lead(2, "ann", w.clicked(1, 0), alias("shop:toys.example")))
	claim.State = schema.ClaimSubmitted
	w.entry(2.5, schema.KindClaim, 7, claim)
	claim.State, claim.From, claim.Reason = schema.ClaimAccepted, date(3), "seen at the fair"
	w.entry(3.5, schema.KindClaim, 7, claim)
	other := schema.Claim{ID: 8, Partner: 3, State: schema.ClaimSubmitted, Alias: "customer:ann", Shown: "ann", ReferredAt: date(1)}
	w.entry(4, schema.KindClaim, 8, other)
	other.State, other.Reason = schema.ClaimDeclined, "not theirs"
	w.entry(5, schema.KindClaim, 8, other)
	w.happens(sale(6, "ann", "in_1"))
	want := []string{
		"0 A click on /ada of Ada (partner 1). Its id is genuine; the click itself has not arrived in ClickHouse.",
		"1 Bob (partner 2) claimed the customer toys.example, referred on 2026-09-04 (claim 7). In their words: “at a fair” Nothing was reported of such a customer yet, so the claim waits.",
		"2 The merchant's system reported a sign-up “Sign up” of customer ann, with the click on /ada of 2026-09-07. Credited to Ada (partner 1). The customer counts as referred. " +
			"The customer's last click within the window was on this partner's link. The click on /ada of Ada (partner 1) was on 2026-09-07, 2 days before; the window was 90 days.",
		"2.5 The customer of claim 7 has arrived, and the claim is to be decided.",
		"3.5 Claim 7 of Bob (partner 2) was accepted: the customer's sales count from 2026-09-10 on. “seen at the fair”",
		"4 Cyd (partner 3) claimed the customer ann, referred on 2026-09-08 (claim 8).",
		"5 Claim 8 of Cyd (partner 3) was declined: “not theirs”",
		"6 The merchant's system reported a sale of 100.00 USD (in_1) of customer ann. 100.00 USD count for Bob (partner 2). The customer counts as referred. " +
			"A referral claim of this partner was accepted for the customer. It was claim 7.",
	}
	for _, question := range []string{"ann", "toys.example", "shop:toys.example"} {
		if diff := cmp.Diff(want, lines(w.asked(question))); diff != "" {
			t.Errorf("%s: -want +got\n%s", question, diff)
		}
	}
	if s := w.askedBy(3, "ann"); s.Answer != "Claim 8 was declined: “not theirs”" || len(s.Events) != 2 {
		t.Errorf("to Cyd: %+v", s)
	}
	if s := w.askedBy(3, "toys.example"); s.Answer != nothingOfYours {
		t.Errorf("to Cyd, of another name: %+v", s)
	}
	if s := w.askedBy(2, "ann"); s.Answer != "The sale of 2026-09-13: 100.00 USD count for you. The customer counts as referred. A referral claim of this partner was accepted for the customer. It was claim 7." {
		t.Errorf("to Bob: %+v", s)
	}
}

func TestWhatIsCalledAlikeIsToldTogetherUnlessSomebodySaysWhichIsMeant(t *testing.T) {
	w := newWorld(t)
	w.happens(sale(1, "42", "in_1"), sale(2, "ann", "42"), sale(3, "bob", "in_3", test), sale(4, "bob", "in_4"), sale(5, "cyd", "in_5", test, paidAs("in_3")))
	if s := w.asked("42"); len(s.Events) != 2 || !slices.Equal(s.Found, []As{AsCustomer, AsPayment}) {
		t.Errorf("got %+v", s)
	}
	s, err := w.Read(t.Context(), Question{Text: "42", As: AsPayment})
	if err != nil || len(s.Events) != 1 || s.Events[0].Report.Customer != "ann" {
		t.Errorf("got %+v, %v", s, err)
	}
	if s := w.asked("in_4"); len(s.Events) != 1 {
		t.Errorf("what only a test ties together is told together: %v", lines(s))
	}
	if s := w.asked("bob"); len(s.Events) != 3 {
		t.Errorf("a customer's tests are not told beside the rest: %v", lines(s))
	}
}

func TestALongStoryIsCut(t *testing.T) {
	w := newWorld(t)
	var many []schema.Conversion
	for i := range mostReports {
		many = append(many, sale(float64(i)/1000, "ann", fmt.Sprint("in_", i)))
	}
	w.happens(many...)
	if s := w.asked("ann"); len(s.Events) != mostReports || s.More {
		t.Errorf("got %d events, more %t", len(s.Events), s.More)
	}
	w.happens(sale(2, "ann", "in_more"))
	if s := w.asked("ann"); len(s.Events) != mostReports || !s.More {
		t.Errorf("got %d events, more %t", len(s.Events), s.More)
	}
	if s := w.asked("in_7"); len(s.Events) != mostReports || !s.More || s.Answer != "The sale of 2026-09-07: Credited to nobody. No click, coupon or claim leads from this customer to a partner." {
		t.Errorf("got %d events, more %t, %s", len(s.Events), s.More, s.Answer)
	}
}

func TestThereAreWordsForEverything(t *testing.T) {
	for _, v := range schema.Verdicts() {
		if verdictWords[v.String()] == "" {
			t.Errorf("no words for the verdict %s", v)
		}
	}
	for _, s := range schema.ConversionSources() {
		if sourceWords[s] == "" {
			t.Errorf("no words for the source %s", s)
		}
	}
	for _, k := range schema.ConversionKinds() {
		if kindWords[k] == "" {
			t.Errorf("no words for the kind %s", k)
		}
	}
	for d, want := range map[time.Duration]string{0: "less than a second", time.Second: "1 second", 90 * time.Minute: "1 hour", 26 * time.Hour: "1 day", 100 * 24 * time.Hour: "100 days"} {
		if got := span(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestNamesMayHaveAnyCharacters(t *testing.T) {
	w := newWorld(t)
	odd := []string{`it's`, `a\b`, `\N`, `NULL`, `a"b`, "tab\there", "line\nend", "[x]", "{x:String}", "%s", "日本", "null\x00byte", "\xff\xfe", `\`, `'`, "--", "@id", "?"}
	var all []schema.Conversion
	for i, name := range odd {
		all = append(all, sale(float64(i)/100, name, "in_"+name, coupons(name), alias("shop:"+name)))
	}
	w.happens(all...)
	for _, name := range odd {
		for _, as := range []As{"", AsCustomer, AsClick, AsConversion} {
			want := 1
			if as == AsClick || as == AsConversion {
				want = 0
			}
			s, err := w.Read(t.Context(), Question{Text: name, As: as})
			if err != nil || len(s.Events) != want || want == 1 && s.Events[0].Report.Customer != name {
				t.Errorf("%q as %q: got %+v, %v", name, as, s.Events, err)
			}
		}
		if s, err := w.Read(t.Context(), Question{Text: "in_" + name}); err != nil || len(s.Events) != 1 {
			t.Errorf("in_%q: got %+v, %v", name, s.Events, err)
		}
		if c, err := w.CustomerOf(t.Context(), 1, "customer:"+name); err != nil || !c.Known {
			t.Errorf("%q: got %+v, %v", name, c, err)
		}
	}
}

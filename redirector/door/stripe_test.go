package door

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stripe/stripe-go/v85/webhook"

	"fairlead/redirector/track"
	"fairlead/schema"
)

const secret = "whsec_the_first"

var stripeDoor = Stripe{Secrets: []string{secret}}

// stripeMessage is a delivery signed by Stripe's own code.
func stripeMessage(body []byte, secret string, at time.Time) Message {
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: secret, Timestamp: at})
	return Message{Method: "POST", Header: headers(HeaderStripe, signed.Header), Body: body, Now: now}
}

func TestStripeEvents(t *testing.T) {
	f := func(name string, want ...string) {
		t.Helper()
		report, err := stripeDoor.Read(stripeMessage(payload(t, "stripe/"+name), secret, now), rules)
		same(t, name, told(report, err), want...)
		for _, c := range report.Conversions {
			if c.Source != schema.SourceStripe || c.Processor != "stripe" || c.Delivery != "evt_"+name {
				t.Errorf("%s: source %s, processor %s, delivery %s", name, c.Source, c.Processor, c.Delivery)
			}
		}
	}
	const (
		grace = " by cus_9s6XKzkNRiz8i3 also stripe:cus_9s6XKzkNRiz8i3 email:grace@example.com"
		user  = " by user_42 also stripe:cus_9s6XKzkNRiz8i3 email:grace@example.com"
	)
	// 63.19 were charged: 10.09 of tax on all, 5.00 of shipping.
	f("session_payment", "sale of Purchase"+grace+" after the click: 4810 of 6319 EUR, invoice pi_3A = pi_3A cs_live_a1, codes promo_1SAVE, noted {\"plan\":\"pro\"}, at 2025-11-24T16:01:40")
	f("session_test", "sale of Purchase"+grace+" after the click: 4810 of 6319 EUR, invoice pi_3A = pi_3A cs_test_a1, codes promo_1SAVE, noted {\"plan\":\"pro\"}, at 2025-11-24T16:01:40, a test")
	f("session_subscription", "sale of Purchase"+user+" after the click: 2900 of 2900 USD, invoice in_1B = in_1B cs_live_b1, noted {\"fl_click\":\""+click+"\"}, at 2025-11-24T16:01:40")
	f("session_trial", "lead of Checkout"+grace+" after the click, at 2025-11-24T16:01:40")
	f("session_unpaid", "lead of Checkout"+grace+", codes promo_1SAVE, noted {\"plan\":\"pro\"}, at 2025-11-24T16:01:40")
	f("session_async", "sale of Purchase"+grace+": 4810 of 6319 EUR, invoice pi_3A = pi_3A cs_live_d1, codes promo_1SAVE, noted {\"plan\":\"pro\"}, at 2025-11-26T23:33:20")
	f("session_free_guest", "ignored: no_customer")

	f("invoice_first", "sale of Purchase"+grace+": 2900 of 2900 USD, invoice in_1B = in_1B, at 2025-11-24T16:00:02")
	f("invoice_cycle", "sale of Purchase"+grace+": 2900 of 3451 USD, invoice in_2B = in_2B, at 2025-12-24T16:00:02")
	f("invoice_2020", "sale of Purchase"+user+" after the click: 1500 of 1785 USD, invoice in_3B = in_3B pi_3B ch_3B, codes promo_1SPRING SPRING, at 2022-11-21T03:06:40")
	f("invoice_balance", "sale of Purchase"+grace+": 833 of 1000 USD, invoice in_4B = in_4B, at 2025-11-24T16:00:02")
	f("invoice_trial", "ignored: no_money")
	f("invoice_trial_click", "lead of Checkout"+grace+" after the click, at 2025-11-24T16:00:02")
	f("invoice_payment", "deferred, invoice in_1B = in_1B pi_1B, at 2025-11-24T16:01:40")

	// Stripe's own decimals are not those of ISO 4217 everywhere.
	f("invoice_ariary", "sale of Purchase"+grace+": 5000000 of 5000000 MGA, invoice in_7B = in_7B, at 2025-11-24T16:00:02")
	f("invoice_krona", "sale of Purchase"+grace+": 996 of 1235 ISK, invoice in_8B = in_8B, at 2025-11-24T16:00:02")
	f("invoice_yen", "sale of Purchase"+grace+": 1800 of 1980 JPY, invoice in_9B = in_9B, at 2025-11-24T16:00:02")
	f("invoice_dinar", "sale of Purchase"+grace+": 12340 of 12340 KWD, invoice in_10B = in_10B, at 2025-11-24T16:00:02")

	f("charge_refunded", "refund of 1000 EUR in all, invoice ch_3A = ch_3A pi_3A, refund evt_charge_refunded, at 2025-11-25T19:46:40")
	f("charge_refunded_more", "refund of 6319 EUR in all, invoice ch_3A = ch_3A pi_3A, refund evt_charge_refunded_more, at 2025-11-26T09:40:00")
	f("charge_refunded_2020",
		"refund of 500 EUR, invoice ch_3A = ch_3A pi_3A in_3B, refund re_2, because \"requested_by_customer\", at 2025-11-25T19:46:40",
		"refund of 700 EUR, invoice ch_3A = ch_3A pi_3A in_3B, refund re_0, at 2025-11-25T14:13:20",
		"restored of 700 EUR, invoice ch_3A = ch_3A pi_3A in_3B, refund re_0, at 2025-11-25T19:46:41",
		"refund of 1000 EUR, invoice ch_3A = ch_3A pi_3A in_3B, refund re_1, at 2025-11-25T17:00:00")
	const re1 = " of 1000 EUR, invoice ch_3A = ch_3A pi_3A, refund re_1, because \"requested_by_customer\", at "
	f("refund_created", "refund"+re1+"2025-11-25T17:00:00")
	f("refund_failed", "refund"+re1+"2025-11-25T17:00:00", "restored"+re1+"2025-11-26T20:46:40")
	f("refund_canceled_2020", "refund"+re1+"2025-11-25T17:00:00", "restored"+re1+"2025-11-26T20:46:40")
	f("refund_requires_action", "ignored: not_decided")

	const dp1 = " of 6319 EUR, invoice dp_1 = dp_1 ch_3A pi_3A, refund dp_1, because \"dispute: fraudulent\", at "
	f("dispute_created", "refund"+dp1+"2025-11-28T03:20:00")
	f("dispute_withdrawn", "refund"+dp1+"2025-11-28T03:20:00")
	f("dispute_lost", "refund"+dp1+"2025-11-28T03:20:00")
	f("dispute_won", "refund"+dp1+"2025-11-28T03:20:00", "restored"+dp1+"2025-12-21T06:53:20")
	f("dispute_reinstated", "refund"+dp1+"2025-11-28T03:20:00", "restored"+dp1+"2025-12-21T06:53:21")
	f("dispute_inquiry", "ignored: not_decided")
	f("customer_created", "ignored: unknown_event")
}

func TestAProgramMayCountAllThatIsCharged(t *testing.T) {
	total := rules
	total.Total = true
	report, err := stripeDoor.Read(stripeMessage(payload(t, "stripe/session_payment"), secret, now), total)
	if err != nil || len(report.Conversions) != 1 {
		t.Fatal(report, err)
	}
	if c := report.Conversions[0]; c.Amount != 6319 || c.Gross != 6319 {
		t.Errorf("got %d of %d, want 6319 of 6319", c.Amount, c.Gross)
	}
}

// What is one thing has one id, whichever event tells it; that is what makes deliveries repeatable for ever.
func TestWhatStripeTellsTwiceHasOneID(t *testing.T) {
	ids := func(name string) (out []string) {
		report, err := stripeDoor.Read(stripeMessage(payload(t, "stripe/"+name), secret, now), rules)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range report.Conversions {
			c.Identify("")
			out = append(out, fmt.Sprintf("%s %s", c.Kind, c.ID))
		}
		return out
	}
	f := func(name string, others ...string) {
		t.Helper()
		all := ids(name)
		for _, other := range others {
			for _, id := range ids(other) {
				if !strings.HasPrefix(id, "restored") && !slices.Contains(all, id) {
					t.Errorf("%s tells %v, %s tells %s", name, all, other, id)
				}
			}
		}
	}
	f("invoice_first", "session_subscription")
	f("refund_created", "refund_failed", "refund_canceled_2020")
	f("charge_refunded_2020", "refund_created")
	f("dispute_created", "dispute_withdrawn", "dispute_lost", "dispute_won", "dispute_reinstated")
	if won, back := ids("dispute_won"), ids("dispute_reinstated"); !cmp.Equal(won, back) {
		t.Errorf("a dispute that was won: %v and %v", won, back)
	}
	if live, test := ids("session_payment")[0], ids("session_test")[0]; live == test {
		t.Error("a test's sale has the id of a real one")
	}
}

func TestStripeSignatures(t *testing.T) {
	body := payload(t, "stripe/session_payment")
	read := func(m Message, secrets ...string) error {
		_, err := Stripe{Secrets: secrets}.Read(m, rules)
		return err
	}
	taken := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	no := func(what string, err error) {
		t.Helper()
		refused(t, what, err, track.Unauthorized, HeaderStripe)
	}
	taken("299 s ago", read(stripeMessage(body, secret, now.Add(-299*time.Second)), secret))
	taken("300 s ago", read(stripeMessage(body, secret, now.Add(-300*time.Second)), secret))
	taken("299 s ahead", read(stripeMessage(body, secret, now.Add(299*time.Second)), secret))
	no("301 s ago", read(stripeMessage(body, secret, now.Add(-301*time.Second)), secret))
	no("301 s ahead", read(stripeMessage(body, secret, now.Add(301*time.Second)), secret))
	taken("the old secret while both hold", read(stripeMessage(body, secret, now), "whsec_new", secret))
	taken("the new secret while both hold", read(stripeMessage(body, "whsec_new", now), secret, "whsec_new"))
	no("a secret that does not hold any more", read(stripeMessage(body, secret, now), "whsec_new"))
	no("an empty secret", read(stripeMessage(body, "", now), secret))
	refused(t, "no secret at all", read(stripeMessage(body, secret, now)), track.NotFound, "")

	changed := stripeMessage(body, secret, now)
	changed.Body = bytes.Replace(body, []byte("6319"), []byte("9999"), 1)
	no("another amount", read(changed, secret))
	spaces := stripeMessage(body, secret, now)
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		t.Fatal(err)
	}
	spaces.Body = compact.Bytes()
	no("the same JSON in other bytes", read(spaces, secret))

	header := func(text string) Message {
		return Message{Method: "POST", Header: headers(HeaderStripe, text), Body: body, Now: now}
	}
	good := stripeMessage(body, secret, now).Header(HeaderStripe)
	stamp, sum, _ := strings.Cut(good, ",")
	old := stripeMessage(body, "whsec_old", now).Header(HeaderStripe)
	_, oldSum, _ := strings.Cut(old, ",")
	taken("two signatures, the first under another secret", read(header(good+","+oldSum), secret))
	taken("two signatures, the second under another secret", read(header(stamp+","+oldSum+","+sum), secret))
	no("no signature", read(header(""), secret))
	no("no time", read(header(sum), secret))
	no("a time that is none", read(header("t=x,"+sum), secret))
	no("a time that was moved", read(header(fmt.Sprintf("t=%d,%s", now.Unix()+1, sum)), secret))
	no("a signature of another scheme", read(header(stamp+","+strings.Replace(sum, "v1", "v0", 1)), secret))
	no("a part of a signature", read(header(good[:len(good)-2]), secret))
	no("a signature that is none", read(header(stamp+",v1=xyz"), secret))
}

func TestStripeBodiesThatAreNone(t *testing.T) {
	f := func(body string, code track.Code, field string) {
		t.Helper()
		_, err := stripeDoor.Read(stripeMessage([]byte(body), secret, now), rules)
		refused(t, body, err, code, field)
	}
	event := func(kind, object string) string {
		return `{"id":"evt_1","type":"` + kind + `","created":1764000000,"livemode":true,"data":{"object":` + object + `}}`
	}
	f(`{`, track.BadRequest, "")
	f(`[]`, track.BadRequest, "")
	f(`{"type":"invoice.paid","id":"evt_1","data":{"object":{}}}`, track.BadRequest, "livemode")
	f(`{"type":"invoice.paid","livemode":true,"data":{"object":{}}}`, track.BadRequest, "id")
	f(event("invoice.paid", `{}`), track.BadRequest, "data.object.id")
	f(event("invoice.paid", `{"id":"in_1","total":"12"}`), track.BadRequest, "data.object.total")
	f(event("invoice.paid", `{"id":"in_1","total":12.5}`), track.BadRequest, "data.object.total")
	f(event("invoice.paid", `{"id":"in_1","total":1e999}`), track.BadRequest, "data.object.total")
	f(event("invoice.paid", `{"id":"in_1","total":9000000000000000,"amount_paid":9000000000000000,"currency":"usd"}`), track.Unprocessable, "data.object.total")
	f(event("invoice.paid", `{"id":"in_1","total":5,"amount_paid":5,"currency":"xyz"}`), track.Unprocessable, "data.object.currency")
	f(event("checkout.session.completed", `{}`), track.BadRequest, "data.object.id")
	f(event("charge.refunded", `{}`), track.BadRequest, "data.object.id")
	f(event("refund.created", `{"id":"re_1","amount":5,"currency":"usd"}`), track.BadRequest, "data.object.charge")
	f(event("refund.created", `{"amount":5,"currency":"usd"}`), track.BadRequest, "data.object.id")
	f(event("charge.dispute.created", `{}`), track.BadRequest, "data.object.id")
	f(event("invoice_payment.paid", `{}`), track.BadRequest, "data.object.invoice")
}

// stripeStory are the events of one payment with all its turns, as they would come in order.
var stripeStory = []string{"session_payment", "charge_refunded", "refund_created", "refund_failed", "dispute_created", "dispute_won"}

var update = flag.Bool("update", false, "write the conversions of the story anew")

// The conversions of a payment's story stand beside the schema, for whoever decides about them.
func TestTheStoryOfAPaymentIsWrittenDown(t *testing.T) {
	var story [][]schema.Conversion
	for _, name := range stripeStory {
		report, err := stripeDoor.Read(stripeMessage(payload(t, "stripe/"+name), secret, now), rules)
		if err != nil {
			t.Fatal(err)
		}
		for i := range report.Conversions {
			report.Conversions[i].Identify("")
		}
		story = append(story, report.Conversions)
	}
	got, err := json.MarshalIndent(story, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	file := filepath.Join("..", "..", "schema", "testdata", "stripe_story.json")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, d)
	}
}

func FuzzStripe(f *testing.F) {
	files, err := filepath.Glob("testdata/stripe/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no events", err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		report, err := stripeDoor.Read(stripeMessage(body, secret, now), rules)
		if err == nil {
			bounded(t, report)
		}
	})
}

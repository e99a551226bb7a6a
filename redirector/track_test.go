package redirector

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stripe/stripe-go/v85/webhook"

	"fairlead/redirector/journal"
	"fairlead/redirector/track"
	"fairlead/schema"
)

func TestALeadIsRecordedAndAnsweredAsDubDoes(t *testing.T) {
	o := newOffice(t, nil)
	id := clickID(2)
	c, answer := o.told("/track/lead", fmt.Sprintf(`{"clickId":%q,"eventName":"Sign up","customerExternalId":"user_1","customerName":"Eva",
		"customerEmail":"Eva+shop@Example.com","customerAvatar":null,"mode":"wait","eventQuantity":3,"metadata":{"plan": "pro"},"more":[1]}`, id))
	want := schema.Conversion{
		ReceivedAt: noon.UnixMilli(), OccurredAt: noon.UnixMilli(), Kind: schema.Lead, Source: schema.SourceAPI, KeyID: 1,
		Event: "Sign up", Customer: "user_1", Aliases: []string{customersKey.EmailAlias("eva@example.com")},
		Click: id.String(), ClickState: schema.ClickGenuine, Link: 2, Partner: 1, ClickedAt: id.At, Quantity: 3, Metadata: `{"plan":"pro"}`,
	}
	want.Identify("")
	if d := cmp.Diff(want, c, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	sameJSON(t, "the answer", answer, fmt.Sprintf(`{"click":{"id":%q},
		"link":{"id":"2","domain":"go.example","key":"spring","shortLink":"https://go.example/spring","url":"https://shop.example/spring?ref=own&z=%%2F#top",
			"partnerId":"1","programId":null,"tenantId":null,"externalId":null},
		"customer":{"name":"Eva","email":"Eva+shop@Example.com","avatar":null,"externalId":"user_1"}}`, id))

	c, answer = o.told("/track/lead", `{"clickId":"","eventName":"Sign up","customerExternalId":"user_2"}`)
	if c.ClickState != schema.ClickNone || c.Kind != schema.Lead || c.Quantity != 0 {
		t.Errorf("a lead without a click: got %+v", c)
	}
	sameJSON(t, "its link", answer["link"], `null`)
	c, _ = o.told("/track/lead", fmt.Sprintf(`{"clickId":%q,"eventName":"Sign up","customerExternalId":"user_3","mode":"deferred"}`, id))
	if c.Kind != schema.Deferred {
		t.Errorf("a deferred lead is recorded as %s", c.Kind)
	}
	if c, _ = o.told("/track/lead", `{"eventName":"Sign up","customerExternalId":"user_3"}`); c.Kind != schema.Lead {
		t.Errorf("the lead that follows it is recorded as %s", c.Kind)
	}
}

func TestASaleIsRecordedAndAnsweredAsDubDoes(t *testing.T) {
	o := newOffice(t, nil)
	c, answer := o.told("/track/sale", `{"customerExternalId":"user_1","amount":4900,"currency":"eur","eventName":"Invoice paid","paymentProcessor":"paddle",
		"invoiceId":"in_1","leadEventName":"Sign up","metadata":{"seats":2},"coupon":"SUMMER10","shopDomain":"https://Toys.example/","occurredAt":"2026-07-01T10:00:00+02:00"}`)
	want := schema.Conversion{
		ReceivedAt: noon.UnixMilli(), OccurredAt: noon.Add(-4 * time.Hour).UnixMilli(), Kind: schema.Sale, Source: schema.SourceAPI, KeyID: 1,
		Event: "Invoice paid", Customer: "user_1", Aliases: []string{"shop:toys.example"}, ClickState: schema.ClickNone,
		Amount: 4900, Currency: "EUR", Invoice: "in_1", Payments: []string{"in_1"}, Processor: "paddle", Coupons: []string{"SUMMER10"},
		LeadEvent: "Sign up", Metadata: `{"seats":2}`,
	}
	want.Identify("")
	if d := cmp.Diff(want, c, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	customer := answer["customer"].(map[string]any)
	if id, _ := customer["id"].(string); !strings.HasPrefix(id, "cus_") || strings.Contains(id, "user_1") {
		t.Errorf("the customer's id is %v", customer["id"])
	}
	sameJSON(t, "the sale", answer["sale"], `{"amount":4900,"currency":"eur","paymentProcessor":"paddle","invoiceId":"in_1","metadata":{"seats":2}}`)

	c, answer = o.told("/track/sale", `{"customerExternalId":"user_1","amount":0}`)
	if c.Event != "Purchase" || c.Currency != "USD" || c.Processor != "custom" || len(c.Payments) != 0 {
		t.Errorf("the defaults: got %+v", c)
	}
	sameJSON(t, "the sale", answer["sale"], `{"amount":0,"currency":"usd","paymentProcessor":"custom","invoiceId":null,"metadata":null}`)
	one, two := c.ID, ""
	if c, _ = o.told("/track/sale", `{"customerExternalId":"user_1","amount":0}`); c.ID == one {
		t.Error("two sales without a name are one")
	}
	c, _ = o.told("/track/sale", `{"customerExternalId":"user_1","amount":0}`, "Idempotency-Key", "a")
	one = c.ID
	c, _ = o.told("/track/sale", `{"customerExternalId":"user_1","amount":0}`, "Idempotency-Key", "a")
	if two = c.ID; one != two {
		t.Error("a sale that is repeated under its Idempotency-Key is two")
	}
	_, _, _ = o.call("POST", "/track/sale", secondKey, `{"customerExternalId":"user_1","amount":0}`, "Idempotency-Key", "a")
	if other := o.reports.take(); len(other) != 1 || other[0].ID == one {
		t.Error("Idempotency-Keys of two API keys meet")
	}
}

func TestARefundNamesItsSale(t *testing.T) {
	o := newOffice(t, nil)
	c, answer := o.told("/track/refund", `{"invoiceId":"in_1","amount":1000,"refundId":"re_1","reason":"broken","currency":"EUR"}`)
	if c.Kind != schema.Refund || c.Amount != 1000 || c.Refund != "re_1" || c.Reason != "broken" || c.Currency != "EUR" || !slices.Equal(c.Payments, []string{"in_1"}) {
		t.Errorf("got %+v", c)
	}
	sameJSON(t, "the answer", answer, `{"refund":{"invoiceId":"in_1","refundId":"re_1","amount":1000,"currency":"eur","reason":"broken"}}`)
	all, answer := o.told("/track/refund", `{"invoiceId":"in_1"}`)
	if all.Amount != 0 || all.Refund != "" || all.Currency != "" {
		t.Errorf("all of it: got %+v", all)
	}
	sameJSON(t, "the answer", answer, `{"refund":{"invoiceId":"in_1","refundId":null,"amount":null,"currency":null,"reason":null}}`)
	a, _ := o.told("/track/refund", `{"invoiceId":"in_1","amount":5}`, "Idempotency-Key", "a")
	b, _ := o.told("/track/refund", `{"invoiceId":"in_1","amount":5}`, "Idempotency-Key", "b")
	again, _ := o.told("/track/refund", `{"invoiceId":"in_1","amount":5}`, "Idempotency-Key", "a")
	if a.ID == b.ID || a.ID == all.ID || a.ID != again.ID {
		t.Error("refunds without ids are not told apart by their Idempotency-Keys")
	}
}

// A made-up click id never attributes: ASVS, see the product's list of proofs.
func TestAClickIDThatIsNoneOfOursCreditsNobody(t *testing.T) {
	o := newOffice(t, nil)
	genuine := clickID(2)
	relinked, later := genuine, genuine
	relinked.Link = 1
	later.At++
	foreign := schema.NewClickIDs("some-node").New(schema.NewClickKey(), genuine.At, 2)
	for what, id := range map[string]string{
		"another link": relinked.String(), "another time": later.String(), "another program's": foreign.String(),
		"another letter": strings.Repeat("A", 31) + "B", "too short": genuine.String()[:31], "Dub's": "dub_click_01", "a script": "<script>alert(1)</script>",
	} {
		status, text := o.post("/track/lead", fmt.Sprintf(`{"clickId":%q,"eventName":"Sign up","customerExternalId":"u"}`, id))
		if status != http.StatusNotFound || !strings.Contains(string(text), `"field":"clickId"`) {
			t.Errorf("%s in a lead: got %d %s", what, status, text)
		}
		if n := len(o.reports.take()); n != 0 {
			t.Errorf("%s in a lead: %d conversions were recorded", what, n)
		}
		c, _ := o.told("/track/sale", fmt.Sprintf(`{"clickId":%q,"customerExternalId":"u","amount":1}`, id))
		if c.Link != 0 || c.Partner != 0 || c.ClickedAt != 0 || c.ClickState != schema.ClickForged && c.ClickState != schema.ClickMalformed {
			t.Errorf("%s in a sale: got %+v", what, c)
		}
	}
}

func TestWhatIsWrongIsSaidByField(t *testing.T) {
	o := newOffice(t, nil)
	seen := map[string]int{}
	inDocument := true // whether the document says it too
	f := func(path, body string, code track.Code, field string) {
		t.Helper()
		if req := httptest.NewRequest("POST", "https://go.example"+path, nil); inDocument {
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+liveKey)
			if !o.doc.Refuses(req, []byte(body)) {
				t.Errorf("%s %s can be, as /openapi.json says", path, body)
			}
		}
		status, text := o.post(path, body)
		var got struct {
			Error struct {
				Code    track.Code
				Field   string
				Message string
				DocURL  string `json:"doc_url"`
			}
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s %s: %v in %s", path, body, err, text)
		}
		e := got.Error
		if e.Code != code || e.Field != field || !strings.HasPrefix(e.Message, field) || e.DocURL != "https://go.example/openapi.json" {
			t.Errorf("%s %s: got %d %s, want %s for %q", path, body, status, text, code, field)
		}
		if n := len(o.reports.take()); n != 0 {
			t.Errorf("%s %s: %d conversions were recorded", path, body, n)
		}
		seen[field]++
	}
	long := strings.Repeat("x", 256)
	const un = track.Unprocessable
	lead := func(rest string) string { return `{"eventName":"e","customerExternalId":"c"` + rest + `}` }
	for _, body := range []string{``, `{`, `[]`, `null`, `"a"`, `{"a":1}x`, "\xff"} {
		f("/track/lead", body+" ", track.BadRequest, "")
	}
	f("/track/lead", `{}`, un, "eventName")
	f("/track/lead", `{"eventName":"e"}`, un, "customerExternalId")
	f("/track/lead", `{"eventName":"e","customerExternalId":7}`, un, "customerExternalId")
	f("/track/lead", `{"eventName":["e"],"customerExternalId":"c"}`, un, "eventName")
	f("/track/lead", `{"eventName":"`+long+`","customerExternalId":"c"}`, un, "eventName")
	f("/track/lead", `{"eventName":"e","customerExternalId":"`+long+`"}`, un, "customerExternalId")
	f("/track/lead", lead(`,"clickId":1`), un, "clickId")
	f("/track/lead", lead(`,"mode":"later"`), un, "mode")
	f("/track/lead", lead(`,"eventQuantity":0`), un, "eventQuantity")
	f("/track/lead", lead(`,"eventQuantity":1.5`), un, "eventQuantity")
	f("/track/lead", lead(`,"eventQuantity":"1"`), un, "eventQuantity")
	f("/track/lead", lead(`,"eventQuantity":10001`), un, "eventQuantity")
	f("/track/lead", lead(`,"metadata":[]`), un, "metadata")
	f("/track/lead", lead(`,"coupon":"`+long+`"`), un, "coupon")
	f("/track/lead", lead(`,"shopDomain":"`+long+`"`), un, "shopDomain")
	f("/track/sale", `{"customerExternalId":"c"}`, un, "amount")
	f("/track/sale", `{"customerExternalId":"c","amount":-1}`, un, "amount")
	f("/track/sale", `{"customerExternalId":"c","amount":"1"}`, un, "amount")
	f("/track/sale", `{"customerExternalId":"c","amount":1.5}`, un, "amount")
	f("/track/sale", `{"customerExternalId":"c","amount":1000000000001}`, un, "amount")
	f("/track/sale", `{"customerExternalId":"c","amount":99999999999999999999}`, un, "amount")
	f("/track/sale", `{"customerExternalId":"c","amount":1,"currency":"dollars"}`, un, "currency")
	f("/track/sale", `{"customerExternalId":"c","amount":1,"paymentProcessor":"cash"}`, un, "paymentProcessor")
	f("/track/sale", `{"customerExternalId":"c","amount":1,"invoiceId":"`+long+`"}`, un, "invoiceId")
	f("/track/sale", `{"customerExternalId":"c","amount":1,"leadEventName":"`+long+`"}`, un, "leadEventName")
	f("/track/refund", `{}`, un, "invoiceId")
	f("/track/refund", `{"invoiceId":"i","amount":0}`, un, "amount")
	f("/track/refund", `{"invoiceId":"i","refundId":"`+long+`"}`, un, "refundId")
	f("/track/refund", `{"invoiceId":"i","reason":{}}`, un, "reason")
	f("/track/click", `{}`, un, "key")
	f("/track/click", `{"key":7}`, un, "key")
	f("/track/click", `{"key":"`+long+`"}`, un, "key")

	inDocument = false // what no schema can say
	f("/track/lead", `{"eventName":" ","customerExternalId":"c"}`, un, "eventName")
	f("/track/lead", `{"eventName":"e\u0000","customerExternalId":"c"}`, un, "eventName")
	f("/track/lead", lead(`,"metadata":{"a":"`+strings.Repeat("x", schema.MaxMetadata)+`"}`), un, "metadata")
	f("/track/lead", lead(`,"customerEmail":"nobody"`), un, "customerEmail")
	f("/track/lead", lead(`,"occurredAt":"yesterday"`), un, "occurredAt")
	f("/track/lead", lead(`,"occurredAt":"1970-01-01T00:00:00Z"`), un, "occurredAt")
	f("/track/lead", lead(`,"occurredAt":"2026-07-03T12:00:00Z"`), un, "occurredAt")
	f("/track/sale", `{"customerExternalId":"c","amount":1,"currency":"zzq"}`, un, "currency")
	f("/track/click", `{"key":"nobody"}`, track.NotFound, "key")
	if len(seen) < 19 {
		t.Errorf("the fields that were refused are %v", sortedKeys(seen))
	}
}

func TestRequestsThatAreNoReports(t *testing.T) {
	o := newOffice(t, nil)
	const sale = `{"customerExternalId":"c","amount":1}`
	f := func(what string, status, want int, text []byte, contains string) {
		t.Helper()
		if status != want || !strings.Contains(string(text), contains) {
			t.Errorf("%s: got %d %s, want %d with %s", what, status, text, want, contains)
		}
		if n := len(o.reports.take()); n != 0 {
			t.Errorf("%s: %d conversions were recorded", what, n)
		}
	}
	status, header, text := o.call("GET", "/track/sale", liveKey, "")
	f("GET", status, http.StatusMethodNotAllowed, text, "bad_request")
	if header.Get("Allow") != "POST" {
		t.Errorf("GET: Allow is %q", header.Get("Allow"))
	}
	status, _, text = o.call("POST", "/track/sale", liveKey, sale, "Content-Type", "text/plain")
	f("another content type", status, http.StatusBadRequest, text, `"field":"Content-Type"`)
	for _, path := range []string{"/track/sale", "/postback"} {
		status, text = o.announce(path, 64<<10+1)
		f("a body that is too long for "+path, status, http.StatusRequestEntityTooLarge, text, `"message":"The body is longer than 65536 bytes."`)
	}
	status, text = o.announce("/webhooks/stripe", 1<<20+1)
	f("a webhook's body that is too long", status, http.StatusRequestEntityTooLarge, text, "1048576 bytes")
	status, text = o.post("/track/sale", sale, "Idempotency-Key", strings.Repeat("k", 256))
	f("a long Idempotency-Key", status, http.StatusUnprocessableEntity, text, `"field":"Idempotency-Key"`)
	status, _, text = o.call("GET", "/track/other", liveKey, "")
	f("another address", status, http.StatusNotFound, text, "not_found")
	o.reports.fail = &journal.FullError{Reason: journal.ReasonDiskFull}
	status, header, text = o.call("POST", "/track/sale", liveKey, sale)
	f("a full disk", status, http.StatusServiceUnavailable, text, "internal_server_error")
	if header.Get("Retry-After") == "" || strings.Contains(string(text), "journal") {
		t.Errorf("a full disk: Retry-After %q, %s", header.Get("Retry-After"), text)
	}
	o.reports.fail = errors.New("odd")
	status, text = o.post("/track/sale", sale)
	f("a disk that fails", status, http.StatusServiceUnavailable, text, "Send it again")
}

func TestWhoMayReport(t *testing.T) {
	var log bytes.Buffer // the handlers are through with it when they have answered
	set := metrics.NewSet()
	o := newOffice(t, func(e *Options, d *track.Options) {
		e.Logger, d.Metrics = slog.New(slog.NewTextHandler(&log, nil)), set
	})
	f := func(path, key, body string, want int, code string) {
		t.Helper()
		status, header, text := o.call("POST", path, key, body)
		if status != want || !strings.Contains(string(text), code) {
			t.Errorf("%s with %q: got %d %s, want %d %s", path, key, status, text, want, code)
		}
		if want == 401 && header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s with %q: WWW-Authenticate is %q", path, key, header.Get("WWW-Authenticate"))
		}
		for _, secret := range []string{schema.HashAPIKey(liveKey), liveKey, expiredKey} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s: the answer repeats a secret: %s", path, text)
			}
		}
	}
	bodies := map[string]string{
		"/track/lead": `{"eventName":"e","customerExternalId":"c"}`, "/track/sale": `{"customerExternalId":"c","amount":1,"invoiceId":"i"}`,
		"/track/refund": `{"invoiceId":"i"}`,
	}
	for path, body := range bodies {
		f(path, "", body, 401, "unauthorized")
		f(path, "fl_live_unknown", body, 401, "unauthorized")
		f(path, schema.HashAPIKey(liveKey), body, 401, "unauthorized")
		f(path, expiredKey, body, 401, "unauthorized")
		f(path, revokedKey, body, 401, "unauthorized")
		f(path, postbackKey, body, 403, "forbidden")
		f(path, pageKey, body, 403, "forbidden")
		if n := len(o.reports.take()); n != 0 {
			t.Errorf("%s: %d conversions were recorded", path, n)
		}
		f(path, tryKey, body, 200, "")
		if all := o.reports.take(); len(all) != 1 || !all[0].Test || all[0].KeyID != 2 {
			t.Errorf("%s with a test key: got %+v", path, all)
		}
		f(path, liveKey, body, 200, "")
		if all := o.reports.take(); len(all) != 1 || all[0].Test {
			t.Errorf("%s with a live key: got %+v", path, all)
		}
	}
	if status, _, _ := o.call("POST", "/track/sale", "", bodies["/track/sale"], "Authorization", "Basic "+liveKey); status != 401 {
		t.Errorf("a key in another scheme: got %d", status)
	}
	_, _ = o.post("/track/sale", `{"customerExternalId":"c","amount":2,"invoiceId":"i","customerEmail":"eva@example.com"}`) // conflicts
	if text := log.String(); !strings.Contains(text, "other content") || strings.Contains(text, "fl_live") || strings.Contains(text, "fl_test") ||
		strings.Contains(text, schema.HashAPIKey(liveKey)) || strings.Contains(text, "eva@") {
		t.Errorf("the log says:\n%s", text)
	}
	var out bytes.Buffer
	set.WritePrometheus(&out)
	for _, line := range []string{`{code="unauthorized"} 16`, `{code="forbidden"} 6`, `{code="conflict"} 1`} {
		if !strings.Contains(out.String(), "fairlead_report_errors_total"+line+"\n") {
			t.Errorf("there is no line %s in:\n%s", line, out.String())
		}
	}
}

func TestPagesOfTheProgramMayReportLeadsAndClicks(t *testing.T) {
	o := newOffice(t, nil)
	const lead = `{"eventName":"e","customerExternalId":"c"}`
	f := func(path, key, body, origin string, want int) http.Header {
		t.Helper()
		status, header, text := o.call("POST", path, key, body, "Origin", origin)
		allowed := header.Get("Access-Control-Allow-Origin")
		if status != want || (allowed == origin) != (want == 200) || allowed == "*" {
			t.Errorf("%s from %s: got %d %s, allowed: %q; want %d", path, origin, status, text, allowed, want)
		}
		return header
	}
	h := f("/track/lead", pageKey, lead, "https://shop.example", 200)
	if h.Get("Vary") != "Origin" || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("the headers are %v", h)
	}
	if all := o.reports.take(); len(all) != 1 || all[0].Source != schema.SourceBrowser {
		t.Errorf("got %+v", all)
	}
	for _, field := range []string{`"occurredAt":"2026-01-01T00:00:00Z"`, `"coupon":"ADA10"`, `"shopDomain":"shop.example"`} {
		body := strings.TrimSuffix(lead, "}") + "," + field + "}"
		name, _, _ := strings.Cut(field[1:], `"`)
		if status, _, text := o.call("POST", "/track/lead", pageKey, body, "Origin", "https://shop.example"); status != 422 || !strings.Contains(string(text), `"field":"`+name+`"`) {
			t.Errorf("a page told %s: got %d %s", field, status, text)
		}
	}
	f("/track/lead", pageKey, lead, "https://evil.example", 403)
	f("/track/lead", pageKey, lead, "http://shop.example", 403)
	f("/track/lead", pageKey, lead, "null", 403)
	f("/track/click", "", `{"key":"ada"}`, "https://www.shop.example", 200)
	f("/track/click", "", `{"key":"ada"}`, "https://evil.example", 403)

	preflight := func(path, origin, want string) {
		t.Helper()
		status, header, _ := o.call("OPTIONS", path, "", "", "Origin", origin, "Access-Control-Request-Method", "POST")
		if got := header.Get("Access-Control-Allow-Origin"); status != 204 && status != 404 || got != want {
			t.Errorf("OPTIONS %s from %s: got %d, allowed: %q, want %q", path, origin, status, got, want)
		}
		if want != "" && (header.Get("Access-Control-Allow-Methods") != "POST" || !strings.Contains(header.Get("Access-Control-Allow-Headers"), "Authorization")) {
			t.Errorf("OPTIONS %s: the headers are %v", path, header)
		}
	}
	preflight("/track/lead", "https://shop.example", "https://shop.example")
	preflight("/track/click", "https://shop.example", "https://shop.example")
	preflight("/track/click", "https://evil.example", "")
	preflight("/track/sale", "https://shop.example", "")
}

func TestARepeatThatDiffersIsRefusedWhereItIsNoticed(t *testing.T) {
	o := newOffice(t, nil)
	f := func(what, path, first, second, field string) {
		t.Helper()
		status, one := o.post(path, first)
		again, two := o.post(path, first)
		if status != 200 || again != 200 || string(one) != string(two) {
			t.Errorf("%s repeated: got %d %s, then %d %s", what, status, one, again, two)
		}
		status, text := o.post(path, second)
		if status != http.StatusConflict || !strings.Contains(string(text), `"code":"conflict"`) || !strings.Contains(string(text), fmt.Sprintf(`"field":%q`, field)) {
			t.Errorf("%s with other content: got %d %s", what, status, text)
		}
		if again, two = o.post(path, first); again != 200 || string(one) != string(two) {
			t.Errorf("%s once more: got %d %s", what, again, two)
		}
		all := o.reports.take()
		if len(all) != 4 { // the facts decide, so that they need all of it
			t.Fatalf("%s: %d reports were recorded, want 4", what, len(all))
		}
		for _, c := range all {
			if c.ID != all[0].ID {
				t.Errorf("%s: one thing has two ids", what)
			}
		}
	}
	f("a lead", "/track/lead", `{"eventName":"e","customerExternalId":"c"}`, `{"eventName":"e","customerExternalId":"c","eventQuantity":2}`, "eventName")
	f("a sale", "/track/sale", `{"customerExternalId":"c","amount":1,"invoiceId":"i"}`, `{"customerExternalId":"c","amount":2,"invoiceId":"i"}`, "invoiceId")
	f("a refund", "/track/refund", `{"invoiceId":"i","refundId":"r","amount":1}`, `{"invoiceId":"i","refundId":"r","amount":2}`, "refundId")
	_, _ = o.post("/track/sale", `{"customerExternalId":"c","amount":1}`, "Idempotency-Key", "k")
	if status, text := o.post("/track/sale", `{"customerExternalId":"c","amount":2}`, "Idempotency-Key", "k"); status != 409 || !strings.Contains(string(text), `"field":"Idempotency-Key"`) {
		t.Errorf("a sale under its Idempotency-Key with other content: got %d %s", status, text)
	}
}

func TestAReportThatFailedClaimsNothing(t *testing.T) {
	o := newOffice(t, nil)
	o.reports.fail = journal.ErrClosed
	if status, _ := o.post("/track/sale", `{"customerExternalId":"c","amount":1,"invoiceId":"i"}`); status != 503 {
		t.Fatalf("got %d, want 503", status)
	}
	o.reports.fail = nil
	if status, text := o.post("/track/sale", `{"customerExternalId":"c","amount":2,"invoiceId":"i"}`); status != 200 {
		t.Errorf("another content after a failure: got %d %s, want 200", status, text)
	}
}

func TestLimits(t *testing.T) {
	o := newOffice(t, nil)
	// f asks from one address until it is refused, and tells after how often.
	f := func(method, target, from, body string, headers ...string) int {
		t.Helper()
		for n := range 1000 {
			resp := o.do(request{method: method, target: target, from: from, headers: append([]string{"Content-Type", "application/json"}, headers...)})
			if resp.StatusCode() == http.StatusTooManyRequests {
				if len(resp.Header.Peek("Retry-After")) == 0 || !strings.Contains(string(resp.Body()), "rate_limit_exceeded") {
					t.Errorf("%s: got %s", target, resp.String())
				}
				return n
			}
		}
		return -1
	}
	if n := f("POST", "/track/lead", "198.51.100.1", "", "Authorization", "Bearer fl_live_guess"); n != 100 {
		t.Errorf("wrong keys are refused after %d, want 100", n)
	}
	if n := f("POST", "/track/lead", "198.51.100.2", "", "Authorization", "Bearer fl_live_guess"); n != 100 {
		t.Errorf("wrong keys from another address are refused after %d, want 100", n)
	}
	if status, _, _ := o.call("POST", "/track/lead", liveKey, `{"eventName":"e","customerExternalId":"c"}`); status != 200 {
		t.Errorf("a good key meanwhile: got %d", status)
	}
}

// The document names every address that reports are taken at, and the doors answer as it says.
func TestTheDocumentIsOfAllThatReportsAreTakenAt(t *testing.T) {
	o := newOffice(t, nil)
	var routes []string
	for path := range o.routes {
		if path == "fairlead.js" {
			continue // no report, and no JSON
		}
		routes = append(routes, "/"+path)
	}
	slices.Sort(routes)
	if d := cmp.Diff(routes, o.doc.Paths()); d != "" {
		t.Errorf("-answered +documented:\n%s", d)
	}

	id := clickID(2).String()
	f := func(what string, status int, text []byte, want int, sources ...schema.ConversionSource) {
		t.Helper()
		var got []schema.ConversionSource
		for _, c := range o.reports.take() {
			if c.Link != 2 || c.Partner != 1 || c.ClickState != schema.ClickGenuine {
				t.Errorf("%s: recorded %+v", what, c)
			}
			got = append(got, c.Source)
		}
		if status != want || !slices.Equal(got, sources) {
			t.Errorf("%s: got %d %s and reports of %v, want %d and %v", what, status, text, got, want, sources)
		}
	}
	postback := "key=" + postbackKey + "&subid=" + id + "&status=sale&payout=40&currency=USD&tid="
	status, _, text := o.call("GET", "/postback?"+postback+"1", "", "")
	f("a postback", status, text, 200, schema.SourcePostback)
	status, _, text = o.call("POST", "/postback", "", postback+"2", "Content-Type", "application/x-www-form-urlencoded")
	f("a postback as a form", status, text, 200, schema.SourcePostback)
	status, _, text = o.call("POST", "/postback", "", postback+"3", "Content-Type", "text/plain")
	f("a postback as text", status, text, 400)
	status, _, text = o.call("GET", "/postback?"+strings.Replace(postback, postbackKey, liveKey, 1)+"4", "", "")
	f("a postback with a key of another scope", status, text, 403)
	status, _, text = o.call("GET", "/postback?subid="+id, "", "")
	f("a postback without a key", status, text, 401)
	status, _, text = o.call("GET", "/postback?"+strings.Replace(postback, "=40", "=4x", 1)+"5", "", "")
	f("a postback over nothing", status, text, 422)

	session := fmt.Sprintf(`{"id":"evt_1","object":"event","type":"checkout.session.completed","created":%d,"livemode":true,"data":{"object":{"id":"cs_1",
		"object":"checkout.session","mode":"payment","payment_status":"paid","status":"complete","amount_subtotal":2500,"amount_total":2500,"currency":"usd",
		"payment_intent":"pi_1","client_reference_id":%q,"customer":"cus_1"}}}`, noon.Unix(), id)
	stripe := func(body, secret string, at time.Time) []string {
		return []string{"Stripe-Signature", webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(body), Secret: secret, Timestamp: at}).Header}
	}
	status, _, text = o.call("POST", "/webhooks/stripe", "", session, stripe(session, stripeSecret, noon)...)
	f("Stripe's webhook", status, text, 200, schema.SourceStripe)
	status, _, text = o.call("POST", "/webhooks/stripe", "", session, stripe(session, "whsec_of_somebody_else", noon)...)
	f("a webhook of somebody else's", status, text, 401)
	status, _, text = o.call("POST", "/webhooks/stripe", "", session, stripe(session, stripeSecret, noon.Add(-301*time.Second))...)
	f("a webhook of 301 s ago", status, text, 401)
	other := `{"id":"evt_2","type":"customer.created","livemode":true,"data":{"object":{}}}`
	status, _, text = o.call("POST", "/webhooks/stripe", "", other, stripe(other, stripeSecret, noon)...)
	f("an event of another kind", status, text, 200)

	order := fmt.Sprintf(`{"id":7,"name":"#7","currency":"USD","subtotal_price":"25.00","total_price":"25.00","financial_status":"paid","processed_at":%q,
		"customer":{"id":9},"note_attributes":[{"name":"fl_click","value":%q}]}`, noon.Format(time.RFC3339), id)
	mac := hmac.New(sha256.New, []byte(shopifySecret))
	mac.Write([]byte(order))
	shopify := []string{"X-Shopify-Topic", "orders/paid", "X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac.Sum(nil))}
	status, _, text = o.call("POST", "/webhooks/shopify", "", order, shopify...)
	f("Shopify's webhook", status, text, 200, schema.SourceShopify)
	status, _, text = o.call("POST", "/webhooks/shopify", "", strings.Replace(order, "25", "26", 1), shopify...)
	f("one whose body was changed", status, text, 401)
}

func TestNoDirectoryYet(t *testing.T) {
	o := newOffice(t, func(e *Options, d *track.Options) { e.Links, d.Links = fixed{}, fixed{} })
	for path, body := range map[string]string{"/track/sale": `{"customerExternalId":"c","amount":1}`, "/track/click": `{"key":"ada"}`} {
		if status, _, text := o.call("POST", path, liveKey, body); status != 503 {
			t.Errorf("%s: got %d %s, want 503", path, status, text)
		}
	}
}

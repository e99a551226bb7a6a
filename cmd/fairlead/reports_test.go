package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stripe/stripe-go/v85/webhook"

	"fairlead/schema"
)

// keyAnswer is what `key add --json` prints: the contract's shape.
type keyAnswer struct {
	ID  uint32 `json:"id"`
	Key string `json:"key"`
}

// reportingMachine is a running deployment with a partner's click, ready to be told what came of it.
func reportingMachine(t *testing.T) (m *machine, base string, click schema.ClickID) {
	t.Helper()
	m = newMachine(t)
	m.env = []string{"FAIRLEAD_CONVERSIONS_STRIPE_SECRETS=" + stripeSecret}
	m.start()
	ada := answer[partnerAnswer](t, m.args("partner", "add", "--name", "Ada", "--email", "ada@example.com", "--json")...)
	base = "http://" + m.flag("--listen")
	var at *url.URL
	eventually(t, 5*time.Second, "the link gives click ids", func() bool {
		var err error
		if at, err = url.Parse(location(t, ada.Link.URL)); err != nil {
			t.Fatal(err)
		}
		return at.Query().Get("fl_click") != ""
	})
	click, err := schema.ParseClickID(at.Query().Get("fl_click"))
	if err != nil {
		t.Fatal(err)
	}
	return m, base, click
}

const stripeSecret = "whsec_of_the_tests_0123456789"

// awaitKey waits until the redirector knows a new key: a report without a body is refused for another reason then.
func awaitKey(t *testing.T, base, key string) {
	t.Helper()
	eventually(t, 5*time.Second, "the redirector knows the key", func() bool {
		status, _ := post(t, base+"/track/sale", `{}`, "Authorization", "Bearer "+key, "Content-Type", "application/json")
		return status != http.StatusUnauthorized
	})
}

func post(t *testing.T, url, body string, headers ...string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text
}

// TestDubsOwnSDKReports runs the SDK that Dub's users have in their servers against a running redirector.
func TestDubsOwnSDKReports(t *testing.T) {
	m, base, click := reportingMachine(t)
	key := answer[keyAnswer](t, m.args("key", "add", "--name", "shop", "--json")...)
	awaitKey(t, base, key.Key)
	run := exec.Command("node", "testdata/dub.mjs", base, key.Key, click.String())
	var out, complaints bytes.Buffer
	run.Stdout, run.Stderr = &out, &complaints
	if err := run.Run(); err != nil {
		t.Fatalf("the SDK's script: %v\n%s", err, complaints.String())
	}
	link := fmt.Sprintf(`{"id":"%d","domain":%q,"key":"ada","shortLink":"%s/ada","url":"https://shop.example/","partnerId":"1","programId":null,"tenantId":null,"externalId":null}`,
		click.Link, strings.TrimPrefix(base, "http://"), base)
	lead := `{"answer":{"click":{"id":"` + click.String() + `"},"link":` + link + `,"customer":{"name":"Eva","email":"eva@example.com","avatar":null,"externalId":"sdk-1"}}}`
	bare := func(click, link string) string {
		return `{"answer":{"click":{"id":"` + click + `"},"link":` + link + `,"customer":{"name":null,"email":null,"avatar":null,"externalId":"sdk-2"}}}`
	}
	sale := `{"answer":{"eventName":"Invoice paid","customer":{"id":"*","name":null,"email":null,"avatar":null,"externalId":"sdk-1"},
		"sale":{"amount":4900,"currency":"eur","paymentProcessor":"paddle","invoiceId":"sdk-in-1","metadata":{"seats":2}}}}`
	second := `{"answer":{"eventName":"Purchase","customer":{"id":"*","name":null,"email":null,"avatar":null,"externalId":"sdk-2"},
		"sale":{"amount":100,"currency":"usd","paymentProcessor":"custom","invoiceId":"sdk-in-2","metadata":null}}}`
	thrown := func(name string, status int, code string) string {
		return fmt.Sprintf(`{"thrown":%q,"status":%d,"code":%q,"docUrl":"%s/openapi.json"}`, name, status, code, base)
	}
	want := []string{
		lead, lead, thrown("Conflict", 409, "conflict"), bare(click.String(), link), bare("", "null"), sale, second,
		thrown("UnprocessableEntity", 422, "unprocessable_entity"), thrown("NotFound", 404, "not_found"), thrown("Unauthorized", 401, "unauthorized"),
	}
	lines := bufio.NewScanner(&out)
	for i, w := range want {
		if !lines.Scan() {
			t.Fatalf("call %d left no line", i+1)
		}
		if d := cmp.Diff(document(t, w), document(t, lines.Text())); d != "" {
			t.Errorf("call %d: -want +got\n%s", i+1, d)
		}
	}

	d := m.connect()
	reports := func(where string) uint64 {
		return count(t, d, "SELECT count() FROM fairlead.conversions WHERE "+where)
	}
	eventually(t, 10*time.Second, "the reports are in ClickHouse", func() bool { return reports("source = 'api'") == 7 })
	for where, want := range map[string]uint64{
		"kind = 'lead' AND customer_id = 'sdk-1' AND click_state = 'genuine' AND partner_id = 1 AND quantity = 2 AND metadata = '{\"plan\":\"pro\"}'": 2,
		"kind = 'lead' AND customer_id = 'sdk-1' AND quantity = 3":                                                                                    1,
		"kind = 'deferred' AND customer_id = 'sdk-2' AND click_state = 'genuine'":                                                                     1,
		"kind = 'lead' AND customer_id = 'sdk-2' AND click_state = 'none'":                                                                            1,
		"kind = 'sale' AND customer_id = 'sdk-1' AND amount = 4900 AND currency = 'EUR'":                                                              1,
		"kind = 'sale' AND customer_id = 'sdk-2' AND amount = 100 AND has(payments, 'sdk-in-2')":                                                      1,
		"key_id != " + fmt.Sprint(key.ID) + " OR positionCaseInsensitive(metadata, 'eva@') > 0 ":                                                      0,
	} {
		if got := reports(where); got != want {
			t.Errorf("%d reports with %s, want %d", got, where, want)
		}
	}
	// The customer who signed up later than the click was told is the partner's, and so is the sale.
	eventually(t, 40*time.Second, "the sale of the second customer is credited", func() bool {
		return count(t, d, "SELECT count() FROM fairlead.attributions FINAL WHERE conversion_id IN (SELECT conversion_id FROM fairlead.conversions WHERE invoice = 'sdk-in-2') "+
			"AND state = 'counted' AND partner_id = 1 AND amount = 100") == 1
	})
	if said := m.log.String(); strings.Contains(said, key.Key) || strings.Contains(said, schema.HashAPIKey(key.Key)) || strings.Contains(said, "eva@example.com") {
		t.Error("a key or a customer's address stands in the log")
	}
}

// document reads JSON, with what is drawn taken out.
func document(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if m, ok := v.(map[string]any)["answer"].(map[string]any); ok {
		if c, ok := m["customer"].(map[string]any); ok && strings.HasPrefix(fmt.Sprint(c["id"]), "cus_") {
			c["id"] = "*"
		}
	}
	return v
}

// TestARunningRedirectorTakesReports has the doors of a whole deployment open, with the stores and without.
func TestARunningRedirectorTakesReports(t *testing.T) {
	m, base, click := reportingMachine(t)
	tracker := answer[keyAnswer](t, m.args("key", "add", "--name", "tracker", "--scope", "postback", "--json")...)
	shop := answer[keyAnswer](t, m.args("key", "add", "--name", "shop", "--json")...)
	awaitKey(t, base, shop.Key)
	awaitKey(t, base, tracker.Key)
	tried := answer[triedJSON](t, m.args("track", "test", "--click", click.String(), "--json")...)
	if tried.Partner != "1" || tried.Customer == "" || tried.Invoice == "" {
		t.Errorf("track test answered %+v", tried)
	}
	if keys := answer[[]keyJSON](t, m.args("key", "list", "--json")...); len(keys) != 3 || keys[2].State != "revoked" || !keys[2].Test {
		t.Errorf("the key that was drawn for the test is left as it is: %+v", keys)
	}
	if r := fairlead(t, m.args("track", "test", "--key", shop.Key)...); r.code != exitUsage || !strings.Contains(r.stderr, "not a test key") || strings.Contains(r.stderr, shop.Key) {
		t.Errorf("a live key for a test: exit %d, %s", r.code, r.stderr)
	}

	sale := func(invoice string) (int, []byte) {
		return post(t, base+"/track/sale", `{"customerExternalId":"c-1","amount":100,"invoiceId":"`+invoice+`","clickId":"`+click.String()+`"}`,
			"Authorization", "Bearer "+shop.Key, "Content-Type", "application/json")
	}
	want := func(what string, status int, text []byte) {
		t.Helper()
		if status != http.StatusOK {
			t.Errorf("%s: got %d %s", what, status, text)
		}
	}
	status, text := sale("in-1")
	want("a sale", status, text)
	status, text = post(t, base+"/postback?key="+tracker.Key+"&subid="+click.String()+"&status=sale&payout=40&currency=USD&tid=K1", "")
	want("a postback", status, text)
	// An event may be as long as Stripe likes to make it.
	event := fmt.Sprintf(`{"id":"evt_1","object":"event","type":"checkout.session.completed","created":%d,"livemode":true,"data":{"object":{"id":"cs_1","object":"checkout.session",
		"mode":"payment","payment_status":"paid","status":"complete","amount_subtotal":2500,"amount_total":2500,"currency":"usd","payment_intent":"pi_1","client_reference_id":%q,
		"customer":"cus_1","metadata":{"filler":%q}}}}`, time.Now().Unix(), click.String(), strings.Repeat("x", 600<<10))
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(event), Secret: stripeSecret})
	status, text = post(t, base+"/webhooks/stripe", event, "Stripe-Signature", signed.Header, "Content-Type", "application/json")
	want("Stripe's webhook", status, text)
	if status, text = post(t, base+"/webhooks/shopify", `{}`); status != http.StatusNotFound || !strings.Contains(string(text), "conversions.shopify_secrets") {
		t.Errorf("Shopify's webhook without a secret: got %d %s", status, text)
	}
	resp, err := http.Get(base + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(text), `"servers": [{"url": "`+base+`"}]`) {
		t.Errorf("/openapi.json: %s, %v, %.200s", resp.Status, err, text)
	}

	// With both stores stopped it is all the same to whoever reports, and to what is found later.
	d := m.connect()
	for _, pid := range children(t, m.cmd.Process.Pid) {
		syscall.Kill(pid, syscall.SIGSTOP) // neither answers nor is it gone: the worst kind of away
		t.Cleanup(func() { syscall.Kill(pid, syscall.SIGCONT) })
	}
	status, text = sale("in-2")
	want("a sale without the stores", status, text)
	if status, text = post(t, base+"/track/sale", `{"customerExternalId":"c-1","amount":7,"invoiceId":"in-2"}`, "Authorization", "Bearer "+shop.Key, "Content-Type", "application/json"); status != http.StatusConflict {
		t.Errorf("another amount without the stores: got %d %s", status, text)
	}
	for _, pid := range children(t, m.cmd.Process.Pid) {
		syscall.Kill(pid, syscall.SIGCONT)
	}
	eventually(t, 60*time.Second, "what was reported without the stores is in ClickHouse", func() bool {
		return count(t, d, "SELECT uniqExact(conversion_id) FROM fairlead.conversions WHERE NOT test AND partner_id = 1 AND click_state = 'genuine'") == 4 &&
			count(t, d, "SELECT countIf(invoice = 'in-2') FROM fairlead.conversions") == 2 &&
			count(t, d, "SELECT count() FROM fairlead.conversions WHERE test") == 2
	})
	m.stop()
}

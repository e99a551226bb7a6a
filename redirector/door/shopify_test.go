package door

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"fairlead/redirector/track"
	"fairlead/schema"
)

var shopifyDoor = Shopify{Secrets: []string{secret}}

func shopifySum256(body []byte, secret string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// shopifyMessage is a delivery as Shopify makes it.
func shopifyMessage(body []byte, topic, secret string, more ...string) Message {
	return Message{Method: "POST", Body: body, Now: now, Header: headers(append([]string{
		HeaderShopify, shopifySum256(body, secret), headerShopifyTopic, topic, headerShopifyShop, "toys.example",
		headerShopifyID, "webhook-1", headerShopifyEvent, "event-1"}, more...)...)}
}

// topicOf is the topic of a file of the tests' messages.
func topicOf(name string) string {
	if strings.HasPrefix(filepath.Base(name), "order") {
		return "orders/paid"
	}
	return "refunds/create"
}

func TestShopifyEvents(t *testing.T) {
	f := func(name string, want ...string) {
		t.Helper()
		report, err := shopifyDoor.Read(shopifyMessage(payload(t, "shopify/"+name), topicOf(name), secret), rules)
		same(t, name, told(report, err), want...)
		for _, c := range report.Conversions {
			if c.Source != schema.SourceShopify || c.Processor != "shopify" || c.Delivery != "event-1" {
				t.Errorf("%s: source %s, processor %s, delivery %s", name, c.Source, c.Processor, c.Delivery)
			}
		}
	}
	const (
		john  = " by 115310627314723954 also email:john@example.com"
		paid  = ", invoice 820982911946154508 = 820982911946154508 gid://shopify/Order/820982911946154508, codes ADA10, noted {\"shop\":\"toys.example\"}, at 2025-11-24T16:00:00"
		given = ", invoice 820982911946154508 = 820982911946154508, refund 890088186047892319, because \"wrong size\", noted {\"shop\":\"toys.example\"}, at 2025-11-26T16:00:00"
	)
	f("order", "sale of Purchase"+john+" after the click: 18500 of 20810 USD"+paid)
	f("order_test", "sale of Purchase"+john+" after the click: 18500 of 20810 USD"+paid+", a test")
	f("order_notes", "sale of Purchase also email:jon@example.com after the click: 18500 of 20810 USD"+paid)
	f("order_tax_included", "sale of Purchase"+john+" after the click: 10000 of 13090 EUR"+paid)
	f("order_yen", "sale of Purchase"+john+" after the click: 1800 of 1980 JPY"+paid)
	// One of two things was taken off before it was paid; another was given back since, which a message of its own tells.
	f("order_edited", "sale of Purchase"+john+" after the click: 22000 of 24310 USD"+paid)
	f("order_edited_foreign", "sale of Purchase"+john+" after the click: 22000 of 24310 USD"+paid)
	f("order_edited_foreign_bare", "sale of Purchase"+john+" after the click: 12750 of 14412 USD"+paid) // and its refund is ignored
	f("order_free", "lead of Checkout"+john+" after the click, codes ADA10, noted {\"shop\":\"toys.example\"}, at 2025-11-24T16:00:00")

	f("refund", "refund: 9250 USD"+given)
	f("refund_shipping", "refund: 9250 USD"+given)
	f("refund_shipping_only", "ignored: no_money")
	f("refund_shipping_lines_only", "ignored: no_money")
	f("refund_shipping_of_goods", "ignored: no_money") // which came back, and were not paid back
	f("refund_less", "refund: 8352 USD"+given)
	f("refund_amount", "refund: 2000 USD"+given)
	f("refund_bare", "refund of 2000 USD"+given)
	f("refund_tax_included", "refund: 10000 EUR"+given)
	f("refund_foreign", "refund: 9250 USD"+given)
	f("refund_foreign_failed", "ignored: no_money")
	f("refund_foreign_shipping", "refund: 9250 USD"+given)
	f("refund_foreign_shipping_lines", "refund: 9250 USD"+given)
	f("refund_foreign_shipping_only", "ignored: no_money")
	f("refund_foreign_less", "refund: 8352 USD"+given)
	f("refund_foreign_part", "refund: 4625 USD"+given) // 40.00 EUR, of what comes to 85.60 EUR and 98.98 USD
	f("refund_foreign_gift_card", "refund: 9250 USD"+given)
	f("refund_foreign_amount", "refund: 2000 USD"+given)
	f("refund_foreign_tax_included", "refund: 10000 EUR"+given)
	f("refund_foreign_tax_included_gift_card", "refund: 10000 EUR"+given)
	f("refund_foreign_less_plain", "refund: 8352 USD"+given)
	f("refund_foreign_bare", "ignored: other_currency")
	f("refund_restock", "ignored: no_money")
	f("refund_failed", "ignored: no_money")

	other, err := shopifyDoor.Read(shopifyMessage([]byte(`{}`), "orders/create", secret), rules)
	same(t, "another topic", told(other, err), "ignored: unknown_event")
	tested, err := shopifyDoor.Read(shopifyMessage(payload(t, "shopify/order"), "orders/paid", secret, headerShopifyTest, "true"), rules)
	if err != nil || !tested.Conversions[0].Test {
		t.Errorf("a test's header: got %+v, %v", tested, err)
	}

	total := rules
	total.Total = true
	for name, want := range map[string]string{
		"order":                                 "sale of Purchase" + john + " after the click: 20810 of 20810 USD" + paid,
		"refund":                                "refund of 9898 USD" + given,
		"refund_shipping_only":                  "refund of 1000 USD" + given,
		"refund_shipping_lines_only":            "refund of 1015 USD" + given,
		"refund_shipping_of_goods":              "refund of 1000 USD" + given,
		"refund_foreign":                        "refund of 9898 USD" + given,
		"refund_foreign_shipping":               "refund of 10913 USD" + given,
		"refund_foreign_shipping_lines":         "refund of 10913 USD" + given,
		"refund_foreign_shipping_only":          "refund of 1015 USD" + given,
		"refund_foreign_less":                   "refund of 9000 USD" + given,
		"refund_foreign_part":                   "refund of 4625 USD" + given,
		"refund_foreign_gift_card":              "refund of 9898 USD" + given,
		"refund_foreign_amount":                 "refund of 2000 USD" + given,
		"refund_foreign_tax_included":           "refund of 11900 EUR" + given,
		"refund_foreign_less_plain":             "refund of 9000 USD" + given,
		"refund_foreign_tax_included_gift_card": "refund of 11899 EUR" + given,
		"refund_foreign_bare":                   "ignored: other_currency",
	} {
		report, err := shopifyDoor.Read(shopifyMessage(payload(t, "shopify/"+name), topicOf(name), secret), total)
		same(t, name+", all that is charged", told(report, err), want)
	}
}

func TestShopifySignatures(t *testing.T) {
	body := payload(t, "shopify/order")
	read := func(m Message, secrets ...string) error {
		_, err := Shopify{Secrets: secrets}.Read(m, rules)
		return err
	}
	for what, err := range map[string]error{
		"the secret":              read(shopifyMessage(body, "orders/paid", secret), secret),
		"the old one of two":      read(shopifyMessage(body, "orders/paid", secret), "new", secret),
		"the new one of two":      read(shopifyMessage(body, "orders/paid", "new"), "new", secret),
		"delivered another time":  read(shopifyMessage(body, "orders/paid", secret), secret),
		"a topic that is another": read(shopifyMessage(body, "orders/updated", secret), secret),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	header := func(text string) Message {
		return Message{Method: "POST", Header: headers(HeaderShopify, text, headerShopifyTopic, "orders/paid"), Body: body, Now: now}
	}
	changed := shopifyMessage(body, "orders/paid", secret)
	changed.Body = append([]byte(" "), body...)
	for what, err := range map[string]error{
		"another secret":          read(shopifyMessage(body, "orders/paid", "old"), secret),
		"one more byte":           read(changed, secret),
		"no signature":            read(header(""), secret),
		"no base64":               read(header("%%%"), secret),
		"a part of the signature": read(header(shopifySum256(body, secret)[:24]), secret),
		"the empty signature":     read(header("===="), secret),
	} {
		refused(t, what, err, track.Unauthorized, HeaderShopify)
	}
	refused(t, "no secret at all", read(shopifyMessage(body, "orders/paid", secret)), track.NotFound, "")
}

func TestShopifyBodiesThatAreNone(t *testing.T) {
	f := func(topic, body string, code track.Code, field string) {
		t.Helper()
		_, err := shopifyDoor.Read(shopifyMessage([]byte(body), topic, secret), rules)
		refused(t, body, err, code, field)
	}
	f("orders/paid", `{`, track.BadRequest, "")
	f("orders/paid", `{}`, track.BadRequest, "id")
	f("orders/paid", `{"id":"x"}`, track.BadRequest, "id")
	f("orders/paid", `{"id":-1}`, track.BadRequest, "id")
	f("orders/paid", `{"id":1,"currency":"DM"}`, track.Unprocessable, "currency")
	f("orders/paid", `{"id":1,"currency":"USD","total_price":"1e3"}`, track.Unprocessable, "total_price")
	f("orders/paid", `{"id":1,"currency":"USD","total_price":"12.345"}`, track.Unprocessable, "total_price")
	f("orders/paid", `{"id":1,"currency":"USD","total_price":"99999999999999"}`, track.Unprocessable, "total_price")
	f("orders/paid", `{"id":1,"currency":"USD","total_price":"5.00","subtotal_price":{"a":1}}`, track.Unprocessable, "subtotal_price")
	f("orders/paid", `{"id":1,"currency":"USD","processed_at":"yesterday"}`, track.BadRequest, "processed_at")
	f("refunds/create", `{}`, track.BadRequest, "id")
	f("refunds/create", `{"id":1}`, track.BadRequest, "order_id")
	f("refunds/create", `{"id":1,"order_id":2,"transactions":[{"kind":"refund","status":"success","amount":"5.00"}]}`, track.Unprocessable, "transactions.currency")
	f("refunds/create", `{"id":1,"order_id":2,"transactions":[{"kind":"refund","status":"success","amount":"5.00.0","currency":"USD"}]}`, track.Unprocessable, "transactions.amount")
}

// Whatever a shopper writes into an address, the merchant's order is taken.
func TestAShopperCannotMakeAnOrderBeRefused(t *testing.T) {
	for _, landing := range []string{
		"/?fl_click=" + strings.Repeat("x", 10_000), "/?fl_click=%00%ff", "/?%zz=1&fl_click=é" + strings.Repeat("é", 60), "?", "fl_click", "/?fl_click=",
	} {
		body := []byte(`{"id":1,"currency":"USD","total_price":"5.00","subtotal_price":"5.00","landing_site":` + quoted(landing) + `}`)
		report, err := shopifyDoor.Read(shopifyMessage(body, "orders/paid", secret), rules)
		if err != nil {
			t.Errorf("%.40q: %v", landing, err)
			continue
		}
		if c := report.Conversions[0]; len(c.Click) > maxClick || !utf8.ValidString(c.Click) || strings.ContainsRune(c.Click, 0) {
			t.Errorf("%.40q: click %q", landing, c.Click)
		}
	}
}

func FuzzShopify(f *testing.F) {
	files, err := filepath.Glob("testdata/shopify/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no events", err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(topicOf(name), body)
	}
	f.Fuzz(func(t *testing.T, topic string, body []byte) {
		report, err := shopifyDoor.Read(shopifyMessage(body, topic, secret), rules)
		if err == nil {
			bounded(t, report)
		}
	})
}

package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stripe/stripe-go/v85/webhook"
)

func TestSignaturesAreVerifiedByStripesLibrary(t *testing.T) {
	now := time.Now()
	older, newer, foreign := NewSigningSecret(), NewSigningSecret(), NewSigningSecret()
	const body = `{"id":"evt_1","type":"sale.created"}`
	header := Signature([]SigningSecret{newer, older}, now, body)
	for _, s := range []SigningSecret{older, newer} {
		if err := webhook.ValidatePayload([]byte(body), header, string(s)); err != nil {
			t.Errorf("while one secret replaces another: %v", err)
		}
	}
	if webhook.ValidatePayload([]byte(body), header, string(foreign)) == nil {
		t.Error("a foreign secret verifies it")
	}
	if webhook.ValidatePayload([]byte(body+" "), header, string(newer)) == nil {
		t.Error("another body is verified")
	}
	late := Signature([]SigningSecret{newer}, now.Add(-6*time.Minute), body)
	if webhook.ValidatePayload([]byte(body), late, string(newer)) == nil {
		t.Error("a signature of six minutes ago is verified")
	}
}

func TestSecretsOfWebhooksAreNotPrinted(t *testing.T) {
	w := Webhook{ID: 1, Secrets: []StoredSigningSecret{{Secret: NewSigningSecret()}}}
	secret := string(w.Secrets[0].Secret)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if out := fmt.Sprintf(format, w); strings.Contains(out, secret[6:]) {
			t.Errorf("%s prints it", format)
		}
	}
	var again Webhook
	text, err := json.Marshal(w)
	if err != nil || json.Unmarshal(text, &again) != nil || string(again.Secrets[0].Secret) != secret {
		t.Errorf("the directory does not keep it: %s, %v", text, err)
	}
}

func TestASecretSignsUntilItRetires(t *testing.T) {
	now := time.Now()
	w := Webhook{Secrets: []StoredSigningSecret{{Secret: "new"}, {Secret: "old", RetiredAt: now.Add(time.Hour)}, {Secret: "gone", RetiredAt: now}}}
	if diff := cmp.Diff([]SigningSecret{"new", "old"}, w.Signing(now)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]SigningSecret{"new"}, w.Signing(now.Add(time.Hour))); diff != "" {
		t.Error(diff)
	}
}

func TestAnEndpointIsToldWhatItWants(t *testing.T) {
	all, some := Endpoint{}, Endpoint{Events: []NoticeType{"sale.created", "refund.created"}}
	for _, typ := range NoticeTypes() {
		if !all.Wants(typ) || !all.Follows(typ.Noun()) {
			t.Errorf("without a choice it does not get %s", typ)
		}
	}
	if !some.Wants("sale.created") || some.Wants("sale.withdrawn") || !some.Follows("sale") || some.Follows("lead") {
		t.Errorf("%+v gets something else", some)
	}
	if NoticeOf(Deferred, NoticeCreated) != "" || NoticeOf(Restored, NoticeWithdrawn) != "restoration.withdrawn" || len(NoticeTypes()) != 12 {
		t.Errorf("types %v", NoticeTypes())
	}
}

func TestPostbacksHaveMacrosInPathAndQuery(t *testing.T) {
	f := func(template, want string) {
		t.Helper()
		got, err := CheckPostback(template, false)
		if want == "" {
			if !errors.Is(err, ErrEndpoint) {
				t.Errorf("%s: got %q, %v, want it refused", template, got, err)
			}
			return
		}
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", template, got, err, want)
		}
	}
	f("https://t.example/postback?cid={click_id}&payout={payout}&currency={currency}&status={status}&txid={txid}&s1={sub_id1}",
		"https://t.example/postback?cid={click_id}&payout={payout}&currency={currency}&status={status}&txid={txid}&s1={sub_id1}")
	f("https://T.example/{sub_id}/{event}", "https://t.example/{sub_id}/{event}")
	f("https://t.example/?a=b", "https://t.example/?a=b")
	f("https://{sub_id}.t.example/", "")
	f("https://t.example:{sub_id}/", "")
	f("https://t.example/?x={customer}", "")
	f("https://t.example/?x={}", "")
	f("https://t.example/?x={{click_id}}", "")
	f("https://t.example/?x={click_id", "")
	f("https://t.example/?x=}", "")
	f("https://t.example/?"+strings.Repeat("{txid}", MostMacros+1), "")
}

func TestValuesCannotLeaveTheirPlace(t *testing.T) {
	values := map[string]string{
		MacroClickID: "a/b?c#d&e=f", MacroSubID + "1": "../../é +%00{txid}\r\nHost: evil", MacroAmount: "25.00",
	}
	template, err := CheckPostback("https://t.example/p/{click_id}?s={sub_id1}&a={amount}&p={payout}&t={txid}", false)
	if err != nil {
		t.Fatal(err)
	}
	filled := FillMacros(template, func(m string) string { return values[m] })
	again, err := CheckEndpoint(filled, false)
	if err != nil || again != filled {
		t.Fatalf("%s: got %s, %v", filled, again, err)
	}
	u, err := url.Parse(filled)
	if err != nil || u.Host != "t.example" || u.Path != "/p/"+values[MacroClickID] || strings.Count(u.EscapedPath(), "/") != 2 {
		t.Errorf("%s: %v", filled, err)
	}
	want := url.Values{"s": {values[MacroSubID+"1"]}, "a": {"25.00"}, "p": {""}, "t": {""}}
	if diff := cmp.Diff(want, u.Query()); diff != "" {
		t.Error(diff)
	}
	if !UsesMacro(template, MacroSubID) || UsesMacro(template, MacroLink) {
		t.Error("the macros that are used are others")
	}
}

func FuzzFillMacros(f *testing.F) {
	f.Add("https://t.example/p/{click_id}?s={sub_id1}#", "a/b?c#d&e=f")
	f.Add("https://[2606:4700::1]/{txid}{txid}", "{txid}\r\n%00 @")
	f.Add("https://t.example?{event}", "é")
	f.Fuzz(func(t *testing.T, template, value string) {
		checked, err := CheckPostback(template, false)
		if err != nil || len(checked)+MostMacros*3*len(value) > MaxEndpoint {
			return
		}
		filled := FillMacros(checked, func(string) string { return value })
		again, err := CheckEndpoint(filled, false)
		if err != nil || again != filled {
			t.Fatalf("%q with %q: %q, %v", checked, value, again, err)
		}
		before, err := url.Parse(FillMacros(checked, func(string) string { return "" }))
		if err != nil {
			t.Fatal(err)
		}
		after, err := url.Parse(filled)
		if err != nil || after.Host != before.Host || after.Fragment != "" || after.User != nil ||
			strings.Count(after.EscapedPath(), "/") != strings.Count(before.EscapedPath(), "/") || strings.Count(after.RawQuery, "&") != strings.Count(before.RawQuery, "&") {
			t.Errorf("%q with %q: %q", checked, value, filled)
		}
	})
}

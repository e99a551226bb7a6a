package redirector

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairlead/redirector/journal"
	"fairlead/schema"
)

func TestAClickIsToldWithoutARedirect(t *testing.T) {
	o := newOffice(t, nil)
	browser := []string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "cors", "Origin", "https://shop.example",
		"Accept-Language", "de"}
	f := func(body string, want int, verdict, slug string, headers ...string) (schema.Click, map[string]any) {
		t.Helper()
		o.journal.records = nil
		status, _, text := o.call("POST", "/track/click", "", body, append(slices.Clone(browser), headers...)...)
		if status != want || len(o.journal.records) != 1 {
			t.Fatalf("%s: got %d %s and %d clicks, want %d and one", body, status, text, len(o.journal.records), want)
		}
		var c schema.Click
		if err := schema.DecodeClick(&c, o.journal.records[0]); err != nil {
			t.Fatal(err)
		}
		if c.Verdict.String() != verdict || string(c.Slug) != slug {
			t.Errorf("%s is recorded as %v of %q, want %s of %q", body, c.Verdict, c.Slug, verdict, slug)
		}
		var answer map[string]any
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatal(err)
		}
		return c, answer
	}
	c, answer := f(`{"domain":"go.example","key":"Ada","url":"https://www.shop.example/p?sub_id=7&utm_source=mail#top","referrer":"https://blog.example/post"}`, 200, "valid", "ada")
	if c.Link != 1 || c.Partner != 1 || string(c.SubID[0]) != "7" || string(c.UTM[schema.UTMSource]) != "mail" || string(c.Referrer) != "https://blog.example/post" ||
		string(c.Destination) != "https://www.shop.example/p" || c.Visitor == 0 && c.Network != [16]byte{} || string(c.Language) != "de" {
		t.Errorf("got %+v", c)
	}
	id := c.ID()
	if err := (schema.ClickKeys{testKey.Key}).Check(id); err != nil || answer["clickId"] != id.String() {
		t.Errorf("the click id is %v, recorded as %s: %v", answer["clickId"], id, err)
	}
	sameJSON(t, "the partner", answer["partner"], `{"id":"1","image":null,"name":"Ada"}`)
	// What a page gets is as good as what a redirect gives.
	lead, _ := o.told("/track/lead", fmt.Sprintf(`{"clickId":%q,"eventName":"e","customerExternalId":"c"}`, answer["clickId"]))
	if lead.ClickState != schema.ClickGenuine || lead.Link != 1 || lead.Partner != 1 {
		t.Errorf("the lead that comes of it: got %+v", lead)
	}
	c, _ = f(`{"key":"spring","url":"https://evil.example/"}`, 200, "valid", "spring")
	if string(c.Destination) != "https://shop.example/spring?ref=own&z=%2F#top" {
		t.Errorf("a page of another domain: the destination is %s", c.Destination)
	}
	f(`{"key":"nobody"}`, 404, "unknown_link", "nobody")
	f(`{"key":"gone"}`, 404, "suspended", "gone")
	f(`{"key":"off"}`, 404, "disabled", "off")
	f(`{"key":"late"}`, 404, "expired", "late")
	f(`{"key":"ada"}`, 503, "prefetch", "ada", "Sec-Purpose", "prefetch;prerender")
	f(`{"key":"ada"}`, 200, "valid", "ada", "Content-Type", "text/plain;charset=UTF-8")
	o.journal.fail = journal.ErrClosed
	if status, _, _ := o.call("POST", "/track/click", "", `{"key":"ada"}`); status != 503 {
		t.Errorf("with the journal closed: got %d, want 503", status)
	}
}

func TestAClickThatIsToldIsRecordedAsARedirectIs(t *testing.T) {
	o := newOffice(t, nil)
	visitor := []string{
		"Accept", "*/*", "Accept-Language", "de-CH", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "cross-site",
		"Referer", "https://blog.example/post", "X-Forwarded-For", "192.0.2.1",
	}
	const query = "?sub_id=7&aff_sub2=b&utm_campaign=x&fl_click=made-up"
	redirected, _ := o.one(get("/spring"+query, visitor...))
	body := `{"domain":"go.example","key":"spring","url":"https://shop.example/spring` + query + `#top","referrer":"https://blog.example/post"}`
	ctx := request{method: "POST", target: "/track/click", headers: append(slices.Clone(visitor), "Content-Type", "application/json")}.context()
	ctx.Request.SetBodyString(body)
	o.Handle(ctx)
	all := o.clicks()
	if ctx.Response.StatusCode() != http.StatusOK || len(all) != 1 {
		t.Fatalf("got %s and %d clicks", ctx.Response.String(), len(all))
	}
	told := all[0]
	if told.Nonce == redirected.Nonce || string(told.Destination) != "https://shop.example/spring" {
		t.Errorf("got %+v", told)
	}
	told.Nonce, told.Tag, told.Destination = redirected.Nonce, redirected.Tag, redirected.Destination
	if d := cmp.Diff(redirected, told); d != "" {
		t.Errorf("a redirect is recorded otherwise: %s", d)
	}
	if told.Visitor == 0 || string(told.SubID[0]) != "7" || string(told.SubID[2]) != "b" {
		t.Errorf("the visitor is %d, the sub ids %q", told.Visitor, told.SubID)
	}
}

func TestAnAddressTellsOnlySoManyClicks(t *testing.T) {
	o := newOffice(t, nil)
	tell := func(from string) int {
		ctx := request{method: "POST", target: "/track/click", from: from, headers: []string{"Content-Type", "application/json"}}.context()
		ctx.Request.SetBodyString(`{"key":"ada"}`)
		o.Handle(ctx)
		if status := ctx.Response.StatusCode(); status == http.StatusTooManyRequests && len(ctx.Response.Header.Peek("Retry-After")) == 0 {
			t.Error("a refusal does not say when to come again")
		}
		return ctx.Response.StatusCode()
	}
	const most = 300
	for n := range most {
		if status := tell("198.51.100.7"); status != http.StatusOK {
			t.Fatalf("click %d of an address: got %d", n+1, status)
		}
	}
	if status := tell("198.51.100.7"); status != http.StatusTooManyRequests {
		t.Errorf("click %d of an address: got %d, want 429", most+1, status)
	}
	if status := tell("198.51.100.8"); status != http.StatusOK {
		t.Errorf("another address meanwhile: got %d", status)
	}
	if n := len(o.clicks()); n != most+1 {
		t.Errorf("%d clicks are recorded, want %d", n, most+1)
	}
	if c, _ := o.one(get("/ada")); c.Verdict != schema.VerdictValid {
		t.Errorf("a link is bound by the limit: %v", c.Verdict)
	}
}

func TestTheEdgeServesTheScript(t *testing.T) {
	o := newOffice(t, nil)
	script := o.do(get("/fairlead.js"))
	etag := string(script.Header.Peek("ETag"))
	if script.StatusCode() != http.StatusOK || !strings.Contains(string(script.Body()), `"params":["fl_click"]`) || etag == "" {
		t.Fatalf("got %s", script.String())
	}
	if again := o.do(get("/fairlead.js", "If-None-Match", etag)); again.StatusCode() != http.StatusNotModified {
		t.Errorf("asked again: got %d, want 304", again.StatusCode())
	}
	if head := o.do(request{method: "HEAD", target: "/fairlead.js"}); head.StatusCode() != http.StatusOK || string(head.Header.Peek("ETag")) != etag {
		t.Errorf("HEAD: got %s", head.String())
	}
	if n := len(o.clicks()); n != 0 {
		t.Errorf("%d clicks were recorded", n)
	}
}

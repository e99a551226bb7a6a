package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
	"fairlead/schema/directory"
	"fairlead/schema/trace"
)

// TestNobodyEarnsByForgedClicksOrByThemselves reports sales to a running deployment with click ids that somebody made up,
// altered or took from another program, and sales to the partner's own address, and asks the trace what came of each.
func TestNobodyEarnsByForgedClicksOrByThemselves(t *testing.T) {
	m := newMachine(t)
	m.start()
	d := m.connect()
	ada := answer[partnerAnswer](t, m.args("partner", "add", "--name", "Ada", "--email", "ada.lovelace@gmail.com", "--json")...)
	bob := answer[partnerAnswer](t, m.args("partner", "add", "--name", "Bob", "--email", "bob@example.com", "--json")...)
	_, key, err := d.Directory.AddKey(t.Context(), directory.CLI, directory.NewAPIKey{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	genuine := clickOf(t, ada.Link.URL)

	forgeries := map[string]string{"another program's": schema.NewClickIDs("elsewhere").New(schema.NewClickKey(), genuine.At, genuine.Link).String(), "none at all": "fl-click", "of HEAD": headClick(t, ada.Link.URL)}
	for what, alter := range map[string]func(*schema.ClickID){
		"later":            func(id *schema.ClickID) { id.At++ },
		"within no window": func(id *schema.ClickID) { id.At -= 1000 * 24 * time.Hour.Milliseconds() },
		"of Bob's link":    func(id *schema.ClickID) { id.Link = bob.Link.ID },
		"another":          func(id *schema.ClickID) { id.Nonce++ },
		"tagged otherwise": func(id *schema.ClickID) { id.Tag ^= 1 << 40 },
	} {
		id := genuine
		alter(&id)
		forgeries[what] = id.String()
	}
	sale := func(invoice string, fields map[string]any) {
		t.Helper()
		fields["invoiceId"], fields["amount"] = invoice, 5000
		if fields["customerExternalId"] == nil {
			fields["customerExternalId"] = "customer of " + invoice
		}
		mustReport(t, "http://"+m.flag("--listen")+"/track/sale", key, fields)
	}
	sale("genuine", map[string]any{"clickId": genuine.String()})
	for what, id := range forgeries {
		sale("forged: "+what, map[string]any{"clickId": id})
	}
	for i, own := range []string{"ada.lovelace@gmail.com", "Ada.Lovelace+shop@gmail.com", "adalovelace@googlemail.com"} {
		sale(fmt.Sprint("own: ", i), map[string]any{"clickId": genuine.String(), "customerEmail": own})
	}
	sale("other", map[string]any{"clickId": genuine.String(), "customerEmail": "bob@example.com"})

	decision := func(invoice string) *trace.Decision {
		t.Helper()
		for _, e := range answer[trace.Story](t, m.args("trace", invoice, "--json")...).Events {
			if e.Report != nil && e.Report.Invoice == invoice {
				return e.Decision
			}
		}
		return nil
	}
	check := func(invoice string, state schema.AttributionState, partner schema.PartnerID, reasons ...schema.AttributionReason) {
		t.Helper()
		var got *trace.Decision
		eventually(t, time.Minute, invoice+" is decided", func() bool { got = decision(invoice); return got != nil })
		known := false
		for _, r := range reasons {
			known = known || got.Reason == r
		}
		if got.State != state || !known || (got.Partner == nil) != (partner == 0) || got.Partner != nil && got.Partner.ID != partner {
			t.Errorf("%s: got %+v, %+v, want %s of %d, %v", invoice, got, got.Partner, state, partner, reasons)
		}
	}
	check("genuine", schema.StateCounted, ada.ID, schema.ReasonLastClick)
	for what := range forgeries {
		check("forged: "+what, schema.StateUnattributed, 0, schema.ReasonClickForged, schema.ReasonClickMalformed)
	}
	for i := range 3 {
		check(fmt.Sprint("own: ", i), schema.StateReview, ada.ID, schema.ReasonSelfReferral)
	}
	check("other", schema.StateCounted, ada.ID, schema.ReasonLastClick)

	if n := count(t, d, "SELECT toUInt64(sum(sales)) FROM fairlead.sale_days WHERE partner_id != 0"); n != 2 {
		t.Errorf("%d sales count for partners, want those of the genuine click by two strangers", n)
	}
	if out := fairlead(t, m.args("trace", "forged: another program's")...); out.code != 0 || !strings.Contains(strings.Join(strings.Fields(out.stdout), " "), "that this program never gave out") {
		t.Errorf("got %+v", out)
	}
}

// clickOf follows a link and answers the click id that it gives.
func clickOf(t *testing.T, link string) schema.ClickID {
	t.Helper()
	var id schema.ClickID
	eventually(t, 10*time.Second, "the link gives click ids", func() bool {
		at, err := url.Parse(location(t, link))
		if err != nil {
			t.Fatal(err)
		}
		id, err = schema.ParseClickID(at.Query().Get("fl_click"))
		return err == nil
	})
	return id
}

// headClick is the click id that a HEAD of a link answers with.
func headClick(t *testing.T, link string) string {
	t.Helper()
	resp, err := noRedirects.Head(link)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	at, err := resp.Location()
	if err != nil || at.Query().Get("fl_click") == "" {
		t.Fatalf("HEAD %s: %s, %v", link, at, err)
	}
	return at.Query().Get("fl_click")
}

// mustReport posts a report, also while the redirector does not know the key yet.
func mustReport(t *testing.T, to, key string, fields map[string]any) {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	var status int
	var text []byte
	eventually(t, 10*time.Second, "the redirector knows the key", func() bool {
		req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Content-Type", "application/json")
		resp, err := noRedirects.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, err = io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		status = resp.StatusCode
		return status != http.StatusUnauthorized
	})
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", body, status, text)
	}
}

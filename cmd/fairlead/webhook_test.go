package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/attribute"
	"fairlead/aggregator/courier"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// listener is somebody else's endpoint on this machine.
type listener struct {
	*httptest.Server
	mu     sync.Mutex
	status int     // guarded by mu
	got    []heard // guarded by mu
}

type heard struct{ path, query, body, signature string }

func newListener(t *testing.T) *listener {
	l := &listener{status: http.StatusOK}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.got = append(l.got, heard{r.URL.Path, r.URL.RawQuery, string(body), r.Header.Get(schema.SignatureHeader)})
		w.WriteHeader(l.status)
		fmt.Fprint(w, "heard")
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) answers(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status = status
}

// take returns what came since it was asked last.
func (l *listener) take() []heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.got
	l.got = nil
	return out
}

// parse reads one JSON document.
func parse[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestAWebhookFromTheShell(t *testing.T) {
	o := newOffice(t)
	o.loopback = true
	l := newListener(t)

	added := parse[webhookJSON](t, o.says("webhook", "add", l.URL+"/in", "--name", "shop", "--json"))
	if added.ID != 1 || !strings.HasPrefix(added.Secret, "whsec_") || added.State != "enabled" || len(added.Events) != len(schema.NoticeTypes()) || len(added.Secrets) != 1 ||
		!strings.HasSuffix(added.Secret, added.Secrets[0].Hint) {
		t.Errorf("added: got %+v", added)
	}
	for _, args := range [][]string{{"list"}, {"show", "1"}, {"enable", "1"}, {"list", "--json"}, {"show", "1", "--json"}, {"disable", "1", "--reason", "for a while", "--json"}, {"enable", "1", "--json"}} {
		if out := o.says(append([]string{"webhook"}, args...)...); strings.Contains(out, added.Secret) {
			t.Errorf("webhook %v shows the secret", args)
		}
	}

	tried := parse[courier.Tried](t, o.says("webhook", "test", "1", "--event", "refund.updated", "--json"))
	got := l.take()
	if !tried.Delivered || tried.Status != 200 || tried.Answer != "heard" || len(got) != 1 {
		t.Fatalf("test: got %+v, %+v", tried, got)
	}
	if err := webhook.ValidatePayload([]byte(got[0].body), got[0].signature, added.Secret); err != nil {
		t.Errorf("the sample's signature: %v", err)
	}
	if n := parse[courier.Notice](t, got[0].body); n.ID != tried.Event || n.Type != "refund.updated" || !n.Test || n.Previous == nil {
		t.Errorf("the sample is %+v", n)
	}
	l.answers(http.StatusTeapot)
	if out, err := o.try("", "webhook", "test", "1"); err == nil || !strings.Contains(out, "was not taken: answered 418") {
		t.Errorf("a sample that is not taken: got %q, %v", out, err)
	}
	l.take()
	l.answers(http.StatusOK)

	rotated := parse[webhookJSON](t, o.says("webhook", "rotate", "1", "--json"))
	if rotated.Secret == added.Secret || len(rotated.Secrets) != 2 || rotated.Secrets[1].SignsUntil.IsZero() {
		t.Errorf("rotated: got %+v", rotated)
	}
	o.says("webhook", "test", "1")
	for _, secret := range []string{added.Secret, rotated.Secret} {
		if err := webhook.ValidatePayload([]byte(l.got[0].body), l.got[0].signature, secret); err != nil {
			t.Errorf("while both sign: %v", err)
		}
	}
	if out := o.says("webhook", "show", "1"); !strings.Contains(out, "secret   …"+rotated.Secret[len(rotated.Secret)-4:]) || !strings.Contains(out, "told     all events") {
		t.Errorf("got %s", out)
	}

	o.fails("there is no event", "webhook", "test", "1", "--event", "sale.sold")
	o.fails(`There is no event "sale.sold"`, "webhook", "add", l.URL, "--events", "sale.sold")
	o.fails("it is not https", "webhook", "add", "http://hooks.example/")
	o.fails("10.0.0.1 is private", "webhook", "add", "https://10.0.0.1/")
	o.fails("There is no webhook 7", "webhook", "show", "7")
	o.fails(`"x" is not the number of a webhook`, "webhook", "show", "x")
	o.fails("either --event or --since", "webhook", "redeliver", "1")
	if out := o.says("webhook", "remove", "1"); !strings.Contains(out, "webhook 1 is removed") {
		t.Errorf("got %s", out)
	}
	o.fails("webhook 1 is removed", "webhook", "test", "1")
	o.fails("nothing can be delivered there", "webhook", "redeliver", "1", "--since", "2026-01-01")
	if all := parse[[]webhookJSON](t, o.says("webhook", "list", "--json")); len(all) != 1 || all[0].State != "removed" {
		t.Errorf("the list: got %+v", all)
	}
}

func TestLoopbackIsNoEndpointUnlessTheConfigurationSaysSo(t *testing.T) {
	o := newOffice(t)
	o.fails("127.0.0.1 is loopback", "webhook", "add", "https://127.0.0.1/")
	o.fails("it is not https", "webhook", "add", "http://localhost:8123/")
}

// TestWhatCountsIsDeliveredAndCanBeDeliveredAgain goes the whole way from a report to a webhook and a tracker, and back by the shell.
func TestWhatCountsIsDeliveredAndCanBeDeliveredAgain(t *testing.T) {
	o := newOffice(t)
	o.loopback = true
	for _, table := range []string{"conversions", "attributions", "attribution_state", "attribution_log", "attribution_nodes", "notices", "deliveries", "notice_state"} {
		if err := o.d.CH.Exec(t.Context(), "TRUNCATE TABLE fairlead."+table); err != nil {
			t.Fatal(err)
		}
	}
	d := o.open()
	t.Cleanup(func() { d.Close() })
	if err := d.Directory.EnsureSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := newListener(t)
	o.says("partner", "add", "--name", "Ada", "--email", "ada@example.com")
	hook := parse[webhookJSON](t, o.says("webhook", "add", l.URL+"/in", "--events", "sale.created", "--json"))
	set := parse[postbackJSON](t, o.says("partner", "postback", "set", "ada", l.URL+"/ada?t={txid}&s={status}&a={amount}", "--json"))
	if set.Partner != 1 || set.State != "enabled" {
		t.Errorf("set: got %+v", set)
	}
	if tried := parse[courier.Tried](t, o.says("partner", "postback", "test", "1", "--json")); !tried.Delivered || !strings.Contains(l.take()[0].query, "s=sale&a=49.00") {
		t.Errorf("test: got %+v", tried)
	}

	now := time.Now().UnixMilli()
	sale := schema.Conversion{
		Kind: schema.Sale, Source: schema.SourceAPI, ReceivedAt: now, OccurredAt: now, Customer: "c1", Event: "Purchase", Invoice: "in_1", Payments: []string{"in_1"}, Amount: 1999, Currency: "USD",
		Click: schema.ClickID{At: now - 1000, Link: 1, Nonce: 1}.String(), ClickState: schema.ClickGenuine, Link: 1, Partner: 1, ClickedAt: now - 1000,
	}
	sale.Identify("")
	w := aggregatortest.New(t, d.CH, d.Redis)
	w.Tell("shop", sale)
	credits := attribute.New(attribute.Options{ClickHouse: d.CH, Redis: d.Redis, Keys: d.Keys, Logger: slog.New(slog.DiscardHandler)})
	if _, err := credits.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := func() courier.Report {
		t.Helper()
		report, err := courier.New(courier.Options{ClickHouse: d.CH, Redis: d.Redis, Keys: d.Keys, Endpoints: d.Directory, Sender: sender(d), Logger: slog.New(slog.DiscardHandler)}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if r := run(); r.Delivered != 2 {
		t.Errorf("got %+v", r)
	}
	var event, id string
	if err := d.CH.QueryRow(t.Context(), "SELECT conversion_id FROM analytics.conversions WHERE occurred_at >= '2026-01-01'").Scan(&id); err != nil {
		t.Fatal(err)
	}
	for _, g := range l.take() {
		switch g.path {
		case "/in":
			event = parse[courier.Notice](t, g.body).ID
			if err := webhook.ValidatePayload([]byte(g.body), g.signature, hook.Secret); err != nil {
				t.Errorf("the signature: %v", err)
			}
		case "/ada":
			if g.query != "t="+id+"&s=sale&a=19.99" {
				t.Errorf("the tracker got %s", g.query)
			}
		}
	}

	log := parse[[]courier.Attempt](t, o.says("webhook", "deliveries", "1", "--json"))
	if len(log) != 1 || log[0].Event != event || log[0].State != "delivered" || log[0].Status != 200 || log[0].Type != "sale.created" {
		t.Errorf("the log: got %+v", log)
	}
	if out := o.says("partner", "postback", "deliveries", "ada"); !strings.Contains(out, "sale.created") || !strings.Contains(out, "delivered") {
		t.Errorf("the tracker's log: got %s", out)
	}
	if log := parse[[]courier.Attempt](t, o.says("webhook", "deliveries", "1", "--troubled", "--json")); len(log) != 0 {
		t.Errorf("troubled: got %+v", log)
	}
	o.json(`{"queued": 1}`, "webhook", "redeliver", "1", "--event", event)
	o.json(`{"queued": 0}`, "partner", "postback", "redeliver", "1", "--since", "2026-01-01")
	o.fails("there is no notice with this event id", "partner", "postback", "redeliver", "1", "--event", event)
	o.fails("neither a day", "webhook", "redeliver", "1", "--since", "yesterday")
	if r := run(); r.Delivered != 1 || len(l.take()) != 1 {
		t.Errorf("delivered again: %+v", r)
	}
	if out := o.says("webhook", "show", "1"); !strings.Contains(out, "last     sale.created delivered, ") {
		t.Errorf("got %s", out)
	}
	if shown := parse[webhookJSON](t, o.says("webhook", "show", "1", "--json")); shown.Last == nil || shown.Last.Event != event {
		t.Errorf("got %+v", shown.Last)
	}

	o.says("partner", "postback", "disable", "1", "--reason", "asked to")
	if out := o.says("partner", "postback", "show", "1"); !strings.Contains(out, "disabled since") || !strings.Contains(out, "because  asked to") {
		t.Errorf("got %s", out)
	}
	o.says("partner", "postback", "enable", "ada@example.com")
	o.says("partner", "postback", "remove", "1")
	o.fails("has no postback", "partner", "postback", "show", "1")
	if log := parse[[]courier.Attempt](t, o.says("partner", "postback", "deliveries", "1", "--json")); len(log) != 1 {
		t.Errorf("the log of what is removed: got %+v", log)
	}
	o.fails("there is no macro {customer}", "partner", "postback", "set", "1", "https://t.example/{customer}")
	if _, err := o.dir.Postback(t.Context(), 1); directory.CodeOf(err) != directory.NotFound {
		t.Errorf("got %v", err)
	}
}

// TestASaleReachesTheWebhookThroughAKilledDeployment reports a sale to a running deployment, whose webhook refuses it; kills
// everything; and finds the same event delivered when it runs again.
func TestASaleReachesTheWebhookThroughAKilledDeployment(t *testing.T) {
	t.Setenv("FAIRLEAD_DELIVERIES_ALLOW_LOOPBACK", "true")
	m, base, click := reportingMachine(t)
	l := newListener(t)
	l.answers(http.StatusServiceUnavailable)
	hook := answer[webhookJSON](t, m.args("webhook", "add", l.URL+"/in", "--json")...)
	shop := answer[keyAnswer](t, m.args("key", "add", "--name", "shop", "--json")...)
	awaitKey(t, base, shop.Key)
	status, text := post(t, base+"/track/sale", `{"customerExternalId":"c-1","amount":1900,"currency":"usd","invoiceId":"in-1","clickId":"`+click.String()+`"}`,
		"Authorization", "Bearer "+shop.Key, "Content-Type", "application/json")
	if status != http.StatusOK {
		t.Fatalf("got %d %s", status, text)
	}
	var got []heard
	arrived := func() bool { got = append(got, l.take()...); return len(got) > 0 }
	eventually(t, time.Minute, "the webhook was tried", arrived)
	refused := parse[courier.Notice](t, got[0].body)
	stores := children(t, m.cmd.Process.Pid)
	m.kill()
	eventually(t, 30*time.Second, "the stores are gone with it", func() bool { return !slices.ContainsFunc(stores, alive) })
	l.take()
	got = nil
	l.answers(http.StatusOK)
	m.start()
	eventually(t, time.Minute, "the webhook has it", arrived)
	taken := parse[courier.Notice](t, got[0].body)
	if taken.ID != refused.ID || taken.Type != "sale.created" || taken.Data.Invoice != "in-1" || taken.Data.Amount != 1900 || taken.Data.Partner != 1 || taken.Data.Slug != "ada" || taken.Data.Click != click.String() {
		t.Errorf("got %+v, and before %+v", taken, refused)
	}
	if err := webhook.ValidatePayload([]byte(got[0].body), got[0].signature, hook.Secret); err != nil {
		t.Errorf("the signature: %v", err)
	}
	eventually(t, 10*time.Second, "the log says so", func() bool {
		log := answer[[]courier.Attempt](t, m.args("webhook", "deliveries", "1", "--json")...)
		return len(log) > 0 && log[0].State == "delivered" && log[0].Event == taken.ID
	})
	if said := m.log.String(); strings.Contains(said, hook.Secret) || strings.Contains(said, l.URL+"/in") {
		t.Error("a secret or the address stands in the log")
	}
	m.stop()
}

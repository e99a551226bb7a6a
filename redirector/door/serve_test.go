package door

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/valyala/fasthttp"

	"fairlead/redirector/links"
	"fairlead/redirector/track"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// journalOf keeps records, or fails.
type journalOf struct {
	records []schema.Conversion
	err     error
}

func (j *journalOf) AppendSync(_ context.Context, record []byte) (uint64, error) {
	if j.err != nil {
		return 0, j.err
	}
	var c schema.Conversion
	if err := schema.DecodeConversion(&c, record); err != nil {
		return 0, err
	}
	j.records = append(j.records, c)
	return uint64(len(j.records)), nil
}

type viewOf struct{ of *links.View }

func (v viewOf) View() *links.View { return v.of }

// house is a program with doors.
type house struct {
	*Doors
	t       *testing.T
	journal *journalOf
	click   schema.ClickID
	set     *metrics.Set
}

const (
	postbackKey = "fl_live_may_send_postbacks"
	otherKey    = "fl_live_may_not"
	expiredKey  = "fl_live_may_not_any_more"
)

func newHouse(t *testing.T) *house {
	t.Helper()
	hash := func(key string) string { sum := sha256.Sum256([]byte(key)); return hex.EncodeToString(sum[:]) }
	clickKey := schema.NewClickKey()
	view, err := links.Make(links.Contents{
		Program: directory.DefaultProgram(),
		Keys:    []schema.StoredClickKey{{ID: 1, Key: clickKey, CreatedAt: now}},
		Links: func(yield func(schema.Link) bool) {
			yield(schema.Link{ID: 7, Partner: 3, Slug: "ada", CreatedAt: now})
		},
		APIKeys: []schema.APIKey{
			{ID: 1, Name: "tracker", Hash: hash(postbackKey), Scopes: []schema.Scope{schema.ScopePostback}},
			{ID: 2, Name: "shop", Hash: hash(otherKey), Scopes: []schema.Scope{schema.ScopeTrack}},
			{ID: 3, Name: "old", Hash: hash(expiredKey), Scopes: []schema.Scope{schema.ScopePostback}, ExpiresAt: now.Add(-time.Second)},
		},
		Secret: schema.Secret{Customers: schema.NewCustomerKey()},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, journal: &journalOf{}, set: metrics.NewSet()}
	h.click = schema.NewClickIDs("n").New(clickKey, now.Add(-time.Hour).UnixMilli(), 7)
	quiet := slog.New(slog.DiscardHandler)
	desk := track.NewDesk(track.Options{Links: viewOf{view}, Journal: h.journal, Logger: quiet, Now: func() time.Time { return now }})
	front, err := track.NewAPI(desk, "https://go.example")
	if err != nil {
		t.Fatal(err)
	}
	h.Doors = New(Options{
		Desk: desk, Links: viewOf{view}, Front: front, Stripe: []string{secret}, Shopify: []string{secret}, Postbacks: []string{"s1"},
		Metrics: h.set, Logger: quiet,
	})
	return h
}

// send takes a message to a door.
func (h *house) send(path string, m Message, names ...string) (int, string) {
	h.t.Helper()
	var ctx fasthttp.RequestCtx
	ctx.Request.Header.SetMethod(m.Method)
	ctx.Request.SetRequestURI("/" + path + "?" + string(m.Query))
	ctx.Request.SetBody(m.Body)
	for _, name := range names {
		ctx.Request.Header.Set(name, m.Header(name))
	}
	for _, r := range h.Routes() {
		if r.Path == path {
			r.Answer(&ctx, now, netip.MustParseAddr("192.0.2.1"))
		}
	}
	return ctx.Response.StatusCode(), string(ctx.Response.Body())
}

func (h *house) stripe(body []byte) (int, string) {
	return h.send("webhooks/stripe", stripeMessage(body, secret, now), HeaderStripe)
}

// One genuine click, told through each of the doors, is found to be its partner's.
func TestEachDoorTakesASaleOfAGenuineClick(t *testing.T) {
	h := newHouse(t)
	own := func(body []byte) []byte { return []byte(strings.ReplaceAll(string(body), click, h.click.String())) }
	f := func(what string, status int, answer string) {
		t.Helper()
		if status != 200 || !strings.Contains(answer, `"received":true`) {
			t.Fatalf("%s: got %d %s", what, status, answer)
		}
		c := h.journal.records[len(h.journal.records)-1]
		if c.Kind != schema.Sale || c.ClickState != schema.ClickGenuine || c.Partner != 3 || c.Link != 7 || c.ID == "" || !strings.Contains(answer, c.ID) {
			t.Errorf("%s: recorded %+v", what, c)
		}
	}
	status, answer := h.stripe(own(payload(t, "stripe/session_payment")))
	f("Stripe", status, answer)
	if a := h.journal.records[0].Aliases; len(a) != 2 || !strings.HasPrefix(a[1], "email:") || strings.Contains(a[1], "@") {
		t.Errorf("aliases %v: want Stripe's id, and the address as a hash", a)
	}
	status, answer = h.send("webhooks/shopify", shopifyMessage(own(payload(t, "shopify/order")), "orders/paid", secret), HeaderShopify, headerShopifyTopic)
	f("Shopify", status, answer)
	status, answer = h.send("postback", get("key="+postbackKey+"&subid="+h.click.String()+"&status=sale&payout=40&tid=K1"))
	f("a postback", status, answer)
	status, answer = h.send("postback", get(signedWith("s1", "clickid="+h.click.String()+"&txid=A2&amount=1.00")))
	f("a signed postback", status, answer)
}

func TestADeliveryThatIsRepeatedIsAnsweredAlike(t *testing.T) {
	h := newHouse(t)
	body := payload(t, "stripe/session_payment")
	status, first := h.stripe(body)
	again, second := h.stripe(body)
	if status != 200 || again != 200 || first != second {
		t.Errorf("got %d %s, then %d %s", status, first, again, second)
	}
	if a, b := h.journal.records[0], h.journal.records[1]; a.ID != b.ID || a.Content != b.Content {
		t.Errorf("one delivery twice: ids %s and %s, contents %d and %d", a.ID, b.ID, a.Content, b.Content)
	}
	// What contradicts it is recorded and is no reason to send it for three days.
	if status, answer := h.stripe([]byte(strings.ReplaceAll(string(body), "6319", "7319"))); status != 200 {
		t.Errorf("another amount: got %d %s", status, answer)
	}
}

func TestATrackerIsToldOfAConflict(t *testing.T) {
	h := newHouse(t)
	f := func(query string, want int, contains string) {
		t.Helper()
		if status, answer := h.send("postback", get("key="+postbackKey+"&clickid="+h.click.String()+query)); status != want || !strings.Contains(answer, contains) {
			t.Errorf("%s: got %d %s, want %d %s", query, status, answer, want, contains)
		}
	}
	f("&txid=A1&amount=40", 200, "received")
	f("&txid=A1&amount=40", 200, "received")
	f("&txid=A1&amount=41", 409, `"field":"txid"`)
	f("&txid=A1&status=refund&refund_id=R1&amount=5", 200, "received")
	f("&txid=A1&status=refund&refund_id=R1&amount=3", 409, `"field":"refund_id"`)
	f("&txid=A1&status=refund", 200, "received")
	f("&txid=A1&status=chargeback", 200, "received")
	if n := len(h.journal.records); n != 7 {
		t.Errorf("%d reports were recorded, want all 7: the facts decide", n)
	}
}

func TestSuccessMeansThatItIsOnDisk(t *testing.T) {
	h := newHouse(t)
	h.journal.err = errors.New("no space left on device")
	if status, answer := h.stripe(payload(t, "stripe/session_payment")); status != 503 || strings.Contains(answer, "space") {
		t.Errorf("the disk is full: got %d %s, want 503 without what is inside", status, answer)
	}
	h.journal.err = nil
	if status, answer := h.stripe(payload(t, "stripe/session_payment")); status != 200 {
		t.Errorf("sent again: got %d %s", status, answer)
	}
}

func TestWhatTheDoorsAnswer(t *testing.T) {
	h := newHouse(t)
	f := func(what string, status int, answer string, wantStatus int, want string) {
		t.Helper()
		if status != wantStatus || !strings.Contains(answer, want) {
			t.Errorf("%s: got %d %s, want %d %s", what, status, answer, wantStatus, want)
		}
	}
	status, answer := h.stripe(payload(t, "stripe/customer_created"))
	f("an event of another kind", status, answer, 200, `"ignored":"unknown_event"`)
	status, answer = h.send("webhooks/stripe", stripeMessage(payload(t, "stripe/session_payment"), "whsec_wrong", now), HeaderStripe)
	f("another secret", status, answer, 401, HeaderStripe)
	status, answer = h.send("webhooks/stripe", Message{Method: "GET", Header: headers()})
	f("GET", status, answer, 405, "bad_request")
	status, answer = h.send("postback", get("key="+otherKey+"&clickid=x"))
	f("a key that may not", status, answer, 403, "key: may not send postbacks")
	for _, key := range []string{"nonsense", expiredKey} {
		status, answer = h.send("postback", get("key="+key+"&clickid=x"))
		f("the key "+key, status, answer, 401, "key: is no API key that works")
		if strings.Contains(answer, key) {
			t.Errorf("the key is repeated: %s", answer)
		}
	}
	status, answer = h.send("postback", get("key="+postbackKey+"&clickid=x&amount=1.234"))
	f("an amount that is none", status, answer, 422, "amount: ")
	status, answer = h.send("postback", get("key="+postbackKey+"&clickid=x&amount=1"))
	f("a click id that is none", status, answer, 200, "received")
	if c := h.journal.records[len(h.journal.records)-1]; c.ClickState != schema.ClickMalformed || c.Partner != 0 {
		t.Errorf("a click id that is none: recorded %+v", c)
	}

	h.opt.Stripe = nil
	status, answer = h.stripe(payload(t, "stripe/session_payment"))
	f("no secret", status, answer, 404, "conversions.stripe_secrets")
	h.opt.Links = viewOf{}
	status, answer = h.stripe(payload(t, "stripe/session_payment"))
	f("no directory yet", status, answer, 503, "Send it again")

	var b strings.Builder
	h.set.WritePrometheus(&b)
	for _, line := range []string{`{door="stripe",outcome="unknown_event"} 1`, `{door="postback",outcome="refused"} 4`, `{door="postback",outcome="recorded"} 1`} {
		if !strings.Contains(b.String(), "fairlead_messages_total"+line) {
			t.Errorf("metrics lack %s:\n%s", line, b.String())
		}
	}
}

// Whoever has neither a key nor a secret is soon told to wait, and cannot fill the log; those who have one are not.
func TestStrangersMayKnockSoOften(t *testing.T) {
	h := newHouse(t)
	var log strings.Builder
	h.log = slog.New(slog.NewTextHandler(&log, nil))
	for n := range 200 {
		want := 401
		if n >= 100 {
			want = 429
		}
		if status, answer := h.send("postback", get("key=guess&clickid=x")); status != want {
			t.Fatalf("guess %d: got %d %s, want %d", n+1, status, answer, want)
		}
	}
	if n := strings.Count(log.String(), "a message was refused"); n != 100 {
		t.Errorf("%d lines in the log, want 100", n)
	}
	if status, answer := h.send("webhooks/stripe", stripeMessage(nil, "whsec_guess", now), HeaderStripe); status != 429 {
		t.Errorf("a forged webhook from there: got %d %s", status, answer)
	}
	if status, answer := h.send("postback", get("key="+postbackKey+"&subid="+h.click.String()+"&status=sale&payout=40&tid=K1")); status != 200 {
		t.Errorf("a tracker from there: got %d %s", status, answer)
	}
}

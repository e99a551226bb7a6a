package track

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"fairlead/schema"
)

// memoryJournal keeps the last record.
type memoryJournal struct{ last []byte }

func (m *memoryJournal) AppendSync(_ context.Context, record []byte) (uint64, error) {
	m.last = record
	return 1, nil
}

// newAPI makes an API of a program with one key, and what posts to it.
func newAPI(t testing.TB, log Recorder) (*API, func(path string, body []byte, once string) *fasthttp.RequestCtx) {
	t.Helper()
	desk := NewDesk(Options{Links: fixed{viewOf(t)}, Journal: log, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }})
	a, err := NewAPI(desk, "https://go.example")
	if err != nil {
		t.Fatal(err)
	}
	return a, func(path string, body []byte, once string) *fasthttp.RequestCtx {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.SetRequestURI("/" + path)
		ctx.Request.Header.SetContentType("application/json")
		ctx.Request.Header.Set("Authorization", "Bearer "+shopKey)
		ctx.Request.Header.Set("Idempotency-Key", once)
		ctx.Request.SetBody(body)
		a.Paths()[path](&ctx, noon, netip.Addr{})
		return &ctx
	}
}

// Whatever is sent is answered: with success and a report on record that can be read, within all limits and under a name,
// or with an error of the sender's and nothing on record.
func FuzzReports(f *testing.F) {
	log := &memoryJournal{}
	a, post := newAPI(f, log)
	a.ofKey.most = math.MaxInt
	id := schema.NewClickIDs("n").New(testKey.Key, noon.Add(-time.Hour).UnixMilli(), 7).String()
	paths := []string{"track/lead", "track/sale", "track/refund"}
	for i, body := range []string{
		`{"clickId":"` + id + `","eventName":"Sign up","customerExternalId":"u","customerEmail":"Eva@Example.com","mode":"wait","eventQuantity":3,"metadata":{"plan": "pro"},"more":[1]}`,
		`{"customerExternalId":"u","amount":4900,"currency":"eur","invoiceId":"in_1","leadEventName":"Sign up","coupon":"A","shopDomain":"https://toys.example/","occurredAt":"2026-07-01T10:00:00+02:00"}`,
		`{"invoiceId":"in_1","amount":1000,"refundId":"re_1","reason":"broken","currency":"EUR"}`,
		`{"customerExternalId":"u","amount":1e3}`, `{"amount":9223372036854775807,"amount":1}`, `[]`, `null`, ``, "\xff", `{"clickId":"<script>","eventName":"é\u0000","customerExternalId":"\ud800"}`,
	} {
		f.Add(i, []byte(body), "")
		f.Add(i, []byte(body), "once")
	}
	f.Fuzz(func(t *testing.T, which int, body []byte, once string) {
		path := paths[uint(which)%3]
		log.last = nil
		ctx := post(path, body, once)
		text := ctx.Response.Body()
		if !json.Valid(text) {
			t.Fatalf("%s %q is answered %d %q, which is no JSON", path, body, ctx.Response.StatusCode(), text)
		}
		if ctx.Response.StatusCode() != fasthttp.StatusOK && ctx.Response.StatusCode() != fasthttp.StatusConflict {
			var said errorAnswer
			if err := json.Unmarshal(text, &said); err != nil || said.Error.Code == Internal || said.Error.Message == "" || log.last != nil {
				t.Fatalf("%s %q is answered %d %s, with %q on record", path, body, ctx.Response.StatusCode(), text, log.last)
			}
			return
		}
		var c schema.Conversion
		if err := schema.DecodeConversion(&c, log.last); err != nil {
			t.Fatalf("%s %q left %q on record: %v", path, body, log.last, err)
		}
		if err := Check(&c, noon); err != nil {
			t.Fatalf("%s %q left on record what may not be: %v", path, body, err)
		}
		id, content := c.ID, c.Content
		if len(id) != 32 || c.KeyID != 1 || c.Test || c.Amount < 0 || c.Amount > schema.MaxAmount || c.Partner != 0 && c.ClickState != schema.ClickGenuine {
			t.Fatalf("%s %q left on record %+v", path, body, c)
		}
		if c.Identify("1:" + once); content != c.Content || c.Kind != schema.Sale && id != c.ID {
			t.Fatalf("%s %q is %s with %x on record, and %s with %x when it is read back", path, body, id, content, c.ID, c.Content)
		}
		for _, alias := range c.Aliases {
			if kind, _, ok := strings.Cut(alias, ":"); !ok || kind != "email" && kind != "shop" || kind == "email" && strings.Contains(alias, "@") {
				t.Fatalf("%s %q left the alias %q", path, body, alias)
			}
		}
	})
}

// Errors are told in Dub's words, whatever went wrong inside.
func TestEveryCodeHasAStatus(t *testing.T) {
	want := map[Code]int{BadRequest: 400, Unauthorized: 401, Forbidden: 403, NotFound: 404, Conflict: 409, Unprocessable: 422, RateLimited: 429, Internal: 500}
	for _, c := range Codes() {
		if got := c.Status(); got != want[c] {
			t.Errorf("%s: got %d, want %d", c, got, want[c])
		}
		if err := errors.Join(errors.New("inside"), refuse(c, "", "x")); CodeOf(err) != c {
			t.Errorf("the code of %v is %s", err, CodeOf(err))
		}
	}
}

package paypal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"fairlead/aggregator/payout"
)

var now = time.Date(2026, 11, 13, 9, 0, 0, 0, time.UTC)

// account is a merchant's account at PayPal, as far as payouts meet it: tokens, and batches whose sender_batch_id is taken once.
type account struct {
	mu      sync.Mutex
	t       *testing.T
	batches []map[string]any
	answer  func(w http.ResponseWriter) bool // true: it has answered in the place of a new batch
	lose    bool                             // the answer to what is done gets lost
	tokens  int
	url     string
}

func newAccount(t *testing.T) (*account, *PayPal) {
	t.Helper()
	a := &account{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if id != "app" || secret != "of the app" || r.FormValue("grant_type") != "client_credentials" {
			fail(w, 401, "invalid_client", nil, "")
			return
		}
		a.set(func() { a.tokens++ })
		fmt.Fprint(w, `{"access_token":"A21","token_type":"Bearer","expires_in":32400}`)
	})
	mux.HandleFunc("POST /v1/payments/payouts", a.create)
	mux.HandleFunc("GET /v1/payments/payouts/{id}", a.show)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	a.url = server.URL
	p, err := New(Options{ClientID: "app", Secret: "of the app", Address: a.url, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return a, p
}

// set changes the account while it answers.
func (a *account) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func fail(w http.ResponseWriter, status int, name string, details []map[string]string, link string) {
	body := map[string]any{"name": name, "message": "it says why", "debug_id": "d1", "details": details}
	if link != "" {
		body["links"] = []map[string]string{{"href": link, "rel": "self", "method": "GET", "encType": "application/json"}}
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// create takes a batch, or refuses one whose id was taken in the last 30 days as PayPal does: with a link to that one.
func (a *account) create(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer A21" {
		fail(w, 401, "AUTHENTICATION_FAILURE", nil, "")
		return
	}
	if a.answer != nil && a.answer(w) {
		return
	}
	var in struct {
		Header map[string]any   `json:"sender_batch_header"`
		Items  []map[string]any `json:"items"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Items) != 1 {
		a.t.Errorf("a batch that is none: %v, %+v", err, in)
	}
	for i, b := range a.batches {
		if b["batch_header"].(map[string]any)["sender_batch_header"].(map[string]any)["sender_batch_id"] == in.Header["sender_batch_id"] {
			fail(w, 400, "USER_BUSINESS_ERROR", []map[string]string{{"field": "SENDER_BATCH_ID", "issue": "Batch with given sender_batch_id already exists"}},
				fmt.Sprintf("%s/v1/payments/payouts/BATCH%d", a.url, i+1))
			return
		}
	}
	header := map[string]any{"payout_batch_id": fmt.Sprint("BATCH", len(a.batches)+1), "batch_status": "PENDING", "sender_batch_header": in.Header}
	a.batches = append(a.batches, map[string]any{
		"batch_header": header,
		"items":        []map[string]any{{"payout_item_id": "I1", "transaction_status": "PENDING", "payout_item": in.Items[0]}},
	})
	if a.lose {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"batch_header": header})
}

func (a *account) show(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, b := range a.batches {
		if r.PathValue("id") == fmt.Sprint("BATCH", i+1) {
			_ = json.NewEncoder(w).Encode(b)
			return
		}
	}
	fail(w, 404, "INVALID_RESOURCE_ID", nil, "")
}

// becomes sets how far the first batch and its item are.
func (a *account) becomes(batch, item string) {
	a.set(func() {
		a.batches[0]["batch_header"].(map[string]any)["batch_status"] = batch
		it := a.batches[0]["items"].([]map[string]any)[0]
		it["transaction_status"] = item
		it["errors"] = map[string]any{"name": "X", "message": "of this"}
	})
}

var order = payout.Order{ID: payout.PayoutID{7}, Partner: 3, Amount: 2500, Currency: "USD", Destination: "ada@example.com", Note: "Rewards", SentAt: now}

func TestABatchIsMadeOnceAndFoundByWhoeverLostItsAnswer(t *testing.T) {
	a, p := newAccount(t)
	a.set(func() { a.lose = true })
	if _, err := p.Send(t.Context(), order); err == nil || errors.Is(err, payout.ErrRefused) || errors.Is(err, payout.ErrUnknown) {
		t.Errorf("a lost answer: %v, want an error that leaves it open", err)
	}
	a.set(func() { a.lose = false })
	if _, err := p.Find(t.Context(), order); !errors.Is(err, payout.ErrUnknown) {
		t.Errorf("asked without PayPal's id while PayPal remembers ours: %v, want ErrUnknown, so that it is sent again", err)
	}
	want := payout.Outcome{State: payout.Sent, Ref: "BATCH1"}
	for range 2 {
		if got, err := p.Send(t.Context(), order); err != nil || got != want {
			t.Errorf("sent again: %+v, %v; want %+v", got, err, want)
		}
	}
	item := a.batches[0]["items"].([]map[string]any)[0]["payout_item"].(map[string]any)
	if len(a.batches) != 1 || item["receiver"] != "ada@example.com" || item["amount"].(map[string]any)["value"] != "25.00" || item["recipient_type"] != "EMAIL" {
		t.Errorf("batches %+v, want one", a.batches)
	}
	if a.tokens != 1 {
		t.Errorf("%d tokens were asked for, want one for all", a.tokens)
	}
}

func TestWhatPayPalHasForgottenIsLeftToPeople(t *testing.T) {
	_, p := newAccount(t)
	old := order
	old.SentAt = now.Add(-KeyLife)
	if _, err := p.Find(t.Context(), old); err == nil || errors.Is(err, payout.ErrUnknown) || errors.Is(err, payout.ErrRefused) {
		t.Errorf("after PayPal's key is gone: %v, want an error that leaves it open", err)
	}
	old.SentAt = now.Add(-KeyLife + time.Second)
	if _, err := p.Find(t.Context(), old); !errors.Is(err, payout.ErrUnknown) {
		t.Errorf("just before: %v, want ErrUnknown", err)
	}
}

func TestTheStateOfABatchIsThatOfItsItem(t *testing.T) {
	a, p := newAccount(t)
	if _, err := p.Send(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	sent := order
	sent.Ref, sent.SentAt = "BATCH1", now.AddDate(-1, 0, 0)
	f := func(batch, item string, state payout.Status, reason string) {
		t.Helper()
		a.becomes(batch, item)
		want := payout.Outcome{State: state, Ref: "BATCH1", Reason: reason}
		if got, err := p.Find(t.Context(), sent); err != nil || got != want {
			t.Errorf("%s, %s: %+v, %v; want %+v", batch, item, got, err, want)
		}
	}
	f("PENDING", "PENDING", payout.Sent, "")
	f("SUCCESS", "UNCLAIMED", payout.Sent, "")
	f("SUCCESS", "ONHOLD", payout.Sent, "")
	f("SUCCESS", "SUCCESS", payout.Completed, "")
	f("SUCCESS", "FAILED", payout.Failed, "PayPal's item is failed: of this")
	f("SUCCESS", "BLOCKED", payout.Failed, "PayPal's item is blocked: of this")
	f("SUCCESS", "RETURNED", payout.Returned, "PayPal's item is returned: of this")
	f("SUCCESS", "REFUNDED", payout.Returned, "PayPal's item is refunded: of this")
	f("SUCCESS", "REVERSED", payout.Returned, "PayPal's item is reversed: of this")
	f("DENIED", "PENDING", payout.Failed, "PayPal's batch is denied")
	f("CANCELED", "PENDING", payout.Failed, "PayPal's batch is canceled")

	open := func(what string, o payout.Order) {
		t.Helper()
		if _, err := p.Find(t.Context(), o); err == nil || errors.Is(err, payout.ErrUnknown) || errors.Is(err, payout.ErrRefused) {
			t.Errorf("%s: %v, want an error that leaves it open", what, err)
		}
	}
	sent.Ref = "BATCH2"
	open("a batch that is not there", sent)
	sent.Ref, sent.ID = "BATCH1", payout.PayoutID{8}
	open("another payout's batch", sent)
}

func TestOnlyWhatPayPalWillNeverPayIsRefused(t *testing.T) {
	f := func(what string, refused bool, answer func(w http.ResponseWriter)) {
		t.Helper()
		a, p := newAccount(t)
		a.set(func() { a.answer = func(w http.ResponseWriter) bool { answer(w); return true } })
		_, err := p.Send(t.Context(), order)
		if err == nil || errors.Is(err, payout.ErrRefused) != refused || errors.Is(err, payout.ErrUnknown) {
			t.Errorf("%s: %v; want refused %v", what, err, refused)
		}
	}
	status := func(code int, name string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { fail(w, code, name, nil, "") }
	}
	f("a receiver that is none", true, status(400, "VALIDATION_ERROR"))
	f("no money", false, status(422, "INSUFFICIENT_FUNDS"))
	f("a repeat without a link", false, status(400, "DUPLICATE_REQUEST_ID"))
	f("a repeat that points elsewhere", false, func(w http.ResponseWriter) {
		fail(w, 400, "USER_BUSINESS_ERROR", []map[string]string{{"field": "SENDER_BATCH_ID", "issue": "exists"}}, "https://developer.paypal.com/docs")
	})
	f("another app", false, status(403, "AUTHORIZATION_ERROR"))
	f("too many", false, status(429, "RATE_LIMIT_REACHED"))
	f("PayPal's own fault", false, status(500, "INTERNAL_SERVICE_ERROR"))
	f("something on the way", false, func(w http.ResponseWriter) { w.WriteHeader(400); fmt.Fprint(w, "<html>") })
}

func TestABalanceThatIsTooLowIsNoRefusal(t *testing.T) {
	a, p := newAccount(t)
	a.set(func() {
		a.answer = func(w http.ResponseWriter) bool { fail(w, 422, "INSUFFICIENT_FUNDS", nil, ""); return true }
	})
	if _, err := p.Send(t.Context(), order); !errors.Is(err, payout.ErrNotNow) {
		t.Errorf("got %v, want ErrNotNow", err)
	}
}

func TestAmountsAreWrittenAsPayPalReadsThem(t *testing.T) {
	f := func(minor int64, currency, want string) {
		t.Helper()
		if got, err := value(minor, currency); got != want || (err == nil) != (want != "") {
			t.Errorf("%d %s: got %q, %v; want %q", minor, currency, got, err, want)
		}
	}
	f(2500, "USD", "25.00")
	f(5, "EUR", "0.05")
	f(2500, "JPY", "2500")
	f(250000, "HUF", "2500")
	f(250001, "HUF", "")
	f(100, "TWD", "1")
	_, p := newAccount(t)
	o := order
	o.Amount, o.Currency = 250001, "HUF"
	if _, err := p.Send(t.Context(), o); !errors.Is(err, payout.ErrRefused) {
		t.Errorf("half a forint: %v, want it refused", err)
	}
}

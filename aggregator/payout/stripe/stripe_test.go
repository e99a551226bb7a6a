package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"fairlead/aggregator/payout"
)

// account is a merchant's account at Stripe, as far as payouts meet it: transfers, connected accounts, and idempotency keys.
type account struct {
	mu       sync.Mutex
	t        *testing.T
	answers  map[string]string // by idempotency key: the form that came with it, and the answer
	forms    map[string]string
	made     []map[string]any
	refuse   func(w http.ResponseWriter) bool // true: it has answered
	lose     bool                             // the answer to what is done gets lost
	accounts map[string]map[string]any
}

// set changes the account while it answers.
func (a *account) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func newAccount(t *testing.T) (*account, *Stripe) {
	t.Helper()
	a := &account{t: t, answers: map[string]string{}, forms: map[string]string{}, accounts: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/transfers", a.posted(a.transfer))
	mux.HandleFunc("GET /v1/transfers", a.transfers)
	mux.HandleFunc("POST /v1/accounts", a.posted(a.open))
	mux.HandleFunc("GET /v1/accounts/{id}", a.show)
	mux.HandleFunc("POST /v1/account_links", a.link)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return a, New("sk_test_of_the_account", server.URL)
}

// posted answers a key that was there before with the first answer, and refuses one that came with other parameters
// (https://docs.stripe.com/api/idempotent_requests).
func (a *account) posted(do func(r *http.Request) map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer sk_test_of_the_account" {
			fail(w, 401, "invalid_request_error", "", "Invalid API Key provided")
			return
		}
		_ = r.ParseForm()
		key, form := r.Header.Get("Idempotency-Key"), r.PostForm.Encode()
		answer, again := a.answers[key]
		switch {
		case key == "":
			a.t.Error("a request without an idempotency key")
		case again && a.forms[key] != form:
			fail(w, 400, "idempotency_error", "", "Keys for idempotent requests can only be used with the same parameters they were first used with.")
			return
		case !again && a.refuse != nil && a.refuse(w):
			return
		case !again:
			text, err := json.Marshal(do(r))
			if err != nil {
				a.t.Error(err)
			}
			answer = string(text)
			a.answers[key], a.forms[key] = answer, form
		}
		if a.lose {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprint(w, answer)
	}
}

func fail(w http.ResponseWriter, status int, kind, code, message string) {
	w.WriteHeader(status)
	text, _ := json.Marshal(map[string]any{"error": map[string]any{"type": kind, "code": code, "message": message}})
	_, _ = w.Write(text)
}

func (a *account) transfer(r *http.Request) map[string]any {
	amount, err := strconv.ParseInt(r.PostForm.Get("amount"), 10, 64)
	if err != nil {
		a.t.Error(err)
	}
	made := map[string]any{
		"object": "transfer", "id": fmt.Sprint("tr_", len(a.made)+1), "amount": amount, "currency": r.PostForm.Get("currency"),
		"destination": r.PostForm.Get("destination"), "transfer_group": r.PostForm.Get("transfer_group"),
		"metadata": map[string]any{metaPayout: r.PostForm.Get("metadata[" + metaPayout + "]")}, "reversed": false,
	}
	a.made = append(a.made, made)
	return made
}

func (a *account) transfers(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lose {
		panic(http.ErrAbortHandler)
	}
	found := []map[string]any{}
	for _, t := range a.made {
		if t["transfer_group"] == r.URL.Query().Get("transfer_group") {
			found = append(found, t)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"object": "list", "url": "/v1/transfers", "has_more": false, "data": found})
}

func (a *account) open(r *http.Request) map[string]any {
	id := fmt.Sprint("acct_", len(a.accounts)+1)
	a.accounts[id] = map[string]any{"object": "account", "id": id, "payouts_enabled": false, "capabilities": map[string]any{"transfers": "inactive"}}
	if r.PostForm.Get("capabilities[transfers][requested]") != "true" || r.PostForm.Get("type") != "express" {
		a.t.Errorf("an account that can receive nothing: %s", r.PostForm.Encode())
	}
	return a.accounts[id]
}

func (a *account) show(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.accounts[r.PathValue("id")]; ok {
		_ = json.NewEncoder(w).Encode(found)
		return
	}
	fail(w, 403, "invalid_request_error", "account_invalid", "The provided key does not have access to account "+r.PathValue("id"))
}

func (a *account) link(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	_ = json.NewEncoder(w).Encode(map[string]any{
		"object": "account_link", "url": "https://connect.stripe.com/setup/" + r.PostForm.Get("account") + "?back=" + r.PostForm.Get("return_url") + "&again=" + r.PostForm.Get("refresh_url"),
	})
}

var order = payout.Order{ID: payout.PayoutID{7}, Partner: 3, Amount: 4900, Currency: "USD", Destination: "acct_1", Note: "Rewards", SentAt: time.Unix(1_790_000_000, 0)}

func TestATransferIsMadeOnceHoweverOftenItIsAskedFor(t *testing.T) {
	a, s := newAccount(t)
	want := payout.Outcome{State: payout.Completed, Ref: "tr_1"}
	for range 3 {
		if got, err := s.Send(t.Context(), order); err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	if len(a.made) != 1 || a.made[0]["amount"] != int64(4900) || a.made[0]["currency"] != "usd" || a.made[0]["destination"] != "acct_1" {
		t.Errorf("transfers %+v, want one", a.made)
	}
}

func TestATransferWhoseAnswerWasLostIsFoundAlsoAfterItsKeyIsForgotten(t *testing.T) {
	a, s := newAccount(t)
	if _, err := s.Find(t.Context(), order); !errors.Is(err, payout.ErrUnknown) {
		t.Errorf("before it was sent: %v, want ErrUnknown", err)
	}
	a.set(func() { a.lose = true })
	if _, err := s.Send(t.Context(), order); err == nil || errors.Is(err, payout.ErrRefused) || errors.Is(err, payout.ErrUnknown) {
		t.Errorf("a lost answer: %v, want an error that leaves it open", err)
	}
	if _, err := s.Find(t.Context(), order); err == nil || errors.Is(err, payout.ErrUnknown) {
		t.Errorf("a question without an answer: %v, want an error that leaves it open", err)
	}
	a.set(func() { a.lose = false; clear(a.answers) })
	if got, err := s.Find(t.Context(), order); err != nil || got.State != payout.Completed || got.Ref != "tr_1" {
		t.Errorf("got %+v, %v", got, err)
	}
	other := order
	other.ID = payout.PayoutID{8}
	if _, err := s.Find(t.Context(), other); !errors.Is(err, payout.ErrUnknown) {
		t.Errorf("another payout: %v, want ErrUnknown", err)
	}
	other = order
	other.Amount = 1
	if _, err := s.Find(t.Context(), other); err == nil || errors.Is(err, payout.ErrUnknown) {
		t.Errorf("a transfer over another amount: %v, want an error that leaves it open", err)
	}
	a.set(func() { a.made[0]["reversed"] = true })
	if got, err := s.Find(t.Context(), order); err != nil || got.State != payout.Returned || got.Reason == "" {
		t.Errorf("reversed: %+v, %v", got, err)
	}
}

func TestOnlyWhatStripeWillNeverPayIsRefused(t *testing.T) {
	f := func(status int, kind, code string, refused bool) {
		t.Helper()
		a, s := newAccount(t)
		a.set(func() {
			a.refuse = func(w http.ResponseWriter) bool { fail(w, status, kind, code, "it says why"); return true }
		})
		_, err := s.Send(t.Context(), order)
		if err == nil || errors.Is(err, payout.ErrRefused) != refused {
			t.Errorf("%d %s %s: %v; want refused %v", status, kind, code, err, refused)
		}
	}
	f(400, "invalid_request_error", "amount_too_small", true)
	f(400, "invalid_request_error", "balance_insufficient", false)
	f(402, "card_error", "", true)
	f(404, "invalid_request_error", "resource_missing", true)
	f(400, "idempotency_error", "", false)
	f(401, "invalid_request_error", "", false)
	f(403, "invalid_request_error", "account_invalid", false)
	f(409, "invalid_request_error", "idempotency_key_in_use", false)
	f(429, "invalid_request_error", "rate_limit", false)
	f(500, "api_error", "", false)
	a, s := newAccount(t)
	a.set(func() {
		a.refuse = func(w http.ResponseWriter) bool {
			fail(w, 400, "invalid_request_error", "balance_insufficient", "")
			return true
		}
	})
	if _, err := s.Send(t.Context(), order); !errors.Is(err, payout.ErrNotNow) {
		t.Errorf("a balance that is too low: %v, want ErrNotNow", err)
	}
	a.set(func() { a.refuse = nil })
	if _, err := s.Send(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	other := order
	other.Amount++
	if _, err := s.Send(t.Context(), other); err == nil || errors.Is(err, payout.ErrRefused) || len(a.made) != 1 {
		t.Errorf("one id with two amounts: %v, %d transfers", err, len(a.made))
	}
}

func TestAConnectedAccountIsOpenedOnceAndReadyWhenStripeSaysSo(t *testing.T) {
	a, s := newAccount(t)
	for range 2 {
		if id, err := s.Open(t.Context(), 3, "once"); err != nil || id != "acct_1" {
			t.Fatalf("got %s, %v", id, err)
		}
	}
	link, err := s.Link(t.Context(), "acct_1", "https://p.example/back", "https://p.example/again")
	if err != nil || link != "https://connect.stripe.com/setup/acct_1?back=https://p.example/back&again=https://p.example/again" {
		t.Errorf("got %s, %v", link, err)
	}
	f := func(payouts bool, transfers string, want bool) {
		t.Helper()
		a.set(func() {
			a.accounts["acct_1"]["payouts_enabled"], a.accounts["acct_1"]["capabilities"] = payouts, map[string]any{"transfers": transfers}
		})
		if got, err := s.Ready(t.Context(), "acct_1"); err != nil || got != want {
			t.Errorf("payouts %v, transfers %s: ready %v, %v; want %v", payouts, transfers, got, err, want)
		}
	}
	f(false, "inactive", false)
	f(true, "pending", false)
	f(false, "active", false)
	f(true, "active", true)
	if _, err := s.Ready(t.Context(), "acct_of_others"); err == nil {
		t.Error("somebody else's account is ready or not")
	}
}

func TestATransferIsMadeAndFoundInStripesUnits(t *testing.T) {
	a, s := newAccount(t)
	for i, f := range []struct {
		minor    int64
		currency string
		want     int64
	}{{4900, "MGA", 49}, {49, "ISK", 4900}, {49, "UGX", 4900}, {49, "JPY", 49}} {
		o := order
		o.ID, o.Amount, o.Currency = payout.PayoutID{byte(i + 1)}, f.minor, f.currency
		if _, err := s.Send(t.Context(), o); err != nil || a.made[i]["amount"] != f.want {
			t.Errorf("%d %s: %v, transfers %+v; want one over %d", f.minor, f.currency, err, a.made, f.want)
		}
		if got, err := s.Find(t.Context(), o); err != nil || got.State != payout.Completed {
			t.Errorf("%d %s: found %+v, %v", f.minor, f.currency, got, err)
		}
	}
	part := order
	part.ID, part.Amount, part.Currency = payout.PayoutID{99}, 4950, "MGA"
	if _, err := s.Send(t.Context(), part); !errors.Is(err, payout.ErrRefused) || len(a.made) != 4 {
		t.Errorf("half an ariary: %v, %d transfers; want it refused", err, len(a.made))
	}
}

func TestATransferThatWasReversedInPartIsLeftToPeople(t *testing.T) {
	a, s := newAccount(t)
	if _, err := s.Send(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	a.set(func() { a.made[0]["amount_reversed"] = 100 })
	if got, err := s.Find(t.Context(), order); err == nil || errors.Is(err, payout.ErrUnknown) || errors.Is(err, payout.ErrRefused) {
		t.Errorf("got %+v, %v; want an error that leaves it to people", got, err)
	}
}

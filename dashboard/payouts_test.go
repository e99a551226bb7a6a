package dashboard

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
	"fairlead/schema/directory"
)

// paid writes a version of a payout, as the aggregator would.
func (w *world) paid(p schema.PartnerID, id string, version int, status schema.PayoutStatus, amount int64, created, sent, completed time.Time) {
	w.t.Helper()
	never := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.UnixMilli()
	}
	w.must(w.conn.Exec(w.t.Context(), `INSERT INTO fairlead.payouts (id, version, status, partner_id, amount, currency, cut_off, rewards, method, masked, created_at, sent_at, completed_at, changed_at, actor, token, reason)
		VALUES (unhex(?), ?, ?, ?, ?, 'USD', now64(3), 1, 'paypal', 'PayPal a•••@example.com', fromUnixTimestamp64Milli(?), fromUnixTimestamp64Milli(?), fromUnixTimestamp64Milli(?), now64(3), 'cli', ?, 'a secret of the team')`,
		id, version, string(status), uint32(p), amount, created.UnixMilli(), never(sent), never(completed), version))
}

// payoutName is the id of a test's payout.
func payoutName(n int) string { return hex.EncodeToString([]byte(fmt.Sprintf("%016d", n))) }

func TestPartnersSeeWhatTheyAreOwedAndWhen(t *testing.T) {
	w := newWorld(t)
	p := w.partner("Is Owed", "owed@example.com")
	v := w.loggedIn("owed@example.com")
	res := v.get("/payouts")
	res.reads(t, "nothing yet", "In hold 0.00 USD", "Next payout 13 December 2026 Nothing in USD is due by then.", "How you are paid missing Nobody knows yet where your money is to go",
		"Nothing is pending.", "Nothing was paid out yet.")

	day := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 0, 0, 0, 0, w.zone) }
	w.booked(p.ID, "owed-1", "USD", day(11, 3), move{schema.AccountExpense, schema.AccountHolding, 1200}, move{schema.AccountHolding, schema.AccountPayable, 1200})
	w.booked(p.ID, "owed-2", "USD", day(12, 12), move{schema.AccountExpense, schema.AccountHolding, 540}) // payable by the day
	w.booked(p.ID, "owed-3", "USD", day(12, 13).Add(time.Second), move{schema.AccountExpense, schema.AccountHolding, 9900})
	w.booked(p.ID, "owed-4", "USD", time.Unix(0, 0), move{schema.AccountExpense, schema.AccountReview, 99})
	w.booked(p.ID, "owed-5", "EUR", day(9, 1), move{schema.AccountExpense, schema.AccountPayable, 500}, move{schema.AccountPayable, schema.AccountExpense, 1225})
	w.booked(p.ID, "owed-6", "USD", day(9, 1), move{schema.AccountExpense, schema.AccountPayable, 5000}, move{schema.AccountPayable, schema.AccountProcessing, 5000}, move{schema.AccountProcessing, schema.AccountPaid, 5000})
	res = v.get("/payouts")
	res.reads(t, "owed", "In hold 104.40 USD, 0.00 EUR Held until refunds are unlikely. The next hold ends on 12 December.", "Ready 12.00 USD, −7.25 EUR", "Paid 50.00 USD, 0.00 EUR", "Under review 0.99 USD",
		"17.40 USD is due by then: 7.60 USD below the 25.00 USD minimum; it carries over.",
		"−7.25 EUR: more was taken back than you have earned since.",
		"23 Nov 2026 Booked by the program's team payable Taken back after it was paid −7.25 EUR 23 Nov 2026 Booked by the program's team payable Since 3 November 2026 12.00 USD "+
			"23 Nov 2026 Booked by the program's team holding 12 December 2026 5.40 USD 23 Nov 2026 Booked by the program's team holding 13 December 2026 99.00 USD "+
			"23 Nov 2026 Booked by the program's team review The program's team has to look at it 0.99 USD")
	if n := strings.Count(res.text(), "Booked by the program's team"); n != 5 {
		t.Errorf("%d pending rewards, want 5: what was paid is not pending", n)
	}
	w.booked(p.ID, "owed-7", "USD", day(11, 1), move{schema.AccountExpense, schema.AccountPayable, 20_000})
	v.get("/payouts").reads(t, "above the minimum and nowhere to go", "217.40 USD is due by then. It carries over unless you can be paid by that day")
}

func TestPartnersSeeTheirPayoutsAndNobodyElses(t *testing.T) {
	w := newWorld(t)
	p := w.partner("Was Paid", "waspaid@example.com")
	other := w.partner("Other Paid", "otherpaid@example.com")
	at := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 9, 0, 0, 0, w.zone) }
	w.paid(p.ID, payoutName(1), 1, schema.PayoutDraft, 23260, at(10, 13), time.Time{}, time.Time{})
	w.paid(p.ID, payoutName(1), 2, schema.PayoutCompleted, 23260, at(10, 13), at(10, 14), at(10, 15))
	w.paid(p.ID, payoutName(2), 1, schema.PayoutFailed, 4000, at(11, 13), at(11, 14), time.Time{})
	w.paid(other.ID, payoutName(3), 1, schema.PayoutDraft, 77700, at(11, 13), time.Time{}, time.Time{})
	v := w.loggedIn("waspaid@example.com")
	res := v.get("/payouts")
	table := res.table()
	want := [][]string{
		{"14 Nov 2026", "PayPal a•••@example.com", "failed", "Nothing was paid. Its rewards are payable again, and go into the next payout.", "40.00 USD"},
		{"15 Oct 2026", "PayPal a•••@example.com", "completed", "You have received it.", "232.60 USD"},
	}
	if len(table) != 3 || !slices.Equal(table[1][:5], want[0]) || !slices.Equal(table[2][:5], want[1]) {
		t.Errorf("got %q", table)
	}
	if text := res.text(); strings.Contains(text, "777.00") || strings.Contains(text, "secret") {
		t.Errorf("it shows another's payout, or why the team decided as it did:\n%s", text)
	}
	w.loggedIn("otherpaid@example.com").get("/payouts").reads(t, "the other partner", "13 Nov 2026 PayPal a•••@example.com draft The program's team has to approve it. 777.00 USD")
	for i := range pageSize {
		w.paid(p.ID, payoutName(100+i), 1, schema.PayoutCanceled, 2500, at(1, 13).AddDate(0, 0, -i), time.Time{}, time.Time{})
	}
	res = v.get("/payouts")
	if n := len(res.table()); n != pageSize+1 || !strings.Contains(res.body, `href="/payouts?history=2"`) {
		t.Errorf("a page has %d rows, and leads on to the next", n)
	}
	res = v.get("/payouts?history=2&page=3")
	if n := len(res.table()); n != 3 || !strings.Contains(res.body, `href="/payouts?page=3">Latest`) || !strings.Contains(res.body, `href="/payouts?history=2">First page`) {
		t.Errorf("the last page has %d rows, and leads back", n)
	}
}

func TestPartnersSeeHowTheyArePaid(t *testing.T) {
	w := newWorld(t)
	w.must(w.dir.EnsureSecret(t.Context()))
	key := schema.NewPayoutKey()
	opt := directory.Options{Now: func() time.Time { return w.now }, Logger: slog.New(slog.DiscardHandler), PayoutKey: key}
	w.dir = directory.New(w.conn, w.client, opt)
	w.serve()
	p := w.partner("Has Method", "method@example.com")
	v := w.loggedIn("method@example.com")
	ctx := t.Context()
	says := func(what string, texts ...string) {
		t.Helper()
		res := v.get("/payouts")
		res.reads(t, what, texts...)
		if strings.Contains(res.body, "ada.paypal@") || strings.Contains(res.body, "370400440532013000") {
			t.Errorf("%s: it is not masked", what)
		}
	}
	_, err := w.dir.PayByPayPal(ctx, directory.CLI, p.ID, "ada.paypal@example.com")
	w.must(err)
	says("PayPal, not confirmed", "How you are paid not confirmed PayPal a•••@example.com Nothing is paid there before")
	_, err = w.dir.ConfirmPayPal(ctx, directory.CLI, p.ID)
	w.must(err)
	says("PayPal", "How you are paid PayPal a•••@example.com Your payouts go there.")
	_, err = w.dir.PayByBank(ctx, directory.CLI, p.ID, schema.Bank{Holder: "Ada", Account: "DE89370400440532013000"})
	w.must(err)
	says("a change", "changed bank account …3000 This was changed on 23 November 2026. For your safety nothing is paid there before 14:07 on 26 November 2026.")
	_, err = w.dir.PayByStripe(ctx, directory.CLI, p.ID, "acct_1032D82eZvKYlo2C", false)
	w.must(err)
	says("Stripe", "incomplete Stripe account …lo2C")
	w.dir = directory.New(w.conn, w.client, directory.Options{Now: opt.Now, Logger: opt.Logger, PayoutKey: schema.NewPayoutKey()})
	w.serve()
	v = w.loggedIn("method@example.com")
	says("sealed under another key", "How you are paid out of reach")
}

// statements writes statements that name what was asked for.
type statements struct{}

func (statements) WriteStatement(_ context.Context, out io.Writer, id schema.PayoutID, csv bool) error {
	_, err := fmt.Fprintf(out, "statement of %s, CSV %v", id, csv)
	return err
}

func TestAStatementIsForItsPartnerAlone(t *testing.T) {
	w := newWorld(t)
	w.also = func(o *Options) { o.Statements = statements{} }
	w.serve()
	p := w.partner("Has Statement", "statement@example.com")
	w.paid(p.ID, payoutName(7), 1, schema.PayoutDraft, 2500, w.now, time.Time{}, time.Time{})
	w.paid(p.ID, payoutName(7), 2, schema.PayoutSent, 2500, w.now, w.now, time.Time{})
	v, ada := w.loggedIn("statement@example.com"), w.loggedIn("ada@example.com")
	query := "?payout=" + payoutName(7)
	if res := v.get("/payouts"); !strings.Contains(res.body, `href="/payouts/statement`+query+`"`) || !strings.Contains(res.body, `href="/payouts/statement.csv`+query+`"`) {
		t.Errorf("the history does not lead to the statement:\n%s", res.body)
	}
	page := v.get("/payouts/statement" + query)
	page.wants(t, "to print", http.StatusOK, "statement of "+payoutName(7)+", CSV false")
	if got := page.header["Content-Security-Policy"]; len(got) != 1 || got[0] != statementPolicy || strings.Contains(statementPolicy, "script") || page.header.Get("Content-Disposition") != "" {
		t.Errorf("the page to print is shown under the policy %q", got)
	}
	file := v.get("/payouts/statement.csv" + query)
	file.wants(t, "CSV", http.StatusOK, "statement of "+payoutName(7)+", CSV true")
	if got := file.header.Get("Content-Disposition"); got != `attachment; filename="payout-`+payoutName(7)+`.csv"` {
		t.Errorf("the CSV is saved as %q", got)
	}
	nowhere := ada.get("/nowhere").body
	for _, path := range []string{"/payouts/statement", "/payouts/statement.csv"} {
		for _, query := range []string{query, "?payout=" + payoutName(8), "?payout=x", "?payout=" + url.QueryEscape("' OR 1=1 --")} {
			if res := ada.get(path + query); res.status != http.StatusNotFound || res.body != nowhere {
				t.Errorf("%s%s of another: %d\n%s", path, query, res.status, res.body)
			}
		}
		w.loggedIn("team@example.com").get(path+query).wants(t, "the team", http.StatusNotFound)
		if res := v.get(path); res.header.Get("Location") != "/payouts" {
			t.Errorf("%s of no payout: %d", path, res.status)
		}
	}
}

// atStripe is an account at Stripe: what it knows, and what it was asked.
type atStripe struct {
	w           *world
	ready       bool
	err         error
	actor       directory.Actor
	back, again string
}

func (s *atStripe) PayBy(ctx context.Context, actor directory.Actor, partner schema.PartnerID, back, again string) (string, error) {
	if s.err != nil {
		return "", s.err
	}
	s.actor, s.back, s.again = actor, back, again
	_, err := s.w.dir.PayByStripe(ctx, actor, partner, "acct_"+partner.String()+"fake", s.ready)
	if err != nil || s.ready {
		return "", err
	}
	return "https://connect.stripe.example/setup?a=1&b=2", nil
}

func (s *atStripe) Ask(ctx context.Context, account string) error {
	if s.err != nil {
		return s.err
	}
	_, err := s.w.dir.StripeChanged(ctx, account, s.ready)
	return err
}

func TestAPartnerGoesToStripeWithThePasswordAndComesBack(t *testing.T) {
	w := newWorld(t)
	stripe := &atStripe{w: w}
	w.also = func(o *Options) { o.Stripe = stripe }
	w.serve()
	p := w.partner("To Stripe", "tostripe@example.com")
	v := w.loggedIn("tostripe@example.com")
	v.get("/payouts").wants(t, "the way there", http.StatusOK, `href="/payouts/stripe">Be paid by Stripe`)
	v.get("/payouts/stripe").wants(t, "the password is asked for", http.StatusOK, `action="/payouts/stripe"`, `type="password"`)
	v.do("POST", "/payouts/stripe", url.Values{"password": {"wrong"}}).wants(t, "a wrong password", http.StatusUnprocessableEntity, "The password is wrong.")
	v.do("POST", "/payouts/stripe", url.Values{"password": {password}}, "Origin", "https://evil.example").wants(t, "from afar", http.StatusForbidden)
	if m, err := w.dir.PayoutMethod(t.Context(), p.ID); err != nil || m.By != "" || stripe.actor != "" {
		t.Fatalf("%+v, %v: it changed without the password", m, err)
	}
	stripe.err = errors.New("sk_secret is wrong")
	if res := v.do("POST", "/payouts/stripe", url.Values{"password": {password}}); res.status != http.StatusServiceUnavailable || strings.Contains(res.body, "sk_secret") {
		t.Errorf("Stripe is away: %d\n%s", res.status, res.body)
	}
	stripe.err = nil
	res := v.do("POST", "/payouts/stripe", url.Values{"password": {password}})
	res.wants(t, "the link", http.StatusOK, `href="https://connect.stripe.example/setup?a=1&amp;b=2"`)
	if stripe.actor != directory.Actor("partner:"+p.ID.String()) || stripe.back != w.url+"/payouts/stripe/return" || stripe.again != w.url+"/payouts/stripe/refresh" {
		t.Errorf("Stripe was asked by %s, to send people to %s and %s", stripe.actor, stripe.back, stripe.again)
	}
	v.get("/payouts/stripe/refresh").wants(t, "a link that is too old", http.StatusOK, "was too old", `type="password"`)
	back := func(what, want string) {
		t.Helper()
		if res := v.get("/payouts/stripe/return"); res.header.Get("Location") != "/payouts" {
			t.Errorf("%s: %d, want to be sent to the payouts", what, res.status)
		}
		v.get("/payouts").reads(t, what, want)
	}
	back("half done", "incomplete Stripe account")
	stripe.err, stripe.ready = errors.New("away"), true
	back("while Stripe does not answer", "incomplete Stripe account")
	stripe.err = nil
	back("done", "Your payouts go there.")
	if res := v.get("/payouts"); strings.Contains(res.body, `href="/payouts/stripe"`) {
		t.Error("who is paid by Stripe is asked to go there")
	}
	if res := v.do("POST", "/payouts/stripe", url.Values{"password": {password}}); res.header.Get("Location") != "/payouts" {
		t.Errorf("Stripe knows enough: %d", res.status)
	}
	for range perAccount.Burst {
		v.do("POST", "/payouts/stripe", url.Values{"password": {"guess"}})
	}
	if res := v.do("POST", "/payouts/stripe", url.Values{"password": {password}}); res.status != http.StatusTooManyRequests {
		t.Errorf("after %d wrong passwords: %d", perAccount.Burst, res.status)
	}
}

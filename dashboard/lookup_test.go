package dashboard

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"fairlead/aggregator/aggregatortest"
	"fairlead/aggregator/attribute"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

var regexpHref = regexp.MustCompile(`href="(/lookup\?conversion=[0-9a-f]{32})"`)

// told is a world in which something was reported and decided: see newTold.
type told struct {
	*world
	click map[string]string // ids of clicks, by partner
}

// newTold is a world with stores of its own, in which these were reported on 20 November:
//
//	cus_1, by Ada's click: a lead, inv_1 of 49.00 USD, the same with another amount, inv_3 in yen, which have no rate
//	cus_2, by no click: inv_2
//	cus_3, by Eve's click: inv_eve
//	cus_4, by Ada's click and with Ada's own e-mail address: a lead
//	a refund of inv_9, of which nobody knows
func newTold(t *testing.T) *told {
	t.Helper()
	w := &told{world: open(t, storestest.NewClickHouse(t), storestest.NewRedis(t)), click: map[string]string{}}
	w.settle()
	w.fresh()
	w.serve()
	ctx := t.Context()
	w.must(w.dir.EnsureClickKey(ctx))
	w.must(w.dir.EnsureSecret(ctx))
	keys, err := w.dir.AllClickKeys(ctx)
	w.must(err)
	customers, err := w.dir.CustomerKey(ctx)
	w.must(err)
	at := time.Date(2026, 11, 20, 9, 30, 0, 0, w.zone)
	ids := schema.NewClickIDs("told")
	by := func(who string, p schema.PartnerID, l schema.LinkID) func(*schema.Conversion) {
		w.click[who] = ids.New(keys[0].Key, at.Add(-time.Hour).UnixMilli(), l).String()
		return func(c *schema.Conversion) {
			c.Click, c.ClickState, c.Link, c.Partner, c.ClickedAt = w.click[who], schema.ClickGenuine, l, p, at.Add(-time.Hour).UnixMilli()
		}
	}
	ada, eve := by("ada", w.ada.ID, w.adaLinks[0].ID), by("eve", w.eve.ID, w.eve.Link)
	minute := 0
	report := func(kind schema.ConversionKind, customer, invoice string, amount int64, currency string, more ...func(*schema.Conversion)) schema.Conversion {
		minute++
		when := at.Add(time.Duration(minute) * time.Minute).UnixMilli()
		c := schema.Conversion{Kind: kind, Source: schema.SourceAPI, OccurredAt: when, ReceivedAt: when + 5, ClickState: schema.ClickNone,
			Customer: customer, Invoice: invoice, Amount: amount, Currency: currency}
		if invoice != "" {
			c.Payments = []string{invoice}
		}
		if kind == schema.Lead {
			c.Event = "Sign up"
		}
		for _, change := range more {
			change(&c)
		}
		c.Identify("")
		return c
	}
	facts := aggregatortest.New(t, w.conn, w.client)
	facts.Tell("node-1",
		report(schema.Lead, "cus_1", "", 0, "", ada, func(c *schema.Conversion) { c.Aliases = []string{customers.EmailAlias("shopper@example.com")} }),
		report(schema.Sale, "cus_1", "inv_1", 4900, "USD"),
		report(schema.Sale, "cus_1", "inv_1", 5900, "USD"),
		report(schema.Sale, "cus_2", "inv_2", 1000, "USD"),
		report(schema.Sale, "cus_3", "inv_eve", 7700, "USD", eve),
		report(schema.Sale, "cus_1", "inv_3", 300, "JPY"),
		report(schema.Lead, "cus_4", "", 0, "", ada, func(c *schema.Conversion) { c.Aliases = []string{customers.EmailAlias("ada@example.com")} }),
		report(schema.Refund, "", "inv_9", 500, "USD", func(c *schema.Conversion) { c.Refund = "re_9" }),
	)
	job := attribute.New(attribute.Options{ClickHouse: w.conn, Redis: w.client, Keys: schema.DefaultKeys, Logger: slog.New(slog.DiscardHandler), Settle: time.Nanosecond})
	_, err = job.Run(ctx)
	w.must(err)
	return w
}

func (v *visitor) lookUp(q string) answer {
	v.w.t.Helper()
	return v.do("POST", "/lookup", url.Values{"q": {q}})
}

func TestTheTeamSeesWhatNeedsALook(t *testing.T) {
	w := newTold(t)
	v := w.loggedIn("team@example.com")
	v.get("/partners").reads(t, "overview", "Reported, and not in a partner's figures Past 30 days",
		"1 Contradictions", "1 Under review", "1 Waiting for an exchange rate", "1 Waiting for their sale", "1 Credited to nobody")
	f := func(state, label string, row ...string) {
		t.Helper()
		res := v.get("/conversions?state=" + state)
		res.wants(t, state, http.StatusOK, `aria-current="true">`+label)
		table := res.table()
		if len(table) != 2 {
			t.Fatalf("%s: %d rows, want 1\n%s", state, len(table)-1, res.text())
		}
		for i, want := range row {
			if table[1][i] != want {
				t.Errorf("%s: cell %d is %q, want %q", state, i, table[1][i], want)
			}
		}
		href := regexpHref.FindStringSubmatch(res.body)
		if href == nil {
			t.Fatalf("%s: no way to the story", state)
		}
		v.get(href[1]).wants(t, "the story", http.StatusOK, `<ol class="story">`)
	}
	f("conflict", "Contradictions", "20 Nov 2026, 09:33", "Sale", "cus_1")
	f("review", "Under review", "20 Nov 2026, 09:37", "Sign-up", "cus_4", "Ada Lovelace", "The customer has the partner's own e-mail address.", "–")
	f("held", "Waiting for an exchange rate", "20 Nov 2026, 09:36", "Sale", "cus_1", "Ada Lovelace", "There is no exchange rate of that day or the seven days before it.")
	f("waiting", "Waiting for their sale", "20 Nov 2026, 09:38", "Refund")
	f("unattributed", "Credited to nobody", "20 Nov 2026, 09:34", "Sale", "cus_2", "–", "No click, coupon or claim leads from this customer to a partner.", "10.00 USD")
	f("%3Cscript%3E", "Contradictions", "20 Nov 2026, 09:33")
	if res := v.get("/conversions?page=2"); len(res.table()) != 0 || !strings.Contains(res.text(), "None in the past 30 days.") {
		t.Errorf("a page beyond the last: %s", res.text())
	}

	w.ada = w.partner("Nobody's", "nobodys@example.com")
	v = w.loggedIn("nobodys@example.com")
	v.get("/conversions").wants(t, "a partner", http.StatusNotFound)
}

func TestAPartnerIsToldWhyAndNothingOfOthers(t *testing.T) {
	w := newTold(t)
	ada, eve, team := w.loggedIn("ada@example.com"), w.loggedIn("eve@example.com"), w.loggedIn("team@example.com")
	v := ada
	f := func(q string, texts ...string) {
		t.Helper()
		res := v.lookUp(q)
		res.wants(t, q, http.StatusOK)
		res.reads(t, q, texts...)
	}
	ada.get("/reporting").wants(t, "the way there", http.StatusOK, `href="/lookup"`)
	ada.get("/lookup").wants(t, "the empty form", http.StatusOK, `method="post" action="/lookup"`, `<a href="/reporting" aria-current="page">`)
	f("inv_1", "inv_1", "20 November 2026", "Sale", "counted")
	f("cus_1", "Click", "Sign-up", "Sale")
	f(w.click["ada"], "Click")
	f("shopper@example.com", "Sign-up")
	f("inv_3", "There is no exchange rate of that day or the seven days before it.")

	// What is another's looks as what does not exist.
	blank := strings.ReplaceAll(v.lookUp("inv_nothing").body, "inv_nothing", "QUESTION")
	for _, q := range []string{"inv_eve", "cus_3", "cus_2", "inv_2", w.click["eve"], "inv_9", "eve@example.com"} {
		if got := strings.ReplaceAll(v.lookUp(q).body, q, "QUESTION"); got != blank {
			t.Errorf("%s, which is not Ada's, differs from what does not exist:\n%s\nbut\n%s", q, got, blank)
		}
	}
	v = eve
	f("inv_eve", "Sale", "counted")
	if body := eve.lookUp("inv_1").body; strings.Contains(body, "cus_1") || strings.Contains(body, "49.00") || strings.Contains(body, "Ada") {
		t.Errorf("Eve is shown what is Ada's:\n%s", body)
	}
	v = team
	f("inv_eve", "Eve Secret", "counted")
	f("inv_1", "Ada Lovelace", "counted", "conflict")

	for _, v := range []*visitor{ada, team} {
		v.lookUp("").wants(t, "nothing", http.StatusUnprocessableEntity, "Type in what you want to know about.")
		v.lookUp(strings.Repeat("x", maxQuestion+1)).wants(t, "too much", http.StatusUnprocessableEntity, "too long")
		v.lookUp(`"><script>alert(1)</script>`).wants(t, "a hostile question", http.StatusOK, "&lt;script&gt;alert(1)")
		v.lookUp("\\'; --\t\n").wants(t, "a question that breaks out", http.StatusOK)
	}
	if strings.Contains(ada.get("/lookup?q=inv_1").body, `id="answer"`) {
		t.Error("an address asks, where it stays in logs and histories")
	}
}

func TestLookUpsAreLimited(t *testing.T) {
	w := newTold(t)
	v := w.loggedIn("ada@example.com")
	for i := range perLogin.Burst {
		v.lookUp(fmt.Sprint("inv_", i)).wants(t, "a look-up within the limit", http.StatusOK)
	}
	res := v.lookUp("inv_1")
	res.wants(t, "one beyond it", http.StatusTooManyRequests, "Try again in 1 minute.")
	if res.header.Get("Retry-After") == "" {
		t.Error("nobody says when to come back")
	}
	w.loggedIn("eve@example.com").lookUp("inv_1").wants(t, "somebody else", http.StatusOK)
	w.ch.Kill()
	w.loggedIn("team@example.com").lookUp("inv_1").wants(t, "without ClickHouse", http.StatusServiceUnavailable, "out of reach")
}

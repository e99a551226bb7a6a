package schema_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fairlead/schema"
)

func TestWhatARuleCanSay(t *testing.T) {
	days := func(n int) *int { return &n }
	good := func(want string, r schema.Rule) {
		t.Helper()
		if r.From == 0 {
			r.From = 20261101
		}
		if r.Event == "" {
			r.Event = schema.Sale
		}
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if got := r.Earns(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	good("20 % of each sale", schema.Rule{Percent: 2000, Name: "Everybody"})
	good("0.01 % of each sale, held for 0 days", schema.Rule{Percent: 1, HoldDays: days(0)})
	good("12.5 % of each sale of at least 10.00 USD for 12 months, at most 50.00 USD, held for 14 days",
		schema.Rule{Percent: 1250, MinSale: 1000, Cap: 5000, Currency: "USD", Months: 12, HoldDays: days(14), Partner: 3, EndedFrom: 20261102})
	good("100 % of the customer's first sale for 1 month, held for 1 day", schema.Rule{Percent: 10000, Once: true, Months: 1, HoldDays: days(1), Group: "gold"})
	good("500 JPY for each sale", schema.Rule{Flat: 500, Currency: "JPY"})
	good("5.00 USD for the customer's first lead", schema.Rule{Flat: 500, Currency: "USD", Event: schema.Lead, Once: true})
	good("nothing for a sale", schema.Rule{None: true, Partner: 3})

	bad := func(field string, change func(*schema.Rule)) {
		t.Helper()
		r := schema.Rule{Event: schema.Sale, Percent: 2000, From: 20261101}
		change(&r)
		var e *schema.RuleError
		if err := r.Validate(); !errors.As(err, &e) || e.Field != field || !strings.HasSuffix(e.Message, ".") {
			t.Errorf("%+v: got %v (%+v), want a sentence about %s", r, err, e, field)
		}
	}
	bad("name", func(r *schema.Rule) { r.Name = "a\nb" })
	bad("name", func(r *schema.Rule) { r.Name = strings.Repeat("ä", 201) })
	bad("group", func(r *schema.Rule) { r.Partner, r.Group = 1, "gold" })
	bad("group", func(r *schema.Rule) { r.Group = "Gold" })
	bad("group", func(r *schema.Rule) { r.Group = "our friends" })
	bad("event", func(r *schema.Rule) { r.Event = schema.Refund })
	bad("percent", func(r *schema.Rule) { r.Percent = 0 })
	bad("percent", func(r *schema.Rule) { r.None = true })
	bad("percent", func(r *schema.Rule) { r.Flat, r.Currency = 1, "USD" })
	bad("percent", func(r *schema.Rule) { r.Percent = 10001 })
	bad("percent", func(r *schema.Rule) { r.Percent = -1 })
	bad("percent", func(r *schema.Rule) { r.Event = schema.Lead })
	bad("none", func(r *schema.Rule) { r.Percent, r.None, r.Once = 0, true, true })
	bad("months", func(r *schema.Rule) { r.Months = 121 })
	bad("months", func(r *schema.Rule) { r.Months = -1 })
	bad("months", func(r *schema.Rule) {
		*r = schema.Rule{Event: schema.Lead, Flat: 1, Currency: "USD", From: r.From, Months: 1}
	})
	bad("min_sale", func(r *schema.Rule) {
		*r = schema.Rule{Event: schema.Lead, Flat: 1, Currency: "USD", From: r.From, MinSale: 1}
	})
	bad("min_sale", func(r *schema.Rule) { r.MinSale, r.Currency = -1, "USD" })
	bad("cap", func(r *schema.Rule) { r.Cap, r.Currency = schema.MaxAmount+1, "USD" })
	bad("cap", func(r *schema.Rule) { r.Percent, r.Flat, r.Cap, r.Currency = 0, 1, 1, "USD" })
	bad("flat", func(r *schema.Rule) { r.Percent, r.Flat, r.Currency = 0, -1, "USD" })
	bad("currency", func(r *schema.Rule) { r.Cap = 1 })
	bad("currency", func(r *schema.Rule) { r.Currency = "USD" })
	bad("currency", func(r *schema.Rule) { r.Cap, r.Currency = 1, "DOLLARS" })
	bad("hold_days", func(r *schema.Rule) { r.HoldDays = days(366) })
	bad("from", func(r *schema.Rule) { r.From = 0 })
	bad("from", func(r *schema.Rule) { r.From = 20260230 })
	bad("ended_from", func(r *schema.Rule) { r.EndedFrom = 20261301 })
}

func TestWhichRuleIsInForce(t *testing.T) {
	const partner, other = 7, 8
	rule := func(id uint32, from schema.Day, change func(*schema.Rule)) schema.Rule {
		r := schema.Rule{ID: id, Event: schema.Sale, Percent: 100, From: from}
		if change != nil {
			change(&r)
		}
		return r
	}
	own := func(r *schema.Rule) { r.Partner = partner }
	gold := func(r *schema.Rule) { r.Group = "gold" }
	ended := func(day schema.Day) func(*schema.Rule) { return func(r *schema.Rule) { r.EndedFrom = day } }
	all := []schema.Rule{
		rule(1, 20260101, nil),
		rule(2, 20260601, nil),
		rule(3, 20260301, nil), // added later, and older all the same
		rule(4, 20260601, nil), // added later for the same day
		rule(5, 20260401, gold),
		rule(6, 20260501, func(r *schema.Rule) { own(r); r.EndedFrom = 20260701 }),
		rule(7, 20260501, func(r *schema.Rule) { r.Partner = other }),
		rule(8, 20260901, ended(20260901)), // taken back before it began
		rule(9, 20260101, func(r *schema.Rule) { r.Event, r.Percent, r.Flat, r.Currency = schema.Lead, 0, 5, "USD" }),
		rule(10, 20261001, func(r *schema.Rule) { r.Percent, r.Flat, r.Currency = 0, 5, "EUR" }),
	}
	f := func(id schema.PartnerID, group string, event schema.ConversionKind, day schema.Day, currency string, want uint32) {
		t.Helper()
		q := schema.RuleFor{Partner: id, Group: group, Event: event, Day: day, Currency: currency}
		if got, ok := schema.NewRules(all).InForce(q); got.ID != want || ok != (want != 0) {
			t.Errorf("%+v: got rule %d (%t), want %d", q, got.ID, ok, want)
		}
	}
	f(1, "", schema.Sale, 20251231, "USD", 0)
	f(1, "", schema.Sale, 20260101, "USD", 1)
	f(1, "", schema.Sale, 20260531, "USD", 3)
	f(1, "", schema.Sale, 20260601, "USD", 4)
	f(1, "silver", schema.Sale, 20260601, "USD", 4)
	f(1, "gold", schema.Sale, 20260331, "USD", 3)
	f(1, "gold", schema.Sale, 20261201, "USD", 5)
	f(partner, "gold", schema.Sale, 20260501, "USD", 6)
	f(partner, "gold", schema.Sale, 20260630, "USD", 6)
	f(partner, "gold", schema.Sale, 20260701, "USD", 5)
	f(partner, "", schema.Sale, 20260901, "USD", 4)
	f(other, "gold", schema.Sale, 20260901, "USD", 7)
	f(1, "", schema.Sale, 20261001, "EUR", 10)
	f(1, "", schema.Sale, 20261001, "USD", 4)
	f(1, "gold", schema.Lead, 20260601, "USD", 9)
	f(1, "gold", schema.Lead, 20260601, "EUR", 0)
	f(0, "", schema.Sale, 20260601, "USD", 4)
}

// What is in force does not depend on the order in which rules are read, and is the greatest of those that hold.
func TestTheRuleInForceIsTheMostSpecificAndNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []schema.Rule
		day := rapid.Custom(func(t *rapid.T) schema.Day { return 20260101 + schema.Day(rapid.IntRange(0, 9).Draw(t, "day")) })
		for i := range rapid.IntRange(0, 12).Draw(t, "rules") {
			r := schema.Rule{ID: uint32(i + 1), Event: rapid.SampledFrom([]schema.ConversionKind{schema.Sale, schema.Lead}).Draw(t, "event"), From: day.Draw(t, "from")}
			switch rapid.IntRange(0, 2).Draw(t, "scope") {
			case 0:
				r.Partner = schema.PartnerID(rapid.IntRange(1, 2).Draw(t, "partner"))
			case 1:
				r.Group = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "group")
			}
			if rapid.IntRange(0, 2).Draw(t, "ended") == 0 {
				r.EndedFrom = day.Draw(t, "ended from")
			}
			all = append(all, r)
		}
		q := schema.RuleFor{Partner: schema.PartnerID(rapid.IntRange(1, 3).Draw(t, "whose")), Group: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "of"),
			Event: schema.Sale, Day: day.Draw(t, "on"), Currency: "USD"}
		rank := map[schema.RuleScope]int{schema.ScopePartner: 3, schema.ScopeGroup: 2, schema.ScopeDefault: 1}
		var want schema.Rule
		for _, r := range all {
			if r.Misses(q) != schema.RuleHolds {
				continue
			}
			a, b := [3]int{rank[r.Scope()], int(r.From), int(r.ID)}, [3]int{rank[want.Scope()], int(want.From), int(want.ID)}
			if want.ID == 0 || a[0] > b[0] || a[0] == b[0] && (a[1] > b[1] || a[1] == b[1] && a[2] > b[2]) {
				want = r
			}
		}
		got, ok := schema.NewRules(rapid.Permutation(all).Draw(t, "order")).InForce(q)
		if got.ID != want.ID || ok != (want.ID != 0) {
			t.Fatalf("got rule %d (%t), want %d", got.ID, ok, want.ID)
		}
	})
}

func TestTheGroupOfAPartnerAtAMoment(t *testing.T) {
	at := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	versions := []schema.GroupVersion{{At: at(5)}, {At: at(10), Group: "gold"}, {At: at(20), Group: "silver"}}
	for day, want := range map[int]string{1: "", 5: "", 9: "", 10: "gold", 19: "gold", 20: "silver", 31: "silver"} {
		if got := schema.GroupAt(versions, at(day)); got != want {
			t.Errorf("January %d: got %q, want %q", day, got, want)
		}
	}
	if got := schema.GroupAt(versions[1:], at(1)); got != "gold" {
		t.Errorf("before the first version: got %q, want gold", got)
	}
	if got := schema.GroupAt(nil, at(1)); got != "" {
		t.Errorf("nobody: got %q", got)
	}
}

func TestPercentagesAreReadExactly(t *testing.T) {
	for text, want := range map[string]int64{"20": 2000, "12.5": 1250, " 0.01 %": 1, "100%": 10000, "7.25": 725} {
		if got, err := schema.ParsePercent(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
		again, err := schema.ParsePercent(schema.FormatPercent(want))
		if err != nil || again != want {
			t.Errorf("%q: got %d, %v, want %d", schema.FormatPercent(want), again, err, want)
		}
	}
	for _, text := range []string{"", "0", "0.00", "100.01", "-1", "1,5", "1.255", ".5", "1.", "1e1", "99999999999999999999", "%"} {
		if got, err := schema.ParsePercent(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

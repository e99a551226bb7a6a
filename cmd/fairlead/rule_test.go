package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
)

func TestRulesFromTheShell(t *testing.T) {
	o := newOffice(t)
	o.says("partner", "add", "--name", "Ada", "--email", "ada@example.com")
	o.says("partner", "add", "--name", "Bob", "--email", "bob@example.com")
	today := programToday(schema.Program{Zone: "UTC"})
	in := func(days int) string { return today.Time().AddDate(0, 0, days).Format(time.DateOnly) }
	c := &counter{office: o}

	got := said[ruleJSON](c, "rule", "add", "--percent", "20", "--months", "12", "--cap", "50", "--hold-days", "0", "--name", "Standard", "--json")
	days := 0
	want := ruleJSON{ID: 1, Name: "Standard", Scope: schema.ScopeDefault, Event: schema.Sale, Percent: 2000, Months: 12, Cap: 5000, Currency: "USD", HoldDays: &days,
		Earns: "20 % of each sale for 12 months, at most 50.00 USD, held for 0 days", State: "active", From: in(0), CreatedAt: got.CreatedAt}
	if diff := cmp.Diff(want, got); diff != "" || got.CreatedAt.IsZero() {
		t.Errorf("-want +got\n%s", diff)
	}
	if out := o.says("rule", "add", "--group", "Gold", "--percent", "30", "--min-sale", "10.00"); !strings.Contains(out, "rule 2 for group gold from "+in(0)+" on: 30 % of each sale of at least 10.00 USD") {
		t.Errorf("got %s", out)
	}
	o.says("rule", "add", "--partner", "ada", "--flat", "7.50", "--once", "--from", in(2), "--ended-from", in(9), "--reason", "a campaign")
	o.says("rule", "add", "--event", "lead", "--flat", "1")
	o.says("rule", "add", "--percent", "25", "--from", "2020-01-01", "--backdate")

	why := func(id uint32, because string, args ...string) whichJSON {
		t.Helper()
		w := said[whichJSON](c, append([]string{"rule", "which", "--json"}, args...)...)
		if id == 0 && w.Rule != nil || id != 0 && (w.Rule == nil || w.Rule.ID != id) || !strings.Contains(w.Why, because) {
			t.Errorf("%v: got %+v, want rule %d: %s", args, w, id, because)
		}
		return w
	}
	w := why(1, "for everybody", "--partner", "ada")
	if len(w.Passed) != 2 || w.Passed[0].Rule.ID != 3 || w.Passed[0].Why != "it begins later" || w.Passed[1].Rule.ID != 5 || w.Passed[1].Why != "it began earlier" {
		t.Errorf("got %+v", w.Passed)
	}
	if out := o.says("partner", "set", "ada", "--group", "GOLD"); !strings.Contains(out, "Ada (1) is in the group gold.") {
		t.Errorf("got %s", out)
	}
	if p := said[partnerJSON](c, "partner", "show", "ada", "--json"); p.Group != "gold" {
		t.Errorf("got %+v", p)
	}
	if out := o.says("partner", "show", "ada"); !strings.Contains(out, "group    gold") {
		t.Errorf("got %s", out)
	}
	w = why(2, "of the partner's group", "--partner", "1", "--event", "sale")
	if w.Group != "gold" || w.Passed[0].Why != "it is less specific" {
		t.Errorf("got %+v", w)
	}
	why(3, "the partner's own", "--partner", "ada", "--on", in(2))
	w = why(2, "of the partner's group", "--partner", "ada", "--on", in(9))
	if w.Passed[1].Why != "it has been ended" {
		t.Errorf("got %+v", w.Passed)
	}
	why(4, "for everybody", "--partner", "bob", "--event", "lead")
	why(5, "for everybody", "--partner", "bob", "--on", "2026-01-01")
	why(0, "nothing is earned", "--partner", "bob", "--on", "2019-12-31")
	if out := o.says("rule", "which", "--partner", "ada", "--on", in(2)); !strings.Contains(out, "Ada (group gold), a sale on "+in(2)+": rule 3: 7.50 USD for the customer's first sale\nIt is the partner's own") || !strings.Contains(out, "it is less specific") {
		t.Errorf("got %s", out)
	}
	if out := o.says("rule", "which", "--partner", "bob", "--on", "2019-12-31"); !strings.Contains(out, "Bob, a sale on 2019-12-31: nothing\n") {
		t.Errorf("got %s", out)
	}

	if ended := said[ruleJSON](c, "rule", "end", "1", "--from", in(5), "--reason", "too much", "--json"); ended.State != "active" || ended.EndedFrom != in(5) {
		t.Errorf("got %+v", ended)
	}
	if out := o.says("rule", "end", "1"); !strings.Contains(out, "rule 1 for everybody does not hold from "+in(0)+" on") {
		t.Errorf("got %s", out)
	}
	why(5, "for everybody", "--partner", "bob")
	shown := said[ruleJSON](c, "rule", "show", "1", "--json")
	if len(shown.History) != 3 || shown.State != "ended" || shown.History[0].Reason != "rule added" || shown.History[1].Reason != "too much" || shown.History[1].EndedFrom != in(5) || shown.History[2].Actor != "cli" {
		t.Errorf("got %+v", shown)
	}
	if out := o.says("rule", "show", "3"); !strings.Contains(out, "rule 3 for partner 1 from "+in(2)) || !strings.Contains(out, "a campaign") {
		t.Errorf("got %s", out)
	}
	o.says("program", "set", "currency=EUR")
	states := map[uint32]string{}
	for _, r := range said[[]ruleJSON](c, "rule", "list", "--json") {
		states[r.ID] = r.State
	}
	if diff := cmp.Diff(map[uint32]string{1: "ended", 2: "other_currency", 3: "later", 4: "other_currency", 5: "active"}, states); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if w := why(5, "for everybody", "--partner", "ada"); w.Passed[1].Why != "its amounts are in USD" {
		t.Errorf("got %+v", w.Passed)
	}
	if own := said[[]ruleJSON](c, "rule", "list", "--partner", "ada", "--json"); len(own) != 1 || own[0].ID != 3 {
		t.Errorf("got %+v", own)
	}
	if of := said[[]ruleJSON](c, "rule", "list", "--group", "GOLD", "--json"); len(of) != 1 || of[0].ID != 2 {
		t.Errorf("got %+v", of)
	}
	if out := o.says("rule", "list"); !strings.Contains(out, "FOR") || !strings.Contains(out, "group gold") {
		t.Errorf("got %s", out)
	}
	if out := o.says("partner", "set", "ada", "--group", ""); !strings.Contains(out, "is in no group") {
		t.Errorf("got %s", out)
	}

	o.fails("one of them", "rule", "add")
	o.fails("one of them", "rule", "add", "--percent", "1", "--nothing")
	o.fails("is not a percentage", "rule", "add", "--percent", "101")
	o.fails("is not an amount", "rule", "add", "--flat", "1,50")
	o.fails("leave it out", "rule", "add", "--flat", "0.00")
	o.fails("is over", "rule", "add", "--percent", "1", "--from", in(-1))
	o.fails("is not a day", "rule", "add", "--percent", "1", "--from", "tomorrow")
	o.fails("There is no partner", "rule", "add", "--percent", "1", "--partner", "nobody")
	o.fails("not for both", "rule", "add", "--percent", "1", "--partner", "ada", "--group", "gold")
	o.fails("A lead has no amount", "rule", "add", "--percent", "1", "--event", "lead")
	o.fails("There is no rule 9", "rule", "end", "9")
	o.fails("There is no rule 9", "rule", "show", "9")
	o.fails("is not a rule's number", "rule", "show", "x")
	o.fails("has been ended", "rule", "end", "1")
	o.fails("a rule is for a sale or a lead", "rule", "which", "--partner", "ada", "--event", "refund")
	o.fails("is not the name of a group", "partner", "set", "ada", "--group", "two words")
}

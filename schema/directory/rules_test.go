package directory

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
)

func TestRulesAreAddedAndEndedAndNeverEdited(t *testing.T) {
	w := seeded(t)
	ada, _ := w.partner("Ada", "ada@example.com")
	if _, err := w.SetProgram(t.Context(), CLI, func(p *schema.Program) error { p.Zone = "Pacific/Kiritimati"; return nil }); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 25, 11, 0, 0, 0, time.UTC) // the 26th there
	w.opt.Now = func() time.Time { return now }
	const today, yesterday, tomorrow = 20261126, 20261125, 20261127
	add := func(change func(*schema.Rule), backdate bool) (schema.Rule, error) {
		r := schema.Rule{Event: schema.Sale, Percent: 2000}
		change(&r)
		return w.AddRule(t.Context(), CLI, r, backdate, "")
	}

	first, err := add(func(r *schema.Rule) { r.Name, r.Group = " Friends ", "Gold" }, false)
	want := schema.Rule{ID: 1, Name: "Friends", Group: "gold", Event: schema.Sale, Percent: 2000, From: today, CreatedAt: now}
	if diff := cmp.Diff(want, first); err != nil || diff != "" {
		t.Fatalf("%v, -want +got\n%s", err, diff)
	}
	own, err := add(func(r *schema.Rule) {
		r.Partner, r.MinSale, r.Currency, r.From, r.EndedFrom = ada.ID, 1000, "USD", tomorrow, tomorrow+2
	}, false)
	if err != nil || own.ID != 2 || own.EndedFrom != tomorrow+2 {
		t.Errorf("got %+v, %v", own, err)
	}
	_, err = add(func(r *schema.Rule) { r.From = yesterday }, false)
	refused(t, err, Invalid, "from")
	past, err := add(func(r *schema.Rule) { r.From = 20200101 }, true)
	if err != nil || past.ID != 3 || past.From != 20200101 {
		t.Errorf("backdated: got %+v, %v", past, err)
	}
	_, err = add(func(r *schema.Rule) { r.Percent = 0 }, false)
	refused(t, err, Invalid, "percent")
	_, err = add(func(r *schema.Rule) { r.MinSale, r.Currency = 1, "EUR" }, false)
	refused(t, err, Conflict, "currency")
	_, err = add(func(r *schema.Rule) { r.Partner = 9 }, false)
	refused(t, err, NotFound, "partner")
	_, err = add(func(r *schema.Rule) { r.From, r.EndedFrom = tomorrow, tomorrow }, false)
	refused(t, err, Invalid, "ended_from")
	_, err = add(func(r *schema.Rule) { r.From, r.EndedFrom = yesterday, today }, false)
	refused(t, err, Invalid, "from")

	end := func(id uint32, from schema.Day, backdate bool) (schema.Rule, error) {
		return w.EndRule(t.Context(), LoginActor(schema.Login{ID: 7, Role: schema.RoleAdmin}), id, from, backdate, "over")
	}
	_, err = end(9, 0, false)
	refused(t, err, NotFound, "")
	_, err = end(1, yesterday, false)
	refused(t, err, Invalid, "from")
	if first, err = end(1, tomorrow, false); err != nil || first.EndedFrom != tomorrow {
		t.Errorf("got %+v, %v", first, err)
	}
	_, err = end(1, tomorrow, false)
	refused(t, err, Conflict, "from")
	if first, err = end(1, 0, false); err != nil || first.EndedFrom != today {
		t.Errorf("earlier than it was to end: got %+v, %v", first, err)
	}
	_, err = end(1, 0, false)
	refused(t, err, Conflict, "from")
	if past, err = end(3, 20210101, true); err != nil || past.EndedFrom != 20210101 {
		t.Errorf("backdated: got %+v, %v", past, err)
	}

	all, err := w.Rules(t.Context())
	if diff := cmp.Diff([]schema.Rule{first, own, past}, all); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	got, err := w.Rule(t.Context(), 2)
	if diff := cmp.Diff(own, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	_, err = w.Rule(t.Context(), 9)
	refused(t, err, NotFound, "")
	steps, err := w.RuleHistory(t.Context(), 1)
	history := []RuleStep{{now, "cli", "rule added", 0}, {now, "admin:7", "over", tomorrow}, {now, "admin:7", "over", today}}
	if diff := cmp.Diff(history, steps); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	_, err = newWorld(t).AddRule(t.Context(), CLI, schema.Rule{Event: schema.Sale, Percent: 1}, false, "")
	refused(t, err, NotFound, "")
}

func TestAPartnersGroupsAreRemembered(t *testing.T) {
	w := seeded(t)
	ada, _ := w.partner("Ada", "ada@example.com")
	at := ada.CreatedAt
	set := func(group string) error {
		at = at.Add(time.Hour)
		w.opt.Now = func() time.Time { return at }
		_, err := w.SetPartnerGroup(t.Context(), CLI, ada.ID, group, "")
		return err
	}
	refused(t, set("two words"), Invalid, "group")
	for _, group := range []string{" Gold", "gold", "", "silver"} {
		if err := set(group); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.SetPartnerStatus(t.Context(), CLI, ada.ID, schema.PartnerActive, ""); err != nil {
		t.Fatal(err)
	}
	hours := func(n int) time.Time { return ada.CreatedAt.Add(time.Duration(n) * time.Hour) }
	got, err := w.PartnerGroups(t.Context(), ada.ID)
	want := []schema.GroupVersion{{At: ada.CreatedAt}, {At: hours(2), Group: "gold"}, {At: hours(4)}, {At: hours(5), Group: "silver"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	p, err := w.Partner(t.Context(), ada.ID)
	if err != nil || p.Group != "silver" {
		t.Errorf("got %+v, %v", p, err)
	}
	_, err = w.SetPartnerGroup(t.Context(), CLI, 9, "gold", "")
	refused(t, err, NotFound, "")
	w.whole()
}

package directory

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
)

func TestCouponsAreAddedEndedAndGivenAnew(t *testing.T) {
	w := seeded(t)
	ada, _ := w.partner("Ada", "ada@example.com")
	bob, _ := w.partner("Bob", "bob@example.com")
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	got, err := w.AddCoupons(t.Context(), CLI, ada.ID, []string{" Summer10", "WINTER"}, from)
	want := []schema.Coupon{{ID: 1, Code: "Summer10", Partner: ada.ID, CreatedAt: from}, {ID: 2, Code: "WINTER", Partner: ada.ID, CreatedAt: from}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v, -want +got\n%s", err, diff)
	}
	add := func(partner schema.PartnerID, codes ...string) error {
		_, err := w.AddCoupons(t.Context(), CLI, partner, codes, time.Time{})
		return err
	}
	refused(t, add(bob.ID, "NEW", "SUMMER10"), Conflict, "code")
	refused(t, add(bob.ID, "a", "A "), Conflict, "code")
	refused(t, add(9, "NEW"), NotFound, "partner")
	for _, bad := range []string{"", "a\nb", string(make([]byte, 65))} {
		refused(t, add(bob.ID, bad), Invalid, "code")
	}
	refused(t, add(bob.ID), Invalid, "code")
	_, err = w.EndCoupon(t.Context(), CLI, "NEW", "")
	refused(t, err, NotFound, "")
	k, err := w.EndCoupon(t.Context(), CLI, "summer10", "over")
	if err != nil || k.ID != 1 || k.EndedAt.IsZero() || k.Active(k.EndedAt) || !k.Active(from) {
		t.Errorf("got %+v, %v", k, err)
	}
	_, err = w.EndCoupon(t.Context(), CLI, "summer10", "over")
	refused(t, err, NotFound, "")
	if err := add(bob.ID, "SUMMER10"); err != nil {
		t.Errorf("an ended code, given to another: %v", err)
	}
	all, err := w.Coupons(t.Context(), Page{})
	if err != nil || len(all) != 3 || all[0] != k || all[2].Partner != bob.ID || all[2].CreatedAt.IsZero() {
		t.Errorf("got %+v, %v", all, err)
	}
	w.whole()
}

func TestAClaimIsSubmittedMatchedAndDecided(t *testing.T) {
	w := seeded(t)
	if err := w.EnsureSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	ada, _ := w.partner("Ada", "ada@example.com")
	referred := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	submit := func(n NewClaim) (schema.Claim, error) {
		n.Partner = ada.ID
		if n.ReferredAt.IsZero() {
			n.ReferredAt = referred
		}
		return w.SubmitClaim(t.Context(), CLI, n)
	}
	c, err := submit(NewClaim{Shop: "https://Toys.example/x", How: "at a fair"})
	if err != nil || c.ID != 1 || c.State != schema.ClaimWaiting || c.Alias != "shop:toys.example" || c.Shown != "toys.example" || c.SubmittedAt.IsZero() {
		t.Fatalf("got %+v, %v", c, err)
	}
	_, err = submit(NewClaim{Shop: "toys.example"})
	refused(t, err, Conflict, "customer")
	for _, bad := range []struct {
		NewClaim
		field string
	}{
		{NewClaim{}, "customer"}, {NewClaim{Shop: "a.example", Customer: "1"}, "customer"}, {NewClaim{Shop: "toys"}, "shop"},
		{NewClaim{Email: "nobody"}, "email"}, {NewClaim{Customer: string(make([]byte, 256))}, "customer"},
		{NewClaim{Customer: "1", ReferredAt: time.Now().Add(time.Hour)}, "referred_at"}, {NewClaim{Customer: "1", How: string(make([]byte, 2001))}, "how"},
	} {
		_, err := submit(bad.NewClaim)
		refused(t, err, Invalid, bad.field)
	}
	mail, err := submit(NewClaim{Email: "Bob.B+x@gmail.com", Known: true})
	key, _ := w.CustomerKey(t.Context())
	if err != nil || mail.State != schema.ClaimSubmitted || mail.Alias != key.EmailAlias("bobb@gmail.com") || mail.Shown != "B•••@gmail.com" {
		t.Errorf("got %+v, %v", mail, err)
	}

	for range 2 {
		if err := w.ClaimArrived(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
	}
	c, err = w.AcceptClaim(t.Context(), CLI, c.ID, time.Time{}, "welcome")
	if err != nil || c.State != schema.ClaimAccepted || !c.From.Equal(referred) || c.DecidedAt.IsZero() || c.Reason != "welcome" {
		t.Errorf("got %+v, %v", c, err)
	}
	_, err = w.DeclineClaim(t.Context(), CLI, c.ID, "no")
	refused(t, err, Conflict, "state")
	_, err = w.DeclineClaim(t.Context(), CLI, mail.ID, " ")
	refused(t, err, Invalid, "reason")
	if mail, err = w.DeclineClaim(t.Context(), CLI, mail.ID, "a customer before"); err != nil || mail.State != schema.ClaimDeclined {
		t.Errorf("got %+v, %v", mail, err)
	}
	_, err = w.AcceptClaim(t.Context(), CLI, 9, time.Time{}, "")
	refused(t, err, NotFound, "")
	if _, err := submit(NewClaim{Email: "bobb@gmail.com"}); err != nil {
		t.Errorf("a claim after one was declined: %v", err)
	}

	steps, err := w.ClaimHistory(t.Context(), c.ID)
	if err != nil || len(steps) != 3 {
		t.Fatalf("got %+v, %v", steps, err)
	}
	for i, want := range []ClaimStep{{State: schema.ClaimWaiting, Actor: "cli", Reason: "claim submitted"},
		{State: schema.ClaimSubmitted, Actor: "system", Reason: "the customer has arrived"}, {State: schema.ClaimAccepted, Actor: "cli", Reason: "welcome"}} {
		if steps[i].At.IsZero() {
			t.Errorf("step %d has no time", i)
		}
		steps[i].At = time.Time{}
		if steps[i] != want {
			t.Errorf("step %d: got %+v, want %+v", i, steps[i], want)
		}
	}
	got, err := w.Claim(t.Context(), c.ID)
	all, failed := w.Claims(t.Context(), Page{})
	if err != nil || failed != nil || got != c || len(all) != 3 || all[0] != c {
		t.Errorf("got %+v and %+v, %v, %v", got, all, err, failed)
	}
	w.whole()
}

package directory

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fairlead/schema"
)

const secret = "correct horse battery"

func TestAnInvitedPartnerChoosesAPassword(t *testing.T) {
	w := seeded(t)
	p, _ := w.partner("Ada", "ada@example.com")
	l, _, err := w.Login(t.Context(), p.Email)
	if err != nil {
		t.Fatal(err)
	}
	old, err := w.Invite(t.Context(), CLI, l.ID, InviteLife)
	if err != nil {
		t.Fatal(err)
	}
	code, err := w.Invite(t.Context(), CLI, l.ID, InviteLife)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Invited(t.Context(), code); err != nil || got.Email != p.Email {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "1", "1-", "x-y", "0-" + code, old, code + "x", strings.Replace(code, "1-", "2-", 1)} {
		_, err := w.Invited(t.Context(), bad)
		refused(t, err, NotFound, "")
		_, err = w.RedeemInvite(t.Context(), bad, Redeem{Password: secret})
		refused(t, err, NotFound, "")
	}
	_, err = w.RedeemInvite(t.Context(), code, Redeem{Password: "short"})
	refused(t, err, Invalid, "password")
	got, err := w.RedeemInvite(t.Context(), code, Redeem{Email: "else@example.com", Password: secret})
	if err != nil || got.Email != p.Email || got.Invite != "" || got.Generation == l.Generation {
		t.Fatalf("got %+v, %v", got, err)
	}
	_, err = w.RedeemInvite(t.Context(), code, Redeem{Password: secret})
	refused(t, err, NotFound, "")
	if p, err := w.Partner(t.Context(), p.ID); err != nil || p.Status != schema.PartnerActive {
		t.Errorf("got %+v, %v, want an active partner", p, err)
	}
	if _, ok, err := w.Authenticate(t.Context(), "ADA@example.com", secret); err != nil || !ok {
		t.Errorf("got %v, %v", ok, err)
	}
	if _, ok, err := w.Authenticate(t.Context(), p.Email, secret+"!"); err != nil || ok {
		t.Errorf("a wrong password: got %v, %v", ok, err)
	}
	w.whole()
}

func TestACodeWorksOnce(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	code, err := w.Invite(t.Context(), CLI, 1, InviteLife)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var won atomic.Int32
	for range 6 {
		wg.Go(func() {
			switch _, err := w.RedeemInvite(t.Context(), code, Redeem{Password: secret}); {
			case err == nil:
				won.Add(1)
			case CodeOf(err) != NotFound:
				t.Errorf("got %v, want NotFound", err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 6 redeemed it, want one", won.Load())
	}
}

func TestACodeGetsTooOld(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	code, err := w.Invite(t.Context(), CLI, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	f := func(after time.Duration, open bool) {
		t.Helper()
		w.opt.Now = func() time.Time { return time.Now().Add(after) }
		if _, err := w.Invited(t.Context(), code); (err == nil) != open {
			t.Errorf("after %v: got %v, want it open: %v", after, err, open)
		}
	}
	f(59*time.Minute, true)
	f(61*time.Minute, false)
}

func TestTheFirstAdmin(t *testing.T) {
	w := seeded(t)
	has := func(want bool) {
		t.Helper()
		if got, err := w.HasAdmin(t.Context()); err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	has(false)
	old, err := w.SetupCode(t.Context(), System)
	if err != nil {
		t.Fatal(err)
	}
	code, err := w.SetupCode(t.Context(), System)
	if err != nil {
		t.Fatal(err)
	}
	has(false)
	if got, err := w.Invited(t.Context(), code); err != nil || got.Email != "" || got.Role != schema.RoleAdmin {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = w.RedeemInvite(t.Context(), old, Redeem{Email: "a@example.com", Password: secret})
	refused(t, err, NotFound, "")
	_, err = w.RedeemInvite(t.Context(), code, Redeem{Password: secret})
	refused(t, err, Invalid, "email")
	w.partner("Ada", "ada@example.com")
	_, err = w.RedeemInvite(t.Context(), code, Redeem{Email: "ADA@example.com", Password: secret})
	refused(t, err, Conflict, "email")
	if _, err = w.RedeemInvite(t.Context(), code, Redeem{Email: "root@example.com", Password: secret}); err != nil {
		t.Fatal(err)
	}
	has(true)
	l, ok, err := w.Authenticate(t.Context(), "root@example.com", secret)
	if err != nil || !ok || l.Role != schema.RoleAdmin || LoginActor(l) != "admin:1" {
		t.Errorf("got %+v, %v, %v", l, ok, err)
	}
	w.whole()
}

func TestAdmins(t *testing.T) {
	w := seeded(t)
	hash, err := HashPassword(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.AddAdmin(t.Context(), CLI, "root@example.com", hash)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.AddAdmin(t.Context(), CLI, "Root@example.com", "")
	refused(t, err, Conflict, "email")
	_, err = w.AddAdmin(t.Context(), CLI, "root", "")
	refused(t, err, Invalid, "email")
	_, _, err = w.AddPartner(t.Context(), CLI, NewPartner{Name: "Root", Email: "root@example.com"})
	refused(t, err, Conflict, "email")
	other, err := HashPassword(t.Context(), secret+"2")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetPassword(t.Context(), LoginActor(a), a.ID, other); err != nil {
		t.Fatal(err)
	}
	refused(t, w.SetPassword(t.Context(), CLI, a.ID, ""), Invalid, "password")
	refused(t, w.SetPassword(t.Context(), CLI, a.ID, "plain text"), Invalid, "password")
	refused(t, w.SetPassword(t.Context(), CLI, 99, other), NotFound, "")
	if _, ok, _ := w.Authenticate(t.Context(), "root@example.com", secret); ok {
		t.Error("the old password still opens")
	}
	got, err := w.LoginByID(t.Context(), a.ID)
	if err != nil || got.Generation != a.Generation+1 || got.Password != other {
		t.Errorf("got %+v, %v", got, err)
	}
	admins, err := w.Admins(t.Context())
	if err != nil || len(admins) != 1 || admins[0] != got {
		t.Errorf("got %+v, %v", admins, err)
	}
	_, err = w.LoginByID(t.Context(), 99)
	refused(t, err, NotFound, "")
	if _, ok, err := w.Login(t.Context(), ""); ok || err != nil {
		t.Errorf("nobody's address: got %v, %v", ok, err)
	}
	w.whole()
}

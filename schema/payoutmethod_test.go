package schema

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPayoutDetailsOpenForTheirPartnerAndKeyOnly(t *testing.T) {
	key := NewPayoutKey()
	rapid.Check(t, func(t *rapid.T) {
		want := Payee{PayPalEmail: rapid.String().Draw(t, "email"), LegalName: rapid.String().Draw(t, "name"), Bank: Bank{Account: rapid.String().Draw(t, "account")}}
		want = asJSON(want)
		sealed, err := key.Seal(7, want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := key.Open(7, sealed); err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
		if _, err := key.Open(8, sealed); err == nil {
			t.Fatal("what was sealed for one partner opens for another")
		}
		if _, err := NewPayoutKey().Open(7, sealed); !errors.Is(err, ErrSealed) {
			t.Fatalf("another key: %v, want ErrSealed", err)
		}
		at := rapid.IntRange(len("1:12345678:"), len(sealed)-1).Draw(t, "altered at")
		other := byte('A')
		if sealed[at] == other {
			other = 'B'
		}
		if _, err := key.Open(7, sealed[:at]+string(other)+sealed[at+1:]); err == nil {
			t.Fatalf("altered at %d, and it opens", at)
		}
	})
	a, _ := key.Seal(7, Payee{LegalName: "Ada"})
	b, _ := key.Seal(7, Payee{LegalName: "Ada"})
	if a == b {
		t.Error("the same is sealed alike, so that who reads the stores sees when details return")
	}
}

// asJSON is what JSON keeps of texts: bytes that are no text are replaced.
func asJSON(p Payee) Payee {
	valid := func(s *string) { *s = strings.ToValidUTF8(*s, "\ufffd") }
	valid(&p.PayPalEmail)
	valid(&p.LegalName)
	valid(&p.Bank.Account)
	return p
}

func TestAPayoutKeyIsReadAndHidden(t *testing.T) {
	key := NewPayoutKey()
	if got, err := ParsePayoutKey(" " + strings.ToUpper(string(key)) + "\n"); err != nil || got != key {
		t.Errorf("got %q, %v", string(got), err)
	}
	for _, bad := range []string{"", "abc", strings.Repeat("g", 64), string(key) + "00"} {
		if _, err := ParsePayoutKey(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v, want an error that does not repeat it", bad, err)
		}
	}
	if got := fmt.Sprint(key); strings.Contains(got, string(key)[:8]) {
		t.Errorf("a printed key is %s", got)
	}
}

func TestOneAccountHasOneName(t *testing.T) {
	key := NewPayoutKey()
	same := func(by PayBy, a, b string, want bool) {
		t.Helper()
		if got := key.Account(by, a) == key.Account(by, b); got != want {
			t.Errorf("%s and %s are one account: %v, want %v", a, b, got, want)
		}
	}
	same(PayByPayPal, "ada@example.com", "Ada+shop@Example.com", true)
	same(PayByPayPal, "a.da@gmail.com", "ada@googlemail.com", true)
	same(PayByPayPal, "ada@example.com", "eve@example.com", false)
	same(PayByBank, "DE89370400440532013000", "DE89370400440532013000", true)
	if key.Account(PayByBank, "x") == NewPayoutKey().Account(PayByBank, "x") {
		t.Error("another deployment gives an account the same name")
	}
}

func TestAccountNumbersAreChecked(t *testing.T) {
	f := func(account string, ok bool) {
		t.Helper()
		if err := CheckAccount(NormalAccount(account)); (err == nil) != ok {
			t.Errorf("%s: %v, want ok %v", account, err, ok)
		}
	}
	f("DE89 3704 0044 0532 0130 00", true) // the examples of the IBAN registry
	f("gb29-nwbk-6016-1331-9268-19", true)
	f("NO93 8601 1117 947", true)
	f("MT84 MALT 0110 0001 2345 MTLC AST0 01S", true)
	f("DE89 3704 0044 0532 0130 01", false)
	f("DE98 3704 0044 0532 0130 00", false)
	f("000123456789", true)
	f("DE89", false)
	f("1234", false)
	f("12345678901234567890123456789012345", false)
	f("DE89=1+1", false)
	f("", false)
	for bic, ok := range map[string]bool{"DEUTDEFF": true, "DEUTDEFF500": true, "DEUTDEF": false, "1EUTDEFF": false, "DEUTDEFF5": false, "": false} {
		if err := CheckBIC(bic); (err == nil) != ok {
			t.Errorf("BIC %s: %v, want ok %v", bic, err, ok)
		}
	}
}

func TestAPayoutMethodSaysWhatItLacksAndHidesWhereItLeads(t *testing.T) {
	now := time.Date(2026, 11, 13, 9, 0, 0, 0, time.UTC)
	f := func(m PayoutMethod, lack PayoutLack, masked string) {
		t.Helper()
		if m.Lacks(now) != lack || m.Masked() != masked {
			t.Errorf("lacks %q, shown as %q; want %q, %q", m.Lacks(now), m.Masked(), lack, masked)
		}
	}
	paypal := Payee{PayPalEmail: "ada@example.com"}
	bank := Payee{Bank: Bank{Account: "DE89370400440532013000"}}
	f(PayoutMethod{}, LacksMethod, "nowhere")
	f(PayoutMethod{By: PayByPayPal, Payee: paypal}, LacksConfirmation, "PayPal a•••@example.com")
	f(PayoutMethod{By: PayByPayPal, Payee: paypal, Confirmed: true, UsableFrom: now}, LacksNothing, "PayPal a•••@example.com")
	f(PayoutMethod{By: PayByStripe, StripeAccount: "acct_1032D82eZvKYlo2C"}, LacksOnboarding, "Stripe account …lo2C")
	f(PayoutMethod{By: PayByStripe, StripeAccount: "acct_1032D82eZvKYlo2C", StripeReady: true}, LacksNothing, "Stripe account …lo2C")
	f(PayoutMethod{By: PayByBank, Payee: bank}, LacksNothing, "bank account …3000")
	f(PayoutMethod{By: PayByBank, Payee: bank, UsableFrom: now.Add(time.Millisecond)}, LacksTime, "bank account …3000")
	f(PayoutMethod{By: PayByBank, Payee: Payee{Bank: Bank{Account: "12345678"}}}, LacksNothing, "bank account …")
}

package directory

import (
	"strings"
	"testing"
	"time"

	"fairlead/schema"
)

// payday is a world with a key of payout details, and a clock that tests move.
func payday(t *testing.T) *world {
	t.Helper()
	w := seeded(t)
	if err := w.EnsureSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.opt.PayoutKey = schema.NewPayoutKey()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	w.opt.Now = func() time.Time { return now }
	return w
}

// wait moves the clock on.
func (w *world) wait(d time.Duration) {
	now := w.now().Add(d)
	w.opt.Now = func() time.Time { return now }
}

const iban, otherIBAN = "DE89370400440532013000", "GB29NWBK60161331926819"

// lacks checks what keeps a partner from being paid now.
func (w *world) lacks(what string, p schema.PartnerID, want schema.PayoutLack) {
	w.t.Helper()
	m, err := w.PayoutMethod(w.t.Context(), p)
	if err != nil || m.Lacks(w.now()) != want {
		w.t.Errorf("%s: lacks %q, %v; want %q", what, m.Lacks(w.now()), err, want)
	}
}

func (w *world) toBank(p schema.PartnerID, account string) error {
	_, err := w.PayByBank(w.t.Context(), CLI, p, schema.Bank{Holder: "Ada Lovelace", Account: account})
	return err
}

func (w *world) can(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestTheFirstPayoutDetailsWorkAtOnceAndEveryChangeWaits(t *testing.T) {
	w := payday(t)
	ada, _ := w.partner("Ada", "ada@example.com")
	w.lacks("before anything was entered", ada.ID, schema.LacksMethod)
	w.can(w.toBank(ada.ID, "DE89 3704 0044 0532 0130 00"))
	w.lacks("the first entry", ada.ID, schema.LacksNothing)
	w.can(w.toBank(ada.ID, iban))
	w.lacks("the same once more", ada.ID, schema.LacksNothing)
	w.can(w.toBank(ada.ID, otherIBAN))
	w.lacks("a change", ada.ID, schema.LacksTime)
	w.wait(schema.PayoutWait - time.Millisecond)
	w.lacks("just before 72 hours", ada.ID, schema.LacksTime)
	w.wait(time.Millisecond)
	w.lacks("after 72 hours", ada.ID, schema.LacksNothing)
	_, err := w.ClearPayoutMethod(t.Context(), CLI, ada.ID, "")
	w.can(err)
	w.lacks("cleared", ada.ID, schema.LacksMethod)
	w.can(w.toBank(ada.ID, iban))
	w.lacks("clearing does not make the next one the first", ada.ID, schema.LacksTime)
	_, err = w.PayByPayPal(t.Context(), CLI, ada.ID, "ada@example.com")
	w.can(err)
	_, err = w.ConfirmPayPal(t.Context(), CLI, ada.ID)
	w.can(err)
	w.lacks("another way is a change too", ada.ID, schema.LacksTime)
	w.whole()

	steps, err := w.PayoutMethodHistory(t.Context(), ada.ID)
	w.can(err)
	var to []string
	for _, s := range steps {
		to = append(to, s.To)
	}
	want := "bank account …3000, bank account …6819, nowhere, bank account …3000, PayPal a•••@example.com, PayPal a•••@example.com"
	if got := strings.Join(to, ", "); got != want || steps[0].Actor != "cli" || steps[5].Reason != "PayPal address confirmed by the team" {
		t.Errorf("the history is %s: %+v; want %s", got, steps, want)
	}
}

func TestAPayPalAddressIsUsedOnceItIsConfirmed(t *testing.T) {
	w := payday(t)
	ada, _ := w.partner("Ada", "ada@example.com")
	set := func(email string) {
		t.Helper()
		_, err := w.PayByPayPal(t.Context(), CLI, ada.ID, email)
		w.can(err)
	}
	confirm := func() error {
		_, err := w.ConfirmPayPal(t.Context(), CLI, ada.ID)
		return err
	}
	refused(t, confirm(), Conflict, "")
	set("typo@example.com")
	w.lacks("just entered", ada.ID, schema.LacksConfirmation)
	set("ada@paypal.example")
	w.can(confirm())
	refused(t, confirm(), Conflict, "")
	w.lacks("the first that could be paid is no change", ada.ID, schema.LacksNothing)
	set("ada+2@paypal.example")
	w.lacks("another writing of the mailbox", ada.ID, schema.LacksConfirmation)
	w.can(confirm())
	w.lacks("which is a change", ada.ID, schema.LacksTime)
	w.whole()
}

func TestAnAccountIsPaidForOnePartnerOnly(t *testing.T) {
	w := payday(t)
	ada, _ := w.partner("Ada", "ada@example.com")
	eve, _ := w.partner("Eve", "eve@example.com")
	w.can(w.toBank(ada.ID, iban))
	refused(t, w.toBank(eve.ID, "de89 3704 0044 0532 0130 00"), Conflict, "account")
	w.can(w.toBank(ada.ID, otherIBAN))
	w.can(w.toBank(eve.ID, iban))

	for _, p := range []schema.PartnerID{ada.ID, eve.ID} { // an address that is not confirmed keeps nobody out
		_, err := w.PayByPayPal(t.Context(), CLI, p, "shared@example.com")
		w.can(err)
	}
	_, err := w.ConfirmPayPal(t.Context(), CLI, eve.ID)
	w.can(err)
	_, err = w.ConfirmPayPal(t.Context(), CLI, ada.ID)
	refused(t, err, Conflict, "account")
	_, err = w.PayByStripe(t.Context(), CLI, ada.ID, "acct_1032D82eZvKYlo2C", false)
	w.can(err)
	_, err = w.PayByStripe(t.Context(), CLI, eve.ID, "acct_1032D82eZvKYlo2C", false)
	refused(t, err, Conflict, "account")
}

func TestStripeSaysWhenAnAccountCanBePaid(t *testing.T) {
	w := payday(t)
	ada, _ := w.partner("Ada", "ada@example.com")
	keyless := w.another() // the redirector, which hears of it, has no key
	told := func(account string, ready, want bool) {
		t.Helper()
		if known, err := keyless.StripeChanged(t.Context(), account, ready); err != nil || known != want {
			t.Errorf("%s: known %v, %v; want %v", account, known, err, want)
		}
	}
	told("acct_first", true, false)
	_, err := w.SetPayeeIdentity(t.Context(), CLI, ada.ID, "Ada Lovelace", "12 St James's Square\r\nLondon", "GB 123")
	w.can(err)
	_, err = w.PayByStripe(t.Context(), CLI, ada.ID, "acct_first", false)
	w.can(err)
	w.lacks("before onboarding is over", ada.ID, schema.LacksOnboarding)
	told("acct_first", true, true)
	w.lacks("ready", ada.ID, schema.LacksNothing)
	told("acct_first", true, true)
	told("acct_first", false, true)
	w.lacks("Stripe wants to know more", ada.ID, schema.LacksOnboarding)
	told("acct_first", true, true)
	w.lacks("which is no change of where the money goes", ada.ID, schema.LacksNothing)
	_, err = w.PayByStripe(t.Context(), CLI, ada.ID, "acct_second", true)
	w.can(err)
	w.lacks("another account", ada.ID, schema.LacksTime)
	told("acct_first", false, false)
	steps, err := w.PayoutMethodHistory(t.Context(), ada.ID)
	if err != nil || len(steps) != 6 {
		t.Errorf("%d versions, %v; want 6: what says nothing new is none", len(steps), err)
	}
	m, err := w.PayoutMethod(t.Context(), ada.ID)
	if err != nil || m.Payee.Address != "12 St James's Square\nLondon" || m.Payee.TaxID != "GB 123" || m.Destination() != "acct_second" {
		t.Errorf("got %+v, %v", m, err)
	}
	w.whole()
}

func TestPayoutDetailsAreReadableNowhereInTheStores(t *testing.T) {
	w := payday(t)
	ada, _ := w.partner("Ada", "ada@example.com")
	_, err := w.PayByPayPal(t.Context(), CLI, ada.ID, "hidden-mailbox@paypal.example")
	w.can(err)
	_, err = w.PayByBank(t.Context(), CLI, ada.ID, schema.Bank{Holder: "Hidden Holder", Account: iban, BIC: "COBADEFFXXX"})
	w.can(err)
	_, err = w.SetPayeeIdentity(t.Context(), CLI, ada.ID, "Hidden Legal Name", "Hidden Street 1", "HIDDEN-TAX")
	w.can(err)
	var logged []string
	rows, err := w.ch.Query(t.Context(), "SELECT concat(data, ' ', reason, ' ', arrayStringConcat(unique_keys, ' ')) FROM fairlead.directory_log WHERE kind = 'payout_method'")
	w.can(err)
	for rows.Next() {
		var s string
		w.can(rows.Scan(&s))
		logged = append(logged, s)
	}
	w.can(rows.Err())
	w.can(rows.Close())
	inRedis := w.rdb.HGetAll(t.Context(), w.opt.Keys.Entries(schema.KindPayoutMethod)).Val()
	if len(logged) != 3 || len(inRedis) != 1 {
		t.Fatalf("%d versions in ClickHouse, %d entries in Redis", len(logged), len(inRedis))
	}
	for _, secret := range []string{"hidden", "Hidden", "HIDDEN", iban, "COBADEFF", string(w.opt.PayoutKey)} {
		for _, text := range append(logged, inRedis[ada.ID.String()]) {
			if strings.Contains(text, secret) {
				t.Errorf("%s stands in %s", secret, text)
			}
		}
	}
	keyless := w.another()
	_, err = keyless.PayoutMethod(t.Context(), ada.ID)
	refused(t, err, Unavailable, "")
	_, err = keyless.PayByBank(t.Context(), CLI, ada.ID, schema.Bank{Holder: "A", Account: iban})
	refused(t, err, Unavailable, "")
	keyless.opt.PayoutKey = schema.NewPayoutKey()
	_, err = keyless.PayoutMethods(t.Context(), []schema.PartnerID{ada.ID})
	refused(t, err, Unavailable, "")
}

func TestPayoutDetailsThatCannotBeAreRefused(t *testing.T) {
	w := payday(t)
	ada, _ := w.partner("Ada", "ada@example.com")
	bank := func(holder, account, bic, field string) {
		t.Helper()
		_, err := w.PayByBank(t.Context(), CLI, ada.ID, schema.Bank{Holder: holder, Account: account, BIC: bic})
		refused(t, err, Invalid, field)
	}
	bank("", iban, "", "holder")
	bank("Ada", "DE89370400440532013001", "", "account")
	bank("Ada", "12345678", "", "bic")
	bank("Ada", "12345678", "NOT A BIC", "bic")
	bank("Ada", iban, "X", "bic")
	_, err := w.PayByPayPal(t.Context(), CLI, ada.ID, "no address")
	refused(t, err, Invalid, "email")
	for _, account := range []string{"", "ca_1", "acct_a b", "acct_" + strings.Repeat("x", 60)} {
		_, err = w.PayByStripe(t.Context(), CLI, ada.ID, account, true)
		refused(t, err, Invalid, "account")
	}
	_, err = w.SetPayeeIdentity(t.Context(), CLI, ada.ID, "A\x00", "", "")
	refused(t, err, Invalid, "legal_name")
	_, err = w.SetPayeeIdentity(t.Context(), CLI, ada.ID, "Ada", strings.Repeat("x", 501), "")
	refused(t, err, Invalid, "address")
	_, err = w.SetPayeeIdentity(t.Context(), CLI, ada.ID, "Ada", "", "1\n2")
	refused(t, err, Invalid, "tax_id")
	refused(t, w.toBank(99, iban), NotFound, "partner")
	w.lacks("nothing of it was kept", ada.ID, schema.LacksMethod)
}

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fairlead/configs"
	"fairlead/schema"
)

func TestPayoutMethodsFromTheShell(t *testing.T) {
	o := newOffice(t)
	if err := o.dir.EnsureSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.says("partner", "add", "--name", "Ada", "--email", "ada@example.com")
	o.says("partner", "add", "--name", "Bob", "--email", "bob@example.com")
	says := func(want string, args ...string) {
		t.Helper()
		out := o.says(append([]string{"partner", "payout-method"}, args...)...)
		if !strings.Contains(out, want) || strings.Contains(out, "ada@paypal.example") || strings.Contains(out, "370400440532013000") {
			t.Errorf("%v: got %s, want %s and nothing that is masked", args, out, want)
		}
	}
	fails := func(want string, args ...string) {
		t.Helper()
		o.fails(want, append([]string{"partner", "payout-method"}, args...)...)
	}
	says("Ada (1): no payout method was chosen", "show", "ada")
	fails("There is no PayPal address to confirm", "confirm", "ada")
	fails("say where the money goes", "set", "ada")
	says("paid to PayPal a•••@paypal.example, once the address is confirmed", "set", "ada", "--paypal", "ada@paypal.example")
	says("Ada (1): paid to PayPal a•••@paypal.example\npaypal is not set up, so nothing is paid by it", "confirm", "ada")
	says("paid to bank account …3000, from ", "set", "ada", "--account", "DE89 3704 0044 0532 0130 00", "--holder", "Ada Lovelace", "--legal-name", "Ada King", "--tax-id", "GB1")
	says("paid to bank account …3000", "set", "1", "--address", "London")
	fails("Another partner is paid there already", "set", "bob", "--account", "DE89370400440532013000", "--holder", "Bob")
	fails("The IBAN is mistyped", "set", "bob", "--account", "DE89370400440532013001", "--holder", "Bob")
	fails("payouts.stripe.secret_key", "stripe", "bob")
	says("Ada (1): no payout method was chosen", "clear", "ada", "--reason", "asked to")
	says("nowhere, by cli: asked to", "show", "ada")
	c := &counter{office: o}
	got := said[payoutMethodJSON](c, "partner", "payout-method", "show", "ada", "--json")
	if len(got.History) != 6 || got.Lacks != schema.LacksMethod || !got.StatementTo || got.History[3].To != "bank account …3000" {
		t.Errorf("got %+v", got)
	}
	m, err := o.dir.PayoutMethod(t.Context(), 1)
	if err != nil || m.Payee != (schema.Payee{LegalName: "Ada King", Address: "London", TaxID: "GB1"}) {
		t.Errorf("kept %+v, %v", m.Payee, err)
	}
}

func TestTheKeyOfPayoutDetailsIsDrawnOnceAndFound(t *testing.T) {
	c := configs.Config{Dir: t.TempDir()}
	key := func(c configs.Config) schema.PayoutKey {
		t.Helper()
		k, err := payoutKey(c)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	if k := key(c); k != "" {
		t.Error("a folder without a key has one")
	}
	for range 2 {
		if err := makePayoutKey(c); err != nil {
			t.Fatal(err)
		}
	}
	drawn := key(c)
	file := filepath.Join(c.Dir, payoutKeyFile)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || len(drawn) != 64 {
		t.Errorf("%v, %v: want 64 digits that the owner alone reads", info, err)
	}
	if k := key(configs.Config{Dir: "elsewhere", Payouts: configs.Payouts{EncryptionKeyFile: file}}); k != drawn {
		t.Error("the file that is named is not read")
	}
	set := schema.NewPayoutKey()
	named := configs.Config{Dir: t.TempDir(), Payouts: configs.Payouts{EncryptionKey: string(set)}}
	if err := makePayoutKey(named); err != nil || key(named) != set {
		t.Errorf("the key that is set is not taken: %v", err)
	}
	if _, err := os.Stat(filepath.Join(named.Dir, payoutKeyFile)); !os.IsNotExist(err) {
		t.Errorf("a key was drawn though one is set: %v", err)
	}
	if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := payoutKey(c); err == nil || strings.Contains(err.Error(), "damaged\"") {
		t.Errorf("a damaged file: %v", err)
	}
	if err := makePayoutKey(c); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(file); string(text) != "damaged" {
		t.Error("a key that cannot be read was replaced: what it sealed would be lost")
	}
	if _, err := payoutKey(configs.Config{Payouts: configs.Payouts{EncryptionKeyFile: filepath.Join(c.Dir, "none")}}); err == nil || !strings.Contains(err.Error(), fs.ErrNotExist.Error()[:4]) {
		t.Errorf("a file that is named and not there: %v", err)
	}
}

package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fairlead/schema"
)

func fullConversion() schema.Conversion {
	c := schema.Conversion{
		ReceivedAt: 1_764_000_000_000, OccurredAt: 1_763_999_999_000, Kind: schema.Sale, Source: schema.SourceStripe, KeyID: 3,
		Event: "Purchase", Customer: "cus_1", Aliases: []string{"shop:toys.example"},
		Click: "AZqO", ClickState: schema.ClickMalformed, Link: 7, Partner: 2, ClickedAt: 1_763_000_000_000, Credit: 5,
		Amount: 4900, Gross: 5831, Running: true, Currency: "USD", Invoice: "in_1", Payments: []string{"in_1", "pi_1"}, Processor: "stripe",
		Coupons: []string{"SUMMER10"}, LeadEvent: "Sign up", Quantity: 1, Metadata: `{"plan":"pro"}`, Delivery: "evt_1",
	}
	c.Identify("")
	return c
}

func TestAConversionIsReadAsItWasWritten(t *testing.T) {
	want := fullConversion()
	rec, err := schema.AppendConversion(nil, &want)
	if err != nil {
		t.Fatal(err)
	}
	var got schema.Conversion
	if err := schema.DecodeConversion(&got, rec); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	f := func(name string, rec []byte, newer bool) {
		t.Helper()
		err := schema.DecodeConversion(&got, rec)
		if !errors.Is(err, schema.ErrRecord) || errors.Is(err, schema.ErrRecordNewer) != newer {
			t.Errorf("%s: got %v, want an ErrRecord that is newer: %v", name, err, newer)
		}
	}
	f("nothing", nil, false)
	f("a click", append([]byte{1, 1}, rec[2:]...), false)
	f("a kind to come", append([]byte{3, 1}, rec[2:]...), true)
	f("a version to come", append([]byte{2, 2}, rec[2:]...), true)
	f("no version", append([]byte{2, 0}, rec[2:]...), false)
	f("cut off", rec[:len(rec)-1], false)
	f("something behind it", append(append([]byte{}, rec...), '{'), false)
	f("an unknown field", append([]byte{2, 1}, `{"kind":"sale","more":1}`...), false)
}

func TestReportsOfTheSameThingHaveOneID(t *testing.T) {
	id := func(change func(*schema.Conversion), once string) string {
		c := fullConversion()
		change(&c)
		c.Identify(once)
		return c.ID
	}
	same := func(what string, a, b string) {
		t.Helper()
		if a != b {
			t.Errorf("%s: got two ids, want one", what)
		}
	}
	other := func(what string, a, b string) {
		t.Helper()
		if a == b {
			t.Errorf("%s: got one id, want two", what)
		}
	}
	sale := func(change func(*schema.Conversion)) string { return id(change, "") }
	plain := sale(func(*schema.Conversion) {})
	same("a sale of another amount", plain, sale(func(c *schema.Conversion) { c.Amount = 1 }))
	same("a sale of another customer", plain, sale(func(c *schema.Conversion) { c.Customer = "cus_2" }))
	other("another invoice", plain, sale(func(c *schema.Conversion) { c.Invoice = "in_2" }))
	other("a test", plain, sale(func(c *schema.Conversion) { c.Test = true }))
	noInvoice := func(c *schema.Conversion) { c.Invoice = "" }
	other("two sales without invoices", id(noInvoice, "a"), id(noInvoice, "b"))
	same("one sale without invoice, repeated", id(noInvoice, "a"), id(noInvoice, "a"))

	lead := func(customer, event string) string {
		return sale(func(c *schema.Conversion) { c.Kind, c.Customer, c.Event = schema.Lead, customer, event })
	}
	same("a lead", lead("1", "Sign up"), lead("1", "Sign up"))
	other("another event", lead("1", "Sign up"), lead("1", "Demo"))
	other("text that moves between fields", lead("1a", "b"), lead("1", "ab"))
	other("a lead without customer", lead("", "Sign up"), lead("", "Demo"))

	deferred := sale(func(c *schema.Conversion) { c.Kind, c.Customer, c.Event = schema.Deferred, "1", "Sign up" })
	other("a lead that was deferred, and the lead", deferred, lead("1", "Sign up"))
	tie := func(payments ...string) string {
		return sale(func(c *schema.Conversion) {
			c.Kind, c.Customer, c.Click, c.Payments = schema.Deferred, "", "", payments
		})
	}
	same("a payment's names", tie("in_1", "pi_1"), tie("in_1", "pi_1"))
	other("another payment's names", tie("in_1", "pi_1"), tie("in_1", "pi_2"))

	refund := func(invoice, name string) string {
		return sale(func(c *schema.Conversion) { c.Kind, c.Invoice, c.Refund = schema.Refund, invoice, name })
	}
	same("a refund", refund("in_1", "re_1"), refund("in_1", "re_1"))
	other("another refund of the sale", refund("in_1", "re_1"), refund("in_1", "re_2"))
	other("a refund and a sale", plain, refund("in_1", ""))

	a, b := fullConversion(), fullConversion()
	b.ReceivedAt++
	b.Delivery = "evt_2"
	b.Identify("")
	if a.Content != b.Content {
		t.Error("a report delivered twice: got two contents, want one")
	}
	for what, change := range map[string]func(*schema.Conversion){
		"another amount":             func(c *schema.Conversion) { c.Amount++ },
		"another amount in all":      func(c *schema.Conversion) { c.Gross++ },
		"one refund, and all so far": func(c *schema.Conversion) { c.Running = false },
		"another partner to credit":  func(c *schema.Conversion) { c.Credit++ },
	} {
		b := fullConversion()
		change(&b)
		b.Identify("")
		if a.Content == b.Content {
			t.Errorf("%s: got one content, want two", what)
		}
	}
}

func TestAddressesOfOneMailboxAreEqual(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := schema.NormalEmail(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	f("Ada@Example.com", "ada@example.com")
	f("  ada@example.com ", "ada@example.com")
	f("ada+shop@example.com", "ada@example.com")
	f("a.d.a@gmail.com", "ada@gmail.com")
	f("a.d.a@googlemail.com", "ada@gmail.com")
	f("a.d.a@example.com", "a.d.a@example.com")
	f("+ada@example.com", "+ada@example.com")
	f("ada", "")
	f("ada@", "")
	f("@example.com", "")
	f("a@b@c", "")
	f("...@gmail.com", "")

	k := schema.NewCustomerKey()
	one, two := k.EmailAlias("Ada+1@example.com"), k.EmailAlias("ada@example.com")
	if one != two || !strings.HasPrefix(one, "email:") || len(one) != len("email:")+32 {
		t.Errorf("aliases of one mailbox: got %q and %q", one, two)
	}
	if other := schema.NewCustomerKey().EmailAlias("ada@example.com"); other == one {
		t.Error("another program's key: got the same alias")
	}
	if got := k.EmailAlias("ada"); got != "" {
		t.Errorf("no address: got alias %q", got)
	}
	for in, want := range map[string]string{"Toys.example": "shop:toys.example", "https://toys.example/a": "shop:toys.example", "": ""} {
		if got := schema.ShopAlias(in); got != want {
			t.Errorf("shop %q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzDecodeConversion(f *testing.F) {
	c := fullConversion()
	rec, err := schema.AppendConversion(nil, &c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(rec)
	f.Add([]byte{2, 1})
	f.Fuzz(func(t *testing.T, rec []byte) {
		var c, again schema.Conversion
		if err := schema.DecodeConversion(&c, rec); err != nil {
			if !errors.Is(err, schema.ErrRecord) {
				t.Fatalf("got %v, want an ErrRecord", err)
			}
			return
		}
		out, err := schema.AppendConversion(nil, &c)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.DecodeConversion(&again, out); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c, again, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

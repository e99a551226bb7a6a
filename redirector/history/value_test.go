package history

import (
	"errors"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"fairlead/schema"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestDates(t *testing.T) {
	toronto := zone(t, "America/Toronto")
	f := func(text, want string) {
		t.Helper()
		at, err := parseTime(text, toronto)
		if got := at.Format(time.RFC3339Nano); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
	f("2026-11-25", "2026-11-25T05:00:00Z")
	f("2026-07-25", "2026-07-25T04:00:00Z")
	f("2026-11-25 14:30", "2026-11-25T19:30:00Z")
	f("2026-11-25 14:30:59", "2026-11-25T19:30:59Z")
	f("2026-11-25 14:30:59.1239", "2026-11-25T19:30:59.123Z")
	f("2026-11-25 14:30:59 UTC", "2026-11-25T14:30:59Z")
	f("2026-11-25 14:30:59+02:00", "2026-11-25T12:30:59Z")
	f("2026-11-25 14:30:59 +0200", "2026-11-25T12:30:59Z")
	f("2026-11-25T14:30:59Z", "2026-11-25T14:30:59Z")
	f("2026-11-25T14:30:59.5+02:00", "2026-11-25T12:30:59.5Z")
	f("2026-11-25T14:30:59", "2026-11-25T19:30:59Z")
	f("2026/11/25", "2026-11-25T05:00:00Z")
	f("Nov 25, 2026", "2026-11-25T05:00:00Z")
	f("Nov 25, 2026 2:30 PM", "2026-11-25T19:30:00Z")
	f("25 November 2026", "2026-11-25T05:00:00Z")
	f("1764081000", "2025-11-25T14:30:00Z")
	f("1764081000123", "2025-11-25T14:30:00.123Z")
	for _, text := range []string{"", "11/25/2026", "25.11.2026", "03/04/2026", "yesterday", "20261125", "2026-13-01", "2026-11-31", "1999-12-31", "2101-01-01", "176408100", "99999999999999999"} {
		if at, err := parseTime(text, toronto); err == nil || !strings.HasPrefix(err.Error(), "date: ") {
			t.Errorf("%q: got %s, %v", text, at, err)
		}
	}
}

func TestAmounts(t *testing.T) {
	f := func(text, code string, cents bool, want int64) {
		t.Helper()
		if got, err := parseAmount(text, code, cents); err != nil || got != want {
			t.Errorf("%s in %s (cents %v): got %d, %v; want %d", text, code, cents, got, err, want)
		}
	}
	f("49", "USD", false, 4900)
	f("49.5", "USD", false, 4950)
	f("49.50", "USD", false, 4950)
	f("49.5000", "USD", false, 4950)
	f("$1,234.56", "MXN", false, 123456)
	f("0", "USD", false, 0)
	f("1,234.56", "USD", false, 123456)
	f("1,234,567.89", "USD", false, 123456789)
	f("$49", "USD", false, 4900)
	f("$ 49.00", "CAD", false, 4900)
	f("$1,234", "USD", false, 123400)
	f("49.00 USD", "USD", false, 4900)
	f("USD 49.00", "USD", false, 4900)
	f("49 usd", "USD", false, 4900)
	f("€49.00", "EUR", false, 4900)
	f("49.00 €", "EUR", false, 4900)
	f("¥1,235", "JPY", false, 1235)
	f("CA$1,049.00", "CAD", true, 104900)
	f("A$49", "AUD", true, 4900)
	f("R$49.50", "BRL", true, 4950)
	f("₹49.00", "INR", true, 4900)
	f("CHF\u00a049.00", "CHF", true, 4900)
	f("₩1,235", "KRW", true, 1235)
	f("1235", "JPY", false, 1235)
	f("1.235", "KWD", false, 1235)
	// Bare numbers of programs that count cents, and their other numbers.
	f("4900", "USD", true, 4900)
	f("49.00", "USD", true, 4900)
	f("$49", "USD", true, 4900)
	f("49 USD", "USD", true, 4900)
	f("4900", "JPY", true, 4900)
	for _, c := range []struct {
		text, code string
		cents      bool
		want       string
	}{
		{"-49", "USD", false, errNegative.Error()},
		{"$-49", "USD", false, errNegative.Error()},
		{"(49.00)", "USD", false, errNegative.Error()},
		{"-4900", "USD", true, errNegative.Error()},
		{"1,234", "USD", false, "is not an amount in USD such as 1234.50 USD"}, // a thousand, or one and a bit
		{"1,234", "USD", true, "is not a whole number"},
		{"49,00", "EUR", false, "is not an amount"},
		{"1.234,56", "EUR", false, "is not an amount"},
		{"12,34.00", "USD", false, "is not an amount"},
		{"49.0010", "USD", false, "is not an amount"},
		{"49.001", "USD", false, "two ways"},
		{"1.500", "EUR", false, "two ways"},
		{"12.000 €", "EUR", true, "two ways"},
		{"1.000", "JPY", false, "two ways"},
		{"$12.34", "EUR", false, "is not in EUR"},
		{"49.5", "JPY", false, "is not an amount"},
		{"1e3", "USD", false, "is not an amount"},
		{"", "USD", false, "is not an amount"},
		{"$", "USD", false, "is not an amount"},
		{"€49", "USD", false, "is not in USD"},
		{"CA$49", "USD", false, "is not in USD"},
		{"$€49", "USD", false, "is not an amount"},
		{"EUR 49", "USD", false, "is not an amount"},
		{"99999999999999", "USD", false, "is not an amount"},
		{"99999999999999", "USD", true, "is not a whole number"},
	} {
		if got, err := parseAmount(c.text, c.code, c.cents); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q in %s: got %d, %v; want …%s…", c.text, c.code, got, err, c.want)
		}
	}
}

func TestSlugsInLinks(t *testing.T) {
	for text, want := range map[string]string{
		"ada": "ada", "/ada/": "ada", "a/b": "a/b", "": "",
		"https://shop.example/?via=ada":              "ada",
		"https://shop.example/plans?x=1&via=ada#top": "ada",
		"https://shop.example?ref=ada":               "ada",
		"https://shop.example/?fpr=ada":              "ada",
		"https://refer.shop.example/ada":             "ada",
		"https://refer.shop.example/a/b/":            "a/b",
		"https://shop.example/":                      "",
		"https://shop.example/?ps_partner_key=k9":    "k9",
		"http://[broken":                             "http://[broken",
	} {
		if got := slugOf(text); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestNamesOfColumns(t *testing.T) {
	for text, want := range map[string]string{
		"Invoice ID": "invoice_id", "invoiceId": "invoice_id", "invoice-id": "invoice_id", " Invoice  id ": "invoice_id", "ID": "id",
		"Customer external ID": "customer_external_id", "customerExternalId": "customer_external_id", "Amount (USD)": "amount_usd", "": "", "--": "", "Größe": "größe",
	} {
		if got := columnName(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// testSetting is that of a program in Toronto and US dollars.
func testSetting(t testing.TB) setting {
	return setting{currency: "USD", zone: zone(t, "America/Toronto"), key: schema.CustomerKey(strings.Repeat("a", 64))}
}

func FuzzDates(f *testing.F) {
	for _, s := range []string{"2026-11-25", "1764081000123", "Nov 25, 2026 2:30 PM", "-1"} {
		f.Add(s)
	}
	toronto := zone(f, "America/Toronto")
	f.Fuzz(func(t *testing.T, s string) {
		at, err := parseTime(s, toronto)
		if err == nil && (at.Before(earliest) || !at.Before(latest) || at.Nanosecond()%1e6 != 0) {
			t.Errorf("%q: %s", s, at)
		}
	})
}

func FuzzAmounts(f *testing.F) {
	for _, s := range []string{"49", "$1,234.56", "49.00 €", "(1)", "1,234", "USD5"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, cents bool) {
		for _, code := range []string{"USD", "JPY", "KWD", "EUR"} {
			n, err := parseAmount(s, code, cents)
			switch {
			case err != nil:
			case n < 0 || n > schema.MaxAmount:
				t.Errorf("%q in %s: %d", s, code, n)
			default: // what was read is what is written
				if again, err := parseAmount(schema.FormatAmount(n, code), code, cents); err != nil || again != n {
					t.Errorf("%q in %s: %d, written and read %d, %v", s, code, n, again, err)
				}
			}
			if errors.Is(err, errNegative) && !strings.ContainsAny(s, "-(") {
				t.Errorf("%q is negative?", s)
			}
		}
	})
}

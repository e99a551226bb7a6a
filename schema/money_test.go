package schema_test

import (
	"testing"

	"fairlead/schema"
)

func TestAmounts(t *testing.T) {
	f := func(minor int64, code, want string) {
		t.Helper()
		if got := schema.FormatAmount(minor, code); got != want {
			t.Errorf("%d %s: got %q, want %q", minor, code, got, want)
		}
		if minor < 0 {
			return
		}
		if got, err := schema.ParseAmount(want, code); err != nil || got != minor {
			t.Errorf("%q: got %d, %v, want %d", want, got, err, minor)
		}
	}
	f(0, "USD", "0.00 USD")
	f(5, "USD", "0.05 USD")
	f(-5, "USD", "-0.05 USD")
	f(2500, "EUR", "25.00 EUR")
	f(-123456, "EUR", "-1234.56 EUR")
	f(2500, "JPY", "2500 JPY")
	f(1, "KWD", "0.001 KWD")
	f(25000, "KWD", "25.000 KWD")
}

func TestAmountsAreReadExactly(t *testing.T) {
	f := func(text, code string, want int64) {
		t.Helper()
		if got, err := schema.ParseAmount(text, code); err != nil || got != want {
			t.Errorf("%q in %s: got %d, %v, want %d", text, code, got, err, want)
		}
	}
	f("12.5", "USD", 1250)
	f("12.5000", "USD", 1250)
	f("12", "JPY", 12)
	f("12.00", "JPY", 12)
	f("0.1", "KWD", 100)
	f("9999999999.99", "USD", 999_999_999_999)

	refused := func(text, code string) {
		t.Helper()
		if got, err := schema.ParseAmount(text, code); err == nil {
			t.Errorf("%q in %s: got %d, want an error", text, code, got)
		}
	}
	for _, text := range []string{"", ".", ".5", "5.", "1.234", "-1", "+1", "1e3", "0x10", "1,5", "1 000", "NaN", "99999999999999999999", "10000000000.01"} {
		refused(text, "USD")
	}
	refused("0.5", "JPY")

	for code, want := range map[string]bool{"USD": true, "JPY": true, "usd": false, "XTS": false, "DEM": false, "": false} {
		if got := schema.KnownCurrency(code); got != want {
			t.Errorf("%q known: got %v, want %v", code, got, want)
		}
	}
}

func TestAmountsAreWrittenAsStripeReadsThem(t *testing.T) {
	f := func(minor int64, code string, want int64, whole bool) {
		t.Helper()
		if got, err := schema.ToStripe(minor, code); got != want || (err == nil) != whole {
			t.Errorf("%d %s: got %d, %v; want %d", minor, code, got, err, want)
		}
	}
	f(2500, "USD", 2500, true)
	f(2500, "JPY", 2500, true)
	f(25, "ISK", 2500, true)
	f(25, "UGX", 2500, true)
	f(2500, "MGA", 25, true)
	f(2550, "MGA", 0, false)
}

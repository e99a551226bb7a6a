package templates

import (
	"math"
	"testing"

	"fairlead/schema"
)

func TestCountsHaveSeparators(t *testing.T) {
	f := func(n uint64, want string) {
		t.Helper()
		if got := Count(n).String(); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	f(0, "0")
	f(999, "999")
	f(1000, "1,000")
	f(123456, "123,456")
	f(1234567, "1,234,567")
	f(math.MaxUint64, "18,446,744,073,709,551,615")
	if got := Count(1).Of("click", "clicks") + ", " + Count(2000).Of("click", "clicks"); got != "1 click, 2,000 clicks" {
		t.Errorf("with nouns: %q", got)
	}
	if got := Known(0).String() + (Figure{}).String(); got != "0–" {
		t.Errorf("nothing counted and not known: %q", got)
	}
}

func written(n int64) string { return Count(n).String() }

func TestAmountsAreWrittenInMainUnits(t *testing.T) {
	f := func(minor int64, currency, text, machine string) {
		t.Helper()
		a := Amount{minor, currency}
		if a.String() != text || a.Machine() != machine {
			t.Errorf("%d %s: %q and %q, want %q and %q", minor, currency, a, a.Machine(), text, machine)
		}
	}
	f(0, "USD", "0.00 USD", "0.00")
	f(5, "USD", "0.05 USD", "0.05")
	f(123456789, "USD", "1,234,567.89 USD", "1234567.89")
	f(-124050, "USD", "−1,240.50 USD", "-1240.50")
	f(1240, "JPY", "1,240 JPY", "1240")
	f(1240, "KWD", "1.240 KWD", "1.240")
	f(math.MinInt64, "USD", "−92,233,720,368,547,758.08 USD", "-92233720368547758.08")
	m := Money{Known: true, Amounts: []Amount{{100, "USD"}, {-250, "EUR"}}, Implied: "USD"}
	if got := m.String() + "|" + m.In("EUR").Machine() + "|" + m.In("GBP").String() + "|" + (Money{}).String(); got != "1.00, −2.50 EUR|-2.50|0.00 GBP|–" {
		t.Errorf("of two currencies: %q", got)
	}
}

func TestChangesAreSaidInPercent(t *testing.T) {
	f := func(now, before int64, direction Direction, text, words string) {
		t.Helper()
		c := NewChange(now, before, written, "1–22 November 2026", "1–22 October 2026", "1–22 Oct")
		if c.Direction != direction || c.Text != text || c.Words() != words {
			t.Errorf("%d after %d: %s %q %q, want %s %q %q", now, before, c.Direction, c.Text, c.Words(), direction, text, words)
		}
	}
	f(112, 100, Up, "12%", "up by 12%")
	f(88, 100, Down, "12%", "down by 12%")
	f(100, 100, Same, "0%", "unchanged")
	f(1000001, 1000000, Up, "<0.1%", "up by <0.1%")
	f(1034, 1000, Up, "3.4%", "up by 3.4%")
	f(0, 100, Down, "100%", "down by 100%")
	f(1000, 100, Up, "10×", "up by 10×")
	f(989, 100, Up, "889%", "up by 889%")
	f(math.MaxInt64, 1, Up, "18,446,744,073,709,552×", "up by 18,446,744,073,709,552×")
	f(-50, 100, Down, "150%", "down by 150%") // more refunded than sold
	f(5, -100, None, "–", "no comparison")
	f(math.MinInt64, math.MaxInt64, Down, "200%", "down by 200%")
	f(5, 0, None, "–", "no comparison")
	f(0, 0, None, "–", "no comparison")
	if c := NewChange(4598, 4096, written, "1–22 November 2026", "1–22 October 2026", "1–22 Oct"); c.Detail != "1–22 November 2026: 4,598; 1–22 October 2026: 4,096" {
		t.Errorf("detail %q", c.Detail)
	}
}

func TestEveryStatusHasATone(t *testing.T) {
	for status, want := range map[schema.PartnerStatus]string{
		schema.PartnerActive: "accent", schema.PartnerInvited: "warn", schema.PartnerApplied: "warn",
		schema.PartnerSuspended: "bad", schema.PartnerDeclined: "bad",
	} {
		if got := Tone(status); got != want {
			t.Errorf("%s: %q, want %q", status, got, want)
		}
	}
}

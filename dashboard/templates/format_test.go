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

func TestChangesAreSaidInPercent(t *testing.T) {
	f := func(now, before uint64, direction Direction, text, words string) {
		t.Helper()
		c := NewChange(now, before, "1–22 November 2026", "1–22 October 2026", "1–22 Oct")
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
	f(math.MaxUint64, 1, Up, "18,446,744,073,709,552×", "up by 18,446,744,073,709,552×")
	f(5, 0, None, "–", "no comparison")
	f(0, 0, None, "–", "no comparison")
	if c := NewChange(4598, 4096, "1–22 November 2026", "1–22 October 2026", "1–22 Oct"); c.Detail != "1–22 November 2026: 4,598; 1–22 October 2026: 4,096" {
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

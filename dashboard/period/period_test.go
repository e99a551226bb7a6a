package period

import (
	"net/url"
	"testing"
	"time"

	"fairlead/schema"
)

func TestMonthIsComparedWithAsManyDays(t *testing.T) {
	f := func(month schema.Month, lastWhole schema.Day, now, before string) {
		t.Helper()
		c := AgainstMonthBefore(month, lastWhole)
		if got := c.Now.String(); got != now {
			t.Errorf("%d up to %d: now %q, want %q", month, lastWhole, got, now)
		}
		if got := c.Before.String(); got != before {
			t.Errorf("%d up to %d: before %q, want %q", month, lastWhole, got, before)
		}
	}
	f(202611, 20261122, "1–22 November 2026", "1–22 October 2026")
	f(202611, 20261101, "1 November 2026", "1 October 2026")
	f(202603, 20260330, "1–28 March 2026", "February 2026") // which has no 30th
	f(202803, 20280330, "1–29 March 2028", "February 2028") // leap year
	f(202601, 20260110, "1–10 January 2026", "1–10 December 2025")
	f(202610, 20261122, "October 2026", "September 2026") // over: whole months
	f(202602, 20260228, "February 2026", "January 2026")
	if c := AgainstMonthBefore(202611, 20261031); !c.None() {
		t.Errorf("first day of the month: compared %v, want nothing", c)
	}
}

func TestYearIsComparedWithTheSameDays(t *testing.T) {
	f := func(r Range, lastWhole schema.Day, now, before string) {
		t.Helper()
		c := AgainstYearBefore(r, lastWhole)
		if c.Now.String() != now || c.Before.String() != before {
			t.Errorf("%v up to %d: %q against %q, want %q against %q", r, lastWhole, c.Now, c.Before, now, before)
		}
	}
	f(Months(202611, 12), 20261122, "1 December 2025 – 22 November 2026", "1 December 2024 – 22 November 2025")
	f(Months(202802, 12), 20280229, "1 March 2027 – 29 February 2028", "1 March 2026 – 28 February 2027")
}

func TestDaysAreComparedWithTheDaysBefore(t *testing.T) {
	f := func(r Range, lastWhole schema.Day, now, before string) {
		t.Helper()
		c := AgainstDaysBefore(r, lastWhole)
		if c.Now.String() != now || c.Before.String() != before {
			t.Errorf("%v up to %d: %q against %q, want %q against %q", r, lastWhole, c.Now, c.Before, now, before)
		}
	}
	f(LastDays(20261123, 30), 20261122, "25 October – 22 November 2026", "26 September – 24 October 2026")
	f(LastDays(20261123, 7), 20261123, "17–23 November 2026", "10–16 November 2026")
	f(Range{From: 20260101, To: 20260103}, 20261122, "1–3 January 2026", "29–31 December 2025")
	if c := AgainstDaysBefore(Range{From: 20261123, To: 20261123}, 20261122); !c.None() {
		t.Errorf("a day that is not over: compared %v, want nothing", c)
	}
}

func TestChoiceComesFromTheURL(t *testing.T) {
	const today = schema.Day(20261123)
	f := func(query, preset, want string) {
		t.Helper()
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Choose(q, today)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if string(c.Preset) != preset || c.Range.String() != want {
			t.Errorf("%s: %s %q, want %s %q", query, c.Preset, c.Range, preset, want)
		}
		again, err := Choose(c.Query(), today)
		if err != nil || again != c {
			t.Errorf("%s: asked for again it is %v (%v), want %v", query, again, err, c)
		}
	}
	f("", "12-months", "1 December 2025 – 23 November 2026")
	f("period=12-months", "12-months", "1 December 2025 – 23 November 2026")
	f("period=this-month", "this-month", "1–23 November 2026")
	f("period=last-month", "last-month", "October 2026")
	f("period=30-days", "30-days", "25 October – 23 November 2026")
	f("period=7-days", "7-days", "17–23 November 2026")
	f("from=2026-02-03&to=2026-02-05", "custom", "3–5 February 2026")
	f("from=2026-11-20&to=2026-12-24", "custom", "20–23 November 2026") // nothing from the future
	f("from=2026-05-05&to=2026-05-05", "custom", "5 May 2026")

	wrong := func(query, want string) {
		t.Helper()
		q, _ := url.ParseQuery(query)
		if _, err := Choose(q, today); err == nil || err.Error() != want {
			t.Errorf("%s: error %q, want %q", query, err, want)
		}
	}
	wrong("period=century", `there is no period "century"; choose one of the list`)
	wrong("from=2026-02-03", `the last day: "" is not a date of the form 2026-11-23`)
	wrong("from=2026-02-30&to=2026-03-01", `the first day: "2026-02-30" is not a date of the form 2026-11-23`)
	wrong("from=2026-03-02&to=2026-03-01", "the last day, 2026-03-01, lies before the first, 2026-03-02")
	wrong("from=2027-01-01&to=2027-01-02", "the first day, 2027-01-01, is still to come")
	wrong("from=1999-01-01&to=2026-01-01", "a range has at most 732 days, this one has 9863")
}

func TestRangesAreNamedShort(t *testing.T) {
	f := func(from, to schema.Day, long, short string) {
		t.Helper()
		r := Range{From: from, To: to}
		if r.String() != long || r.Short() != short {
			t.Errorf("%d–%d: %q and %q, want %q and %q", from, to, r.String(), r.Short(), long, short)
		}
	}
	f(20261001, 20261031, "October 2026", "Oct 2026")
	f(20261001, 20261022, "1–22 October 2026", "1–22 Oct 2026")
	f(20260903, 20261002, "3 September – 2 October 2026", "3 Sep – 2 Oct 2026")
	f(20251201, 20261123, "1 December 2025 – 23 November 2026", "1 Dec 2025 – 23 Nov 2026")
	f(20261123, 20261123, "23 November 2026", "23 Nov 2026")
	f(20261123, 20261122, "–", "–")
}

func TestZonesAreNamedByTheirCity(t *testing.T) {
	f := func(zone, want string) {
		t.Helper()
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := Zone(loc); got != want {
			t.Errorf("%s: %q, want %q", zone, got, want)
		}
	}
	f("America/Toronto", "Toronto time")
	f("America/Argentina/Buenos_Aires", "Buenos Aires time")
	f("UTC", "UTC")
	f("Etc/GMT+5", "Etc/GMT+5")
}

func TestDaysOfRanges(t *testing.T) {
	f := func(r Range, want int) {
		t.Helper()
		if got := r.Days(); got != want {
			t.Errorf("%v: %d days, want %d", r, got, want)
		}
	}
	f(Month(202802), 29)
	f(Months(202611, 12), 365)
	f(Range{From: 20261123, To: 20261122}, 0)
	f(Month(202611).Clip(Range{From: 20261120, To: 20261205}), 11)
	if Month(202611).Contains(20261201) || !Month(202611).Contains(20261130) {
		t.Error("November holds 30 November and not 1 December")
	}
	if _, err := ParseMonth("2026-13"); err == nil {
		t.Error("2026-13 was taken for a month")
	}
	if m, err := ParseMonth("2026-11"); err != nil || m != 202611 || ISOMonth(m) != "2026-11" || MonthName(m) != "November 2026" {
		t.Errorf("2026-11: %d, %v", m, err)
	}
	if got := DayName(20261123); got != "Monday 23 November 2026" {
		t.Errorf("day name %q", got)
	}
}

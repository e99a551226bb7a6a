package dashboard

import (
	"strings"
	"testing"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/schema"
)

// TestHomeComparesLikeWithLike holds which days a partner's first page compares and reads, on days that are
// easily got wrong.
func TestHomeComparesLikeWithLike(t *testing.T) {
	f := func(today, lastWhole schema.Day, month, year, trend, days, other string) {
		t.Helper()
		s := newHomeSpans(today, lastWhole)
		side := func(c period.Comparison) string {
			if c.None() {
				return "none"
			}
			return c.Now.Short() + " | " + c.Before.Short()
		}
		for what, pair := range map[string][2]string{
			"month": {side(s.ofMonth), month}, "year": {side(s.ofYear), year}, "trend": {side(s.ofTrend), trend},
			"days": {s.query.Days.Short(), days}, "other days": {s.query.OtherDays.Short(), other},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%d, whole up to %d: %s %q, want %q", today, lastWhole, what, pair[0], pair[1])
			}
		}
		if !s.ofYear.None() && (s.query.FirstMonth > s.ofYear.Before.From.Month() || !s.query.Days.Contains(s.ofYear.Now.To) || !s.query.OtherDays.Contains(s.ofYear.Before.To)) {
			t.Errorf("%d: the page does not read what it compares", today)
		}
		for _, c := range []period.Comparison{s.ofMonth, s.ofTrend} {
			if !c.None() && (!s.query.Days.Contains(c.Before.From) || !s.query.Days.Contains(c.Now.To)) {
				t.Errorf("%d: the page does not read the days of %v", today, c)
			}
		}
	}
	f(20261123, 20261122, "1–22 Nov 2026 | 1–22 Oct 2026", "1 Dec 2025 – 22 Nov 2026 | 1 Dec 2024 – 22 Nov 2025",
		"25 Oct – 22 Nov 2026 | 26 Sep – 24 Oct 2026", "25 Sep – 23 Nov 2026", "1–22 Nov 2025")
	// the first of a month: its first day is not over, the year ends with the month before
	f(20261101, 20261031, "none", "1 Dec 2025 – 31 Oct 2026 | 1 Dec 2024 – 31 Oct 2025",
		"3–31 Oct 2026 | 4 Sep – 2 Oct 2026", "3 Sep – 1 Nov 2026", "Oct 2025")
	// 29 February has no day a year earlier
	f(20280301, 20280229, "none", "1 Apr 2027 – 29 Feb 2028 | 1 Apr 2026 – 28 Feb 2027",
		"Feb 2028 | 3–31 Jan 2028", "2 Jan – 1 Mar 2028", "Feb 2027")
	// figures that are a month and a half behind
	f(20261123, 20261005, "none", "1 Dec 2025 – 5 Oct 2026 | 1 Dec 2024 – 5 Oct 2025",
		"none", "25 Sep – 23 Nov 2026", "1–5 Oct 2025")
	// nothing was ever counted
	f(20261123, 0, "none", "none", "none", "25 Sep – 23 Nov 2026", "25 Sep – 23 Nov 2026")
}

func TestWholeMonthsAndAPartAddUp(t *testing.T) {
	o := figures.Overview{
		Months: figures.Months{202609: {Clicks: 1000}, 202610: {Clicks: 200}, 202611: {Clicks: 99}},
		Days:   figures.Days{20261101: {Clicks: 30}, 20261102: {Clicks: 40}, 20261103: {Clicks: 29}, 20261031: {Clicks: 7}},
	}
	if got := sumWholeMonths(o, period.Range{From: 20260901, To: 20261102}).Clicks; got != 1000+200+30+40 {
		t.Errorf("September to 2 November: %d", got)
	}
}

func TestFiguresAreKnownFromTheFirstDayToTheLast(t *testing.T) {
	clicks := measures(schema.Program{})[0]
	s := seriesMaker{first: 20261120, complete: 20261122, today: 20261123}
	days := s.days(period.Range{From: 20261118, To: 20261123}, figures.Days{20261121: {Clicks: 5}})
	var got []string
	for _, e := range days {
		got = append(got, e.row(false).Clicks.String())
	}
	if line := strings.Join(got, " "); line != "– – 0 5 0 –" {
		t.Errorf("days %q, want %q", line, "– – 0 5 0 –")
	}
	if got := days[5].title(clicks); got != "Mon 23 Nov 2026, so far: no data" {
		t.Errorf("today: %q", got)
	}
	days = s.days(period.Range{From: 20261123, To: 20261123}, figures.Days{20261123: {Clicks: 1, Visitors: 1}})
	if got := days[0].title(clicks); got != "Mon 23 Nov 2026, so far: 1 click" {
		t.Errorf("today, with a click that is already there: %q", got)
	}
	months := s.months(period.Range{From: 20261015, To: 20261123}, func(schema.Month) (figures.Counts, bool) { return figures.Counts{}, false })
	if a, b := months[0].label()+" "+months[0].machine(), months[1].label()+" "+months[1].machine(); a != "15–31 October 2026 2026-10-15/2026-10-31" || b != "November 2026 2026-11" {
		t.Errorf("months %q and %q", a, b)
	}
	if months[0].known || !months[1].known {
		t.Errorf("October known %v, November known %v", months[0].known, months[1].known)
	}
}

func TestAxesHaveRoomForTheirLabels(t *testing.T) {
	f := func(r period.Range, byMonth bool, want string) {
		t.Helper()
		s := seriesMaker{first: r.From, complete: r.To, today: 20261123}
		all := s.days(r, nil)
		if byMonth {
			all = s.months(r, func(schema.Month) (figures.Counts, bool) { return figures.Counts{}, false })
		}
		var labels []string
		for _, p := range all.points(measures(schema.Program{})[0]) {
			if p.Label != "" {
				labels = append(labels, strings.TrimSpace(p.Label+" "+p.Sub))
			}
		}
		if got := strings.Join(labels, ", "); got != want {
			t.Errorf("%v: %q, want %q", r, got, want)
		}
	}
	f(period.Range{From: 20251201, To: 20261123}, true, "Dec, Jan 2026, Feb, Mar, Apr, May, Jun, Jul, Aug, Sep, Oct, Nov so far")
	f(period.Range{From: 20241201, To: 20261123}, true, "Jan 2025, Mar, May, Jul, Sep, Nov, Jan 2026, Mar, May, Jul, Sep, Nov so far")
	f(period.Range{From: 20261117, To: 20261123}, false, "17 Nov, 19 Nov, 21 Nov, 23 Nov so far")
	f(period.Range{From: 20261025, To: 20261123}, false, "29 Oct, 3 Nov, 8 Nov, 13 Nov, 18 Nov, 23 Nov so far")
}

// Package period holds spans of program-days: what a page shows, what it is compared with, and how
// both are named. It knows no time zone and no clock: "today" and the last whole day are given in.
//
// A comparison never counts a day that is not over, and sets like against like: as many days of this
// month as of the month before, the same months a year earlier.
package period

import (
	"fmt"
	"time"

	"fairlead/schema"
)

// Range is the days From to To, both included. A range whose To lies before its From is empty.
type Range struct{ From, To schema.Day }

// Empty reports whether the range holds no day.
func (r Range) Empty() bool { return r.To < r.From }

// Days returns how many days the range holds.
func (r Range) Days() int {
	if r.Empty() {
		return 0
	}
	return int(r.To.Time().Sub(r.From.Time())/(24*time.Hour)) + 1
}

// Contains reports whether day lies in the range.
func (r Range) Contains(day schema.Day) bool { return r.From <= day && day <= r.To }

// Clip returns the days that lie in both ranges.
func (r Range) Clip(to Range) Range {
	return Range{From: max(r.From, to.From), To: min(r.To, to.To)}
}

// Day returns the day n days after d.
func Day(d schema.Day, n int) schema.Day { return dayOf(d.Time().AddDate(0, 0, n)) }

// Month returns the whole of a month.
func Month(m schema.Month) Range {
	return Range{From: m.FirstDay(), To: Day(m.Add(1).FirstDay(), -1)}
}

// Months returns n whole months that end with last.
func Months(last schema.Month, n int) Range {
	return Range{From: last.Add(1 - n).FirstDay(), To: Month(last).To}
}

// LastDays returns the n days that end with last.
func LastDays(last schema.Day, n int) Range { return Range{From: Day(last, 1-n), To: last} }

// ParseDay reads the form of a date input: 2026-11-23.
func ParseDay(s string) (schema.Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1970 {
		return 0, fmt.Errorf("%q is not a date of the form 2026-11-23", s)
	}
	return dayOf(t), nil
}

// ParseMonth reads the form 2026-11.
func ParseMonth(s string) (schema.Month, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil || t.Year() < 1970 {
		return 0, fmt.Errorf("%q is not a month of the form 2026-11", s)
	}
	return dayOf(t).Month(), nil
}

func dayOf(t time.Time) schema.Day { return schema.DayOf(t, time.UTC) }

// Comparison is two ranges to set against each other.
type Comparison struct{ Now, Before Range }

// None reports whether there is nothing to compare yet.
func (c Comparison) None() bool { return c.Now.Empty() || c.Before.Empty() }

// AgainstDaysBefore compares the whole days of r with as many days right before r.
func AgainstDaysBefore(r Range, lastWhole schema.Day) Comparison {
	now := Range{From: r.From, To: min(r.To, lastWhole)}
	if now.Empty() {
		return Comparison{Now: now, Before: now}
	}
	return Comparison{Now: now, Before: LastDays(Day(r.From, -1), now.Days())}
}

// AgainstMonthBefore compares a month that is over with the month before, and the whole days of a
// running one with as many first days of the month before: 1–30 March is cut to 1–28 where February
// has no more.
func AgainstMonthBefore(m schema.Month, lastWhole schema.Day) Comparison {
	now, before := Month(m), Month(m.Add(-1))
	if lastWhole >= now.To {
		return Comparison{Now: now, Before: before}
	}
	now.To = lastWhole
	if n := min(now.Days(), before.Days()); n > 0 {
		now.To, before.To = Day(now.From, n-1), Day(before.From, n-1)
	}
	return Comparison{Now: now, Before: before}
}

// AgainstYearBefore compares the whole days of r with the same days a year earlier; what would be
// 29 February there is the 28th.
func AgainstYearBefore(r Range, lastWhole schema.Day) Comparison {
	now := Range{From: r.From, To: min(r.To, lastWhole)}
	if now.Empty() {
		return Comparison{Now: now, Before: now}
	}
	return Comparison{Now: now, Before: Range{From: yearBefore(now.From), To: yearBefore(now.To)}}
}

func yearBefore(d schema.Day) schema.Day {
	y, m, day := d.Date()
	month := schema.Month((y-1)*100 + int(m))
	return min(schema.Day((y-1)*10000+int(m)*100+day), Month(month).To)
}

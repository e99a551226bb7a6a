// Package schema is the contract between Fairlead's components: the domain's types, the click
// record as it lies in a journal, the click id as it travels in a URL, and the names of what
// stands in Redis. The components meet only here and in the stores.
//
// A record that was written by an older version stays readable for ever; a record of a newer
// version is refused by name, never misread.
package schema

import (
	"fmt"
	"strconv"
	"time"
)

// PartnerID identifies a partner; 0 is nobody.
type PartnerID uint32

// LinkID identifies a partner link; 0 is no link (an unknown slug).
type LinkID uint32

// LoginID identifies a person who may log in; 0 is nobody.
type LoginID uint32

func (id PartnerID) String() string { return strconv.FormatUint(uint64(id), 10) }
func (id LinkID) String() string    { return strconv.FormatUint(uint64(id), 10) }
func (id LoginID) String() string   { return strconv.FormatUint(uint64(id), 10) }

// ParsePartnerID reads the decimal form that String writes.
func ParsePartnerID(s string) (PartnerID, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("partner id %q is not a positive number", s)
	}
	return PartnerID(n), nil
}

// Period is a half-open span of time, [From, To), in UTC.
type Period struct{ From, To time.Time }

// Contains reports whether t lies in the period.
func (p Period) Contains(t time.Time) bool { return !t.Before(p.From) && t.Before(p.To) }

// Day is a calendar day in a program's time zone, as yyyymmdd: 20261123.
type Day uint32

// DayOf returns the program-day on which t falls.
func DayOf(t time.Time, zone *time.Location) Day {
	y, m, d := t.In(zone).Date()
	return Day(y*10000 + int(m)*100 + d)
}

// Date splits the day.
func (d Day) Date() (year int, month time.Month, day int) {
	return int(d / 10000), time.Month(d / 100 % 100), int(d % 100)
}

// Time returns midnight UTC of the calendar day: the form in which ClickHouse's Date travels.
func (d Day) Time() time.Time {
	y, m, dd := d.Date()
	return time.Date(y, m, dd, 0, 0, 0, 0, time.UTC)
}

// Period returns the instants that the day covers in zone: 23, 24 or 25 hours across a change of
// the clock. Where the clock skips midnight the day begins with its first existing instant.
func (d Day) Period(zone *time.Location) Period {
	y, m, dd := d.Date()
	return Period{From: startOfDay(y, m, dd, zone), To: startOfDay(y, m, dd+1, zone)}
}

// startOfDay finds the first instant of a calendar day, or of the next one where the day itself was
// skipped (Samoa, 30 December 2011). time.Date may answer with an instant of the day before where
// midnight does not exist (Beirut, Havana), or with the second of two midnights.
func startOfDay(y int, m time.Month, d int, zone *time.Location) time.Time {
	want := DayOf(time.Date(y, m, d, 0, 0, 0, 0, time.UTC), time.UTC)
	t := time.Date(y, m, d, 0, 0, 0, 0, zone).UTC().Truncate(quarter)
	for DayOf(t, zone) < want {
		t = t.Add(quarter)
	}
	for DayOf(t.Add(-quarter), zone) >= want {
		t = t.Add(-quarter)
	}
	return t
}

// quarter is the unit on which midnight falls in every time zone in use.
const quarter = 15 * time.Minute

// QuarterHour returns the start of t's quarter-hour in UTC.
func QuarterHour(t time.Time) time.Time { return t.UTC().Truncate(quarter) }

// Month is a calendar month as yyyymm: 202611.
type Month uint32

// MonthOf returns the calendar month of t in zone.
func MonthOf(t time.Time, zone *time.Location) Month {
	y, m, _ := t.In(zone).Date()
	return Month(y*100 + int(m))
}

// Month returns the month of the day.
func (d Day) Month() Month { return Month(d / 100) }

// Add returns the month n months later.
func (m Month) Add(n int) Month {
	t := time.Date(int(m/100), time.Month(m%100), 1, 0, 0, 0, 0, time.UTC).AddDate(0, n, 0)
	return Month(t.Year()*100 + int(t.Month()))
}

// FirstDay returns the first day of the month.
func (m Month) FirstDay() Day { return Day(m*100 + 1) }

package schema_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"fairlead/schema"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestADayCoversItsHours(t *testing.T) {
	f := func(name string, day schema.Day, wantFrom string, wantHours float64) {
		t.Helper()
		p := day.Period(zone(t, name))
		if got := p.From.Format("2006-01-02 15:04"); got != wantFrom {
			t.Errorf("%d in %s begins at %s UTC, want %s", day, name, got, wantFrom)
		}
		if got := p.To.Sub(p.From).Hours(); got != wantHours {
			t.Errorf("%d in %s has %v hours, want %v", day, name, got, wantHours)
		}
	}
	f("UTC", 20261123, "2026-11-23 00:00", 24)
	f("Asia/Kathmandu", 20261123, "2026-11-22 18:15", 24)
	f("Europe/Berlin", 20260329, "2026-03-28 23:00", 23)
	f("Europe/Berlin", 20261025, "2026-10-24 22:00", 25)
	f("Australia/Lord_Howe", 20261004, "2026-10-03 13:30", 23.5)
	f("Asia/Beirut", 20260329, "2026-03-28 22:00", 23) // 00:00 does not exist: the day begins at 01:00
	f("America/Havana", 20260308, "2026-03-08 05:00", 23)
	f("America/Havana", 20261101, "2026-11-01 04:00", 25) // 00:00 twice: the day begins with the first
	f("Africa/Cairo", 20261029, "2026-10-28 21:00", 25)   // 24:00 becomes 23:00 of the same day
	f("America/Nuuk", 20260328, "2026-03-28 02:00", 23)   // and 22:00 becomes 23:00
	f("Pacific/Apia", 20111229, "2011-12-29 10:00", 24)
	f("Pacific/Apia", 20111230, "2011-12-30 10:00", 0) // Samoa went from the 29th to the 31st
	f("Pacific/Apia", 20111231, "2011-12-30 10:00", 24)
}

// Around every change of the clock from 2012 on. (Before, Newfoundland turned its clocks back one minute after
// midnight, so that a minute of one day lay within another.)
func TestDaysOfEveryZoneFollowEachOther(t *testing.T) {
	from, to := time.Date(2012, 1, 1, 12, 0, 0, 0, time.UTC), time.Date(2037, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range zoneNames() {
		loc := zone(t, name)
		for at := from; at.Before(to); {
			_, change := at.In(loc).ZoneBounds()
			if change.IsZero() || change.After(to) {
				break
			}
			checkDays(t, loc, schema.DayOf(change.AddDate(0, 0, -1), loc), 4)
			at = change
		}
		checkDays(t, loc, schema.DayOf(from, loc), 3)
	}
}

func checkDays(t *testing.T, loc *time.Location, first schema.Day, n int) {
	t.Helper()
	day := first
	for range n {
		p := day.Period(loc)
		y, m, d := day.Date()
		next := schema.DayOf(time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC), time.UTC)
		if after := next.Period(loc); !after.From.Equal(p.To) {
			t.Errorf("%s: %d ends at %v and %d begins at %v", loc, day, p.To, next, after.From)
		}
		if p.From.After(p.To) {
			t.Errorf("%s: %d ends before it begins: %v", loc, day, p)
		}
		for at := p.From; at.Before(p.To); at = at.Add(15 * time.Minute) {
			if got := schema.DayOf(at, loc); got != day || !p.Contains(at) {
				t.Errorf("%s: %v falls on %d, and the period of %d holds it", loc, at, got, day)
			}
		}
		if p.From.Before(p.To) {
			if got := schema.DayOf(p.To.Add(-time.Nanosecond), loc); got != day {
				t.Errorf("%s: the last instant of %d falls on %d", loc, day, got)
			}
		}
		day = next
	}
}

// zoneNames are zones with every kind of rule for their clocks: each continent's, with offsets of
// quarters and halves of an hour, changes at midnight, and days that were skipped.
func zoneNames() []string {
	return []string{
		"UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Lisbon", "Europe/Istanbul", "Europe/Moscow", "Europe/Chisinau",
		"Atlantic/Azores", "America/Scoresbysund", "America/Nuuk", "America/St_Johns", "America/Halifax", "America/New_York", "America/Toronto",
		"America/Chicago", "America/Denver", "America/Los_Angeles", "America/Anchorage", "America/Adak", "America/Mexico_City", "America/Havana",
		"America/Port-au-Prince", "America/Caracas", "America/Bogota", "America/Asuncion", "America/Santiago", "America/Sao_Paulo",
		"America/Argentina/Buenos_Aires", "America/Montevideo", "America/Campo_Grande", "Africa/Casablanca", "Africa/El_Aaiun", "Africa/Cairo",
		"Africa/Tripoli", "Africa/Khartoum", "Africa/Juba", "Africa/Windhoek", "Africa/Lagos", "Africa/Johannesburg", "Asia/Beirut", "Asia/Damascus",
		"Asia/Amman", "Asia/Gaza", "Asia/Hebron", "Asia/Jerusalem", "Asia/Tehran", "Asia/Kabul", "Asia/Karachi", "Asia/Kolkata", "Asia/Kathmandu",
		"Asia/Dhaka", "Asia/Yangon", "Asia/Bangkok", "Asia/Shanghai", "Asia/Pyongyang", "Asia/Tokyo", "Asia/Ulaanbaatar", "Asia/Hovd",
		"Asia/Vladivostok", "Asia/Magadan", "Asia/Sakhalin", "Asia/Chita", "Asia/Almaty", "Australia/Perth", "Australia/Eucla", "Australia/Adelaide",
		"Australia/Sydney", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia", "Pacific/Fiji", "Pacific/Tongatapu",
		"Pacific/Kiritimati", "Pacific/Marquesas", "Pacific/Norfolk", "Pacific/Easter", "Pacific/Bougainville", "Antarctica/Troll",
		"Antarctica/Casey", "Antarctica/Macquarie",
	}
}

func TestMonths(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	at := time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
	if got, want := schema.MonthOf(at, berlin), schema.Month(202701); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	if got, want := schema.DayOf(at, berlin), schema.Day(20270101); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	f := func(m schema.Month, n int, want schema.Month) {
		t.Helper()
		if got := m.Add(n); got != want {
			t.Errorf("%d and %d months: got %d, want %d", m, n, got, want)
		}
	}
	f(202611, 0, 202611)
	f(202611, 1, 202612)
	f(202611, 2, 202701)
	f(202611, -11, 202512)
	f(202601, -1, 202512)
	f(202601, -25, 202312)
	if got, want := schema.Month(202602).FirstDay(), schema.Day(20260201); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	if got, want := schema.Day(20240229).Month(), schema.Month(202402); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	if got, want := schema.Day(20240229).Time(), time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestQuarterHourAndPeriod(t *testing.T) {
	at := time.Date(2026, 11, 23, 5, 29, 59, 999, zone(t, "Asia/Kathmandu"))
	if got, want := schema.QuarterHour(at), time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	p := schema.Period{From: at, To: at.Add(time.Hour)}
	if !p.Contains(p.From) || p.Contains(p.To) || p.Contains(p.From.Add(-1)) || !p.Contains(p.To.Add(-1)) {
		t.Error("a period holds its beginning and not its end")
	}
}

func TestIDsOfPeople(t *testing.T) {
	for _, bad := range []string{"", "0", "-1", "4294967296", "x", "1 ", "٣"} {
		if _, err := schema.ParsePartnerID(bad); err == nil {
			t.Errorf("%q is taken for a partner's id", bad)
		}
		if _, err := schema.ParseLinkID(bad); err == nil {
			t.Errorf("%q is taken for a link's id", bad)
		}
	}
	if p, err := schema.ParsePartnerID("4294967295"); err != nil || p.String() != "4294967295" {
		t.Errorf("got %v, %v", p, err)
	}
	if l, err := schema.ParseLinkID("7"); err != nil || l.String() != "7" {
		t.Errorf("got %v, %v", l, err)
	}
	if got := schema.LoginID(9).String(); got != "9" {
		t.Errorf("got %s", got)
	}
}

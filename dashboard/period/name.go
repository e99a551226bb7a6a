package period

import (
	"fmt"
	"strings"
	"time"

	"fairlead/schema"
)

// String names the range as short as it can be told apart: "1–22 October 2026", "3 September – 2
// October 2026", "1 December 2025 – 23 November 2026".
func (r Range) String() string { return r.format("January") }

// Short is String with the months cut to three letters.
func (r Range) Short() string { return r.format("Jan") }

func (r Range) format(month string) string {
	from, to := r.From.Time(), r.To.Time()
	switch {
	case r.Empty():
		return "–"
	case r.From == r.To:
		return to.Format("2 " + month + " 2006")
	case r == Month(r.From.Month()):
		return to.Format(month + " 2006")
	case r.From.Month() == r.To.Month():
		return fmt.Sprintf("%d–%s", from.Day(), to.Format("2 "+month+" 2006"))
	case from.Year() == to.Year():
		return from.Format("2 "+month) + " – " + to.Format("2 "+month+" 2006")
	default:
		return from.Format("2 "+month+" 2006") + " – " + to.Format("2 "+month+" 2006")
	}
}

// ISO writes a day as 2026-11-23.
func ISO(d schema.Day) string { return d.Time().Format(time.DateOnly) }

// ISOMonth writes a month as 2026-11.
func ISOMonth(m schema.Month) string { return m.FirstDay().Time().Format("2006-01") }

// MonthName writes a month as "November 2026".
func MonthName(m schema.Month) string { return m.FirstDay().Time().Format("January 2006") }

// DayLabel writes a day as "Mon 23 Nov 2026".
func DayLabel(d schema.Day) string { return d.Time().Format("Mon 2 Jan 2006") }

// DayName writes a day as "Monday 23 November 2026".
func DayName(d schema.Day) string { return d.Time().Format("Monday 2 January 2006") }

// Zone names a time zone for people: "Toronto time" for America/Toronto, "UTC" for UTC.
func Zone(zone *time.Location) string {
	name := zone.String()
	area, city, ok := strings.Cut(name, "/")
	if !ok || area == "Etc" {
		return name
	}
	if i := strings.LastIndexByte(city, '/'); i >= 0 {
		city = city[i+1:]
	}
	return strings.ReplaceAll(city, "_", " ") + " time"
}

package period

import (
	"fmt"
	"net/url"

	"fairlead/schema"
)

// Preset is a span that a page offers by name; its text stands in the URL.
type Preset string

// The presets. Custom is any range, given by its two days.
const (
	Past12Months Preset = "12-months"
	ThisMonth    Preset = "this-month"
	LastMonth    Preset = "last-month"
	Past30Days   Preset = "30-days"
	Past7Days    Preset = "7-days"
	Custom       Preset = "custom"
)

// Presets lists the named presets in the order in which pages offer them.
func Presets() []Preset { return []Preset{Past12Months, ThisMonth, LastMonth, Past30Days, Past7Days} }

// Label names the preset for people.
func (p Preset) Label() string {
	switch p {
	case Past12Months:
		return "Past 12 months"
	case ThisMonth:
		return "This month"
	case LastMonth:
		return "Last month"
	case Past30Days:
		return "Past 30 days"
	case Past7Days:
		return "Past 7 days"
	}
	return "Own range"
}

// Longest is how many days a custom range may have: two leap years' worth.
const Longest = 732

// Choice is the span that a page was asked for.
type Choice struct {
	Preset Preset
	Range  Range
	today  schema.Day
}

// Choose reads the span from a page's query: preset, or from and to. Nothing given means the past
// 12 months: the running month and the eleven before it. The error is a sentence for people.
func Choose(q url.Values, today schema.Day) (Choice, error) {
	c := Choice{Preset: Preset(q.Get("period")), today: today}
	if q.Get("from") != "" || q.Get("to") != "" {
		c.Preset = Custom
	}
	month := today.Month()
	switch c.Preset {
	case "", Past12Months:
		c.Preset, c.Range = Past12Months, Months(month, 12)
	case ThisMonth:
		c.Range = Month(month)
	case LastMonth:
		c.Range = Month(month.Add(-1))
	case Past30Days:
		c.Range = LastDays(today, 30)
	case Past7Days:
		c.Range = LastDays(today, 7)
	case Custom:
		return c.custom(q.Get("from"), q.Get("to"))
	default:
		return Choice{}, fmt.Errorf("there is no period %q; choose one of the list", string(c.Preset))
	}
	c.Range.To = min(c.Range.To, today)
	return c, nil
}

func (c Choice) custom(from, to string) (Choice, error) {
	var err error
	if c.Range.From, err = ParseDay(from); err != nil {
		return Choice{}, fmt.Errorf("the first day: %w", err)
	}
	if c.Range.To, err = ParseDay(to); err != nil {
		return Choice{}, fmt.Errorf("the last day: %w", err)
	}
	if c.Range.Empty() {
		return Choice{}, fmt.Errorf("the last day, %s, lies before the first, %s", to, from)
	}
	if c.Range.From > c.today {
		return Choice{}, fmt.Errorf("the first day, %s, is still to come", from)
	}
	c.Range.To = min(c.Range.To, c.today)
	if n := c.Range.Days(); n > Longest {
		return Choice{}, fmt.Errorf("a range has at most %d days, this one has %d", Longest, n)
	}
	return c, nil
}

// Query is the part of a URL that asks for the choice again.
func (c Choice) Query() url.Values {
	if c.Preset == Custom {
		return url.Values{"from": {ISO(c.Range.From)}, "to": {ISO(c.Range.To)}}
	}
	return url.Values{"period": {string(c.Preset)}}
}

// ByMonth reports whether the span is long enough to be told by months.
func (c Choice) ByMonth() bool { return c.Range.Days() > 62 }

// Compare returns what the choice is set against.
func (c Choice) Compare(lastWhole schema.Day) Comparison {
	switch c.Preset {
	case Past12Months:
		return AgainstYearBefore(c.Range, lastWhole)
	case ThisMonth, LastMonth:
		return AgainstMonthBefore(c.Range.From.Month(), lastWhole)
	}
	return AgainstDaysBefore(c.Range, lastWhole)
}

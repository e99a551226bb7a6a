package templates

import (
	"fmt"
	"math/bits"
	"strconv"

	"fairlead/schema"
)

// Count is a number as pages write it: 1,234,567.
type Count uint64

func (c Count) String() string { return separated(strconv.FormatUint(uint64(c), 10)) }

// separated puts commas between the thousands of a number's digits.
func separated(digits string) string {
	out := make([]byte, 0, len(digits)+len(digits)/3)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, digits[i])
	}
	return string(out)
}

// Of returns the count with its noun: "1 click", "2,000 clicks".
func (c Count) Of(one, many string) string {
	if c == 1 {
		return "1 " + one
	}
	return c.String() + " " + many
}

// Figure is a count that may not be known: before the beginning, or of a day that is still to come.
type Figure struct {
	Count Count
	Known bool
}

// Known returns a figure that is known.
func Known(n uint64) Figure { return Figure{Count: Count(n), Known: true} }

func (f Figure) String() string {
	if !f.Known {
		return "–"
	}
	return f.Count.String()
}

// Direction is where a figure went.
type Direction string

// The directions; None where there is nothing to compare with.
const (
	None Direction = ""
	Up   Direction = "up"
	Down Direction = "down"
	Same Direction = "same"
)

// Change is a figure set against an earlier one.
type Change struct {
	Direction Direction
	Text      string // "12.4%", "3×"; "–" where there is nothing to compare with
	Against   string // "1–22 October"
	Detail    string // the sentence behind it, with both figures
}

// NewChange compares now with before, which write says in words. spanNow and spanBefore name what was counted.
func NewChange(now, before int64, write func(int64) string, spanNow, spanBefore, against string) Change {
	c := Change{
		Against: against,
		Detail:  fmt.Sprintf("%s: %s; %s: %s", spanNow, write(now), spanBefore, write(before)),
	}
	switch {
	case before <= 0: // a share of nothing, or of a loss, says nothing
		c.Text = "–"
	case now == before:
		c.Direction, c.Text = Same, "0%"
	case now > before:
		c.Direction, c.Text = Up, changeText(uint64(now-before), uint64(before))
	default:
		c.Direction, c.Text = Down, changeText(uint64(before-now), uint64(before))
	}
	return c
}

// changeText writes diff/base in percent with one digit below 10%, as a factor from tenfold on.
func changeText(diff, base uint64) string {
	permille := mulDiv(diff, 1000, base)
	switch {
	case permille == 0:
		return "<0.1%"
	case permille < 100:
		return fmt.Sprintf("%d.%d%%", permille/10, permille%10)
	case permille < 9000:
		return fmt.Sprintf("%d%%", (permille+5)/10)
	}
	return Count(permille/1000+1).String() + "×"
}

// mulDiv returns a·b/c without overflow of the product, at most the largest uint64.
func mulDiv(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return 1<<64 - 1
	}
	q, _ := bits.Div64(hi, lo, c)
	return q
}

// Words says the change for those who do not see the arrow.
func (c Change) Words() string {
	switch c.Direction {
	case Up:
		return "up by " + c.Text
	case Down:
		return "down by " + c.Text
	case Same:
		return "unchanged"
	}
	return "no comparison"
}

// Tone returns the class of the tag that shows a partner's state.
func Tone(s schema.PartnerStatus) string {
	switch s {
	case schema.PartnerActive:
		return "accent"
	case schema.PartnerSuspended, schema.PartnerDeclined:
		return "bad"
	}
	return "warn"
}

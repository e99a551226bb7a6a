package chart

import (
	"math"
	"strings"
	"testing"
)

func known(values ...int64) []Point {
	var ps []Point
	for _, v := range values {
		ps = append(ps, Point{Value: v, Known: true})
	}
	return ps
}

func TestGridEndsOnRoundNumbers(t *testing.T) {
	f := func(highest int64, want string) {
		t.Helper()
		var got []string
		for _, tick := range NewBars(known(highest), 200, 0).Ticks {
			got = append(got, tick.Label)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("up to %d: %q, want %q", highest, s, want)
		}
	}
	f(0, "4 3 2 1 0")
	f(1, "4 3 2 1 0")
	f(5, "8 6 4 2 0")
	f(9, "12 9 6 3 0")
	f(99, "100 75 50 25 0")
	f(101, "120 90 60 30 0")
	f(870, "1k 750 500 250 0")
	f(1_900, "2k 1.5k 1k 500 0")
	f(21_000, "24k 18k 12k 6k 0")
	f(4_800_000, "6M 4.5M 3M 1.5M 0")
}

func TestGridReachesBelowZero(t *testing.T) {
	f := func(highest, lowest int64, decimals int, zero int, want string) {
		t.Helper()
		c := NewBars(known(highest, lowest), 200, decimals)
		var got []string
		for _, tick := range c.Ticks {
			got = append(got, tick.Label)
		}
		if s := strings.Join(got, " "); s != want || c.Zero != zero {
			t.Errorf("from %d to %d: %q with zero at %d, want %q and %d", lowest, highest, s, c.Zero, want, zero)
		}
	}
	f(100, -1, 0, 150, "120 80 40 0 −40")
	f(0, -100, 0, 0, "0 −25 −50 −75 −100")
	f(50, -50, 0, 100, "50 25 0 −25 −50")
	f(123_456, 0, 2, 200, "1.6k 1.2k 800 400 0") // 1,234.56 of a currency with two digits
	f(3, 0, 2, 200, "0.04 0.03 0.02 0.01 0")
	f(123_456, -40_000, 2, 150, "1.5k 1k 500 0 −500")
	f(math.MaxInt64, math.MinInt64+1, 0, 100, "9223372.036854776T 4611686.018427388T 0 −4611686.018427388T −9223372.036854776T")
}

func TestBarsBelowZeroHangFromIt(t *testing.T) {
	c := NewBars(known(75, -25), 200, 0)
	up, down := c.Bars[0], c.Bars[1]
	if c.Zero != 150 || c.Depth() != 50 || up.Below || up.Y != 0 || up.RoundHeight != 150+round {
		t.Errorf("zero at %d, %d below it, the bar above %+v", c.Zero, c.Depth(), up)
	}
	if !down.Below || down.Y != -round || down.RoundHeight != 50+round {
		t.Errorf("the bar below %+v", down)
	}
	l := NewLine(known(10, -10), 26)
	if want := "M0 3.0L10 23.0L10 13L0 13Z"; l.Area != want {
		t.Errorf("area %q, want %q", l.Area, want)
	}
}

func TestBarsStayInThePlot(t *testing.T) {
	for _, n := range []int{1, 12, 31, 62} {
		for _, v := range []int64{0, 1, 7, 1_000_003, math.MaxInt64} {
			points := known(v)
			for len(points) < n {
				points = append(points, Point{})
			}
			c := NewBars(points, 180, 0)
			if len(c.Bars) != n {
				t.Fatalf("%d points: %d bars", n, len(c.Bars))
			}
			b := c.Bars[0]
			if b.Y < 0 || b.Y+b.RoundHeight != 180+round {
				t.Errorf("%d: bar from %d, %d high, in a plot of 180", v, b.Y, b.RoundHeight)
			}
			if v > 0 && b.Y > 178 {
				t.Errorf("%d: bar cannot be seen", v)
			}
		}
	}
	if got := NewBars(nil, 180, 0); len(got.Bars) != 0 || len(got.Ticks) != 5 {
		t.Errorf("no points: %+v", got)
	}
}

func TestBarIsAsHighAsItsShare(t *testing.T) {
	c := NewBars(known(50, 100, 25), 200, 0)
	for i, want := range []int{100, 0, 150} {
		if c.Bars[i].Y != want {
			t.Errorf("bar %d begins at %d, want %d", i, c.Bars[i].Y, want)
		}
	}
	if b := c.Bars[1]; b.ColumnX != "33.333%" || b.Middle != "50%" || b.X != "38.333%" || b.Width != "23.333%" {
		t.Errorf("second of three: %+v", b)
	}
}

func TestLineBreaksWhereNothingIsKnown(t *testing.T) {
	ps := known(0, 10, 5, 10)
	ps[2].Known = false
	l := NewLine(ps, 26)
	if want := "M0 23.0L10 3.0M30 3.0"; l.Stroke != want {
		t.Errorf("stroke %q, want %q", l.Stroke, want)
	}
	if want := "M0 23.0L10 3.0L10 26L0 26ZM30 3.0L30 26L30 26Z"; l.Area != want {
		t.Errorf("area %q, want %q", l.Area, want)
	}
	if l.Width != 30 || l.EndX != "100%" || l.EndY != "11.538%" {
		t.Errorf("width %d, end %s %s", l.Width, l.EndX, l.EndY)
	}
	ps = known(0, 10, 5)
	ps[2].Unfinished = true
	if l := NewLine(ps, 26); l.Stroke != "M0 23.0L10 3.0" || l.Tail != "M10 3.0L20 13.0" || l.EndX != "100%" {
		t.Errorf("a day that is not over: stroke %q, tail %q, end %s", l.Stroke, l.Tail, l.EndX)
	}
	if none := NewLine(make([]Point, 30), 26); none.Stroke != "" || none.Area != "" || none.EndX != "" {
		t.Errorf("nothing known: %+v", none)
	}
	if zero := NewLine(known(0, 0), 26); zero.Stroke != "M0 23.0L10 23.0" {
		t.Errorf("zeros: %q", zero.Stroke)
	}
}

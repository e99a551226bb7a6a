// Package chart lays out bars and lines for SVG: numbers in, coordinates out. It draws nothing: the
// templates do, and the colours are the style sheet's.
//
// Across, bars are placed in percent and down in pixels, so that a chart fills any width while its
// text and strokes keep their size, without a script.
package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Point is one value of a series.
type Point struct {
	Value int64
	// Known is false where there is no data: before the beginning, or still to come.
	Known bool
	// Unfinished marks a period that is still running.
	Unfinished bool
	Label      string // below the axis; empty: none
	Sub        string // below the label
	Title      string // the tooltip, with its year
}

// Bars is a bar chart.
type Bars struct {
	Height int    // of the plot, without labels
	Zero   int    // where zero lies, from the top: at the bottom, unless values lie below zero
	Ticks  []Tick // from the top down
	Bars   []Bar
}

// Tick is a line of the grid.
type Tick struct {
	Y     int
	Label string
}

// Bar is one bar: X and Width in percent, Y and RoundHeight in pixels. The column around it takes the
// pointer. RoundHeight reaches beyond zero, where it is cut, so that only the far end is round. The Y of a bar below
// zero counts from zero.
type Bar struct {
	Point
	ColumnX, ColumnWidth, X, Width, Middle string
	Y, RoundHeight                         int
	Below                                  bool
}

const (
	intervals = 4
	round     = 4 // pixels by which a bar reaches beyond zero
)

// Depth is how much of the plot lies below zero.
func (c Bars) Depth() int { return c.Height - c.Zero }

// Full is the height with the two lines of labels below the plot.
func (c Bars) Full() int { return c.Height + 40 }

// LabelY and SubY are the baselines of the two lines of labels.
func (c Bars) LabelY() int { return c.Height + 19 }
func (c Bars) SubY() int   { return c.Height + 34 }

// NewBars lays out the points over the given height in pixels. The grid's labels have the given decimals: values of
// amounts of money are in minor units.
func NewBars(points []Point, height, decimals int) Bars {
	step, below := niceGrid(points)
	bottom := -int64(below) * step
	span := float64(intervals) * float64(step)
	c := Bars{Height: height, Zero: height - height*below/intervals}
	for i := intervals; i >= 0; i-- {
		c.Ticks = append(c.Ticks, Tick{
			Y:     height - height*i/intervals,
			Label: tickLabel(bottom+step*int64(i), decimals),
		})
	}
	column := 100 / float64(max(len(points), 1))
	gap := 0.3
	if len(points) > 31 {
		gap = 0.2
	}
	for i, p := range points {
		x := column * float64(i)
		h := 0
		if p.Known && p.Value != 0 {
			h = max(int(math.Abs(float64(p.Value))/span*float64(height)+0.5), 2) // the least that can be seen
		}
		b := Bar{
			Point:       p,
			ColumnX:     percent(x),
			ColumnWidth: percent(column),
			X:           percent(x + column*gap/2),
			Width:       percent(column * (1 - gap)),
			Middle:      percent(x + column/2),
			Y:           c.Zero - h,
			RoundHeight: h + round,
		}
		if p.Value < 0 {
			b.Y, b.Below = -round, true
		}
		c.Bars = append(c.Bars, b)
	}
	return c
}

// Line is a sparkline in a box of its own units, stretched to whatever width it is given.
type Line struct {
	Width, Height int
	Stroke, Area  string // path data
	Tail          string // path data of the way to a point that is not finished
	EndX, EndY    string // of the last known point, in percent
	Points        []Point
}

const step = 10

// NewLine lays out the points in a box of the given height. Where a value is not known the line
// breaks.
func NewLine(points []Point, height int) Line {
	l := Line{Width: max((len(points)-1)*step, step), Height: height, Points: points}
	const inset = 3 // room for half a stroke at the top and the bottom
	top, bottom := int64(1), int64(0)
	for _, p := range points {
		if p.Known {
			top, bottom = max(top, p.Value), min(bottom, p.Value)
		}
	}
	span := float64(top) - float64(bottom)
	at := func(v int64) float64 {
		return float64(height-inset) - (float64(v)-float64(bottom))/span*float64(height-2*inset)
	}
	ground := height // the area reaches down to the edge, or to zero where values lie below it
	if bottom < 0 {
		ground = int(at(0) + 0.5)
	}
	var stroke, tail, area strings.Builder
	var from string // the point before, where a tail begins
	start := -1
	end := func(last int) {
		if start >= 0 {
			fmt.Fprintf(&area, "L%d %dL%d %dZ", last*step, ground, start*step, ground)
			start = -1
		}
	}
	for i, p := range points {
		if !p.Known {
			end(i - 1)
			continue
		}
		y := at(p.Value)
		move := "L"
		if start < 0 {
			start, move, from = i, "M", ""
		}
		point := fmt.Sprintf("%d %.1f", i*step, y)
		area.WriteString(move + point)
		switch {
		case !p.Unfinished:
			stroke.WriteString(move + point)
		case from != "":
			tail.WriteString("M" + from + "L" + point)
		}
		from = point
		l.EndX, l.EndY = percent(float64(i*step)/float64(l.Width)*100), percent(y/float64(height)*100)
	}
	end(len(points) - 1)
	l.Stroke, l.Tail, l.Area = stroke.String(), tail.String(), area.String()
	return l
}

// niceGrid returns how far the lines of the grid lie apart, a round number, and how many of the intervals lie below
// zero, so that every point is held and the grid is as fine as can be.
func niceGrid(points []Point) (step int64, below int) {
	var highest, lowest int64
	for _, p := range points {
		if p.Known {
			highest, lowest = max(highest, p.Value), min(lowest, p.Value)
		}
	}
	for unit := int64(1); unit <= 1e16; unit *= 10 {
		for _, percent := range []int64{100, 150, 200, 250, 300, 400, 500, 600, 800} {
			if step = unit * percent / 100; unit*percent%100 != 0 {
				continue
			}
			if below = parts(-lowest, step); below+parts(highest, step) <= intervals {
				return step, below
			}
		}
	}
	// Beyond every round number: a quarter of the largest that there can be.
	if lowest < 0 {
		return math.MaxInt64 / 2, 2
	}
	return math.MaxInt64 / intervals, 0
}

// parts is how many steps it takes to hold a value.
func parts(v, step int64) int {
	switch {
	case v < 0: // the negative of the least there is
		return intervals + 1
	case v == 0:
		return 0
	}
	return int(min((v-1)/step+1, intervals+1))
}

// tickLabel writes a round number in little room: 750, 1.5k, 20k, 1.25M; one of minor units in main ones.
func tickLabel(v int64, decimals int) string {
	main := float64(v) / math.Pow10(decimals)
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(main) >= u.size {
			return minus(strconv.FormatFloat(main/u.size, 'f', -1, 64)) + u.name
		}
	}
	return minus(strconv.FormatFloat(main, 'f', -1, 64))
}

// minus writes a number's hyphen as the minus sign that it is.
func minus(s string) string { return strings.Replace(s, "-", "−", 1) }

func percent(v float64) string {
	return strconv.FormatFloat(float64(int(v*1000+0.5))/1000, 'f', -1, 64) + "%"
}

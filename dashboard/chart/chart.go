// Package chart lays out bars and lines for SVG: numbers in, coordinates out. It draws nothing: the
// templates do, and the colours are the style sheet's.
//
// Across, bars are placed in percent and down in pixels, so that a chart fills any width while its
// text and strokes keep their size, without a script.
package chart

import (
	"fmt"
	"strconv"
	"strings"
)

// Point is one value of a series.
type Point struct {
	Value uint64
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
	Ticks  []Tick // from the top down to zero
	Bars   []Bar
}

// Tick is a line of the grid.
type Tick struct {
	Y     int
	Label string
}

// Bar is one bar: X and Width in percent, Y and Height in pixels. The column around it takes the
// pointer. RoundHeight reaches below the plot, where it is cut, so that only the top is round.
type Bar struct {
	Point
	ColumnX, ColumnWidth, X, Width, Middle string
	Y, RoundHeight                         int
}

const (
	intervals = 4
	round     = 4 // pixels by which a bar reaches below the plot
)

// Full is the height with the two lines of labels below the plot.
func (c Bars) Full() int { return c.Height + 40 }

// LabelY and SubY are the baselines of the two lines of labels.
func (c Bars) LabelY() int { return c.Height + 19 }
func (c Bars) SubY() int   { return c.Height + 34 }

// NewBars lays out the points over the given height in pixels.
func NewBars(points []Point, height int) Bars {
	top := niceTop(points)
	c := Bars{Height: height}
	for i := intervals; i >= 0; i-- {
		c.Ticks = append(c.Ticks, Tick{
			Y:     height - height*i/intervals,
			Label: tickLabel(top / intervals * uint64(i)),
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
		if p.Known && p.Value > 0 {
			h = max(int(float64(p.Value)/float64(top)*float64(height)+0.5), 2) // the least that can be seen
		}
		c.Bars = append(c.Bars, Bar{
			Point:       p,
			ColumnX:     percent(x),
			ColumnWidth: percent(column),
			X:           percent(x + column*gap/2),
			Width:       percent(column * (1 - gap)),
			Middle:      percent(x + column/2),
			Y:           height - h,
			RoundHeight: h + round,
		})
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
	var top uint64 = 1
	for _, p := range points {
		top = max(top, p.Value)
	}
	var stroke, tail, area strings.Builder
	var from string // the point before, where a tail begins
	start := -1
	end := func(last int) {
		if start >= 0 {
			fmt.Fprintf(&area, "L%d %dL%d %dZ", last*step, height, start*step, height)
			start = -1
		}
	}
	for i, p := range points {
		if !p.Known {
			end(i - 1)
			continue
		}
		y := float64(height-inset) - float64(p.Value)/float64(top)*float64(height-2*inset)
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

// niceTop returns the value at the top of the grid: the smallest round number that holds every point
// and whose quarters are whole.
func niceTop(points []Point) uint64 {
	var highest uint64
	for _, p := range points {
		highest = max(highest, p.Value)
	}
	for unit := uint64(1); unit <= 1e15; unit *= 10 {
		for _, tenths := range []uint64{10, 12, 16, 20, 24, 32, 40, 60, 80} {
			top := unit * tenths / 10
			if unit*tenths%10 == 0 && top%intervals == 0 && top >= highest {
				return top
			}
		}
	}
	return highest
}

// tickLabel writes a round number in little room: 750, 1.5k, 20k, 1.25M.
func tickLabel(v uint64) string {
	for _, u := range []struct {
		size uint64
		name string
	}{{1e9, "B"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= u.size {
			return strconv.FormatFloat(float64(v)/float64(u.size), 'f', -1, 64) + u.name
		}
	}
	return strconv.FormatUint(v, 10)
}

func percent(v float64) string {
	return strconv.FormatFloat(float64(int(v*1000+0.5))/1000, 'f', -1, 64) + "%"
}

package templates

import "fairlead/dashboard/chart"

// Frame is what every page has around it.
type Frame struct {
	Title   string // of the window, without the program's name
	Program string
	Demo    bool
	Theme   Theme
	Path    string // of this page, where a change of theme leads back to
}

// Theme is how light the page is; the zero value follows the device.
type Theme string

// The themes.
const (
	ThemeAuto  Theme = "auto"
	ThemeLight Theme = "light"
	ThemeDark  Theme = "dark"
)

// Shell is the frame of somebody who is logged in: navigation and account.
type Shell struct {
	Frame
	Heading string
	Nav     []NavItem
	Name    string
	Initial string // of the name
	Email   string
	Fresh   Freshness
}

// NavItem is an entry of the navigation.
type NavItem struct {
	Label, Href string
	Icon        string // "home", "reporting", "links", "partners"
	Current     bool
}

// Freshness says up to when the figures are complete.
type Freshness struct {
	Text    string // "Complete up to 14:05, Toronto time"; empty: this page has no figures
	Machine string // the moment for <time>; empty: none yet
	Late    bool
}

// ShareLink is a link with what it takes to copy it.
type ShareLink struct {
	Name     string // what people read: without the scheme
	URL      string
	To       string // where it leads
	Personal bool
	State    string // "", "disabled", "expired"
}

// Home is a partner's first page.
type Home struct {
	Shell
	Link  ShareLink
	Today Figure
	// TodayText is what stands below today's number.
	TodayText string
	Month     Tile
	Year      Tile
	// Away is set while the figures cannot be read; the link and today's number may still be there.
	Away bool
	// FirstDay is set until the first click: three steps stand where the figures will be.
	FirstDay   bool
	Chart      BarChart
	MonthTable Table // what the chart shows
	Trend      Trend
	DayTable   Table // what the trend shows
	TopLinks   []TopLink
	NotCounted NotCounted
	Zone       string
}

// BarChart is a bar chart with what it says in a sentence.
type BarChart struct {
	chart.Bars
	Text string
}

// Trend is a line of days with its total.
type Trend struct {
	chart.Line
	Text   string // the line in a sentence
	Total  Figure
	Change Change
	First  string // its first day
	Last   string
}

// Table is figures by month or day behind a chart, newest first.
type Table struct {
	Title string
	Head  string // "Month" or "Day"
	Rows  []Row
}

// Tile is a figure with its comparison.
type Tile struct {
	Clicks   Figure
	Visitors Figure
	Change   Change
}

// TopLink is a line of the list of links that were clicked most.
type TopLink struct {
	Name   string
	Href   string
	To     string
	Clicks Count
	Share  string // of the first one's clicks, in percent, as the bar's width
}

// NotCounted is what stands beside the clicks: hits that were not people following a link.
type NotCounted struct {
	Span    string
	Total   Count
	Reasons []Reason
}

// Reason is why hits were not counted.
type Reason struct {
	Label string
	Count Count
	Text  string // what that is, for people
}

// Row is a line of a table of figures: a month or a day.
type Row struct {
	Label      string
	Machine    string // 2026-11 or 2026-11-23
	Clicks     Figure
	Visitors   Figure
	NotCounted Figure
	Unfinished bool
	Day        bool   // a day below its month
	Open       bool   // the month's days stand below it
	Href       string // opens or closes the month's days; empty: nothing to open
}

// Reporting is the figures over a span of time.
type Reporting struct {
	Shell
	Presets    []Preset
	From, To   string // of the date inputs
	Last       string // the latest day that may be asked for
	Span       string
	Alert      string // what is wrong with the span asked for
	Away       bool
	Tiles      []ReportTile
	Chart      BarChart
	Unit       string // "month" or "day"
	RowHead    string // "Month" or "Day"
	Rows       []Row
	Total      Row
	CSV        string // address of the same rows as CSV
	NotCounted NotCounted
	Zone       string
}

// Preset is a span offered by name.
type Preset struct {
	Label, Href string
	Current     bool
}

// ReportTile is a total of the span.
type ReportTile struct {
	Label  string
	Quiet  bool // more of it is neither good nor bad
	Figure Figure
	Change Change
}

// Links is the list of a partner's links.
type Links struct {
	Shell
	Links []LinkRow
	Span  string
	Away  bool
	Next  string // address of the next page; empty: none
	First string // address of the first page; empty: this is it
}

// LinkRow is a link with its figures.
type LinkRow struct {
	ShareLink
	Created  string
	Clicks   Figure
	Visitors Figure
	All      Figure // clicks of the past 12 months
}

// Partners is the team's overview.
type Partners struct {
	Shell
	Clicks, Visitors Figure // of all partners, this month
	Active           Figure // partners with clicks this month
	MonthName        string
	Partners         []PartnerRow
	Search           string
	Next             string // address of the next page; empty: none
	First            string // address of the first page; empty: this is it
}

// PartnerRow is a partner with this month's figures.
type PartnerRow struct {
	Name, Email string
	Status      string
	Tone        string // class of the status' tag
	Link        ShareLink
	Clicks      Figure
	Visitors    Figure
	NotCounted  Figure
}

// Login is the page to log in on.
type Login struct {
	Frame
	Email string
	Next  string
	Alert string
	Note  string
}

// Password is the page on which an invited person chooses a password.
type Password struct {
	Frame
	Action   string // "/invite" or "/setup"
	Code     string
	Email    string
	AskEmail bool // the first admin chooses the address too
	Alert    string
	Admin    bool
}

// Problem is a page for what went wrong.
type Problem struct {
	Frame
	Status  int
	Heading string
	Text    string
	Action  string // label of the way on; empty: none
	Href    string
}

func (Home) template() string      { return "home" }
func (Reporting) template() string { return "reporting" }
func (Links) template() string     { return "links" }
func (Partners) template() string  { return "partners" }
func (Login) template() string     { return "login" }
func (Password) template() string  { return "password" }
func (Problem) template() string   { return "problem" }

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
	Icon        string // "home", "reporting", "links", "payouts", "partners"
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
	Month     []Tile // of the running month
	// Commissions are what was earned, and where it stands.
	Commissions []Standing
	// Away is set while the figures cannot be read; the link and today's number may still be there.
	Away bool
	// FirstDay is set until the first click: three steps stand where the figures will be.
	FirstDay   bool
	Year       []Tile // of the past 12 months; they choose what Chart and Trend show
	Shown      string // what these show: "Clicks", "Sold"
	ShownIn    string // the currency of amounts
	Chart      BarChart
	MonthTable Table // what the chart shows
	Trend      Trend
	DayTable   Table // what the trend shows
	TopLinks   []TopLink
	NotCounted NotCounted
	Undecided  []Reason
	Zone       string
	Currency   string
}

// BarChart is a bar chart with what it says in a sentence.
type BarChart struct {
	chart.Bars
	Text string
}

// Trend is a line of days with its total.
type Trend struct {
	chart.Line
	Text  string // the line in a sentence
	Tile  Tile   // its total
	First string // its first day
	Last  string
}

// Table is figures by month or day, newest first.
type Table struct {
	Title    string
	Head     string // "Month" or "Day"
	Currency string
	Opened   bool // sales, gross and refunds have columns of their own
	Rows     []Row
	Total    Row
}

// Tile is a figure with its comparison.
type Tile struct {
	Label   string
	Href    string // where the tile chooses what a chart shows; empty: it does not
	Current bool   // the chart shows it
	Number  string
	Unit    string // the currency of an amount
	Beside  string
	Sold    []Part // what an amount was made of
	Change  Change
}

// Standing is money of a partner's that stands somewhere.
type Standing struct {
	Label      string
	Unfinished bool // of the running month
	Amount     Money
	Text       string // what that means
}

// Part is a part of an amount.
type Part struct{ Label, Amount string }

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
	Referred   Figure
	Sales      Figure
	Gross      Money // what the sales brought
	Refunded   Money // what was taken back of it
	Sold       Money // the rest
	Paid       Money // of the rewards that were earned then
	Pending    Money // likewise
	NotCounted Figure
	Opened     bool // sales, gross and refunds stand in columns of their own
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
	Tiles      []Tile // they choose what the chart shows
	Shown      string // what it shows: "Clicks", "Sold"
	ShownIn    string // the currency of amounts
	Chart      BarChart
	Unit       string // "month" or "day"
	Table      Table
	Opener     string // address of the same page with sales, gross and refunds in columns, or without
	CSV        string // address of the same rows as CSV
	NotCounted NotCounted
	Undecided  []Reason
	Zone       string
	Currency   string
}

// Preset is a span offered by name.
type Preset struct {
	Label, Href string
	Current     bool
}

// Links is the list of a partner's links.
type Links struct {
	Shell
	Spans    []Preset
	Span     string
	Links    []LinkRow
	Unlinked *LinkRow // what came by no link; nil: nothing
	Away     bool
	Currency string
	Next     string // address of the next page; empty: none
	First    string // address of the first page; empty: this is it
}

// LinkRow is a link with its figures.
type LinkRow struct {
	ShareLink
	Created  string
	Clicks   Figure
	Visitors Figure
	Referred Figure
	Sold     Money
}

// Payouts is what a partner is owed, how it is paid, and what was paid.
type Payouts struct {
	Shell
	Away     bool
	Balances []Standing
	Next     string   // the next payout day
	Expected []string // what is paid then, or carried over; a sentence a currency
	Method   PayoutMethod
	Rewards  []RewardRow
	Payouts  []PayoutRow
	Zone     string
	// MoreRewards and MorePayouts are the addresses of the next pages, FirstRewards and FirstPayouts of the first ones; empty:
	// there is none, or this is it.
	MoreRewards, FirstRewards string
	MorePayouts, FirstPayouts string
}

// PayoutMethod is how a partner is paid.
type PayoutMethod struct {
	To          string // masked; empty: nowhere yet
	State, Tone string // whether that can be used, and the class of the tag that shows it; empty: it can
	Text        string // what that means, and what to do
	Action      string // label of what the partner can do here; empty: nothing
	Href        string
}

// PayByStripe is the page from which a partner goes to Stripe.
type PayByStripe struct {
	Shell
	Alert string
	Note  string
	Link  string // to Stripe; empty: the password is asked for first
}

// RewardRow is a reward that is in no payout.
type RewardRow struct {
	Earned, Machine string // the day
	What            string
	State, Tone     string
	When            string // when it becomes payable
	Amount          string
}

// PayoutRow is a payout.
type PayoutRow struct {
	When, Machine string // the day of its last step
	To            string
	State, Tone   string
	Text          string // what the state means
	Amount        string
	Statement     string // address of the statement; empty: there is none
	CSV           string // of the same as CSV
}

// Partners is the team's overview.
type Partners struct {
	Shell
	Tiles      []Tile // of all partners, this month
	Looks      []Look
	MonthName  string
	Currency   string
	Columns    []Column
	Partners   []PartnerRow
	Search     string
	Sort       string // the order that was chosen, for the search to keep; empty: the usual one
	Descending bool
	Next       string // address of the next page; empty: none
	First      string // address of the first page; empty: this is it
}

// Look is a kind of reported conversions that are in no partner's figures, or should be looked at.
type Look struct {
	Label   string
	Count   Count
	Text    string // what that is, and what to do
	Href    string // the list of them
	Current bool   // this is the list of them
}

// Conversions is a list of reported conversions that are in no partner's figures.
type Conversions struct {
	Shell
	Looks       []Look
	Label, Text string // of those that are listed
	List        []ReportedRow
	Zone        string
	Next        string // address of the next page; empty: none
	First       string // address of the first page; empty: this is it
}

// ReportedRow is a report and what was decided of it.
type ReportedRow struct {
	When, Machine string
	Kind          string
	Customer      string
	Partner       string
	Why           string
	Amount        string
	Href          string // its whole story
}

// Lookup is the page on which people look up why something was credited or was not.
type Lookup struct {
	Shell
	Team     bool   // who asks sees everything
	Question string // as it was typed in
	Limit    int    // how long a question may be, in characters
	Alert    string
	Away     bool
	Asked    string // what the answer is about; empty: nothing was asked
	Answer   string
	Counts   []string
	Events   []StoryEvent
	More     bool
}

// StoryEvent is something that happened.
type StoryEvent struct {
	Label         string // what it is
	When, Machine string
	Text          string
	State, Tone   string // what came of it, and the class of the tag that shows it; empty: nothing
	Source, ID    string // of a report, to the team
}

// Column is the head of a column by which a list can be ordered.
type Column struct {
	Label, Unit string
	Href        string
	Sorted      string // as of aria-sort: "ascending", "descending" or "none"
	Text        bool
}

// PartnerRow is a partner with this month's figures.
type PartnerRow struct {
	Name, Email string
	Status      string
	Tone        string // class of the status' tag
	Link        ShareLink
	Clicks      Figure
	Visitors    Figure
	Referred    Figure
	Sold        Money
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

func (Home) template() string        { return "home" }
func (Reporting) template() string   { return "reporting" }
func (Links) template() string       { return "links" }
func (Payouts) template() string     { return "payouts" }
func (PayByStripe) template() string { return "pay-by-stripe" }
func (Partners) template() string    { return "partners" }
func (Conversions) template() string { return "conversions" }
func (Lookup) template() string      { return "lookup" }
func (Login) template() string       { return "login" }
func (Password) template() string    { return "password" }
func (Problem) template() string     { return "problem" }

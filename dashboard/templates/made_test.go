package templates

import (
	"fmt"
	"slices"
	"strings"

	"fairlead/dashboard/chart"
	"fairlead/dashboard/period"
	"fairlead/schema"
)

// hostile is text that breaks a page which does not escape it, and one word too long to fit.
var hostile = `"><script>alert(1)</script>{{.}}'` + strings.Repeat("overlong", 20)

const today = schema.Day(20261123)

// made are views of every page in every state, for tests to render and people to look at.
func made() map[string]View {
	frame := Frame{Title: "Home", Program: "Kestrel Outfitters", Demo: true, Theme: ThemeAuto, Path: "/home"}
	shell := Shell{
		Frame: frame, Heading: "Home", Name: "Ada Lovelace", Initial: "A", Email: "ada@example.com",
		Nav: []NavItem{
			{Label: "Home", Href: "/home", Icon: "home", Current: true},
			{Label: "Reporting", Href: "/reporting", Icon: "reporting"},
			{Label: "Links", Href: "/links", Icon: "links"},
			{Label: "Payouts", Href: "/payouts", Icon: "payouts"},
		},
		Fresh: Freshness{Text: "Complete up to 14:05, Toronto time", Machine: "2026-11-23T19:05:00Z"},
	}
	at := func(heading, path string) Shell {
		s := shell
		s.Heading, s.Title, s.Path = heading, heading, path
		s.Nav = nil
		for _, n := range shell.Nav {
			n.Current = n.Href == path
			s.Nav = append(s.Nav, n)
		}
		return s
	}
	link := ShareLink{Name: "go.kestrel.example/ada", URL: "https://go.kestrel.example/ada", To: "https://kestrel.example/", Personal: true}
	home := Home{
		Shell: shell, Link: link, Today: Known(214), TodayText: "168 unique visitors up to 14:05",
		Currency: "USD", Shown: "Clicks",
		Month: []Tile{
			{Label: "Clicks", Number: "4,812", Beside: "3,907 unique visitors", Change: NewChange(4598, 4096, written, "1–22 November 2026", "1–22 October 2026", "1–22 Oct 2026")},
			{Label: "Referred", Number: "31", Change: NewChange(30, 24, written, "1–22 November 2026", "1–22 October 2026", "1–22 Oct 2026")},
			{Label: "Sold", Number: "1,284.50", Unit: "USD", Sold: parts(), Change: NewChange(128450, 140000, written, "1–22 November 2026", "1–22 October 2026", "1–22 Oct 2026")},
		},
		Commissions: []Standing{
			{"Commissions this month", true, whole(25690, "USD"), "What this month's sales and sign-ups have earned, paid and pending."},
			{"In hold", false, whole(31140, "USD"), "Held until refunds are unlikely. The next hold ends on 2 December."},
			{"Ready", false, whole(-1850, "USD"), "Goes into the next payout."},
			{"Processing", false, whole(0, "USD"), "In a payout that is under way."},
			{"Paid", false, Money{Known: true, Amounts: []Amount{{2_480_050, "USD"}, {18000, "EUR"}}}, "All that you have received."},
		},
		Year:       choices("/home", 0),
		Chart:      BarChart{Bars: chart.NewBars(monthPoints(), 216, 0), Text: "Clicks by month from December 2025 to November 2026. The highest month is October 2026 with 7,320."},
		MonthTable: Table{Title: "Figures by month", Head: "Month", Currency: "USD", Rows: rows(12, false)},
		Trend:      Trend{Line: chart.NewLine(dayPoints(30), 104), Text: "Clicks by day, 25 October to 23 November 2026, between 96 and 331 a day.", Tile: Tile{Label: "Clicks", Number: "6,288", Change: NewChange(6054, 6054, written, "a", "b", "the 29 days before")}, First: "25 Oct", Last: "23 Nov"},
		DayTable:   Table{Title: "Figures by day", Head: "Day", Currency: "USD", Rows: rows(30, true)},
		TopLinks: []TopLink{
			{Name: "/ada", Href: link.URL, To: link.To, Clicks: 3120, Share: "100%"},
			{Name: "/ada-boots", Href: link.URL, To: link.To, Clicks: 1804, Share: "57.821%"},
			{Name: "/ada/winter/jackets", Href: link.URL, To: link.To, Clicks: 902, Share: "28.91%"},
			{Name: "/ada-tents", Href: link.URL, To: link.To, Clicks: 388, Share: "12.436%"},
			{Name: "/ada-maps", Href: link.URL, To: link.To, Clicks: 74, Share: "2.372%"},
		},
		NotCounted: NotCounted{Span: "Past 12 months", Total: 4096, Reasons: reasons()},
		Zone:       "Toronto time",
	}
	late := home
	late.Fresh = Freshness{Text: "Complete up to 09:12 on 21 November, Toronto time", Machine: "2026-11-21T14:12:00Z", Late: true}
	late.NotCounted = NotCounted{Span: "Past 12 months"}
	late.TopLinks = nil
	late.Month = slices.Clone(home.Month)
	late.Month[0].Change = NewChange(12, 0, written, "1–22 November 2026", "1–22 October 2026", "nothing to compare with yet")
	late.Month[2] = Tile{Label: "Sold", Number: "−40.00", Unit: "USD", Sold: append(parts(), Part{"Sold before the currency was changed", "1,240.00 EUR"})}
	late.Year, late.Shown, late.ShownIn = choices("/home", 3), "Sold", "USD"
	late.Chart = BarChart{Bars: chart.NewBars(soldPoints(), 216, 2), Text: "Sold by month."}
	late.Undecided = undecided()
	late.Today = Figure{}
	first := Home{Shell: shell, Link: link, FirstDay: true, Today: Known(0), Zone: "Toronto time"}
	first.Fresh = Freshness{Text: "Nothing counted yet"}
	away := Home{Shell: shell, Link: link, Away: true, Today: Known(37), TodayText: "as they arrive"}
	away.Fresh = Freshness{}
	nasty := home
	nasty.Name, nasty.Program, nasty.Email, nasty.Heading = hostile, hostile, hostile+"@example.com", hostile
	nasty.Link = ShareLink{Name: "go.example/" + hostile, URL: "javascript:alert(1)", To: hostile, State: "disabled"}
	nasty.Path, nasty.Title = hostile, hostile
	nasty.TopLinks = []TopLink{{Name: hostile, Href: "javascript:alert(1)", To: hostile, Clicks: 1, Share: "100%"}}
	nasty.Month = slices.Clone(home.Month)
	nasty.Month[0].Number, nasty.Month[2].Number = Count(1<<64-1).String(), Amount{-1 << 63, "USD"}.Number()
	nasty.Year = choices("/home", 1)
	nasty.Year[3].Number = nasty.Month[2].Number

	reporting := Reporting{
		Shell: at("Reporting", "/reporting"), From: "2025-12-01", To: "2026-11-23", Last: "2026-11-23",
		Presets: presets(period.Past12Months), Span: "1 December 2025 – 23 November 2026", Unit: "month", Shown: "Referred", Currency: "USD",
		Tiles: choices("/reporting", 2), Chart: home.Chart, Opener: "/reporting?open=sold", CSV: "/reporting.csv?period=12-months",
		Table: Table{
			Title: "Table of figures", Head: "Month", Currency: "USD",
			Rows: append(rows(3, false), append(openDays(), rows(12, false)[3:]...)...), Total: total(),
		},
		NotCounted: home.NotCounted, Zone: "Toronto time",
	}
	days := reporting
	days.Presets, days.Span, days.Unit = presets(period.Past30Days), "25 October – 23 November 2026", "day"
	days.Table = Table{Title: "Table of figures", Head: "Day", Currency: "USD", Opened: true, Rows: opened(rows(30, true)), Total: opened([]Row{total()})[0]}
	days.Undecided, days.Shown, days.ShownIn, days.Tiles = undecided(), "Sold", "USD", choices("/reporting", 3)
	days.Chart = BarChart{Bars: chart.NewBars(dayPoints(30), 216, 2), Text: "Sold by day."}
	wrong := Reporting{Shell: at("Reporting", "/reporting"), Presets: presets(period.Custom), From: "2026-11-02", To: "2026-11-01", Last: "2026-11-23",
		Alert: "The last day, 2026-11-01, lies before the first, 2026-11-02."}
	reportingAway := Reporting{Shell: at("Reporting", "/reporting"), Presets: presets(period.Past12Months), From: "2025-12-01", To: "2026-11-23", Last: "2026-11-23", Away: true}

	spans := []Preset{{Label: "Past 30 days", Href: "/links?period=30-days", Current: true}, {Label: "Past 12 months", Href: "/links?period=12-months"}}
	links := Links{Shell: at("Links", "/links"), Spans: spans, Span: "25 October – 23 November 2026", Currency: "USD", Links: []LinkRow{
		{ShareLink: link, Created: "3 March 2024", Clicks: Known(3120), Visitors: Known(2544), Referred: Known(29), Sold: sold(124050)},
		{ShareLink: ShareLink{Name: "go.kestrel.example/ada-boots", URL: link.URL + "-boots", To: "https://kestrel.example/women/boots?size=38&colour=moss"}, Created: "12 May 2025", Clicks: Known(1804), Visitors: Known(1490), Referred: Known(12), Sold: sold(-4000)},
		{ShareLink: ShareLink{Name: "go.kestrel.example/ada-sale", URL: link.URL + "-sale", To: "https://kestrel.example/sale", State: "expired"}, Created: "1 June 2026", Clicks: Known(0), Visitors: Known(0), Referred: Known(0), Sold: sold(0)},
		{ShareLink: ShareLink{Name: "go.kestrel.example/" + strings.Repeat("deep/", 30), URL: link.URL, To: "https://kestrel.example/" + strings.Repeat("long", 60), State: "disabled"}, Created: "1 June 2026", Clicks: Figure{}, Visitors: Figure{}, Referred: Figure{}, Sold: Money{Implied: "USD"}},
	}, Unlinked: &LinkRow{Referred: Known(3), Sold: Money{Known: true, Implied: "USD", Amounts: []Amount{{18000, "USD"}, {99900, "EUR"}}}}, Next: "/links?after=100", First: "/links"}
	linksAway := Links{Shell: at("Links", "/links"), Spans: spans, Away: true, Currency: "USD", Links: []LinkRow{{ShareLink: link, Created: "3 March 2024", Sold: Money{Implied: "USD"}}}}

	payouts := madePayouts(at("Payouts", "/payouts"), home.Commissions[1:])
	payoutsNone := Payouts{
		Shell: at("Payouts", "/payouts"), Balances: home.Commissions[1:2], Next: "13 December 2026", Expected: []string{"Nothing in USD is due by then."}, Zone: "Toronto time",
		Method: PayoutMethod{State: "missing", Tone: "warn", Text: "Nobody knows yet where your money is to go."},
	}
	payoutsNone.Method.Action, payoutsNone.Method.Href = "Be paid by Stripe", "/payouts/stripe"
	stripe := PayByStripe{Shell: at("Be paid by Stripe", "/payouts")}
	stripeWrong := stripe
	stripeWrong.Alert, stripeWrong.Note = "The password is wrong.", "That link to Stripe was too old, or was used before. Here is the way to a new one."
	stripeLink := stripe
	stripeLink.Link = "https://connect.stripe.com/setup/e/acct_1/" + strings.Repeat("overlong", 12)
	payoutsAway := Payouts{Shell: at("Payouts", "/payouts"), Away: true, Method: payouts.Method}

	team := shell
	team.Nav = []NavItem{{Label: "Partners", Href: "/partners", Icon: "partners", Current: true}}
	team.Name, team.Email, team.Initial, team.Heading, team.Title, team.Path = "Admin", "team@kestrel.example", "T", "Partners", "Partners", "/partners"
	partners := Partners{Shell: team, Tiles: home.Month, MonthName: "November 2026", Currency: "USD", Sort: "sold", Descending: true, Looks: looks(),
		Columns: []Column{
			{Label: "Partner", Href: "/partners?sort=name", Sorted: "none", Text: true}, {Label: "Clicks", Href: "/partners?sort=clicks", Sorted: "none"},
			{Label: "Unique visitors", Href: "/partners?sort=visitors", Sorted: "none"}, {Label: "Referred", Href: "/partners?sort=referred", Sorted: "ascending"},
			{Label: "Sold", Unit: "USD", Href: "/partners?sort=sold", Sorted: "descending"},
		},
		Next: "/partners?page=2", First: "/partners"}
	for i, name := range []string{"Ada Lovelace", "Northern Coffee Co.", "Trail & Error", "Mei-Lin Okafor", "Gear Review Weekly", hostile} {
		status := []schema.PartnerStatus{"active", "active", "invited", "suspended", "applied", "declined"}[i]
		partners.Partners = append(partners.Partners, PartnerRow{Name: name, Email: fmt.Sprintf("partner%d@example.com", i), Status: string(status), Tone: Tone(status),
			Link: link, Clicks: Known(uint64(40211 / (i + 1))), Visitors: Known(uint64(31877 / (i + 1))), Referred: Known(uint64(90 / (i + 1))), Sold: sold(int64(2_480_050 / (i + 1))), NotCounted: Known(uint64(1200 * i))})
	}
	partners.Partners[4].Link = ShareLink{}
	nobody := Partners{Shell: team, Tiles: []Tile{{Label: "Clicks", Number: "0"}, {Label: "Referred", Number: "0"}, {Label: "Sold", Number: "0.00", Unit: "USD"}}, MonthName: "November 2026"}
	notFound := nobody
	notFound.Search = hostile

	reported := Conversions{Shell: at("Conversions", "/conversions"), Looks: looks(), Label: "Contradictions", Text: "Two reports of the same thing tell different things.", Zone: "Toronto time",
		Next: "/conversions?page=2", First: "/conversions", List: []ReportedRow{
			{When: "20 Nov 2026, 09:33", Machine: "2026-11-20T14:33:00Z", Kind: "Sale", Customer: "cus_1", Partner: "Ada Lovelace", Why: "A report of the same thing with other content came before, and that one stands.", Amount: "1,249.00 USD", Href: "/lookup?conversion=0123"},
			{When: "19 Nov 2026, 23:59", Machine: "2026-11-20T04:59:00Z", Kind: "Refund taken back", Customer: hostile, Partner: hostile, Why: "Another report of the same payment counts; a payment counts once.", Amount: "–", Href: "/lookup?conversion=4567"},
			{When: "1 Nov 2026, 00:00", Machine: "2026-11-01T04:00:00Z", Kind: "Sign-up", Partner: "–", Why: "No click, coupon or claim leads from this customer to a partner.", Amount: "–", Href: "/lookup?conversion=89ab"},
		}}
	reported.Looks[0].Current = true
	noneReported := Conversions{Shell: at("Conversions", "/conversions"), Looks: looks(), Label: "Unattributed", Text: "Nobody is credited.", Zone: "Toronto time"}
	noneReported.Looks[1].Current = true
	lookup := Lookup{Shell: at("Why was this not credited?", "/reporting"), Limit: 255}
	lookupWrong := lookup
	lookupWrong.Question, lookupWrong.Alert = hostile, "That is too long to be one of the things that can be looked up."
	lookupAway := lookup
	lookupAway.Question, lookupAway.Away = "inv_2044", true
	lookupNone := lookup
	lookupNone.Question, lookupNone.Asked, lookupNone.Answer = "inv_2044", "inv_2044", "Nothing of yours is known by that."
	story := lookup
	story.Team, story.Question, story.Asked, story.More = true, "cus_8813", "cus_8813", true
	story.Answer = "The sale of 20 November 2026: it counts for Ada Lovelace. The customer's last click within the window was on this partner's link."
	story.Counts = []string{"Ada Lovelace: 1 referred, 1 sale of 49.00 USD; 10.00 USD given back, 39.00 USD sold."}
	story.Events = []StoryEvent{
		{Label: "Click", When: "20 November 2026, 08:30:00", Machine: "2026-11-20T13:30:00Z", Text: "A click on /ada of Ada Lovelace, from kestrel.blog.example, in CA, on a phone."},
		{Label: "Sign-up", When: "20 November 2026, 09:31:00", Machine: "2026-11-20T14:31:00Z", Text: "A sign-up was reported. The customer's last click within the window was on this partner's link.", State: "counted", Tone: "accent", Source: "api", ID: strings.Repeat("0123456789abcdef", 2)},
		{Label: "Sale", When: "20 November 2026, 09:33:00", Machine: "2026-11-20T14:33:00Z", Text: "A sale of 59.00 USD was reported. A report of the same thing with other content came before, and that one stands.", State: "conflict", Tone: "bad", Source: "stripe", ID: strings.Repeat("fedcba9876543210", 2)},
		{Label: "Refund", When: "20 November 2026", Machine: "2026-11-20", Text: hostile, State: "waiting", Tone: "warn"},
		{Label: "Referral claim", When: "21 November 2026, 10:00:00", Machine: "2026-11-21T15:00:00Z", Text: "Claim 4 was declined: “An order of their own.”"},
	}

	door := Frame{Title: "Log in", Program: "Kestrel Outfitters", Theme: ThemeAuto, Path: "/login"}
	return map[string]View{
		"home":             home,
		"home-late":        late,
		"home-first-day":   first,
		"home-away":        away,
		"home-hostile":     nasty,
		"reporting":        reporting,
		"reporting-days":   days,
		"reporting-wrong":  wrong,
		"reporting-away":   reportingAway,
		"links":            links,
		"links-away":       linksAway,
		"payouts":          payouts,
		"payouts-none":     payoutsNone,
		"payouts-away":     payoutsAway,
		"stripe":           stripe,
		"stripe-wrong":     stripeWrong,
		"stripe-link":      stripeLink,
		"partners":         partners,
		"partners-none":    nobody,
		"partners-search":  notFound,
		"conversions":      reported,
		"conversions-none": noneReported,
		"lookup":           lookup,
		"lookup-wrong":     lookupWrong,
		"lookup-away":      lookupAway,
		"lookup-none":      lookupNone,
		"lookup-story":     story,
		"login":            Login{Frame: door, Next: "/home"},
		"login-wrong":      Login{Frame: door, Email: "ada@example.com", Alert: "E-mail or password is wrong."},
		"login-out":        Login{Frame: door, Note: "You are logged out."},
		"invite":           Password{Frame: door, Action: "/invite", Code: "12-abc", Email: "ada@example.com"},
		"setup":            Password{Frame: door, Action: "/setup", Code: "1-abc", AskEmail: true, Admin: true, Alert: "A password has at least 8 characters, this one has 3."},
		"problem-404":      Problem{Frame: door, Status: 404, Heading: "This page does not exist", Text: "The address may be mistyped, or the page has moved.", Action: "To the start", Href: "/"},
		"problem-503":      Problem{Frame: door, Status: 503, Heading: "Back in a moment", Text: "The dashboard cannot reach its data right now. Links go on redirecting, and every click is being recorded.", Action: "Try again", Href: "/home"},
	}
}

// madePayouts is a page of payouts with every state in it.
func madePayouts(s Shell, stand []Standing) Payouts {
	v := Payouts{
		Shell: s, Balances: stand, Next: "13 December 2026", Zone: "Toronto time",
		Expected: []string{"17.40 USD is due by then: 7.60 USD below the 25.00 USD minimum; it carries over.", "180.00 EUR is due by then, less what is refunded until that day."},
		Method:   PayoutMethod{To: "PayPal a•••@" + strings.Repeat("overlong", 12) + ".example", State: "changed", Tone: "warn", Text: "This was changed on 22 November 2026. For your safety nothing is paid there before 14:07 on 25 November 2026."},
		Rewards: []RewardRow{
			{"1 Oct 2026", "2026-10-01", "Sale or sign-up", "payable", "accent", "Since 31 October 2026", "12.00 USD"},
			{"14 Oct 2026", "2026-10-14", "Sale or sign-up", "payable", "warn", "Taken back after it was paid", "−18.50 USD"},
			{"12 Nov 2026", "2026-11-12", "Booked by the program's team", "holding", "", "12 December 2026", "1,249,000.00 USD"},
			{"20 Nov 2026", "2026-11-20", "Sale or sign-up", "review", "warn", "The program's team has to look at it", "9.80 EUR"},
		},
		MoreRewards: "/payouts?page=2", FirstRewards: "/payouts", MorePayouts: "/payouts?history=2", FirstPayouts: "/payouts",
	}
	for i, state := range []string{"draft", "sent", "completed", "returned", "canceled"} {
		v.Payouts = append(v.Payouts, PayoutRow{When: fmt.Sprintf("%d Nov 2026", 13-i), Machine: fmt.Sprintf("2026-11-%02d", 13-i), To: "bank account …3000", State: state,
			Tone: []string{"", "accent", "accent", "bad", "warn"}[i], Text: "The money came back. Its rewards are payable again, and go into the next payout.", Amount: "232.60 USD",
			Statement: "/payouts/statement?payout=0123", CSV: "/payouts/statement.csv?payout=0123"})
	}
	return v
}

func monthPoints() []chart.Point {
	var ps []chart.Point
	for i, v := range []int64{0, 3110, 4208, 5120, 4890, 5605, 6010, 5322, 6480, 6991, 7320, 4812} {
		m := schema.Month(202512).Add(i)
		name := period.MonthName(m)
		p := chart.Point{Value: v, Known: i > 0, Label: name[:3], Title: fmt.Sprintf("%s: %s clicks", name, Count(v))}
		if m%100 == 1 {
			p.Sub = name[len(name)-4:]
		}
		if i == 11 {
			p.Unfinished, p.Sub = true, "so far"
		}
		ps = append(ps, p)
	}
	return ps
}

// soldPoints are amounts, one of them below zero.
func soldPoints() []chart.Point {
	ps := monthPoints()
	for i := range ps {
		ps[i].Value *= 25
	}
	ps[4].Value = -30_000
	return ps
}

func parts() []Part {
	return []Part{{"14 sales", "1,324.50 USD"}, {"1 refund", "−40.00 USD"}}
}

func sold(minor int64) Money {
	return Money{Known: true, Implied: "USD", Amounts: []Amount{{minor, "USD"}}}
}

func whole(minor int64, currency string) Money {
	return Money{Known: true, Amounts: []Amount{{minor, currency}}}
}

// choices are the totals that choose what a chart shows.
func choices(path string, current int) []Tile {
	against := func(now, before int64) Change {
		return NewChange(now, before, written, "1 December 2025 – 22 November 2026", "1 December 2024 – 22 November 2025", "the year before")
	}
	out := []Tile{
		{Label: "Clicks", Number: "61,204", Change: against(61204, 64901)},
		{Label: "Unique visitors", Number: "49,871", Change: against(49871, 44000)},
		{Label: "Referred", Number: "402", Change: against(402, 402)},
		{Label: "Sold", Number: "18,440.50", Unit: "USD", Change: against(1844050, 0)},
		{Label: "Rewards - Paid", Number: "2,890.10", Unit: "USD", Change: against(289010, 200000)},
		{Label: "Rewards - Pending", Number: "798.00", Unit: "USD", Change: against(79800, 90000)},
	}
	for i := range out {
		out[i].Href, out[i].Current = path+"?show="+fmt.Sprint(i)+"#chart", i == current
	}
	return out
}

func undecided() []Reason {
	return []Reason{
		{Label: "Under review", Count: 3, Text: "The program's team has to look at these sign-ups and sales before they count."},
		{Label: "Waiting for an exchange rate", Count: 1, Text: "These sales and refunds are in another currency. They count as soon as its rate of that day is known."},
	}
}

func total() Row {
	return Row{Label: "Total", Clicks: Known(61204), Visitors: Known(49871), Referred: Known(402), Sold: sold(1844050), Paid: sold(289010), Pending: sold(79800), NotCounted: Known(4096)}
}

// opened are rows with what was sold in parts.
func opened(rows []Row) []Row {
	for i := range rows {
		rows[i].Opened, rows[i].Sales = true, Known(uint64(14+i))
		rows[i].Gross, rows[i].Refunded = sold(int64(132450+i*3100)), sold(int64(i*450))
	}
	return rows
}

func looks() []Look {
	return []Look{
		{Label: "Contradictions", Count: 2, Text: "Two reports of the same thing tell different things.", Href: "/conversions?state=conflict"},
		{Label: "Unattributed", Count: 1204, Text: "Nobody is credited.", Href: "/conversions?state=unattributed"},
	}
}

func dayPoints(n int) []chart.Point {
	var ps []chart.Point
	for i := range n {
		d := period.Day(today, i-n+1)
		p := chart.Point{Value: int64(150 + (i*37)%90 + (i%7)*21), Known: true, Unfinished: i == n-1, Title: period.DayName(d)}
		if (n-1-i)%5 == 0 {
			p.Label = d.Time().Format("2 Jan")
		}
		ps = append(ps, p)
	}
	return ps
}

func rows(n int, days bool) []Row {
	var out []Row
	for i := range n {
		m := schema.Month(202611).Add(-i)
		r := Row{Label: period.MonthName(m), Machine: period.ISOMonth(m), Clicks: Known(uint64(4812 + i*211)), Visitors: Known(uint64(3907 + i*190)), Referred: Known(uint64(31 + i)), Sold: sold(int64(128450 + i*4210)), Paid: sold(int64(i * 2010)), Pending: sold(int64(25690 - i*1900)), NotCounted: Known(uint64(96 + i)),
			Href: "/reporting?period=12-months&month=" + period.ISOMonth(m), Open: i == 2, Unfinished: i == 0}
		if days {
			d := period.Day(today, -i)
			r.Label, r.Machine, r.Href = period.DayLabel(d), period.ISO(d), ""
		}
		if i == 11 && !days {
			r.Clicks, r.Visitors, r.Referred, r.Sold, r.Paid, r.Pending, r.NotCounted = Figure{}, Figure{}, Figure{}, Money{}, Money{}, Money{}, Figure{}
		}
		out = append(out, r)
	}
	return out
}

func openDays() []Row {
	out := rows(5, true)
	for i := range out {
		out[i].Day, out[i].Unfinished = true, false
	}
	return out
}

func reasons() []Reason {
	return []Reason{
		{Label: "Bots", Count: 3871, Text: "Search engines, link checkers and other programs."},
		{Label: "Previews", Count: 180, Text: "A browser or a messenger looked ahead; a click that follows is counted."},
		{Label: "Embedded", Count: 45, Text: "Loaded as an image or in a frame, not visited."},
	}
}

func presets(current period.Preset) []Preset {
	var out []Preset
	for _, p := range period.Presets() {
		out = append(out, Preset{Label: p.Label(), Href: "/reporting?period=" + string(p), Current: p == current})
	}
	return out
}

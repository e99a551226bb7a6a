package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// payoutPages is which pages of its two lists a page of payouts shows, from 1.
type payoutPages struct{ rewards, payouts int }

func (p payoutPages) address() string {
	q := url.Values{}
	for key, n := range map[string]int{"page": p.rewards, "history": p.payouts} {
		if n > 1 {
			q.Set(key, strconv.Itoa(n))
		}
	}
	return (&url.URL{Path: "/payouts", RawQuery: q.Encode()}).String()
}

// payouts shows a partner what is owed, how and when it is paid, and what was.
func (d *Dashboard) payouts(r *request) (reply, error) {
	v := templates.Payouts{Shell: d.shell(r, "Payouts"), Zone: period.Zone(r.zone)}
	day, lacks := nextPayoutDay(r), schema.LacksNothing
	method, err := d.opt.Directory.PayoutMethod(r.Context(), r.who.Partner.ID)
	switch {
	case err == nil:
		v.Method, lacks = payoutMethod(r, method, d.opt.Stripe != nil), method.Lacks(day.Period(r.zone).From)
	case directory.CodeOf(err) == directory.Unavailable:
		d.log.Warn("a payout method cannot be read", "partner", r.who.Partner.ID, "err", err)
		v.Method = templates.PayoutMethod{State: "out of reach", Tone: "warn", Text: "How you are paid cannot be shown for a moment. Nothing of it is lost."}
	default:
		return reply{}, err
	}
	q := r.URL.Query()
	at := payoutPages{rewards: pageNumber(q), payouts: pageNumber(url.Values{"page": q["history"]})}
	found, err := d.figures.Payouts(r.Context(), figures.PayoutsQuestion{
		Partner: r.who.Partner.ID, CutOff: day.Period(r.zone).From, Limit: pageSize + 1,
		RewardsFrom: (at.rewards - 1) * pageSize, PayoutsFrom: (at.payouts - 1) * pageSize,
	})
	if err != nil {
		d.log.Warn("payouts cannot be read", "err", err)
		v.Away = true
		return reply{status: http.StatusServiceUnavailable, page: v}, nil
	}
	v.Balances, v.Next = standings(r, found.Balances), longDay(r, day.Period(r.zone).From)
	for _, currency := range currencies(r.program.Currency, found.Balances) {
		v.Expected = append(v.Expected, expected(r.program, templates.Amount{Minor: found.Due[currency], Currency: currency}, lacks))
	}
	if len(found.Pending) > pageSize {
		found.Pending, v.MoreRewards = found.Pending[:pageSize], payoutPages{at.rewards + 1, at.payouts}.address()
	}
	if at.rewards > 1 {
		v.FirstRewards = payoutPages{1, at.payouts}.address()
	}
	if len(found.List) > pageSize {
		found.List, v.MorePayouts = found.List[:pageSize], payoutPages{at.rewards, at.payouts + 1}.address()
	}
	if at.payouts > 1 {
		v.FirstPayouts = payoutPages{at.rewards, 1}.address()
	}
	for _, p := range found.Pending {
		v.Rewards = append(v.Rewards, rewardRow(r, p))
	}
	for _, p := range found.List {
		row := payoutRow(r, p)
		if d.opt.Statements != nil {
			row.Statement, row.CSV = statementPath("/payouts/statement", p.ID), statementPath("/payouts/statement.csv", p.ID)
		}
		v.Payouts = append(v.Payouts, row)
	}
	return reply{page: v}, nil
}

// nextPayoutDay is the next day with whose beginning payouts are drafted.
func nextPayoutDay(r *request) schema.Day {
	day := func(m schema.Month) schema.Day { return m.FirstDay() + schema.Day(max(r.program.PayoutDay, 1)-1) }
	if d := day(r.today().Month()); d > r.today() {
		return d
	}
	return day(r.today().Month().Add(1))
}

// expected says what becomes, on the next payout day, of what is due by then. Only amounts of the program's currency have a
// minimum.
func expected(p schema.Program, due templates.Amount, lacks schema.PayoutLack) string {
	minimum := templates.Amount{Minor: p.PayoutMinimum, Currency: p.Currency}
	switch {
	case due.Minor < 0:
		return due.String() + ": more was taken back than you have earned since. What you earn next makes up for it."
	case due.Minor == 0:
		return "Nothing in " + due.Currency + " is due by then."
	case due.Currency == p.Currency && due.Minor < p.PayoutMinimum:
		short := templates.Amount{Minor: p.PayoutMinimum - due.Minor, Currency: p.Currency}
		return fmt.Sprintf("%s is due by then: %s below the %s minimum; it carries over.", due, short, minimum)
	case lacks != schema.LacksNothing:
		return due.String() + " is due by then. It carries over unless you can be paid by that day: see how you are paid."
	}
	return due.String() + " is due by then, less what is refunded until that day."
}

// payoutMethod says how a partner is paid, and what is lacking. stripe: the partner can choose Stripe here.
func payoutMethod(r *request, m schema.PayoutMethod, stripe bool) templates.PayoutMethod {
	v := templates.PayoutMethod{To: m.Masked(), Text: "Your payouts go there. Tell the program's team when that changes: a change waits for 72 hours, in which nothing is paid."}
	if stripe && (m.By != schema.PayByStripe || !m.StripeReady) {
		v.Action, v.Href = "Be paid by Stripe", "/payouts/stripe"
	}
	switch m.Lacks(r.now) {
	case schema.LacksMethod:
		v.To, v.State, v.Tone = "", "missing", "warn"
		v.Text = "Nobody knows yet where your money is to go. Tell the program's team your PayPal address or bank account; they enter it."
		if stripe {
			v.Text = "Nobody knows yet where your money is to go. Be paid by Stripe, or tell the program's team your PayPal address or bank account; they enter it."
		}
	case schema.LacksConfirmation:
		v.State, v.Tone, v.Text = "not confirmed", "warn", "Nothing is paid there before the program's team has made sure with you that this address is yours."
	case schema.LacksOnboarding:
		v.State, v.Tone, v.Text = "incomplete", "warn", "Stripe wants to know more about you before it pays you. The program's team sends you the link."
		if stripe {
			v.Text, v.Action = "Stripe wants to know more about you before it pays you.", "Go on at Stripe"
		}
	case schema.LacksTime:
		v.State, v.Tone = "changed", "warn"
		v.Text = "This was changed on " + longDay(r, m.ChangedAt) + ". For your safety nothing is paid there before " + moment(r, m.UsableFrom) + ". If it was not you, tell the program's team at once."
	}
	return v
}

// longDay is the day of a moment: 13 December 2026.
func longDay(r *request, t time.Time) string { return t.In(r.zone).Format("2 January 2006") }

func shortDay(r *request, t time.Time) string { return t.In(r.zone).Format("2 Jan 2006") }

// moment is a moment as people write it.
func moment(r *request, t time.Time) string { return t.In(r.zone).Format("15:04 on 2 January 2006") }

// machineDay is the day of a moment, for machines.
func machineDay(r *request, t time.Time) string { return t.In(r.zone).Format(time.DateOnly) }

// rewardRow is a line of the list of rewards that are in no payout.
func rewardRow(r *request, p figures.PendingReward) templates.RewardRow {
	row := templates.RewardRow{
		Earned: shortDay(r, p.EarnedAt), Machine: machineDay(r, p.EarnedAt), What: "Booked by the program's team",
		Amount: templates.Amount{Minor: p.Review + p.Holding + p.Payable, Currency: p.Currency}.String(),
	}
	if p.Conversion {
		row.What = "Sale or sign-up"
	}
	switch {
	case p.Review != 0:
		row.State, row.Tone, row.When = "review", "warn", "The program's team has to look at it"
	case p.Holding != 0 && p.DueAt.IsZero():
		row.State, row.When = "holding", "–"
	case p.Holding != 0:
		row.State, row.When = "holding", longDay(r, p.DueAt)
	case p.Payable < 0:
		row.State, row.Tone, row.When = "payable", "warn", "Taken back after it was paid"
	case p.DueAt.IsZero():
		row.State, row.Tone, row.When = "payable", "accent", "At once"
	default:
		row.State, row.Tone, row.When = "payable", "accent", "Since "+longDay(r, p.DueAt)
	}
	return row
}

// payoutWords say what a payout's status means, and how it is shown.
var payoutWords = map[schema.PayoutStatus]struct{ tone, text string }{
	schema.PayoutDraft:      {"", "The program's team has to approve it."},
	schema.PayoutApproved:   {"", "It is about to be sent."},
	schema.PayoutProcessing: {"", "It is being sent."},
	schema.PayoutSent:       {"accent", "It is on its way to you."},
	schema.PayoutCompleted:  {"accent", "You have received it."},
	schema.PayoutFailed:     {"bad", "Nothing was paid. Its rewards are payable again, and go into the next payout."},
	schema.PayoutReturned:   {"bad", "The money came back. Its rewards are payable again, and go into the next payout."},
	schema.PayoutCanceled:   {"warn", "It was canceled before it was sent. Its rewards are payable again."},
}

// payoutRow is a line of the history.
func payoutRow(r *request, p figures.Payout) templates.PayoutRow {
	at := p.CreatedAt
	for _, later := range []time.Time{p.SentAt, p.CompletedAt} {
		if !later.IsZero() {
			at = later
		}
	}
	words := payoutWords[p.Status]
	return templates.PayoutRow{
		When: shortDay(r, at), Machine: machineDay(r, at), To: p.To, State: string(p.Status), Tone: words.tone, Text: words.text,
		Amount: templates.Amount{Minor: p.Amount, Currency: p.Currency}.String(),
	}
}

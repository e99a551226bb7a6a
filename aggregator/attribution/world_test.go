package attribution

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
)

// monday is the beginning of these tests' time.
var monday = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

// day returns the moment so many days after monday.
func day(n float64) int64 { return monday.Add(time.Duration(n * 24 * float64(time.Hour))).UnixMilli() }

func when(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// world is a program in dollars with a window of 90 days and partners 1 to 4, each with a link of its number × 10.
func world() *World {
	w := &World{
		Programs: []ProgramVersion{{At: day(-1000), Program: schema.Program{Currency: "USD", Zone: "UTC", WindowDays: 90, Touch: "last"}}},
		Partners: map[schema.PartnerID]Partner{},
		Links:    map[schema.LinkID]schema.PartnerID{},
		Coupons:  map[string][]schema.Coupon{},
		Claims:   map[string][]schema.Claim{},
		Rates:    Rates{},
	}
	for p := schema.PartnerID(1); p <= 4; p++ {
		w.Partners[p] = Partner{Statuses: []StatusVersion{{day(-1000), schema.PartnerActive}}, Aliases: []string{fmt.Sprintf("email:partner%d", p)}}
		w.Links[schema.LinkID(p*10)] = p
	}
	return w
}

func (w *World) coupon(id uint32, code string, p schema.PartnerID, from, to float64) {
	k := schema.Coupon{ID: id, Code: code, Partner: p, CreatedAt: when(day(from))}
	if to != 0 {
		k.EndedAt = when(day(to))
	}
	w.Coupons[schema.FoldCoupon(code)] = append(w.Coupons[schema.FoldCoupon(code)], k)
}

func (w *World) claim(id uint32, alias string, p schema.PartnerID, from float64) {
	w.Claims[alias] = append(w.Claims[alias], schema.Claim{ID: id, Partner: p, State: schema.ClaimAccepted, Alias: alias, From: when(day(from)), DecidedAt: when(day(from + 1))})
}

// journal gives reports their place, in the order in which they are received.
type journal struct {
	reports []Report
}

// change completes a report.
type change func(*Report)

// take records a report of something that occurred on a day.
func (j *journal) take(kind schema.ConversionKind, at float64, changes ...change) *journal {
	r := Report{Node: "n", Seq: uint64(len(j.reports) + 1)}
	r.Kind, r.OccurredAt, r.ReceivedAt, r.ClickState = kind, day(at), day(at)+int64(len(j.reports)), schema.ClickNone
	if kind == schema.Sale {
		r.Amount, r.Currency = 10000, "USD"
	}
	for _, c := range changes {
		c(&r)
	}
	r.Identify(fmt.Sprint(len(j.reports)))
	j.reports = append(j.reports, r)
	return j
}

func (j *journal) lead(at float64, changes ...change) *journal {
	return j.take(schema.Lead, at, append([]change{func(r *Report) { r.Customer, r.Event = "ann", "Sign up" }}, changes...)...)
}

func (j *journal) sale(at float64, invoice string, changes ...change) *journal {
	return j.take(schema.Sale, at, append([]change{customer1, invoiced(invoice)}, changes...)...)
}

func (j *journal) refund(at float64, invoice, refund string, changes ...change) *journal {
	return j.take(schema.Refund, at, append([]change{invoiced(invoice), func(r *Report) { r.Refund = refund }}, changes...)...)
}

func (j *journal) restored(at float64, invoice, refund string, changes ...change) *journal {
	return j.take(schema.Restored, at, append([]change{invoiced(invoice), func(r *Report) { r.Refund = refund }}, changes...)...)
}

func customer1(r *Report) { r.Customer = "ann" }

func invoiced(invoice string) change {
	return func(r *Report) {
		if r.Invoice = invoice; invoice != "" {
			r.Payments = append(r.Payments, invoice)
		}
	}
}

func called(event string) change  { return func(r *Report) { r.Event = event } }
func customerIs(id string) change { return func(r *Report) { r.Customer = id } }
func paidAs(names ...string) change {
	return func(r *Report) { r.Payments = append(r.Payments, names...) }
}
func alias(names ...string) change {
	return func(r *Report) { r.Aliases = append(r.Aliases, names...) }
}
func coupons(codes ...string) change { return func(r *Report) { r.Coupons = codes } }
func named(p schema.PartnerID) change {
	return func(r *Report) { r.Credit = p }
}
func test(r *Report) { r.Test = true }

func amount(minor int64, currency string) change {
	return func(r *Report) { r.Amount, r.Currency = minor, currency }
}

// clicked adds a genuine click on partner p's link, of a day.
func clicked(p schema.PartnerID, at float64) change {
	return func(r *Report) {
		r.Click, r.ClickState = fmt.Sprintf("click-%d-%g", p, at), schema.ClickGenuine
		r.Link, r.Partner, r.ClickedAt = schema.LinkID(p*10), p, day(at)
	}
}

// toldByPage is a report that came with the key of a page, when it came.
func toldByPage(at float64) change {
	return func(r *Report) { r.Source, r.ReceivedAt = schema.SourceBrowser, day(at) }
}

func badClick(s schema.ClickState) change {
	return func(r *Report) { r.Click, r.ClickState = "x", s }
}

// lines are decisions in words, in the order of the reports: state, reason, partner, what it binds, amount.
func lines(ds []Decision) []string {
	out := make([]string, len(ds))
	for i, d := range ds {
		text := fmt.Sprintf("%s %s: %s", d.Kind, d.State, d.Reason)
		if d.Partner != 0 {
			text += fmt.Sprintf(", partner %d", d.Partner)
		}
		if d.Binds {
			text += ", binds"
		}
		if d.Amount != 0 {
			text += ", " + schema.FormatAmount(d.Amount, d.Currency)
		}
		out[i] = text
	}
	return out
}

// mustDecide compares what is decided of a journal with what was expected, report by report.
func mustDecide(t *testing.T, w *World, j *journal, want ...string) []Decision {
	t.Helper()
	ds := Decide(w, j.reports)
	got := lines(ds)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return ds
}

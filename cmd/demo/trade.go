package demo

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"fairlead/redirector/links"
	"fairlead/redirector/track"
	"fairlead/schema"
)

// trade is what the shop did in the past: who of those who clicked signed up, what they and others bought, what was given
// back. The same traffic makes the same trade.
type trade struct {
	traffic   *Traffic
	channels  map[schema.PartnerID]*Enrolled
	reports   []report
	customers int
	selfish   bool // somebody bought by a link of their own
}

// report is one call to the track API.
type report struct {
	at    int64 // milliseconds since 1970
	email string
	c     schema.Conversion // as a merchant fills it in
}

// shopper is somebody who comes to the shop.
type shopper struct {
	id, email string
	click     string // by which they came; empty: by none
	coupon    string
	product   *Product // what the partner showed them; nil: nothing
	orders    string   // their numbers begin so
}

func newTrade(t *Traffic) *trade {
	out := &trade{traffic: t, channels: map[schema.PartnerID]*Enrolled{}}
	for i := range t.Partners {
		out.channels[t.Partners[i].Partner] = &t.Partners[i]
	}
	return out
}

// see looks what comes of a click.
func (t *trade) see(c *schema.Click, seq uint64) {
	if c.Verdict != schema.VerdictValid || c.Hints&schema.HintNavigate == 0 {
		return // a program buys nothing
	}
	partner := t.channels[c.Partner]
	rng := rand.New(rand.NewPCG(t.traffic.Seed, seq))
	if rng.Float64() >= partner.channel.signsUp {
		return
	}
	s := t.shopper(rng)
	s.click, s.orders = c.ID().String(), fmt.Sprintf("KQ-%06d", seq)
	for i := range products {
		if bytes.HasSuffix(c.Destination, []byte("products/"+products[i].Slug)) {
			s.product = &products[i]
		}
	}
	if code := codes[partner.slug]; code != "" && rng.Float64() < .3 {
		s.coupon = code
	}
	buys := partner.channel.buys
	if partner.slug == selfish && !t.selfish {
		t.selfish, s.email, buys = true, email(partner.who), 1
	}
	t.visit(s, buys, c.At, rng)
}

// strangers come to the shop without a partner's link, every day some; a few with a code that a partner passed on.
func (t *trade) strangers() {
	n := 0
	for at := t.traffic.start(); at.Before(t.traffic.Until); {
		day := schema.DayOf(at, t.traffic.Zone).Period(t.traffic.Zone)
		rng := rand.New(rand.NewPCG(t.traffic.Seed, ^uint64(day.From.Unix())))
		for range poisson(rng, 4*season(day.From.In(t.traffic.Zone))) {
			n++
			s := t.shopper(rng)
			s.orders = fmt.Sprintf("KQ-D%05d", n)
			if rng.Float64() < .12 {
				s.coupon = codes[[]string{"ada", "deal-drawer", "deal-drawer", "petit-four"}[rng.IntN(4)]]
			}
			came := day.From.Add(time.Duration(hourOfDay(rng) / 24 * float64(day.To.Sub(day.From))))
			t.visit(s, .8, came.UnixMilli(), rng)
		}
		at = day.To
	}
}

func (t *trade) shopper(rng *rand.Rand) shopper {
	t.customers++
	given, family := givenNames[rng.IntN(len(givenNames))], familyNames[rng.IntN(len(familyNames))]
	return shopper{
		id:    fmt.Sprintf("kq-%05d", t.customers),
		email: fmt.Sprintf("%s.%s.%d@mail.example", given, family, t.customers),
	}
}

const (
	minute = int64(time.Minute / time.Millisecond)
	day    = 24 * 60 * minute
)

// visit is a shopper's story from the first page on: the sign-up, and orders for as long as they like it.
func (t *trade) visit(s shopper, buys float64, at int64, rng *rand.Rand) {
	at += minute + int64(rng.ExpFloat64()*8*float64(minute))
	t.report(at, s, schema.Conversion{Kind: schema.Lead, Event: "Sign up", Click: s.click})
	if rng.Float64() >= buys {
		return
	}
	at += minute + int64(rng.ExpFloat64()*rng.Float64()*3*float64(day))
	for n := 1; ; n++ {
		t.buy(s, fmt.Sprintf("%s-%d", s.orders, n), at, rng)
		if rng.Float64() > .36 {
			return
		}
		at += 6*day + int64(rng.ExpFloat64()*38*float64(day))
		s.coupon = "" // for a first order
	}
}

// buy is one order and what becomes of it.
func (t *trade) buy(s shopper, order string, at int64, rng *rand.Rand) {
	p := s.product
	if p == nil || rng.Float64() < .25 {
		p = &products[rng.IntN(len(products))]
	}
	quantity := 1
	for quantity < 8 && rng.Float64() < .3 {
		quantity++
	}
	c := schema.Conversion{
		Kind: schema.Sale, Event: "Purchase", Click: s.click, Amount: int64(quantity) * p.Minor, Currency: shopCurrency, Invoice: order, Processor: "custom",
		Metadata: fmt.Sprintf(`{"product":%q,"quantity":%d}`, p.Slug, quantity),
	}
	if s.coupon != "" {
		c.Coupons = []string{s.coupon}
		c.Amount -= c.Amount / 10
	}
	t.report(at, s, c)
	switch again := rng.Float64(); {
	case again < .004: // the shop did not hear the answer
		t.report(at+4000, s, c)
	case again < .005: // somebody changed the order by hand
		c.Amount += p.Minor
		t.report(at+9*60*minute, s, c)
		c.Amount -= p.Minor
	}
	if rng.Float64() >= .045 {
		return
	}
	back := schema.Conversion{Kind: schema.Refund, Invoice: order, Refund: order + "-R", Reason: "changed their mind"}
	if quantity > 1 || rng.Float64() < .3 {
		back.Amount, back.Currency, back.Reason = c.Amount/int64(max(quantity, 2)), shopCurrency, "a piece arrived broken"
	}
	t.report(at+2*day+int64(rng.ExpFloat64()*6*float64(day)), shopper{}, back)
}

// report notes a call; those that lie beyond the past are yet to come, and nobody makes them.
func (t *trade) report(at int64, s shopper, c schema.Conversion) {
	if at < t.traffic.Until.UnixMilli() {
		c.Customer = s.id
		t.reports = append(t.reports, report{at, s.email, c})
	}
}

// standing is a directory as it stood all the time.
type standing struct{ view *links.View }

func (s standing) View() *links.View { return s.view }

// ledger is a journal in memory.
type ledger struct{ records [][]byte }

func (l *ledger) AppendSync(_ context.Context, record []byte) (uint64, error) {
	l.records = append(l.records, record)
	return uint64(len(l.records)), nil
}

// records takes the reports to the desk that takes everybody's, in the order of time, and returns what it recorded.
func (t *trade) records(ctx context.Context, view *links.View, key uint32) ([][]byte, error) {
	slices.SortStableFunc(t.reports, func(a, b report) int { return int(a.at - b.at) })
	var now time.Time
	var l ledger
	desk := track.NewDesk(track.Options{
		Links: standing{view}, Journal: &l, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
	})
	for i := range t.reports {
		r := &t.reports[i]
		now = time.UnixMilli(r.at)
		r.c.Source, r.c.KeyID = schema.SourceAPI, key
		if alias := desk.EmailAlias(r.email); alias != "" {
			r.c.Aliases = []string{alias}
		}
		if _, err := desk.Record(ctx, &r.c, ""); err != nil {
			return nil, fmt.Errorf("report %s of %s in the demo's past: %w", r.c.Kind, r.c.Customer, err)
		}
	}
	return l.records, nil
}

package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"fairlead/aggregator/attribution"
	"fairlead/aggregator/payout"
	"fairlead/aggregator/reward"
	"fairlead/schema"
)

// The first morning of every world, and what its clock counts in: milliseconds.
var morning = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC).UnixMilli()

const (
	minute = int64(time.Minute / time.Millisecond)
	hour   = 60 * minute
	day    = 24 * hour
)

// dice is where a step takes its chances from: a step's own, so that leaving another one out changes nothing of it.
type dice struct{ *rand.Rand }

func newDice(seed uint64, step int) dice { return dice{rand.New(rand.NewPCG(seed, uint64(step)))} }

// one happens once in so many times.
func (d dice) one(in int) bool { return d.IntN(in) == 0 }

// between is from low to high, both included.
func (d dice) between(low, high int64) int64 { return low + d.Int64N(high-low+1) }

// pick takes one of several.
func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// world is a program, all that was ever told to it, and what was made of that.
type world struct {
	now   int64
	story []string
	tally map[string]int // how often what happened
	err   *broken
	with  variant

	facts    attribution.World
	groups   map[schema.PartnerID][]schema.GroupVersion
	rules    []schema.Rule
	openings map[schema.PartnerID]schema.OpeningBalance
	entries  []reward.Entry
	changes  int // of all the above and of told: what was decided before is to be decided anew

	purchases []*purchase
	events    int      // of which things get their names
	post      []letter // reports on their way
	told      []attribution.Report
	seqs      map[string]uint64
	decided   decided

	books   *books
	booking lock
	asleep  []*booker
	cashier
	checked  int // the change of the ledger that was checked last
	failedAt int // the place of the step after which something did not hold
}

// variant is what a test changes of the world to see that it is noticed. The zero value changes nothing.
type variant struct {
	wanted   func(reward.Input) []schema.Transfer // instead of reward.Wanted
	provider func(payout.Provider) payout.Provider
	fence    func(payout.Fence) payout.Fence
	store    func(payout.Store) payout.Store
}

// broken is what does not hold, and in which respect.
type broken struct{ what, how string }

func (b *broken) Error() string { return b.what + ": " + b.how }

// fail notes the first thing that does not hold.
func (w *world) fail(what, format string, args ...any) {
	if w.err == nil {
		w.err = &broken{what, fmt.Sprintf(format, args...)}
		w.say("BROKEN: %s", w.err)
	}
}

// say adds a line to the story.
func (w *world) say(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf("day %6.2f: ", float64(w.now-morning)/float64(day))+fmt.Sprintf(format, args...))
}

// The partners and customers of every world.
const (
	partners  = 3
	customers = 5
)

// currencies are those of sales and programs. There is a time without rates for the last one.
var currencies = []string{"USD", "EUR", "JPY"}

// newWorld is a world's first morning.
func newWorld(d dice, with variant) *world {
	w := &world{
		now: morning, with: with,
		facts: attribution.World{
			Partners: map[schema.PartnerID]attribution.Partner{}, Links: map[schema.LinkID]schema.PartnerID{},
			Coupons: map[string][]schema.Coupon{}, Claims: map[string][]schema.Claim{}, Rates: rates(),
		},
		groups: map[schema.PartnerID][]schema.GroupVersion{}, openings: map[schema.PartnerID]schema.OpeningBalance{},
		seqs: map[string]uint64{}, books: newBooks(), tally: map[string]int{},
	}
	if w.with.wanted == nil {
		w.with.wanted = reward.Wanted
	}
	w.openCashier(d)
	w.facts.Programs = []attribution.ProgramVersion{{At: morning - 300*day, Program: schema.Program{
		Name: "Shop", Currency: pick(d, "USD", "USD", "EUR"), Zone: pick(d, zones...), WindowDays: 90, Touch: pick(d, "last", "first"),
		HoldDays: pick(d, 0, 3, 30), PayoutDay: 13, PayoutMinimum: pick[int64](d, 0, 500, 2500),
	}}}
	for p := schema.PartnerID(1); p <= partners; p++ {
		w.facts.Partners[p] = attribution.Partner{Statuses: []attribution.StatusVersion{{At: morning - 300*day, Status: schema.PartnerActive}}, Aliases: []string{own(p)}}
		w.facts.Links[schema.LinkID(10*p)] = p
		w.groups[p] = []schema.GroupVersion{{At: at(morning - 300*day), Group: pick(d, "", "", "gold")}}
		code := fmt.Sprint("PARTNER", p)
		w.facts.Coupons[schema.FoldCoupon(code)] = []schema.Coupon{{ID: uint32(p), Code: code, Partner: p, CreatedAt: at(morning - 300*day)}}
	}
	if d.one(3) {
		w.openings[2] = schema.OpeningBalance{Amount: d.between(1, 9000), Currency: pick(d, currencies...), AsOf: at(morning - 10*day)}
	}
	for range d.between(1, 3) {
		w.addRule(d, morning-d.between(0, 100)*day)
	}
	return w
}

// zones cut days at other moments, and change their clocks.
var zones = []string{"UTC", "America/Toronto", "Asia/Kathmandu", "Pacific/Auckland"}

// own is the address that a partner and a customer may share.
func own(p schema.PartnerID) string { return fmt.Sprint("email:partner", p) }

// rates are those of two years: made once, for they are the same in every world.
var rates = sync.OnceValue(func() attribution.Rates {
	out := attribution.Rates{}
	worth := map[string][]attribution.Rate{"USDEUR": {"0.92", "0.9134"}, "EURUSD": {"1.087", "1.0948"}, "JPYUSD": {"0.0067", "0.006493"}, "JPYEUR": {"0.0061", "0.00597"}}
	for n := -400; n < 900; n += 5 {
		for i, from := range currencies {
			for _, to := range currencies[:2] {
				if from == to || i == 2 && n >= 20 && n < 40 {
					continue
				}
				p := attribution.Pair{Currency: from, Base: to}
				list := worth[from+to]
				out[p] = append(out[p], attribution.DayRate{Day: schema.DayOf(at(morning+int64(n)*day), time.UTC), Rate: list[(n/5+800)%len(list)]})
			}
		}
	}
	return out
})

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// program is the newest version of the settings.
func (w *world) program() attribution.ProgramVersion {
	return w.facts.Programs[len(w.facts.Programs)-1]
}

// today is the program-day of a moment, by today's zone.
func (w *world) today(ms int64) schema.Day {
	p := w.program()
	return schema.DayOf(at(ms), p.Location())
}

// changeProgram changes a setting from now on.
func (w *world) changeProgram(d dice) {
	p := w.program()
	v := attribution.ProgramVersion{At: w.now, Program: p.Program}
	switch d.IntN(5) {
	case 0, 1:
		v.HoldDays = pick(d, 0, 1, 14, 45)
	case 2:
		v.PayoutMinimum = pick[int64](d, 0, 500, 2500)
	case 3:
		v.Zone = pick(d, zones...)
	case 4:
		v.Currency = pick(d, currencies[:2]...)
	}
	w.facts.Programs = append(w.facts.Programs, v)
	w.changes++
	w.say("the program: hold %d days, minimum %d %s, %s", v.HoldDays, v.PayoutMinimum, v.Currency, v.Zone)
}

// addRule adds a rule that holds from the day of a moment on.
func (w *world) addRule(d dice, from int64) {
	r := schema.Rule{ID: uint32(len(w.rules) + 1), Event: schema.Sale, From: w.today(from), CreatedAt: at(w.now)}
	switch d.IntN(5) {
	case 0:
		r.Partner = schema.PartnerID(d.between(1, partners))
	case 1:
		r.Group = "gold"
	}
	if d.one(5) {
		r.Event = schema.Lead
	}
	switch kind := d.IntN(9); {
	case kind == 0:
		r.None = true
	case kind < 3 || r.Event == schema.Lead:
		r.Flat = d.between(1, 3000)
	default:
		if r.Percent = d.between(1, 9000); d.one(3) {
			r.Cap = d.between(1, 4000)
		}
	}
	if !r.None {
		r.Once = d.one(5)
	}
	if r.Event == schema.Sale && !r.None {
		if d.one(4) {
			r.Months = int(d.between(1, 4))
		}
		if d.one(4) {
			r.MinSale = d.between(1, 6000)
		}
		if d.one(3) {
			days := pick(d, 0, 7, 60)
			r.HoldDays = &days
		}
	}
	if r.Flat+r.Cap+r.MinSale != 0 {
		r.Currency = w.program().Currency
	}
	if err := r.Validate(); err != nil {
		panic(fmt.Sprintf("BUG: %v: %+v", err, r))
	}
	w.rules = append(w.rules, r)
	w.changes++
	w.say("rule %d for a %s from %d on: %s%s%s", r.ID, r.Event, r.From, r.Earns(), said(" for partner %d", int64(r.Partner)), said(" for %d months", int64(r.Months)))
}

// said is a part of a sentence that is left out for zero.
func said(format string, n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}

// endRule ends a rule, today, later, or as if it had ended before.
func (w *world) endRule(d dice) {
	i := d.IntN(len(w.rules))
	if w.rules[i].EndedFrom != 0 {
		return
	}
	w.rules = slices.Clone(w.rules)
	w.rules[i].EndedFrom = max(w.rules[i].From, w.today(w.now+d.between(-20, 10)*day))
	w.changes++
	w.say("rule %d is ended from %d on", w.rules[i].ID, w.rules[i].EndedFrom)
}

// changePartner suspends a partner, makes them active again or puts them in another group, or ends a doubt about them.
func (w *world) changePartner(d dice) {
	id := schema.PartnerID(d.between(1, partners))
	p := w.facts.Partners[id]
	switch last := p.Statuses[len(p.Statuses)-1].Status; {
	case d.one(2):
		group := pick(d, "", "gold", "silver")
		w.groups[id] = append(slices.Clip(w.groups[id]), schema.GroupVersion{At: at(w.now), Group: group})
		w.say("partner %d is in group %q", id, group)
	case last == schema.PartnerActive:
		p.Statuses = append(slices.Clip(p.Statuses), attribution.StatusVersion{At: w.now, Status: schema.PartnerSuspended})
		w.say("partner %d is suspended", id)
	default:
		p.Statuses = append(slices.Clip(p.Statuses), attribution.StatusVersion{At: w.now, Status: schema.PartnerActive})
		w.say("partner %d is active again", id)
	}
	w.facts.Partners[id] = p
	w.changes++
}

// review begins or ends what somebody has to look at: whether the customers who gave a partner's address are the partner.
func (w *world) review(d dice) {
	id := schema.PartnerID(d.between(1, partners))
	p := w.facts.Partners[id]
	if len(p.Aliases) > 0 {
		p.Aliases = nil
		w.say("nobody need look at customers with the address of partner %d any more", id)
	} else {
		p.Aliases = []string{own(id)}
		w.say("somebody has to look at customers with the address of partner %d", id)
	}
	w.facts.Partners[id] = p
	w.changes++
}

// claim accepts a partner's claim to a customer, from some day before now on.
func (w *world) claim(d dice) {
	p, name, from := schema.PartnerID(d.between(1, partners)), "customer:"+customer(d), w.now-d.between(0, 40)*day
	id := 0
	for _, list := range w.facts.Claims {
		id += len(list)
	}
	w.facts.Claims[name] = append(w.facts.Claims[name], schema.Claim{
		ID: uint32(id + 1), Partner: p, State: schema.ClaimAccepted, Alias: name, From: at(from), DecidedAt: at(w.now),
	})
	w.changes++
	w.say("%s is claimed by partner %d since %d", name, p, w.today(from))
}

// enter enters something by hand: an amount that is added, or one that is taken from a reward that is booked.
func (w *world) enter(d dice) {
	e := reward.Entry{ID: fmt.Sprint(len(w.entries) + 1), At: w.now, Partner: schema.PartnerID(d.between(1, partners)), Amount: d.between(1, 2000), Note: "by hand"}
	e.Currency, e.HoldDays = w.program().Currency, pick(d, 0, 0, 10)
	if rows := w.books.all(); len(rows) > 0 && !d.one(3) {
		of := rows[d.IntN(len(rows))]
		if e.Reverses, e.Partner, e.Currency, e.HoldDays = of.Reward, of.Partner, of.Currency, 0; d.one(3) {
			e.Amount = 0
		}
		w.say("entry %s takes %d %s from reward %s", e.ID, e.Amount, e.Currency, short(e.Reverses))
	} else {
		w.say("entry %s adds %d %s for partner %d", e.ID, e.Amount, e.Currency, e.Partner)
	}
	w.entries = append(w.entries, e)
	w.changes++
}

// short is enough of a reward's id to follow it.
func short(id schema.RewardID) string { return id.String()[:6] }

func customer(d dice) string { return fmt.Sprint("c", d.IntN(customers)) }

package reward

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
)

// earning is what one partner has of the customer.
type earning struct {
	in     *Input
	bound  *attribution.Decision  // by which the customer became the partner's
	events []attribution.Decision // leads and sales that count, and then those under review, each in their order
	// occasions are the events, as rules judge them.
	occasions []schema.Occasion
	back      map[string][]attribution.Decision // refunds and restorings of a sale, in their order
}

// earned reckons the rewards of leads and sales.
func (in *Input) earned(add func(*reward)) {
	decisions := slices.SortedFunc(slices.Values(in.Decisions), func(a, b attribution.Decision) int {
		return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), cmp.Compare(a.ID, b.ID))
	})
	by := map[schema.PartnerID]*earning{}
	seen := map[string]bool{}
	for _, d := range decisions {
		credited := d.State == schema.StateCounted || d.State == schema.StateReview || d.State == schema.StateHeld
		if d.Partner == 0 || !credited || seen[d.ID] {
			continue
		}
		seen[d.ID] = true
		e := by[d.Partner]
		if e == nil {
			e = &earning{in: in, back: map[string][]attribution.Decision{}}
			by[d.Partner] = e
		}
		event := d.Kind == schema.Lead || d.Kind == schema.Sale
		if event && (e.bound == nil || d.Binds && !e.bound.Binds) {
			e.bound = &d
		}
		switch {
		case d.State == schema.StateHeld:
		case event:
			e.events = append(e.events, d)
		default:
			e.back[d.Sale] = append(e.back[d.Sale], d)
		}
	}
	for _, e := range by {
		slices.SortStableFunc(e.events, func(a, b attribution.Decision) int { return cmp.Compare(rank(a), rank(b)) })
		for _, d := range e.events {
			e.occasions = append(e.occasions, occasionOf(d))
		}
		for _, d := range e.events {
			if r := e.reward(d); r != nil {
				add(r)
			}
		}
	}
}

// rank puts what counts before what is under review.
func rank(d attribution.Decision) int {
	if d.State == schema.StateReview {
		return 1
	}
	return 0
}

// reward reckons the reward of a lead or sale; nil: it earns nothing, whatever is refunded.
func (e *earning) reward(d attribution.Decision) *reward {
	program := e.in.programAt(d.OccurredAt)
	day := schema.DayOf(time.UnixMilli(d.OccurredAt), program.Location())
	occasion := occasionOf(d)
	rule, miss := e.in.Rules.Judge(schema.RuleFor{
		Partner: d.Partner, Group: schema.GroupAt(e.in.Groups[d.Partner], time.UnixMilli(d.OccurredAt)),
		Event: d.Kind, Day: day, Currency: d.Currency,
	}, occasion, schema.DayOf(time.UnixMilli(e.bound.OccurredAt), program.Location()), e.occasions)
	if miss != schema.Earned {
		return nil
	}
	hold := program.HoldDays
	if rule.HoldDays != nil {
		hold = *rule.HoldDays
	}
	r := &reward{
		id:      schema.NewRewardID(d.Partner, schema.CauseEarned, d.ID, d.Currency),
		partner: d.Partner, currency: d.Currency, conversion: d.ID, rule: rule.ID,
		source: schema.AccountExpense, at: d.OccurredAt, due: after(d.OccurredAt, hold), review: d.State == schema.StateReview,
	}
	before := rule.Part(occasion, d.Amount)
	r.steps = []step{{schema.CauseEarned, d.ID, d.OccurredAt, before, ""}}
	left := d.Amount
	for _, b := range e.back[d.ID] {
		if left += b.Amount; b.Kind == schema.Refund {
			left -= 2 * b.Amount
		}
		now := rule.Part(occasion, max(0, min(left, d.Amount)))
		r.steps = append(r.steps, step{schema.CauseAdjusted, b.ID, max(b.OccurredAt, d.OccurredAt), now - before, ""})
		before = now
	}
	return r
}

// occasionOf is a lead or sale as rules judge it.
func occasionOf(d attribution.Decision) schema.Occasion {
	return schema.Occasion{ID: d.ID, Event: d.Kind, Amount: d.Amount}
}

// programAt returns the settings in force at a moment; the first ones hold for all that was before them.
func (in *Input) programAt(at int64) *attribution.ProgramVersion {
	n := sort.Search(len(in.Programs), func(i int) bool { return in.Programs[i].At > at })
	return &in.Programs[max(0, n-1)]
}

// Package reward reckons what partners earn, and which rows of the ledger that takes.
//
// # What is promised
//
// Wanted is a pure function of what was decided, of the rules, of what people entered by hand, of the ledger's rows and of the
// time: it looks at no clock and at no store. Once its rows are booked, every reward amounts to what it should by all that
// is known now, never less than nothing and never more than for the whole sale; and asked again it wants nothing. The
// order of what it is given, and giving a thing twice, change nothing. Rows that stand are never changed: where facts
// arrive late, a customer moves to another partner or a rule is backdated, the difference is booked.
//
// # What is earned
//
// A sale or lead that counts earns by the rule that is in force for its partner on its program-day: see
// schema.Rules.InForce. The partner's group, the program's zone and its days of hold are those of the moment at which it
// occurred, so what changes later leaves what was earned as it is.
//
//   - A percentage is taken of what is left of the sale after refunds, a flat amount in the proportion of what is left to
//     the whole. Either is rounded once, half up, to minor units: part of 0.05 at 50 % is 0.03. A cap holds for the rounded
//     amount, after refunds. A sale of nothing earns nothing.
//   - The minimum is compared with the whole sale, in the program's currency: refunds do not undercut it.
//   - Months run from the program-day on which the customer was bound to that partner, and end before the same day of the
//     later month, or before its last day where it has no such day. Bound on 31 January, one month is until 27 February
//     (28 in a leap year); bound on 15 January, twelve months are the payments of 15 January to 15 December.
//   - Once is the partner's first sale of the customer that reaches the minimum, or the first lead; it stays the first when
//     it is refunded. Sales under review come after those that count.
//   - What a refund takes back, or its restoring gives again, is the difference between the rounded amounts before and
//     after it. So rows add up to the reward, and a whole refund takes back all of it.
//
// # Where it stands
//
// What is earned is held until so many times 24 hours after the sale, and payable then. What was released stays released. A reward
// of a sale under review is under review. What is taken back leaves where the money is, and after it was paid leaves payable,
// which goes below zero: the next payout carries it. Processing and paid are the payouts' business, and stay as they are.
package reward

import (
	"bytes"
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
)

// Input is what rewards depend on: of one customer, and entries by hand and opening balances as the caller pleases. Wanted reckons
// the rewards of the conversions, entries and balances that it is given, and leaves all others alone.
type Input struct {
	// Decisions are all that were made of what was reported of the customer, whoever is credited.
	Decisions []attribution.Decision
	Groups    map[schema.PartnerID][]schema.GroupVersion // of the partners who are credited, by At
	// Programs are the versions of the settings, by At, one at least. Whoever has looked their zones up saves Wanted that.
	Programs []attribution.ProgramVersion
	Rules    schema.Rules
	// Entries are those of the partners and of rewards of this Input; the reversals of a reward come with it.
	Entries  []Entry
	Openings map[schema.PartnerID]schema.OpeningBalance
	// Booked are all rows of the ledger that have a conversion of Decisions, or belong to a reward of Entries or Openings.
	Booked []schema.Transfer
	Now    time.Time
}

// Entry is what somebody entered by hand, to make good.
type Entry struct {
	ID       string // one for ever
	At       int64  // milliseconds since 1970
	Partner  schema.PartnerID
	Reverses schema.RewardID // the reward that it takes from; zero: it adds one
	Amount   int64           // minor units of Currency, above zero; 0 of a reversal: all there is, for good
	Currency string
	HoldDays int // of one that is added: days before it can be paid
	Note     string
}

// Hold is when the hold of a reward ends, of which the ledger's newest row says another moment: what has changed since moved
// the moment, and no money.
type Hold struct {
	Partner    schema.PartnerID
	Reward     schema.RewardID
	Conversion string // as in the ledger
	DueAt      int64  // milliseconds since 1970
}

// Wanted returns the rows that are to be booked, in their order.
func Wanted(in Input) []schema.Transfer {
	rows, _ := Reckon(in)
	return rows
}

// Reckon returns what Wanted does, and the holds that end at another moment than the rows say once those are booked.
func Reckon(in Input) (rows []schema.Transfer, holds []Hold) {
	for _, b := range in.books() {
		rows = append(rows, b.close()...)
		if h, ok := b.moved(); ok {
			holds = append(holds, h)
		}
	}
	return rows, holds
}

// books opens the book of every reward that there is or was, in the order in which they were earned.
func (in Input) books() []*book {
	in.Programs = slices.Clone(in.Programs) // looking a zone up writes it there
	wanted := in.rewards()
	booked := map[schema.RewardID][]schema.Transfer{}
	known := map[string]bool{}
	for _, d := range in.Decisions {
		known[d.ID] = true
	}
	for _, t := range in.Booked {
		booked[t.Reward] = append(booked[t.Reward], t)
	}
	for id, rows := range booked {
		if wanted[id] == nil && known[rows[0].Conversion] {
			wanted[id] = undone(rows)
		}
	}
	out := make([]*book, 0, len(wanted))
	for _, r := range slices.SortedFunc(maps.Values(wanted), func(a, b *reward) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.partner, b.partner), bytes.Compare(a.id[:], b.id[:]))
	}) {
		out = append(out, newBook(r, booked[r.id], in.Now.UnixMilli()))
	}
	return out
}

// reward is what one partner has of one thing, by what is known now.
type reward struct {
	id         schema.RewardID
	partner    schema.PartnerID
	currency   string
	conversion string
	rule       uint32
	source     schema.Account
	at         int64 // milliseconds since 1970, when it was earned
	due        int64 // likewise, when it can be paid; never: it does not end
	review     bool
	steps      []step // by at; together they are the amount
}

// never is the end of a hold that does not end.
const never = math.MaxInt64

// step is by how much something changed the amount.
type step struct {
	kind   schema.CauseKind
	cause  string
	at     int64 // milliseconds since 1970
	amount int64 // minor units; below zero: it takes back
	note   string
}

func (r *reward) amount() (sum int64) {
	for _, s := range r.steps {
		sum += s.amount
	}
	return sum
}

// undone is a booked reward that is nobody's any more: nothing of it is wanted, and its hold does not end.
func undone(rows []schema.Transfer) *reward {
	t := slices.MinFunc(rows, func(a, b schema.Transfer) int {
		return cmp.Or(cmp.Compare(a.At, b.At), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return &reward{
		id: t.Reward, partner: t.Partner, currency: t.Currency, conversion: t.Conversion, rule: t.Rule,
		source: schema.AccountExpense, at: t.At, due: never,
	}
}

// rewards reckons what every reward should be.
func (in *Input) rewards() map[schema.RewardID]*reward {
	out := map[schema.RewardID]*reward{}
	add := func(r *reward) { out[r.id] = r }
	in.earned(add)
	for id, b := range in.Openings {
		add(opening(id, b))
	}
	entries := slices.SortedFunc(slices.Values(in.Entries), func(a, b Entry) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID)) })
	entries = slices.CompactFunc(entries, func(a, b Entry) bool { return a.ID == b.ID })
	for _, e := range entries {
		if e.Reverses == (schema.RewardID{}) {
			add(e.added())
		}
	}
	for _, e := range entries {
		if r := out[e.Reverses]; r != nil {
			r.reverse(e)
		}
	}
	return out
}

// opening is what a partner was owed from before: it can be paid at once.
func opening(partner schema.PartnerID, b schema.OpeningBalance) *reward {
	at := b.AsOf.UnixMilli()
	return &reward{
		id:      schema.NewRewardID(partner, schema.CauseOpening, partner.String(), b.Currency),
		partner: partner, currency: b.Currency, source: schema.AccountOpening, at: at, due: at,
		steps: []step{{schema.CauseOpening, partner.String(), at, b.Amount, ""}},
	}
}

// added is the reward that an entry adds.
func (e Entry) added() *reward {
	return &reward{
		id:      schema.NewRewardID(e.Partner, schema.CauseAdded, e.ID, e.Currency),
		partner: e.Partner, currency: e.Currency, source: schema.AccountExpense, at: e.At, due: after(e.At, e.HoldDays),
		steps: []step{{schema.CauseAdded, e.ID, e.At, e.Amount, e.Note}},
	}
}

// reverse takes an entry's amount from what is left of the reward.
func (r *reward) reverse(e Entry) {
	amount := r.amount()
	if e.Amount != 0 {
		amount = min(amount, e.Amount)
	}
	r.steps = append(r.steps, step{schema.CauseReversed, e.ID, max(e.At, r.at), -amount, e.Note})
}

// after is the moment so many days of 24 hours later.
func after(at int64, days int) int64 { return at + int64(days)*24*int64(time.Hour/time.Millisecond) }

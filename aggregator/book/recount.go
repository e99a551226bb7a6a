package book

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"fairlead/aggregator/lock"
	"fairlead/aggregator/reward"
	"fairlead/schema"
)

// Wrong is what is wrong with a reward.
type Wrong string

// The ways in which a reward can be wrong.
const (
	WrongAmount Wrong = "amount"   // an account holds another amount
	WrongPaid   Wrong = "overpaid" // more is in payouts, or was received, than was ever given
	WrongRow    Wrong = "row"      // a row cannot have been booked for it as it stands
)

// Difference is something of the ledger that is not as decisions, rules and entries by hand say.
type Difference struct {
	Wrong      Wrong
	Month      schema.Month // of UTC, in which the reward was earned
	Reward     schema.RewardID
	Partner    schema.PartnerID
	Currency   string
	Conversion string            // empty: it is for none
	Account    schema.Account    // of WrongAmount
	Row        schema.TransferID // of WrongRow
	Want, Got  int64             // minor units; of WrongPaid what was given and what was paid, of WrongRow 0 and the row's amount
}

// Recounted says how much was compared.
type Recounted struct {
	Rewards uint64 `json:"rewards"`
	// Open counts the customers and rewards by hand that were not compared, because something has changed of them that need not be booked yet.
	Open uint64 `json:"open"`
}

// mostDoubtful is how many customers that look wrong are looked at again; a ledger that is wrong in more is wrong.
const mostDoubtful = 10_000

// Recount reckons every reward that was earned since a month of UTC, 0: every reward, writes nothing, and yields where the ledger
// says something else. It holds no lock while it reads everything, so runs may be at work meanwhile; what looks wrong is looked
// at again under the lock, for which it waits, and yielded if it is. Progress, when set, is told how many decisions are read.
func (b *Book) Recount(ctx context.Context, since schema.Month, progress func(done, total int), yield func(Difference) error) (Recounted, error) {
	var out Recounted
	r := newRun(b, ctx)
	if err := r.ready(); err != nil {
		return out, err
	}
	doubtful := map[customer]bool{}
	err := r.each(since, func(batch *batch, done, total int) error {
		if progress != nil {
			progress(done, total)
		}
		for _, c := range batch.customers {
			if c.moving && len(doubtful) < mostDoubtful {
				doubtful[c.customer] = true
			}
		}
		return r.split(batch, func(c customer, in reward.Input) error {
			wrong, rewards := differences(in, since)
			out.Rewards += uint64(rewards)
			if len(wrong) > 0 && len(doubtful) < mostDoubtful {
				doubtful[c] = true
			}
			return nil
		})
	})
	if err != nil {
		return out, err
	}
	var hands []*hand
	err = r.eachByHand(func(h *hand) error {
		if len(h.rewards) == 0 {
			return nil
		}
		in, err := r.handInput(h)
		if err != nil {
			return err
		}
		wrong, rewards := differences(in, since)
		out.Rewards += uint64(rewards)
		if len(wrong) > 0 {
			hands = append(hands, h)
		}
		return nil
	})
	if err != nil || len(doubtful)+len(hands) == 0 {
		return out, err
	}
	return out, b.lookAgain(ctx, since, doubtful, hands, &out, yield)
}

// ready reads where the booking stands, and what rewards depend on.
func (r *run) ready() error {
	if _, err := r.readState(); err != nil {
		return err
	}
	if _, err := r.current(); err != nil {
		return err
	}
	// By when the last run looked: what is over since need not be released yet.
	if r.state.Token != 0 {
		r.now = r.state.DueTo
	}
	return r.inputs.open()
}

// lookAgain yields what is wrong with what looked so, while no run is at work.
func (b *Book) lookAgain(ctx context.Context, since schema.Month, doubtful map[customer]bool, hands []*hand, out *Recounted, yield func(Difference) error) error {
	l, err := waitFor(ctx, b)
	if err != nil {
		return fmt.Errorf("recount the rewards: %w", err)
	}
	defer l.Release()
	r := newRun(b, l.Context())
	if _, err := r.readState(); err != nil {
		return err
	}
	now, err := r.current()
	if err != nil {
		return err
	}
	open, err := r.changed(now)
	if err != nil {
		return err
	}
	if open.much || r.state.Token == 0 {
		out.Open += uint64(len(doubtful) + len(hands))
		return nil
	}
	if err := r.ready(); err != nil {
		return err
	}
	keys := slices.SortedFunc(maps.Keys(doubtful), func(a, b customer) int { return slices.Compare(a[:], b[:]) })
	keys = slices.DeleteFunc(keys, func(c customer) bool {
		if open.customers[c] {
			out.Open++
		}
		return open.customers[c]
	})
	say := func(in reward.Input) error {
		wrong, _ := differences(in, since)
		for _, d := range wrong {
			if err := yield(d); err != nil {
				return err
			}
		}
		return nil
	}
	for some := range slices.Chunk(keys, mostCustomers) {
		batch, err := r.of(some)
		if err != nil {
			return err
		}
		if err := r.split(batch, func(_ customer, in reward.Input) error { return say(in) }); err != nil {
			return err
		}
	}
	out.Open += uint64(r.report.Deferred)
	for _, h := range hands {
		for id, p := range h.rewards {
			if open.rewards[id] || open.openings[p] {
				out.Open++
				delete(h.rewards, id)
			}
		}
		in, err := r.handInput(h)
		if err != nil {
			return err
		}
		in.Entries = slices.DeleteFunc(in.Entries, func(e reward.Entry) bool {
			of := e.Reverses
			if of == (schema.RewardID{}) {
				of = schema.NewRewardID(e.Partner, schema.CauseAdded, e.ID, e.Currency)
			}
			_, there := h.rewards[of]
			return !there
		})
		maps.DeleteFunc(in.Openings, func(p schema.PartnerID, o schema.OpeningBalance) bool {
			_, there := h.rewards[schema.NewRewardID(p, schema.CauseOpening, p.String(), o.Currency)]
			return !there
		})
		if err := say(in); err != nil {
			return err
		}
	}
	return nil
}

// waitFor takes the lock when the run that has it is through.
func waitFor(ctx context.Context, b *Book) (*lock.Lock, error) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		l, err := lock.Acquire(ctx, b.opt.Redis, b.opt.Keys, "reward", b.opt.LockLife)
		if !errors.Is(err, lock.ErrHeld) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-again.C:
		}
	}
}

// differences tells what is wrong with the rewards of an input that were earned since a month, and how many those are.
func differences(in reward.Input, since schema.Month) (out []Difference, rewards int) {
	for _, s := range reward.Stand(in) {
		month := schema.MonthOf(instant(s.At), time.UTC)
		if month < since {
			continue
		}
		rewards++
		d := Difference{Month: month, Reward: s.Reward, Partner: s.Partner, Currency: s.Currency, Conversion: s.Conversion}
		for _, a := range []schema.Account{schema.AccountReview, schema.AccountHolding, schema.AccountPayable, schema.AccountProcessing, schema.AccountPaid} {
			if s.Want[a] != s.Got[a] {
				d := d
				d.Wrong, d.Account, d.Want, d.Got = WrongAmount, a, s.Want[a], s.Got[a]
				out = append(out, d)
			}
		}
		if s.Paid > s.Given {
			d := d
			d.Wrong, d.Want, d.Got = WrongPaid, s.Given, s.Paid
			out = append(out, d)
		}
		for _, t := range s.Odd {
			d := d
			d.Wrong, d.Row, d.Got = WrongRow, t.ID, t.Amount
			out = append(out, d)
		}
	}
	return out, rewards
}

package simulator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairlead/aggregator/payout"
	"fairlead/aggregator/reward"
	"fairlead/schema"
)

// forgetful is a provider that nobody can ask: as if the run did not ask, but sent again.
type forgetful struct{ payout.Provider }

func (forgetful) Find(context.Context, payout.Order) (payout.Outcome, error) {
	return payout.Outcome{}, payout.ErrUnknown
}

// liar is a provider that says that it refused what it has paid.
type liar struct{ payout.Provider }

func (l liar) Send(ctx context.Context, o payout.Order) (payout.Outcome, error) {
	if out, err := l.Provider.Send(ctx, o); err != nil {
		return out, err
	}
	return payout.Outcome{}, fmt.Errorf("no: %w", payout.ErrRefused)
}

// heedless is a lock that nobody loses: as if the token were not checked.
type heedless struct{ payout.Fence }

func (heedless) Check() error { return nil }

// unreserved is a store in which what is in a payout stays payable.
type unreserved struct{ payout.Store }

func (u unreserved) Book(ctx context.Context, rows []schema.Transfer) error {
	return u.Store.Book(ctx, slices.DeleteFunc(rows, func(t schema.Transfer) bool { return t.Debit == schema.AccountPayable && t.Kind == schema.CausePayout }))
}

// roundedTwice rounds what was rounded to cents to tens of them.
func roundedTwice(in reward.Input) []schema.Transfer {
	rows := reward.Wanted(in)
	for i := range rows {
		rows[i].Amount = max(1, (rows[i].Amount+5)/10*10)
	}
	return rows
}

// blind books nothing of refunds.
func blind(in reward.Input) []schema.Transfer {
	return slices.DeleteFunc(reward.Wanted(in), func(t schema.Transfer) bool { return t.Kind == schema.CauseAdjusted })
}

// unaware reckons as if nothing were booked yet, and books it under ids of its own.
func unaware(in reward.Input) []schema.Transfer {
	n := len(in.Booked)
	in.Booked = nil
	rows := reward.Wanted(in)
	for i := range rows {
		rows[i].Identify(n + i)
	}
	return rows
}

func TestWhatIsWrongIsFound(t *testing.T) {
	for name, m := range map[string]struct {
		variant
		from uint64   // the world to begin with: one that shows it soon
		want []string // one of these is found, whatever else is
	}{
		"a run that sends again without asking first":  {variant{provider: func(p payout.Provider) payout.Provider { return forgetful{p} }}, 20, []string{paidTwice}},
		"a provider that pays what it says it refused": {variant{provider: func(p payout.Provider) payout.Provider { return liar{p} }}, 1, []string{falseStatus}},
		"a run that does not look for its lock":        {variant{fence: func(f payout.Fence) payout.Fence { return heedless{f} }}, 159, []string{falseStatus, falseAccount, overpaid, paidTwice}},
		"payouts that do not reserve what they pay":    {variant{store: func(s payout.Store) payout.Store { return unreserved{s} }}, 1, []string{negative, falseAccount, overpaid}},
		"rewards that are rounded twice":               {variant{wanted: roundedTwice}, 1, []string{wantsMore, wrongAmount, replayDiffers}},
		"refunds that take nothing from rewards":       {variant{wanted: blind}, 1, []string{replayDiffers}},
		"a run that does not read what is booked":      {variant{wanted: unaware}, 1, []string{wantsMore}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := m.from; ; seed++ {
				w := play(seed, all(), m.variant)
				if w.err == nil || !slices.Contains(m.want, w.err.what) {
					if seed == m.from+2000 {
						t.Fatal("it was not found in 2000 worlds")
					}
					continue
				}
				short := shrink(seed, w, all(), m.variant)
				if short.err == nil || short.err.what != w.err.what {
					t.Errorf("in world %d: %v; shrunk: %v:\n%s", seed, w.err, short.err, strings.Join(short.story, "\n"))
				}
				t.Logf("in world %d: %v, told in %d lines", seed, w.err.what, len(short.story))
				return
			}
		})
	}
}

func TestASeedIsOneStory(t *testing.T) {
	for seed := range uint64(5) {
		if diff := cmp.Diff(play(seed, all(), variant{}).story, play(seed, all(), variant{}).story); diff != "" {
			t.Errorf("world %d, played twice:\n%s", seed, diff)
		}
	}
}

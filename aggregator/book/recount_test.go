package book

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"fairlead/schema"
)

// recount answers what is wrong, as "amount 1 holding: want 2, got 3".
func (w *world) recount() (said []string, out Recounted) {
	w.t.Helper()
	out, err := w.book.Recount(w.t.Context(), 0, nil, func(d Difference) error {
		said = append(said, fmt.Sprintf("%s %d %s: want %d, got %d", d.Wrong, d.Partner, d.Account, d.Want, d.Got))
		return nil
	})
	w.must(err)
	return said, out
}

func TestARecountFindsWhatWasDoneToTheLedger(t *testing.T) {
	w := newWorld(t)
	w.rule(1, schema.Rule{Percent: 1000})
	w.tell("a", sale(40, "ann", "in_1", 1000, clicked(1, 39)), sale(1, "bob", "in_2", 3000, clicked(2, 0)))
	w.entry(49, schema.KindEntry, 1, schema.Entry{ID: 1, Partner: 3, Amount: 700, Currency: "USD", HoldDays: 90, Note: "x", At: w.now})
	w.run()
	rows, err := w.ledger.Where(t.Context(), "all", "1", nil)
	w.must(err)
	stood := append([]schema.Transfer(nil), rows...)
	f := func(what string, change func(rows []schema.Transfer) []schema.Transfer, want ...string) {
		t.Helper()
		w.Exec("TRUNCATE TABLE fairlead.ledger")
		w.must(w.ledger.Append(t.Context(), change(append([]schema.Transfer(nil), stood...))))
		if got, out := w.recount(); lines(got) != lines(want) || out.Rewards != 3 || out.Open != 0 {
			t.Errorf("%s: %q (%+v), want %q", what, got, out, want)
		}
	}
	of := func(rows []schema.Transfer, p schema.PartnerID, k schema.CauseKind) *schema.Transfer {
		for i := range rows {
			if rows[i].Partner == p && rows[i].Kind == k {
				return &rows[i]
			}
		}
		t.Fatalf("no row of %d, %s", p, k)
		return nil
	}
	f("nothing", func(rows []schema.Transfer) []schema.Transfer { return rows })
	f("a row twice", func(rows []schema.Transfer) []schema.Transfer { return append(rows, rows...) })
	f("another amount", func(rows []schema.Transfer) []schema.Transfer {
		of(rows, 1, schema.CauseEarned).Amount = 101
		return rows
	}, "amount 1 holding: want 100, got 101")
	f("another account", func(rows []schema.Transfer) []schema.Transfer {
		of(rows, 1, schema.CauseEarned).Credit = schema.AccountPayable
		return rows
	}, "amount 1 holding: want 100, got 0", "amount 1 payable: want 0, got 100")
	f("a row dropped", func(rows []schema.Transfer) []schema.Transfer {
		of(rows, 2, schema.CauseReleased).Amount = 300
		out := rows[:0]
		for _, t := range rows {
			if t.Kind != schema.CauseReleased {
				out = append(out, t)
			}
		}
		return out
	}, "amount 2 holding: want 0, got 300", "amount 2 payable: want 300, got 0")
	f("another kind", func(rows []schema.Transfer) []schema.Transfer {
		of(rows, 1, schema.CauseEarned).Kind = schema.CauseAdjusted
		return rows
	}, "row 1 : want 0, got 100")
	f("an entry's amount", func(rows []schema.Transfer) []schema.Transfer {
		of(rows, 3, schema.CauseAdded).Amount = 7000
		return rows
	}, "amount 3 holding: want 700, got 7000")
	f("a payout's row of more than there was", func(rows []schema.Transfer) []schema.Transfer {
		paid := *of(rows, 2, schema.CauseReleased)
		paid.Kind, paid.Cause, paid.Debit, paid.Credit, paid.Amount = schema.CausePayout, "p", schema.AccountPayable, schema.AccountProcessing, 400
		paid.Identify(0)
		return append(rows, paid)
	}, "overpaid 2 : want 300, got 400")
	f("a payout without a payout", func(rows []schema.Transfer) []schema.Transfer {
		of(rows, 2, schema.CauseReleased).Credit = schema.AccountPaid
		return rows
	}, "amount 2 payable: want 300, got 0", "amount 2 paid: want 0, got 300", "row 2 : want 0, got 300")
}

func TestWhatNeedNotBeBookedYetIsNotWrong(t *testing.T) {
	w := newWorld(t)
	w.rule(1, schema.Rule{Percent: 1000})
	w.tell("a", trade(rand.New(rand.NewPCG(3, 4)), 100, 23)...)
	w.run()
	if said, out := w.recount(); len(said) != 0 || out.Rewards == 0 || out.Open != 0 {
		t.Errorf("after a run: %v, %+v", said, out)
	}
	w.tell("b", sale(40, "new", "in_new", 1000, clicked(1, 39)))
	w.rule(2, schema.Rule{Percent: 2000, Partner: 2})
	if said, out := w.recount(); len(said) != 0 || out.Open == 0 {
		t.Errorf("before the next: %v, %+v", said, out)
	}
	w.run()
	if said, out := w.recount(); len(said) != 0 || out.Open != 0 {
		t.Errorf("after the next: %v, %+v", said, out)
	}
}

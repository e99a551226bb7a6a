package directory

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
)

func TestEntriesAreAddedAndCheckedAgainstTheLedger(t *testing.T) {
	w := seeded(t)
	if err := w.ch.Exec(t.Context(), "TRUNCATE TABLE fairlead.ledger"); err != nil {
		t.Fatal(err)
	}
	ada, _ := w.partner("Ada", "ada@example.com")
	add := func(partner schema.PartnerID, amount int64, currency string, days int, why string) (schema.Entry, error) {
		return w.AddReward(t.Context(), LoginActor(schema.Login{ID: 7, Role: schema.RoleAdmin}), partner, amount, currency, days, why)
	}
	first, err := add(ada.ID, 2500, "USD", 2, " a prize ")
	want := schema.Entry{ID: 1, Partner: ada.ID, Amount: 2500, Currency: "USD", HoldDays: 2, Note: "a prize", At: first.At}
	if diff := cmp.Diff(want, first); err != nil || diff != "" || first.At.IsZero() {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	stored, by, err := w.Entry(t.Context(), 1)
	if diff := cmp.Diff(first, stored); err != nil || diff != "" || by != "admin:7" {
		t.Errorf("%v, by %s, -want +got\n%s", err, by, diff)
	}
	_, err = add(ada.ID, 0, "USD", 0, "x")
	refused(t, err, Invalid, "amount")
	_, err = add(ada.ID, schema.MaxAmount+1, "USD", 0, "x")
	refused(t, err, Invalid, "amount")
	_, err = add(ada.ID, 1, "USD", -1, "x")
	refused(t, err, Invalid, "hold_days")
	_, err = add(ada.ID, 1, "EUR", 0, "x")
	refused(t, err, Conflict, "currency")
	_, err = add(9, 1, "USD", 0, "x")
	refused(t, err, NotFound, "partner")
	_, err = add(ada.ID, 1, "USD", 0, "two\nlines")
	refused(t, err, Invalid, "reason")
	_, _, err = w.Entry(t.Context(), 9)
	refused(t, err, NotFound, "")

	take := func(amount int64) (schema.Entry, error) {
		return w.ReverseReward(t.Context(), CLI, first.Reward(), amount, "a mistake")
	}
	_, err = take(1)
	refused(t, err, NotFound, "") // it is not booked yet
	book := func(debit, credit schema.Account, kind schema.CauseKind, cause string, amount int64) {
		t.Helper()
		row := schema.Transfer{Reward: first.Reward(), Kind: kind, Cause: cause}
		row.Identify(0)
		err := w.ch.Exec(t.Context(), `INSERT INTO fairlead.ledger (id, partner_id, reward_id, debit, credit, amount, currency, kind, cause)
			VALUES (unhex(?), ?, unhex(?), ?, ?, ?, 'USD', ?, ?)`, row.ID.String(), uint32(ada.ID), row.Reward.String(), string(debit), string(credit), amount, string(kind), cause)
		if err != nil {
			t.Fatal(err)
		}
	}
	book(schema.AccountExpense, schema.AccountHolding, schema.CauseAdded, "1", 2500)
	book(schema.AccountHolding, schema.AccountPayable, schema.CauseReleased, "r", 2500) // moves it, and leaves the amount
	_, err = take(2501)
	refused(t, err, Conflict, "amount")
	_, err = take(-1)
	refused(t, err, Invalid, "amount")
	part, err := take(1500)
	want = schema.Entry{ID: 2, Partner: ada.ID, Amount: 1500, Currency: "USD", Reverses: first.Reward(), Note: "a mistake", At: part.At}
	if diff := cmp.Diff(want, part); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	// Whether or not it is booked, it is taken once.
	_, err = take(1001)
	refused(t, err, Conflict, "amount")
	book(schema.AccountPayable, schema.AccountExpense, schema.CauseReversed, "2", 1500)
	_, err = take(1001)
	refused(t, err, Conflict, "amount")
	if all, err := take(0); err != nil || all.Amount != 0 || all.ID != 3 {
		t.Errorf("got %+v, %v, want an entry that takes all there is", all, err)
	}
	_, err = take(0)
	refused(t, err, Conflict, "")
	w.whole()
}

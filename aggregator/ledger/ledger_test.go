package ledger

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairlead/aggregator/aggregatortest"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

func transfer(partner schema.PartnerID, amount int64, token uint64) schema.Transfer {
	t := schema.Transfer{
		BookedAt: 1_790_000_000_123, At: 1_780_000_000_456, DueAt: 1_782_592_000_456, Partner: partner, Reward: schema.NewRewardID(partner, schema.CauseEarned, "sale", "USD"),
		Debit: schema.AccountExpense, Credit: schema.AccountHolding, Amount: amount, Currency: "USD",
		Kind: schema.CauseEarned, Cause: "sale", Rule: 7, Conversion: "sale", Note: "a note", Token: token,
	}
	t.Identify(0)
	return t
}

func TestRowsComeBackAsTheyWereBooked(t *testing.T) {
	w := aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
	l := Ledger{ClickHouse: w.CH, Purpose: "test"}
	want := []schema.Transfer{transfer(1, 100, 5), transfer(2, 200, 5)}
	for range 2 { // whoever is unsure writes again
		if err := l.Append(t.Context(), want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.Where(t.Context(), "all", "1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	one, err := l.Where(t.Context(), "of a partner", "partner_id = {partner:UInt32}", map[string]string{"partner": "2"})
	if err != nil || len(one) != 1 || one[0] != want[1] {
		t.Errorf("of partner 2: %v, %v", one, err)
	}
}

// A run that lost its lock and writes late changes nothing of what a later run booked for the same cause.
func TestOfRowsWithOneIDTheNewestRunsStands(t *testing.T) {
	w := aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
	l := Ledger{ClickHouse: w.CH, Purpose: "test"}
	for _, row := range []schema.Transfer{transfer(1, 100, 6), transfer(1, 90, 5)} {
		if err := l.Append(t.Context(), []schema.Transfer{row}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.Where(t.Context(), "all", "1", nil)
	if err != nil || len(got) != 1 || got[0].Amount != 100 {
		t.Errorf("got %v, %v", got, err)
	}
	if newest, err := l.Newest(t.Context()); err != nil || newest != 6 {
		t.Errorf("newest token %d, %v", newest, err)
	}
}

func TestAnAmountOfNothingIsRefused(t *testing.T) {
	w := aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
	l := Ledger{ClickHouse: w.CH, Purpose: "test"}
	if err := l.Append(t.Context(), []schema.Transfer{transfer(1, 100, 1), transfer(2, -1, 1)}); err == nil {
		t.Error("a row with an amount below zero was booked")
	}
	if n := w.Count("SELECT count() FROM fairlead.ledger"); n != 0 {
		t.Errorf("%d rows of an insert that was refused stand", n)
	}
}

package figures

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheCacheIsBounded(t *testing.T) {
	c := &cache{now: time.Now}
	ask := func(question any, rows int) {
		t.Helper()
		_, err := cached(t.Context(), c, "1", question, func(context.Context) (int, error) { return rows, nil }, func(n int) int { return n })
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		ask(i, mostRows/10)
		if c.rows > mostRows || len(c.answers) > 10 {
			t.Fatalf("%d answers with %d rows, want at most %d rows", len(c.answers), c.rows, mostRows)
		}
	}
}

func TestWhatFailedIsAskedAgain(t *testing.T) {
	c := &cache{now: time.Now}
	n := 0
	ask := func(generation string, err error) {
		_, _ = cached(t.Context(), c, generation, "question", func(context.Context) (int, error) { n++; return n, err }, func(int) int { return 1 })
	}
	ask("1", errors.New("away"))
	ask("1", nil)
	ask("1", nil)
	if n != 2 {
		t.Errorf("asked %d times, want 2: once in vain, once for all", n)
	}
	ask("2", nil)
	ask("", nil) // nobody knows what stands
	ask("", nil)
	if n != 5 {
		t.Errorf("asked %d times, want 5", n)
	}
}

// TestAnAnswerOfThePastIsNotKept changes the figures while somebody asks.
func TestAnAnswerOfThePastIsNotKept(t *testing.T) {
	c := &cache{now: time.Now}
	one := func(int) int { return 1 }
	answer := func(n int) func(context.Context) (int, error) {
		return func(context.Context) (int, error) { return n, nil }
	}
	_, err := cached(t.Context(), c, "1", "question", func(ctx context.Context) (int, error) {
		_, err := cached(ctx, c, "2", "another", answer(2), one)
		return 1, err
	}, one)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cached(t.Context(), c, "2", "question", answer(22), one); err != nil || got != 22 {
		t.Errorf("got %d, %v; want the answer of now", got, err)
	}
}

func TestAmountsOfTwoCurrenciesStayApart(t *testing.T) {
	a := Sold{{Currency: "EUR", Sales: 1, Gross: 500}}
	b := Sold{{Currency: "CHF", Sales: 2, Gross: 30}, {Currency: "EUR", Refunds: 1, Refunded: 700}}
	want := Sold{{Currency: "CHF", Sales: 2, Gross: 30}, {Currency: "EUR", Sales: 1, Gross: 500, Refunds: 1, Refunded: 700}}
	if diff := cmp.Diff(want, a.Plus(b)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, b.Plus(a)); diff != "" {
		t.Error(diff)
	}
	if a[0].Refunds != 0 || len(b) != 2 || b[1].Sales != 0 {
		t.Errorf("adding up changed what was added up: %v, %v", a, b)
	}
	if got := a.Plus(b).In("EUR").Net(); got != -200 {
		t.Errorf("net %d, want -200", got)
	}
	if got := a.In("USD"); got != (Sum{Currency: "USD"}) {
		t.Errorf("a currency in which nothing was sold: %v", got)
	}
	most := Sold{{Currency: "EUR", Gross: math.MaxInt64}}
	if got := most.Plus(a)[0].Gross; got != math.MaxInt64 {
		t.Errorf("beyond the greatest amount: %d", got)
	}
	if got := (Sum{Gross: -2, Refunded: math.MaxInt64}).Net(); got != math.MinInt64 {
		t.Errorf("beyond the least amount: %d", got)
	}
}

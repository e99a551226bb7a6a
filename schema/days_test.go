package schema

import (
	"slices"
	"testing"
)

func TestTheDaysOfAMonth(t *testing.T) {
	for m, want := range map[Month]int{202602: 28, 202402: 29, 202611: 30, 202612: 31} {
		days := m.Days()
		if len(days) != want || days[0] != m.FirstDay() || int(days[want-1]%100) != want {
			t.Errorf("%d: %d days from %d to %d, want %d", m, len(days), days[0], days[len(days)-1], want)
		}
	}
}

func TestWeeksAreRunsWithoutAHole(t *testing.T) {
	f := func(days []Day, want ...[]Day) {
		t.Helper()
		if got := Weeks(days); !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%v: got %v, want %v", days, got, want)
		}
	}
	f(nil)
	f([]Day{20261123}, []Day{20261123})
	f([]Day{20261129, 20261130, 20261201}, []Day{20261129, 20261130, 20261201})
	f([]Day{20260228, 20260301, 20260303}, []Day{20260228, 20260301}, []Day{20260303})
	f(Month(202611).Days()[:9], Month(202611).Days()[:7], Month(202611).Days()[7:9])
}

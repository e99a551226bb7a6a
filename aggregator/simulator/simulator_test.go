package simulator

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"fairlead/cmd/chaostest"
)

func TestWhateverHappensTheMoneyIsRight(t *testing.T) {
	seeds := chaostest.Seeds(t, chaostest.Times(60, 10_000))
	next := make(chan uint64)
	var wg sync.WaitGroup
	var mu sync.Mutex
	tally := map[string]int{} // guarded by mu
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := range next {
				w := play(seed, all(), variant{})
				mu.Lock()
				for what, n := range w.tally {
					tally[what] += n
				}
				mu.Unlock()
				if w.err != nil {
					t.Errorf("%v; repeat with CHAOS_SEED=%d; what leads to it:\n%s", w.err, seed, strings.Join(shrink(seed, w, all(), variant{}).story, "\n"))
				}
			}
		})
	}
	for _, seed := range seeds {
		if t.Failed() {
			break
		}
		next <- seed
	}
	close(next)
	wg.Wait()
	var figures []string
	for _, what := range []string{
		"sales", "refunds", "rows of rewards", "runs that wrote late", "runs that wrote without the lock", "payouts completed", "payouts failed", "payouts returned",
		"payouts canceled", "payout runs killed", "payout runs stopped", "questions lost", "answers lost",
	} {
		if figures = append(figures, fmt.Sprint(tally[what], " ", what)); tally[what] == 0 && len(seeds) > 1 && !t.Failed() {
			t.Errorf("no %s in %d worlds: they do not show what they are to show", what, len(seeds))
		}
	}
	chaostest.Report(t, "%d worlds of %d steps: %s", len(seeds), length, strings.Join(figures, ", "))
}

package simulator

import (
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
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := range next {
				if w := play(seed, all(), variant{}); w.err != nil {
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
	chaostest.Report(t, "%d worlds of %d steps", len(seeds), length)
}

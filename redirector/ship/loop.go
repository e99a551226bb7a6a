package ship

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// loop takes steps and tries again those that fail, with growing pauses.
type loop struct {
	step   func(ctx context.Context, drain bool) error
	failed func(err error, attempt int)
	giveUp int // after so many failures in a row; 0: never
	pause  time.Duration
}

// errCrash ends a sink as a killed process would: tests only.
var errCrash = errors.New("crash")

// firstPause is the wait after a first failure, unless the options say otherwise.
const firstPause = 100 * time.Millisecond

// pauses are the waits after failures in a row, in tenths of the first, the last one for ever.
var pauses = [...]time.Duration{10, 25, 50, 100, 200, 500}

// until takes steps until done answers true, or ctx is done. The error is nil, ctx's with what failed last, errCrash, or
// the one at which it gave up.
func (l loop) until(ctx context.Context, drain bool, done func() bool) error {
	var last error
	for failed := 0; !done(); {
		if ctx.Err() != nil {
			if last != nil {
				return fmt.Errorf("%w: %w", ctx.Err(), last)
			}
			return ctx.Err()
		}
		err := l.step(ctx, drain)
		if err == nil {
			failed = 0
			continue
		}
		failed++
		if errors.Is(err, errCrash) || failed == l.giveUp {
			return err
		}
		if ctx.Err() == nil {
			last = err
			l.failed(err, failed)
		}
		sleep(ctx, l.pause*pauses[min(failed, len(pauses))-1]/10)
	}
	return nil
}

func never() bool { return false }

// sleep waits, or less when ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

package stores

import (
	"context"
	"time"
)

// Pauses between attempts to start a store again.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
	steady     = time.Minute // after this long without a loss the pauses begin anew
)

// Keep starts the child again whenever it ends without having been told to, after pauses that grow
// from 0.1 to 30 seconds, until ctx is done. It reports the end of a child with its reason, each
// attempt that failed with its own, and nil once the store answers again; report may be nil. Keep does
// not stop the child when it returns.
func (p *Process) Keep(ctx context.Context, report func(error)) {
	if report == nil {
		report = func(error) {}
	}
	pause, up := firstPause, time.Now()
	for p.awaitLoss(ctx) {
		if time.Since(up) > steady {
			pause = firstPause
		}
		for err := p.Err(); err != nil; pause = min(2*pause, lastPause) {
			p.log.Error("down", "err", err, "next attempt in", pause)
			report(err)
			if !sleep(ctx, pause) {
				return
			}
			if err = p.revive(ctx); ctx.Err() != nil {
				return
			}
		}
		up = time.Now()
		if p.Err() == nil {
			p.log.Info("up again", "took", p.Took())
			report(nil)
		}
	}
}

// awaitLoss waits until the child is gone without having been told to; false when ctx is done first.
func (p *Process) awaitLoss(ctx context.Context) bool {
	for p.Err() == nil {
		p.mu.Lock()
		done, changed := p.run.done, p.changed
		if isClosed(done) {
			done = nil // it was told to: wait for the next one
		}
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return false
		case <-done:
		case <-changed:
		}
	}
	return ctx.Err() == nil
}

// revive starts a lost child again, unless it was told to stop meanwhile.
func (p *Process) revive(ctx context.Context) error {
	if err := p.takeTurn(ctx); err != nil {
		return err
	}
	defer p.endTurn()
	if p.Err() == nil {
		return nil
	}
	return p.start(ctx)
}

package payout

import "time"

// A completed payout is asked for so long, and so often, in case it is returned; sooner again where that failed.
const (
	Watch      = 35 * 24 * time.Hour
	watchEvery = 24 * time.Hour
	watchAgain = time.Hour
)

// watch asks for completed payouts when it is time to: last, for nothing waits for the answers. What a provider does not say of them is
// a warning only, because the partner has the money as far as anybody knows.
func (r *Runner) watch(w *work) error {
	r.mu.Lock()
	due := !w.Now().Before(r.watchAt)
	r.mu.Unlock()
	if !due {
		return nil
	}
	before := len(w.report.Problems)
	if err := w.watch(); err != nil {
		return err
	}
	w.report.Problems, w.report.Warnings = w.report.Problems[:before:before], w.report.Problems[before:]
	next := w.Now().Add(watchEvery)
	if len(w.report.Warnings) > 0 {
		next = w.Now().Add(watchAgain)
	}
	r.mu.Lock()
	r.watchAt = next
	r.mu.Unlock()
	return nil
}

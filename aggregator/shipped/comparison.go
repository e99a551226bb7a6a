package shipped

import (
	"sync"
	"time"
)

// Comparison remembers when shipments and a ledger were last compared whole. The zero value is due. It is safe for
// concurrent use.
type Comparison struct {
	mu   sync.Mutex
	done time.Time
}

// Due reports whether the last whole comparison is at least so long ago, or there was none.
func (c *Comparison) Due(every time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done.IsZero() || time.Since(c.done) >= every
}

// Done notes that both were just compared whole.
func (c *Comparison) Done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = time.Now()
}

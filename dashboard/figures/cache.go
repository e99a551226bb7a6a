package figures

import (
	"context"
	"sync"
	"time"
)

// cache keeps answers as long as the figures that they were made of stand: until a rollup or an attribution changes
// something. It holds answers of one generation of figures only, and forgets everything when it is full. It is safe for
// concurrent use.
type cache struct {
	now func() time.Time

	mu         sync.Mutex
	generation string
	answers    map[any]answer
	rows       int // that the answers hold together
}

// answer is what somebody asked before. Whoever gets it must not change it.
type answer struct {
	value any
	until time.Time
}

const (
	// mostRows bounds the cache: a row takes some 250 bytes.
	mostRows = 100_000
	// longest is how long an answer is kept in any case, as a replica of ClickHouse may have answered that had not
	// got the figures of this generation yet.
	longest = time.Minute
)

// cached returns what was answered to the same question of the same figures, or asks. The question must be comparable;
// rows says how large an answer is. Where the generation is not known nothing is kept.
func cached[T any](ctx context.Context, c *cache, generation string, question any, ask func(context.Context) (T, error), rows func(T) int) (T, error) {
	if generation == "" {
		return ask(ctx)
	}
	if found, ok := c.get(generation, question); ok {
		return found.(T), nil
	}
	value, err := ask(ctx)
	if err == nil {
		c.put(generation, question, value, rows(value))
	}
	return value, err
}

func (c *cache) get(generation string, question any) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		c.generation = generation
		c.forgetLocked()
	}
	found, ok := c.answers[question]
	return found.value, ok && c.now().Before(found.until)
}

func (c *cache) put(generation string, question, value any, rows int) {
	rows++ // an answer without rows takes room too
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation { // it changed while we asked
		return
	}
	if c.rows+rows > mostRows {
		c.forgetLocked()
	}
	c.answers[question] = answer{value, c.now().Add(longest)}
	c.rows += rows
}

func (c *cache) forgetLocked() {
	c.answers, c.rows = map[any]answer{}, 0
}

package enrich

import (
	"strings"
	"unicode/utf8"
)

// cache keeps at most max values, roughly those used last: what was not asked for while max/2 others
// came in is forgotten.
type cache[K comparable, V any] struct {
	half     int
	now, old map[K]V
}

func newCache[K comparable, V any](max int) cache[K, V] {
	return cache[K, V]{half: max / 2, now: make(map[K]V)}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	if v, ok := c.now[k]; ok {
		return v, true
	}
	v, ok := c.old[k]
	if ok {
		c.put(k, v)
	}
	return v, ok
}

func (c *cache[K, V]) put(k K, v V) {
	if len(c.now) >= c.half {
		c.old, c.now = c.now, make(map[K]V, c.half)
	}
	c.now[k] = v
}

// clean returns at most max bytes of b as valid UTF-8 without control characters.
func clean(b []byte, max int) string {
	if len(b) > max {
		b = b[:max]
		for len(b) > 0 && !utf8.RuneStart(b[len(b)-1]) {
			b = b[:len(b)-1]
		}
		if len(b) > 0 && b[len(b)-1] >= utf8.RuneSelf {
			b = b[:len(b)-1]
		}
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), ""))
}

// getBytes is get for a key that lies in a buffer; a hit in the newer half allocates nothing.
func getBytes[V any](c *cache[string, V], k []byte) (V, bool) {
	if v, ok := c.now[string(k)]; ok {
		return v, true
	}
	v, ok := c.old[string(k)]
	if ok {
		c.put(string(k), v)
	}
	return v, ok
}

package track

import (
	"net/netip"
	"sync"
	"time"
)

// limiter lets everybody ask so often within a window and no oftener. It is this process's own, so that it holds while
// Redis is away. Windows are cut by the clock: twice the number may fall around a cut, which is no matter here.
type limiter[K comparable] struct {
	window time.Duration
	most   int
	who    int // how many are told apart; those beyond share one count

	mu    sync.Mutex
	began time.Time
	asked map[K]int
	rest  int
}

func newLimiter[K comparable](most int, window time.Duration) *limiter[K] {
	return &limiter[K]{window: window, most: most, who: 100_000, asked: map[K]int{}}
}

// allow counts a request. When there were too many it returns after which time the next may come.
func (l *limiter[K]) allow(k K, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if age := now.Sub(l.began); age >= l.window || age < 0 {
		l.began, l.rest = now.Truncate(l.window), 0
		clear(l.asked)
	}
	n, known := l.asked[k]
	if n++; known || len(l.asked) < l.who {
		l.asked[k] = n
	} else {
		l.rest++
		n = l.rest
	}
	if n > l.most {
		return l.began.Add(l.window).Sub(now), false
	}
	return 0, true
}

// household is whose requests are counted together: an IPv4 address, the /64 that an IPv6 connection has to itself, or all
// whose address is not known.
func household(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // an error is for what no address is, whose prefix is the zero one
	return p
}

package track

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

// known remembers what was reported lately: in this process, and in Redis for other nodes and after a restart. What
// it does not know may have been reported all the same; the facts decide.
type known struct {
	own  memory
	rdb  redis.UniversalClient // nil: none
	keys schema.Keys
	now  func() time.Time

	away atomic.Int64 // until when Redis is not asked again, Unix nanoseconds
}

const (
	// askWithin is how long a sender waits for Redis.
	askWithin = 50 * time.Millisecond
	// restAfter is how long Redis is left alone once it did not answer.
	restAfter = time.Second
)

func newKnown(rdb redis.UniversalClient, keys schema.Keys, now func() time.Time) *known {
	return &known{own: memory{most: 1 << 17}, rdb: rdb, keys: keys, now: now}
}

// claim is a report's place among those that are known.
type claim struct {
	id               string
	repeat, conflict bool
	own, shared      bool // the first that this process, that Redis has heard of
}

// claim notes a report and says whether it was reported before.
func (k *known) claim(ctx context.Context, c *schema.Conversion) claim {
	out := claim{id: c.ID}
	content, known := k.own.claim(idBytes(c.ID), c.Content)
	out.own = !known
	if !known {
		var shared bool
		if content, shared, known = k.ask(ctx, c); !known {
			content = c.Content
		}
		out.shared = shared
		if known && content != c.Content {
			k.own.put(idBytes(c.ID), content)
		}
	}
	out.repeat, out.conflict = known, known && content != c.Content
	return out
}

// withdraw takes back the claim of a report that was not recorded, so that another one of its name is not refused for
// it.
func (k *known) withdraw(c claim) {
	if c.own {
		k.own.drop(idBytes(c.id))
	}
	if c.shared {
		ctx, cancel := context.WithTimeout(context.Background(), askWithin)
		defer cancel()
		k.rdb.Del(ctx, k.keys.Conversion(c.id)) // it ends by itself otherwise
	}
}

// ask notes the report in Redis and tells what stood there: nothing, if Redis is away.
func (k *known) ask(ctx context.Context, c *schema.Conversion) (content uint64, noted, known bool) {
	if k.rdb == nil || k.now().UnixNano() < k.away.Load() {
		return 0, false, false
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	key := k.keys.Conversion(c.ID)
	var set *redis.BoolCmd
	var got *redis.StringCmd
	_, err := k.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		set = p.SetNX(ctx, key, strconv.FormatUint(c.Content, 16), schema.ConversionLife)
		got = p.Get(ctx, key)
		return nil
	})
	if err != nil {
		k.away.Store(k.now().Add(restAfter).UnixNano())
		return 0, false, false
	}
	if set.Val() {
		return 0, true, false
	}
	content, err = strconv.ParseUint(got.Val(), 16, 64)
	return content, false, err == nil
}

// memory is the last most to 2 × most conversions: id → content.
type memory struct {
	most int

	mu         sync.Mutex
	now, older map[[16]byte]uint64
}

// claim returns the content that is known of an id, or notes this one.
func (m *memory) claim(id [16]byte, content uint64) (uint64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if was, ok := m.now[id]; ok {
		return was, true
	}
	if was, ok := m.older[id]; ok {
		return was, true
	}
	m.putLocked(id, content)
	return content, false
}

func (m *memory) put(id [16]byte, content uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.putLocked(id, content)
}

func (m *memory) putLocked(id [16]byte, content uint64) {
	if m.now == nil || len(m.now) >= m.most {
		m.older, m.now = m.now, make(map[[16]byte]uint64, min(m.most, 2*len(m.now)+16))
	}
	m.now[id] = content
}

func (m *memory) drop(id [16]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.now, id)
	delete(m.older, id)
}

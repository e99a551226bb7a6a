package ship

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"

	"fairlead/redirector/journal"
	"fairlead/schema"
)

// memory is a Source in memory: what a journal is for the sinks, without its files.
type memory struct {
	mu      sync.Mutex
	node    journal.NodeID
	entries []memoryEntry
	first   uint64 // the lowest seq that is still there; entries before are forgotten
	synced  uint64
	cursors map[string]uint64
	wake    chan struct{}
	renewed []uint64
}

type memoryEntry struct {
	node     journal.NodeID
	from, to uint64
	rec      []byte
	reason   string
}

func newMemory(node string) *memory {
	return &memory{node: journal.NodeID(node), cursors: map[string]uint64{}, wake: make(chan struct{})}
}

func (m *memory) add(recs ...[]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range recs {
		m.synced++
		m.entries = append(m.entries, memoryEntry{node: m.node, from: m.synced, to: m.synced, rec: r})
	}
	m.wakeLocked()
}

func (m *memory) addGap(n uint64, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, memoryEntry{node: m.node, from: m.synced + 1, to: m.synced + n, reason: reason})
	m.synced += n
	m.wakeLocked()
}

func (m *memory) wakeLocked() {
	close(m.wake)
	m.wake = make(chan struct{})
}

func (m *memory) Node() journal.NodeID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.node
}

func (m *memory) Appended() uint64 { return m.Synced() }

func (m *memory) Synced() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.synced
}

func (m *memory) WaitSynced(ctx context.Context, after uint64) (uint64, error) {
	for {
		m.mu.Lock()
		synced, wake := m.synced, m.wake
		m.mu.Unlock()
		if synced > after {
			return synced, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return synced, ctx.Err()
		}
	}
}

func (m *memory) Cursor(sink string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursors[sink]
}

func (m *memory) Advance(sink string, seq uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seq > m.synced {
		return journal.ErrNotSynced
	}
	m.cursors[sink] = max(m.cursors[sink], seq)
	return nil
}

// forget drops what every sink has confirmed, as a journal drops segments.
func (m *memory) forget(below uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.first = below
}

func (m *memory) Renew(from uint64, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if from == 0 || from > m.synced+1 {
		return errors.New("no such seq")
	}
	m.renewed = append(m.renewed, from)
	m.node += "r"
	i := sort.Search(len(m.entries), func(i int) bool { return m.entries[i].from >= from })
	rest := append([]memoryEntry(nil), m.entries[i:]...)
	for k := range rest {
		rest[k].node = m.node
	}
	m.entries = m.entries[:i]
	if from > 1 {
		m.entries = append(m.entries, memoryEntry{node: m.node, from: 1, to: from - 1, reason: journal.ReasonRenewed})
	}
	m.entries = append(m.entries, rest...)
	return nil
}

func (m *memory) Reader(from uint64) (Reader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &memoryReader{m: m}
	for r.i < len(m.entries) && m.entries[r.i].to < max(from, m.first) {
		if e := m.entries[r.i]; e.reason == journal.ReasonRenewed && e.to+1 == from {
			break // told before the node's first entry
		}
		r.i++
	}
	return r, nil
}

type memoryReader struct {
	m   *memory
	i   int
	now memoryEntry
}

func (r *memoryReader) Next() bool {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.i == len(r.m.entries) {
		return false
	}
	r.now = r.m.entries[r.i]
	r.i++
	return true
}

func (r *memoryReader) Node() journal.NodeID { return r.now.node }
func (r *memoryReader) Seq() uint64          { return r.now.to }
func (r *memoryReader) Record() []byte       { return r.now.rec }
func (r *memoryReader) Err() error           { return nil }
func (r *memoryReader) Close() error         { return nil }
func (r *memoryReader) Gap() (journal.Gap, bool) {
	return journal.Gap{From: r.now.from, To: r.now.to, Reason: r.now.reason}, r.now.reason != ""
}

// records are n clicks that differ as real ones do, beginning with the i-th. The same i gives the same click.
func records(i, n int, at time.Time) [][]byte {
	out := make([][]byte, n)
	for k := range out {
		c := testClick(i+k, at)
		out[k] = schema.AppendClick(nil, &c)
	}
	return out
}

var browsers = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (X11; Linux x86_64; rv:%[1]d.0) Gecko/20100101 Firefox/%[1]d.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%d.0 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html) %d",
}

// mix spreads i over 64 bits (https://prng.di.unimi.it/splitmix64.c).
func mix(i uint64) uint64 {
	i += 0x9e3779b97f4a7c15
	i = (i ^ i>>30) * 0xbf58476d1ce4e5b9
	i = (i ^ i>>27) * 0x94d049bb133111eb
	return i ^ i>>31
}

func testClick(i int, at time.Time) schema.Click {
	r := mix(uint64(i))
	partner := 1 + r%20
	c := schema.Click{
		At:          at.UnixMilli(),
		Nonce:       uint64(i) & (1<<24 - 1),
		Tag:         mix(r),
		Link:        schema.LinkID(partner*10 + r>>8%10),
		Partner:     schema.PartnerID(partner),
		Verdict:     schema.VerdictValid,
		Hints:       schema.HintAccept | schema.HintAcceptLanguage | schema.HintSecFetch | schema.HintTLS | schema.HintNavigate,
		Visitor:     mix(r >> 20),
		Network:     [16]byte{10: 0xff, 11: 0xff, 12: byte(20 + r>>16%100), 13: byte(r >> 24), 14: byte(r >> 28)},
		Slug:        fmt.Appendf(nil, "partner-%d/%d", partner, r>>8%10),
		Destination: fmt.Appendf(nil, "https://shop.example/products/%d", r>>8%10),
		UserAgent:   fmt.Appendf(nil, browsers[r>>32%5], 120+r>>40%30),
		Language:    []byte("de-CH,de;q=0.9,en;q=0.8"),
	}
	if r>>12%3 == 0 {
		c.Referrer = fmt.Appendf(nil, "https://www.site%d.example/posts/%d?secret=1", r>>44%200, r>>50%1000)
	}
	if r>>13%4 == 0 {
		c.SubID[0] = fmt.Appendf(nil, "campaign-%d", r>>20%50)
		c.UTM[schema.UTMSource] = []byte("newsletter")
		c.UTM[schema.UTMMedium] = []byte("email")
	}
	if r>>14%50 == 0 {
		c.Verdict, c.Link, c.Partner = schema.VerdictUnknownLink, 0, 0
	}
	return c
}

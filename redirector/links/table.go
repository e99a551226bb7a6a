package links

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"time"

	"github.com/cespare/xxhash/v2"

	"fairlead/schema"
)

// table is an immutable set of links: their records one after the other in an arena, and an index by
// slug over it, open addressing with linear probing at a load of two thirds. Neither holds a pointer,
// so the collector never looks into them.
type table struct {
	arena []byte
	slots []uint64 // offset+1 (40 bits) and a tag of the hash (24); 0: free
	ids   idIndex
	live  int
}

// A record, little endian: flags (1), length of the slug (1), of the destination (2), where the
// destination's query (2) and fragment (2) begin, link (4), partner (4), expiry in milliseconds since
// 1970 (8, only with flagExpires), folded slug, the slug as it is written (only with flagSpelled),
// destination.
const recordFixed = 16

const (
	flagDisabled = 1 << iota
	flagExpires
	flagDead    // a later record has the same slug
	flagSpelled // the slug has capitals
)

const (
	tagBits    = 24
	offsetBits = 64 - tagBits
	maxArena   = 1<<offsetBits - 1
)

var emptyTable = &table{}

func hashSlug(folded []byte) uint64 { return xxhash.Sum64(folded) }

// appendRecord appends the record of a link. The destination has to be the compiled one.
func appendRecord(dst []byte, l *schema.Link, slug string, to Destination) []byte {
	var flags byte
	if l.Disabled {
		flags |= flagDisabled
	}
	if !l.ExpiresAt.IsZero() {
		flags |= flagExpires
	}
	if l.Slug != slug {
		flags |= flagSpelled
	}
	dst = append(dst, flags, byte(len(slug)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(to.URL)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(to.query))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(to.fragment))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(l.ID))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(l.Partner))
	if flags&flagExpires != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(expiryMillis(l.ExpiresAt)))
	}
	dst = append(dst, slug...)
	if flags&flagSpelled != 0 {
		dst = append(dst, l.Slug...)
	}
	return append(dst, to.URL...)
}

// expiryMillis keeps a moment that falls into the first millisecond of 1970, or before, an expiry.
func expiryMillis(t time.Time) int64 { return max(t.UnixMilli(), 1) }

var errRecord = errors.New("a record of a link ends beyond the arena or contradicts itself")

// recordAt returns the length of the record at an offset, checked against the arena.
func recordAt(arena []byte, off int) (int, error) {
	if len(arena)-off < recordFixed {
		return 0, errRecord
	}
	r := arena[off:]
	to := int(binary.LittleEndian.Uint16(r[2:]))
	query, fragment := int(binary.LittleEndian.Uint16(r[4:])), int(binary.LittleEndian.Uint16(r[6:]))
	n := recordFixed + int(r[1]) + to
	if r[0]&flagExpires != 0 {
		n += 8
	}
	if r[0]&flagSpelled != 0 {
		n += int(r[1])
	}
	if n > len(r) || r[1] == 0 || int(r[1]) > schema.MaxSlug || query > fragment || fragment > to {
		return 0, errRecord
	}
	return n, nil
}

// decode reads the record at an offset that recordAt has checked.
func (t *table) decode(off uint64) (l Link) {
	r := t.arena[off:]
	_ = r[recordFixed-1]
	slug, to := int(r[1]), int(binary.LittleEndian.Uint16(r[2:]))
	l.Disabled = r[0]&flagDisabled != 0
	l.ID = schema.LinkID(binary.LittleEndian.Uint32(r[8:]))
	l.Partner = schema.PartnerID(binary.LittleEndian.Uint32(r[12:]))
	at := recordFixed
	if r[0]&flagExpires != 0 {
		l.Expires = int64(binary.LittleEndian.Uint64(r[at:]))
		at += 8
	}
	l.Slug = r[at : at+slug : at+slug]
	l.Spelled = l.Slug
	at += slug
	if r[0]&flagSpelled != 0 {
		l.Spelled = r[at : at+slug : at+slug]
		at += slug
	}
	l.To.URL = r[at : at+to : at+to]
	l.To.query, l.To.fragment = int(binary.LittleEndian.Uint16(r[4:])), int(binary.LittleEndian.Uint16(r[6:]))
	return l
}

func (t *table) idAt(off uint64) schema.LinkID {
	return schema.LinkID(binary.LittleEndian.Uint32(t.arena[off+8:]))
}

func (t *table) slugAt(off uint64) []byte {
	r := t.arena[off:]
	at := recordFixed
	if r[0]&flagExpires != 0 {
		at += 8
	}
	return r[at : at+int(r[1])]
}

// newTable makes a table of records, the later of two with the same slug counting. The arena belongs
// to the table from then on.
func newTable(arena []byte) (*table, error) {
	if len(arena) == 0 {
		return emptyTable, nil
	}
	if len(arena) > maxArena {
		return nil, errors.New("the links take more than a terabyte")
	}
	n := 0
	for off := 0; off < len(arena); n++ {
		size, err := recordAt(arena, off)
		if err != nil {
			return nil, err
		}
		off += size
	}
	t := &table{arena: arena, slots: make([]uint64, n+n/2+1)}
	for off := 0; off < len(arena); {
		size, err := recordAt(arena, off)
		if err != nil {
			return nil, err
		}
		if arena[off]&flagDead == 0 {
			t.insert(uint64(off))
		}
		off += size
	}
	t.indexIDs()
	return t, nil
}

func (t *table) insert(off uint64) {
	slug := t.slugAt(off)
	hash := hashSlug(slug)
	slot := (off + 1) | hash<<offsetBits
	for i := t.home(hash); ; i++ {
		if i == len(t.slots) {
			i = 0
		}
		switch old := t.slots[i]; {
		case old == 0:
			t.slots[i] = slot
			t.live++
			return
		case old>>offsetBits == slot>>offsetBits:
			if at := old&maxArena - 1; string(t.slugAt(at)) == string(slug) {
				t.arena[at] |= flagDead
				t.slots[i] = slot
				return
			}
		}
	}
}

// home returns where a hash is looked for first. The tag is made of the hash's other end.
func (t *table) home(hash uint64) int {
	hi, _ := bits.Mul64(hash, uint64(len(t.slots)))
	return int(hi)
}

func (t *table) find(folded []byte, hash uint64) (Link, bool) {
	if t.live == 0 {
		return Link{}, false
	}
	tag := hash & (1<<tagBits - 1)
	for i := t.home(hash); ; i++ {
		if i == len(t.slots) {
			i = 0
		}
		slot := t.slots[i]
		if slot == 0 {
			return Link{}, false
		}
		if slot>>offsetBits == tag {
			if off := slot&maxArena - 1; string(t.slugAt(off)) == string(folded) {
				return t.decode(off), true
			}
		}
	}
}

// appendLive appends the records that count and that skip does not name.
func (t *table) appendLive(dst []byte, skip map[schema.LinkID]struct{}) []byte {
	t.each(skip, func(record []byte) bool {
		dst = append(dst, record...)
		return true
	})
	return dst
}

// each calls f with the records that count and that skip does not name, until f returns false.
func (t *table) each(skip map[schema.LinkID]struct{}, f func(record []byte) bool) {
	for off := 0; off < len(t.arena); {
		size, err := recordAt(t.arena, off)
		if err != nil {
			panic("BUG: " + err.Error()) // newTable has checked it
		}
		r := t.arena[off : off+size]
		off += size
		if r[0]&flagDead != 0 {
			continue
		}
		if _, ok := skip[schema.LinkID(binary.LittleEndian.Uint32(r[8:]))]; ok {
			continue
		}
		if !f(r) {
			return
		}
	}
}

func (t *table) bytes() int64 { return int64(cap(t.arena)) + 8*int64(cap(t.slots)+cap(t.ids)) }

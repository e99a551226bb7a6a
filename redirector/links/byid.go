package links

import (
	"math/bits"

	"fairlead/schema"
)

// idIndex finds a table's records by their links' ids: slots as a table's own, offset+1 and a tag of the hash, at a
// load of four fifths. Ten bytes a link, so that a reported click id finds its partner on any node.
type idIndex []uint64

// hashID spreads ids, which are given out in order (Knuth, The Art of Computer Programming, 6.4).
func hashID(id schema.LinkID) uint64 { return uint64(id) * 0x9E3779B97F4A7C15 }

// indexIDs fills the index once the records that count are known. Of two records of one link the later counts.
func (t *table) indexIDs() {
	t.ids = make(idIndex, t.live+t.live/4+1)
	for off := 0; off < len(t.arena); {
		size, err := recordAt(t.arena, off)
		if err != nil {
			panic("BUG: " + err.Error()) // newTable has checked it
		}
		if t.arena[off]&flagDead == 0 {
			t.insertID(uint64(off))
		}
		off += size
	}
}

func (t *table) insertID(off uint64) {
	id := t.idAt(off)
	hash := hashID(id)
	for i := t.ids.home(hash); ; i++ {
		if i == len(t.ids) {
			i = 0
		}
		if old := t.ids[i]; old == 0 || old>>offsetBits == hash&(1<<tagBits-1) && t.idAt(old&maxArena-1) == id {
			t.ids[i] = (off + 1) | hash<<offsetBits
			return
		}
	}
}

func (x idIndex) home(hash uint64) int {
	hi, _ := bits.Mul64(hash, uint64(len(x)))
	return int(hi)
}

// findID is find by a link's id.
func (t *table) findID(id schema.LinkID) (Link, bool) {
	if t.live == 0 {
		return Link{}, false
	}
	hash := hashID(id)
	for i := t.ids.home(hash); ; i++ {
		if i == len(t.ids) {
			i = 0
		}
		slot := t.ids[i]
		if slot == 0 {
			return Link{}, false
		}
		if slot>>offsetBits == hash&(1<<tagBits-1) {
			if off := slot&maxArena - 1; t.idAt(off) == id {
				return t.decode(off), true
			}
		}
	}
}

// Link finds a link by its id. It does not allocate.
func (v *View) Link(id schema.LinkID) (Link, bool) {
	l, ok := v.over.findID(id)
	if !ok {
		if _, gone := v.replaced[id]; gone {
			return Link{}, false
		}
		if l, ok = v.base.findID(id); !ok {
			return Link{}, false
		}
	}
	if len(v.barred) > 0 {
		_, l.Suspended = v.barred[l.Partner]
	}
	return l, true
}

package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

const (
	cursorName  = "cursors"
	cursorSlot  = 8 << 10
	maxSinkName = 64
	maxSinks    = 32
)

func checkSinks(sinks []string) error {
	if len(sinks) > maxSinks {
		return fmt.Errorf("journal: %d sinks: at most %d", len(sinks), maxSinks)
	}
	for i, s := range sinks {
		if s == "" || len(s) > maxSinkName {
			return fmt.Errorf("journal: sink %q: a name must have 1 to %d bytes", s, maxSinkName)
		}
		if slices.Contains(sinks[:i], s) {
			return fmt.Errorf("journal: sink %q is given twice", s)
		}
	}
	return nil
}

// encodeCursors begins with the floor: the numbers up to it may have been removed, those above it must be there.
func encodeCursors(floor uint64, c map[string]uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, floor)
	for _, name := range slices.Sorted(maps.Keys(c)) {
		b = append(b, byte(len(name)))
		b = append(b, name...)
		b = binary.LittleEndian.AppendUint64(b, c[name])
	}
	return b
}

func decodeCursors(b []byte) (floor uint64, c map[string]uint64, err error) {
	c = make(map[string]uint64)
	if len(b) < 8 {
		return 0, c, nil // made anew
	}
	floor, b = binary.LittleEndian.Uint64(b), b[8:]
	for len(b) > 0 {
		n := int(b[0])
		if len(b) < 1+n+8 {
			return 0, nil, errors.New("cursors are cut off")
		}
		c[string(b[1:1+n])] = binary.LittleEndian.Uint64(b[1+n:])
		b = b[1+n+8:]
	}
	return floor, c, nil
}

// Cursor returns the last number that sink has confirmed, 0 at first and for a sink that is unknown.
func (l *Log) Cursor(sink string) uint64 {
	l.cmu.Lock()
	defer l.cmu.Unlock()
	return l.cursors[sink]
}

// Advance notes that sink has everything up to seq. When it returns nil that is on disk, and only then are
// segments removed that every sink has passed. A seq at or below the cursor changes nothing. An error of removing a
// segment leaves the cursor advanced; the next Open removes it.
func (l *Log) Advance(sink string, seq uint64) error {
	if !slices.Contains(l.opt.Sinks, sink) {
		return fmt.Errorf("%w: %q", ErrUnknownSink, sink)
	}
	if synced := l.Synced(); seq > synced {
		return fmt.Errorf("advance %s to %d: %w, which is %d", sink, seq, ErrNotSynced, synced)
	}
	l.cmu.Lock()
	defer l.cmu.Unlock()
	if l.isClosed() {
		return ErrClosed
	}
	if seq <= l.cursors[sink] {
		return nil
	}
	next := maps.Clone(l.cursors)
	next[sink] = seq
	floor := max(l.floor.Load(), l.passedBy(next))
	if err := l.cursorFile.write(encodeCursors(floor, next)); err != nil {
		return fmt.Errorf("advance %s to %d: %w", sink, seq, err)
	}
	l.cursors = next
	l.floor.Store(floor)
	return l.removePassed()
}

// passedBy returns the last number that every sink has confirmed.
func (l *Log) passedBy(cursors map[string]uint64) uint64 {
	if len(l.opt.Sinks) == 0 {
		return 0
	}
	low := ^uint64(0)
	for _, s := range l.opt.Sinks {
		low = min(low, cursors[s])
	}
	return low
}

// removePassed unlinks the segments that every sink has passed. cmu is held, and the cursors are on disk.
func (l *Log) removePassed() error {
	passed := l.passedBy(l.cursors)
	l.mu.Lock()
	n := 0
	for n+1 < len(l.segments) && l.segments[n+1].base <= passed+1 {
		n++
	}
	gone := slices.Clone(l.segments[:n])
	l.segments = slices.Delete(l.segments, 0, n)
	l.mu.Unlock()
	if n == 0 {
		return nil
	}
	var errs []error
	for _, s := range gone {
		if err := l.disk.unlink(s.name()); err != nil {
			errs = append(errs, fmt.Errorf("remove passed segment: %w", err))
		}
	}
	poke(l.prep)
	return errors.Join(errs...)
}

func (l *Log) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// oldest is the first number that must still be there.
func (l *Log) oldest() uint64 { return l.floor.Load() + 1 }

// lowest is the first number that a reader can come upon.
func (l *Log) lowest() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.segments) == 0 {
		return l.oldest()
	}
	return min(l.oldest(), l.segments[0].base)
}

package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// An end is what the files say of how the log ended.
type end struct {
	state     state
	stateLost bool
	live      liveState
	copied    bool
	torn      []*CorruptionError // slots that are not whole; a power loss leaves such
}

// load brings the directory into order. Afterwards the log stands at its end, with no active segment.
func (l *Log) load() error {
	nums, err := listSegments(l.disk)
	if err != nil {
		return err
	}
	if n := len(nums); n > 0 {
		l.lastNum = nums[n-1]
	}
	ended, err := l.loadFiles(len(nums))
	if err != nil {
		return err
	}
	if err := l.loadSegments(nums, ended.live.sameBoot || ended.state.clean); err != nil {
		return err
	}
	synced := ended.state.synced
	for _, c := range l.cursors {
		synced = max(synced, c)
	}
	if ended.live.sameBoot {
		synced = max(synced, ended.live.synced)
	}
	found, err := l.survey(synced)
	if err != nil {
		return err
	}
	found.synced = max(found.synced, synced)
	if err := l.settle(ended, found); err != nil {
		return err
	}
	return l.trim(found)
}

// listSegments returns the numbers of all segments, ascending.
func listSegments(d disk) ([]uint64, error) {
	files, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, err
	}
	var nums []uint64
	for _, f := range files {
		if num, ok := parseSegmentName(f.Name()); ok {
			nums = append(nums, num)
		}
	}
	slices.Sort(nums)
	return nums, nil
}

// loadFiles reads, or for a new directory makes, everything but the segments.
func (l *Log) loadFiles(segments int) (e end, err error) {
	f, id, damaged, err := loadIdentity(l.disk, segments)
	if errors.Is(err, errNew) {
		if err := l.createFiles(); err != nil {
			return e, err
		}
		f, id, damaged, err = loadIdentity(l.disk, 0)
	}
	if err != nil {
		return e, err
	}
	l.identityFile, l.identity, l.salt = f, id, id.salt
	l.epochs.Store(&l.identity.epochs)
	if damaged != nil {
		e.torn = append(e.torn, damaged)
	}
	if e.copied, err = id.moved(l.disk); err != nil {
		return e, err
	}

	var value []byte
	if l.stateFile, value, e.stateLost, err = l.openOrMake(&e, stateName, stateSlot); err != nil {
		return e, err
	}
	e.state = decodeState(value)
	if l.cursorFile, value, _, err = l.openOrMake(&e, cursorName, cursorSlot); err != nil {
		return e, err
	}
	floor, cursors, err := decodeCursors(value)
	if err != nil {
		return e, err
	}
	l.cursors = cursors
	l.floor.Store(floor)
	if l.holesFile, value, _, err = l.openOrMake(&e, holesName, holesSlot); err != nil {
		return e, err
	}
	h := decodeHoles(value)
	l.holes.Store(&h)

	if l.live, l.liveMem, err = mapLive(l.disk); err != nil {
		return e, err
	}
	if e.live = l.live.read(l.boot); e.live.damaged {
		l.corrupted(&CorruptionError{File: liveName, Err: errors.New("check differs")})
	}
	if e.live.sameBoot || e.state.clean {
		for _, c := range e.torn {
			l.corrupted(c)
		}
	}
	return e, nil
}

// createFiles makes a new directory's files. The identity comes last, when the names of the others are on disk: without
// it, everything is made anew.
func (l *Log) createFiles() error {
	for _, f := range []struct {
		name  string
		slot  int64
		value []byte
	}{{stateName, stateSlot, state{clean: true}.encode()}, {cursorName, cursorSlot, nil}, {holesName, holesSlot, nil}} {
		s, err := createSlotFile(l.disk, f.name, f.slot, f.value)
		if err != nil {
			return err
		}
		if err := s.close(); err != nil {
			return err
		}
	}
	if err := createLive(l.disk); err != nil {
		return err
	}
	if err := l.disk.syncDir(); err != nil {
		return err
	}
	f, _, err := createIdentity(l.disk)
	if err != nil {
		return err
	}
	return f.close()
}

// openOrMake opens a slot file. One that is lost is reported and made anew, empty.
func (l *Log) openOrMake(e *end, name string, slot int64) (f *slotFile, value []byte, lost bool, err error) {
	f, value, damaged, err := openSlotFile(l.disk, name, slot)
	if err == nil {
		if damaged != nil {
			e.torn = append(e.torn, damaged)
		}
		return f, value, false, nil
	}
	if damaged == nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, false, err
	}
	if damaged == nil {
		damaged = &CorruptionError{File: name, Err: err}
	}
	if _, err := os.Stat(l.disk.path(name)); err == nil {
		l.corrupted(damaged)
	} else {
		l.log.Error("journal file is missing and made anew", "dir", l.disk.dir, "file", name)
	}
	f, err = createSlotFile(l.disk, name, slot, nil)
	return f, nil, true, err
}

// loadSegments learns where each segment begins. orderly says that no page can be missing for a power loss.
func (l *Log) loadSegments(nums []uint64, orderly bool) error {
	for _, num := range nums {
		s, err := l.loadSegment(num, orderly)
		if err != nil {
			return err
		}
		if s == nil {
			continue
		}
		if n := len(l.segments); n > 0 && s.base < l.segments[n-1].base {
			l.corrupted(&CorruptionError{Segment: num,
				Err: fmt.Errorf("begins at %d, the segment before it at %d", s.base, l.segments[n-1].base)})
			if err := l.disk.setAside(s.name()); err != nil {
				return err
			}
			continue
		}
		l.segments = append(l.segments, *s)
	}
	return nil
}

// loadSegment returns nil for a segment without content, which is then out of the way.
func (l *Log) loadSegment(num uint64, orderly bool) (*segmentInfo, error) {
	s := &segmentInfo{num: num}
	f, err := os.OpenFile(l.disk.path(s.name()), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s.size = st.Size()
	head := make([]byte, segmentHeader)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	seed := seedOf(l.salt, num)
	base, err := readSegmentHeader(head[:n], f.Name(), seed, num)
	var newer *VersionError
	if err == nil {
		s.base = base
		return s, nil
	}
	if errors.As(err, &newer) {
		return nil, err
	}

	sc := newScanner()
	sc.reset(f, seed, s.size)
	first, ok, scanErr := sc.next(1, maxSeq)
	if scanErr != nil {
		return nil, scanErr
	}
	if ok {
		s.base = first.from
		if orderly || !errors.Is(err, errNoHeader) {
			l.corrupted(&CorruptionError{Segment: num, Err: err})
			return s, nil
		}
		// The power went between the header's page and another one: the header is written again, where there is
		// nothing.
		return s, errors.Join(
			l.disk.write(f, s.name(), 0, s.header(seed, l.Node(), l.opt.Now())),
			l.disk.sync(f, s.name(), 0, segmentHeader))
	}
	zero, zeroErr := zeroFrom(f, 0)
	switch {
	case zeroErr != nil:
		return nil, zeroErr
	case zero:
		return nil, l.disk.unlink(s.name()) // made in advance and not used
	}
	if orderly || !errors.Is(err, errNoHeader) {
		l.corrupted(&CorruptionError{Segment: num, Err: err})
	}
	return nil, l.disk.setAside(s.name()) // pieces of records that a power loss left, or nothing of ours
}

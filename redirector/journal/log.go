package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Options are the settings of a log. The zero value is good for a log without sinks.
type Options struct {
	// SegmentBytes is the size of a segment, 64 MiB if 0. It is rounded up to whole pages.
	SegmentBytes int64

	// MaxBytes bounds all segments together, the one made in advance included. 0: only the disk does. At least
	// three segments.
	MaxBytes int64

	// SyncEvery is how long after an Append its round of syncing begins, 100 ms if 0.
	SyncEvery time.Duration

	// Sinks are the names that have a cursor. A segment is removed when all of them have passed it; without sinks
	// none ever is. The cursor of a name left out is kept, but holds nothing back.
	Sinks []string

	// Logger is told of what an operator must know; nil: slog.Default.
	Logger *slog.Logger

	// Now is the clock; nil: time.Now.
	Now func() time.Time

	// Faults is for tests; see there.
	Faults Faults

	bootID func() string // for tests
}

const (
	defaultSegment   = 64 << 20
	defaultSyncEvery = 100 * time.Millisecond
	lockName         = "lock"
	quarantineName   = "quarantine"
)

func (o *Options) complete() error {
	page := int64(os.Getpagesize())
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegment
	}
	o.SegmentBytes = (o.SegmentBytes + page - 1) / page * page
	if o.SegmentBytes < minSegment || o.SegmentBytes > 1<<34 {
		return fmt.Errorf("journal: segments of %d bytes: must be from %d to %d", o.SegmentBytes, minSegment, int64(1)<<34)
	}
	if o.MaxBytes != 0 && o.MaxBytes < 3*o.SegmentBytes {
		return fmt.Errorf("journal: bound of %d bytes: must be 0 or hold three segments of %d", o.MaxBytes, o.SegmentBytes)
	}
	if o.SyncEvery == 0 {
		o.SyncEvery = defaultSyncEvery
	}
	if o.SyncEvery < 0 {
		return fmt.Errorf("journal: sync every %v: must be positive", o.SyncEvery)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.bootID == nil {
		o.bootID = bootID
	}
	return checkSinks(o.Sinks)
}

// A Log is an open journal. All its methods are safe for concurrent use.
type Log struct {
	opt       Options
	disk      disk
	log       *slog.Logger
	lock      *os.File
	maxRecord int
	salt      [16]byte

	live    *livePage
	liveMem []byte
	boot    uint64

	epochs   atomic.Pointer[[]epoch]
	holes    atomic.Pointer[holes]
	appended atomic.Uint64
	synced   atomic.Uint64 // == mark.seq
	floor    atomic.Uint64 // every sink has confirmed the numbers up to it; they may be gone
	mark     atomic.Pointer[mark]

	// mu is never held across a system call.
	mu         sync.Mutex
	segments   []segmentInfo // ascending; the last one is active, if there is an active one
	lastNum    uint64        // highest segment number ever used
	active     *segment      // nil until there is room for one
	next       *segment      // made in advance
	full       []*segment    // not wholly synced yet
	spoilt     []*segment    // could not be written; to be removed by the maker
	off        int64         // where the next record goes in active
	seq        uint64        // last number handed out
	runs       []run         // numbers above recorded, waiting for a segment
	dirty      bool          // appended to since the last round of syncing began
	dirtyAt    time.Time     // when that was
	unixNow    uint32        // likewise, by Options.Now
	nudgeSeq   uint64        // reaching it wakes the syncer at once
	made       chan struct{} // closed and replaced when an attempt to make a segment is over
	making     bool          // an attempt is under way or due
	failed     reasonCode    // why the last one failed
	losing     bool          // it was said that records are lost
	unrecorded [len(reasonCodes)]uint64
	closed     bool

	pace int64 // bytes a round, decaying

	// Owned by the syncer.
	stateFile *slotFile
	reserved  uint64
	reserve   uint64 // how far ahead to reserve
	lastSeq   uint64 // handed out when the last round began

	smu       sync.Mutex
	notify    chan struct{} // closed and replaced when a round of syncing is over
	syncFails uint64        // rounds that failed
	syncErr   error         // of the last round

	cmu        sync.Mutex // held while cursors are written
	cursorFile *slotFile
	cursors    map[string]uint64

	renewMu      sync.Mutex // guards identity
	identityFile *slotFile
	identity     identity

	holesFile *slotFile

	qmu         sync.Mutex
	corruptions []*CorruptionError
	seen        map[damage]bool
	damaged     int

	wake   chan struct{} // something was appended
	urgent chan struct{} // somebody waits for a sync
	prep   chan struct{} // a segment is wanted
	stop   chan struct{} // closed: the goroutines end
	done   chan struct{} // closed: nothing will be synced any more
	wg     sync.WaitGroup
}

// A mark says up to where everything is on disk. Segments below seg are synced whole, seg itself up to off.
type mark struct {
	seq uint64
	seg uint64
	off int64
}

// Open opens the journal in dir, which it makes if needed and locks, brings it into order after whatever end it
// had, and starts a fresh segment. If there is no room for one the log opens all the same, and Ready says so.
//
// Errors to tell apart: *LockedError, *VersionError, *OriginError. Damage to the records is no error here: see
// Corruptions.
func Open(dir string, opt Options) (l *Log, err error) {
	if err := opt.complete(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open journal %s: the directory cannot be made: %w", dir, err)
	}
	l = &Log{
		opt:    opt,
		disk:   disk{dir: dir, faults: opt.Faults},
		log:    opt.Logger,
		boot:   hashBoot(opt.bootID()),
		made:   make(chan struct{}),
		notify: make(chan struct{}),
		seen:   make(map[damage]bool),
		wake:   make(chan struct{}, 1),
		urgent: make(chan struct{}, 1),
		prep:   make(chan struct{}, 1),
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	l.maxRecord = int(min(MaxRecordBytes, opt.SegmentBytes-segmentHeader-recordHeader-maxRuns*recordSize(gapPayload)))
	if l.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	if err := l.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", dir, err), l.release())
	}
	return l, nil
}

// start brings the files into order and sets the goroutines going.
func (l *Log) start() error {
	if err := l.load(); err != nil {
		return err
	}
	l.runSyncer()
	l.runMaker()
	l.mu.Lock()
	made := l.made
	l.mu.Unlock()
	l.wantSegment()
	<-made
	err := l.Sync()
	if err == nil {
		l.cmu.Lock()
		err = l.removePassed()
		l.cmu.Unlock()
	}
	if err != nil {
		l.halt()
	}
	return err
}

func lockDir(dir string) (*os.File, error) {
	d := disk{dir: dir}
	f, err := os.OpenFile(d.path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal %s: the directory must be writable: %w", dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		pid := 0
		_, _ = fmt.Fscan(f, &pid)
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &LockedError{Dir: dir, PID: pid}
		}
		return nil, fmt.Errorf("lock journal %s: %w", dir, err)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintln(f, os.Getpid()) // for the other one's message only
	}
	return f, nil
}

// Ready returns nil while the log takes appends, otherwise ErrClosed or a *FullError.
func (l *Log) Ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case l.active == nil || len(l.runs) > 0:
		if l.failed != 0 {
			return fullErrors[l.failed]
		}
		return fullErrors[codeDiskStalled]
	}
	return nil
}

// Close stops appends, syncs, notes the exact end and unlocks the directory. Readers in hand stay usable up to
// the watermark. A second Close does nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	l.halt()
	err := l.syncRound()
	l.endRound(err)
	close(l.done)
	if err == nil {
		err = l.writeEnd()
	}
	if err != nil {
		err = fmt.Errorf("close journal %s: %w", l.disk.dir, err)
	}
	l.cmu.Lock()
	defer l.cmu.Unlock()
	l.renewMu.Lock()
	defer l.renewMu.Unlock()
	return errors.Join(err, l.trimEnd(), l.release())
}

// halt ends the goroutines.
func (l *Log) halt() {
	close(l.stop)
	l.wg.Wait()
}

// writeEnd notes that the log ends here. Everything in it is synced.
func (l *Log) writeEnd() error {
	return l.stateFile.write(state{reserved: l.seq, synced: l.synced.Load(), clean: true, runs: l.runs}.encode())
}

// trimEnd gives back what the last segment did not need, and the one made in advance.
func (l *Log) trimEnd() error {
	var errs []error
	if s := l.active; s != nil {
		l.active = nil
		errs = append(errs, s.unmap())
		if s.synced == l.off {
			errs = append(errs, l.disk.truncate(s.name(), l.off))
		}
	}
	if s := l.next; s != nil {
		l.next = nil
		errs = append(errs, s.unmap(), l.disk.unlink(s.name()))
	}
	return errors.Join(errs...)
}

// release lets go of all that is held. Nothing is written.
func (l *Log) release() error {
	var errs []error
	for _, s := range append(append(l.full, l.spoilt...), l.active, l.next) {
		if s != nil {
			errs = append(errs, s.unmap())
		}
	}
	l.full, l.spoilt, l.active, l.next = nil, nil, nil, nil
	for _, f := range []*slotFile{l.stateFile, l.cursorFile, l.identityFile, l.holesFile} {
		if f != nil {
			errs = append(errs, f.close())
		}
	}
	if l.liveMem != nil {
		errs = append(errs, unix.Munmap(l.liveMem))
		l.live, l.liveMem = nil, nil
	}
	return errors.Join(append(errs, l.lock.Close())...)
}

package journal

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"runtime/debug"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	stateName = "state"
	stateSlot = 4 << 10
	holesName = "holes"
	holesSlot = 64 << 10
	maxHoles  = (holesSlot - slotHeader) / spanBytes
)

// minReserve is how many numbers are reserved ahead at least.
const minReserve = 1024

// A state is what is known on disk of the numbers.
type state struct {
	reserved uint64 // no number above it was shown as synced
	synced   uint64 // every number up to it was on disk
	clean    bool   // closed in order; reserved is then the last number handed out
	runs     []run  // those that waited for a segment at a clean end
}

func (s state) encode() []byte {
	b := make([]byte, 0, 32+16*maxRuns)
	b = binary.LittleEndian.AppendUint64(b, s.reserved)
	b = binary.LittleEndian.AppendUint64(b, s.synced)
	clean := uint64(0)
	if s.clean {
		clean = 1
	}
	b = binary.LittleEndian.AppendUint64(b, clean)
	for _, r := range s.runs {
		b = binary.LittleEndian.AppendUint64(b, r.from)
		b = binary.LittleEndian.AppendUint64(b, uint64(r.reason))
	}
	return b
}

func decodeState(b []byte) (s state) {
	if len(b) < 24 {
		return s
	}
	s.reserved = binary.LittleEndian.Uint64(b)
	s.synced = binary.LittleEndian.Uint64(b[8:])
	s.clean = b[16] == 1
	for b = b[24:]; len(b) >= 16; b = b[16:] {
		s.runs = append(s.runs, run{from: binary.LittleEndian.Uint64(b), reason: reasonCode(b[8])})
	}
	return s
}

const (
	liveName  = "live"
	liveBytes = 4 << 10
)

const liveMagic = uint64(0x464C4A4C49564501)

// A livePage is the mapped page that holds, from one append to the next, what SIGKILL must not take. It counts
// only under the boot id that it was written with. Each number is a single aligned word with a check in its low 16
// bits, so that it is never half written.
type livePage struct {
	magic    uint64 // liveMagic XOR boot
	boot     uint64 // hash of the boot id
	appended uint64
	synced   uint64
	runs     [maxRuns]struct{ reason, from uint64 } // from is 0 where there is none
}

// seal packs a number below 2^48 with its check.
func seal(n uint64) uint64 { return n<<16 | n*0x9E3779B97F4A7C15>>48 }

func unseal(w uint64) (n uint64, ok bool) { return w >> 16, seal(w>>16) == w }

func hashBoot(id string) uint64 {
	if id == "" {
		return 0
	}
	b := []byte(id)
	return uint64(crc32.Checksum(b, castagnoli))<<32 | uint64(crc32.ChecksumIEEE(b))
}

func createLive(d disk) error {
	if err := os.Remove(d.path(liveName)); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := d.create(liveName, liveBytes)
	if err != nil {
		return err
	}
	if err := d.sync(f, liveName, 0, liveBytes); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// mapLive maps the live page. One that was cut off or removed is made anew, and reads as never written.
func mapLive(d disk) (*livePage, []byte, error) {
	if st, err := os.Stat(d.path(liveName)); err != nil || st.Size() != liveBytes {
		if err := createLive(d); err != nil {
			return nil, nil, err
		}
	}
	f, err := os.OpenFile(d.path(liveName), os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	mem, err := unix.Mmap(int(f.Fd()), 0, liveBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, &os.PathError{Op: "mmap", Path: d.path(liveName), Err: err}
	}
	return (*livePage)(unsafe.Pointer(&mem[0])), mem, nil
}

// A liveState is what the live page said when the log was opened.
type liveState struct {
	sameBoot         bool // the machine has not stopped since; the rest holds only then
	damaged          bool
	appended, synced uint64
	runs             []run
}

func (p *livePage) read(boot uint64) (s liveState) {
	if p.magic == 0 {
		return s // never written, or killed while it was
	}
	if p.magic != liveMagic^p.boot {
		s.damaged = true
		return s
	}
	if boot == 0 || p.boot != boot {
		return s
	}
	appended, ok1 := unseal(p.appended)
	synced, ok2 := unseal(p.synced)
	s = liveState{sameBoot: true, appended: appended, synced: synced}
	for _, r := range p.runs {
		if r.from == 0 {
			break
		}
		from, ok := unseal(r.from)
		ok1 = ok1 && ok
		s.runs = append(s.runs, run{from: from, reason: reasonCode(r.reason)})
	}
	if !ok1 || !ok2 {
		return liveState{damaged: true}
	}
	return s
}

// begin makes the page hold for this boot. The magic number comes last: without it the rest is not looked at.
func (p *livePage) begin(boot, appended, synced uint64, runs []run) {
	defer p.survive(debug.SetPanicOnFault(true))
	atomic.StoreUint64(&p.magic, 0)
	atomic.StoreUint64(&p.boot, boot)
	atomic.StoreUint64(&p.appended, seal(appended))
	atomic.StoreUint64(&p.synced, seal(synced))
	p.clearRuns()
	for i, r := range runs {
		p.addRun(i, r)
	}
	atomic.StoreUint64(&p.magic, liveMagic^boot)
}

// handOut notes the last number handed out, in one store of one word.
func (p *livePage) handOut(seq uint64) {
	defer p.survive(debug.SetPanicOnFault(true))
	p.appended = seal(seq)
}

func (p *livePage) setSynced(seq uint64) {
	defer p.survive(debug.SetPanicOnFault(true))
	p.synced = seal(seq)
}

func (p *livePage) addRun(i int, r run) {
	defer p.survive(debug.SetPanicOnFault(true))
	atomic.StoreUint64(&p.runs[i].reason, uint64(r.reason))
	atomic.StoreUint64(&p.runs[i].from, seal(r.from))
}

// clearRuns goes from the last to the first, so that what is left is always a beginning.
func (p *livePage) clearRuns() {
	defer p.survive(debug.SetPanicOnFault(true))
	for i := maxRuns - 1; i >= 0; i-- {
		atomic.StoreUint64(&p.runs[i].from, 0)
	}
}

// survive is deferred by whoever writes the page. One that cannot be had is not worth a crash: the page
// then says less than there is, and the records say the rest.
func (p *livePage) survive(before bool) {
	debug.SetPanicOnFault(before)
	if r := recover(); r != nil && !faultWithin(r, unsafe.Slice((*byte)(unsafe.Pointer(p)), liveBytes)) {
		panic(r)
	}
}

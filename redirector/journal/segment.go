package journal

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// formatVersion is the version of every file of this package.
const formatVersion = 1

// MaxRecordBytes is the longest record that a log takes. A log whose segments are shorter takes what fits into one.
const MaxRecordBytes = 64 << 10

const (
	segmentSuffix = ".seg"
	segmentHeader = 64 // bytes before the first record
	recordHeader  = 24 // bytes before a record's payload
	recordAlign   = 8
	gapPayload    = 16 // a gap's payload: from 8, reason 1, zeros
	minSegment    = 4 << 10
)

// Kinds of records.
const (
	kindRecord = 1
	kindGap    = 2 // seq is the last number of the gap
)

var (
	segmentMagic = [8]byte{'F', 'L', 'J', 'S', 'E', 'G', '\r', '\n'}
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
)

func segmentName(num uint64) string { return fmt.Sprintf("%012d%s", num, segmentSuffix) }

func parseSegmentName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok {
		return 0, false
	}
	num, err := strconv.ParseUint(digits, 10, 64)
	return num, err == nil && num > 0 && segmentName(num) == name
}

// A segmentInfo is what readers have to know of a segment.
type segmentInfo struct {
	num  uint64
	base uint64 // first number in it
	size int64  // of the file
}

func (s segmentInfo) name() string { return segmentName(s.num) }

// A segment is a mapped segment that is written, or waits to be written or synced.
type segment struct {
	segmentInfo
	seed   uint32
	mem    []byte
	end    int64 // end of the last record, once no more will come
	synced int64 // bytes below are on disk
	warmed int64 // bytes below were made writable
}

// seedOf ties checksums to one directory and one segment.
func seedOf(salt [16]byte, num uint64) uint32 {
	var b [24]byte
	copy(b[:], salt[:])
	binary.LittleEndian.PutUint64(b[16:], num)
	return crc32.Checksum(b[:], castagnoli)
}

// createSegment makes a segment whose space is the disk's, whose name is on disk, and which is mapped.
func createSegment(d disk, salt [16]byte, num uint64, size int64) (*segment, error) {
	s := &segment{segmentInfo: segmentInfo{num: num, size: size}, seed: seedOf(salt, num)}
	f, err := d.create(s.name(), size)
	if err != nil {
		return nil, fmt.Errorf("create segment %s: %w", s.name(), err)
	}
	err = d.sync(f, s.name(), 0, size)
	if err == nil {
		err = d.syncDir()
	}
	if err == nil {
		s.mem, err = unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err == nil {
		// Its pages are written one after the other and hold nothing yet: reading ahead would only stall a
		// fault, by 20 ms where the disk is set to read 8 MB.
		_ = unix.Madvise(s.mem, unix.MADV_RANDOM)
	}
	err = errors.Join(err, f.Close()) // the mapping stays
	if err != nil {
		_ = s.unmap()
		_ = d.unlink(s.name())
		return nil, fmt.Errorf("create segment %s: %w", s.name(), err)
	}
	return s, nil
}

// unmap lets go of the mapping. The bytes stay in the page cache.
func (s *segment) unmap() error {
	if s.mem == nil {
		return nil
	}
	err := unix.Munmap(s.mem)
	s.mem = nil
	return err
}

// warmTo makes the pages up to end writable without a fault.
func (s *segment) warmTo(end int64) {
	page := int64(os.Getpagesize())
	from := s.warmed - s.warmed%page
	end = min((end+page-1)/page*page, s.size)
	if end > from {
		warm(s.mem[from:end])
		s.warmed = end
	}
}

// put lays a record at off. It answers false if the page could not be had: the file system took back the
// space that it had promised, or the disk failed.
func (s *segment) put(off int64, h header, payload []byte) (ok bool) {
	defer survive(debug.SetPanicOnFault(true), s.mem, &ok)
	dst := s.mem[off : off+recordHeader+int64(len(payload))]
	copy(dst[recordHeader:], payload)
	h.encode(dst, s.seed, off, len(payload))
	return true
}

// putHeader writes the segment's header; see put for the answer.
func (s *segment) putHeader(node NodeID, now time.Time) (ok bool) {
	b := s.header(s.seed, node, now)
	defer survive(debug.SetPanicOnFault(true), s.mem, &ok)
	copy(s.mem, b)
	return true
}

// header returns a segment's first bytes.
func (s segmentInfo) header(seed uint32, node NodeID, now time.Time) []byte {
	b := make([]byte, segmentHeader)
	copy(b, segmentMagic[:])
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	binary.LittleEndian.PutUint64(b[16:], s.num)
	binary.LittleEndian.PutUint64(b[24:], s.base)
	binary.LittleEndian.PutUint64(b[32:], uint64(now.UnixMilli()))
	_, _ = hex.Decode(b[40:48], []byte(node))
	binary.LittleEndian.PutUint64(b[48:], uint64(s.size))
	binary.LittleEndian.PutUint32(b[60:], crc32.Update(seed, castagnoli, b[:60]))
	return b
}

// survive turns the fault of a page of mem that cannot be had into an answer. It is to be deferred, with what
// SetPanicOnFault was before.
func survive(before bool, mem []byte, ok *bool) {
	debug.SetPanicOnFault(before)
	if r := recover(); r != nil {
		if !faultWithin(r, mem) {
			panic(r)
		}
		*ok = false
	}
}

// faultWithin tells whether what was recovered is the fault of an address within mem.
func faultWithin(recovered any, mem []byte) bool {
	fault, is := recovered.(interface{ Addr() uintptr })
	return is && fault.Addr()-uintptr(unsafe.Pointer(unsafe.SliceData(mem))) < uintptr(len(mem))
}

var errNoHeader = errors.New("segment header is all zeros")

// readSegmentHeader returns the base of segment num. path is for messages.
func readSegmentHeader(b []byte, path string, seed uint32, num uint64) (base uint64, err error) {
	switch {
	case len(b) < segmentHeader:
		return 0, fmt.Errorf("segment header cut off after %d bytes", len(b))
	case allZero(b):
		return 0, errNoHeader
	case binary.LittleEndian.Uint32(b[60:]) != crc32.Update(seed, castagnoli, b[:60]):
		return 0, errors.New("segment header: checksum differs")
	case [8]byte(b[:8]) != segmentMagic:
		return 0, errors.New("segment header: not a segment")
	case binary.LittleEndian.Uint32(b[8:]) > formatVersion:
		return 0, &VersionError{Path: path, Found: binary.LittleEndian.Uint32(b[8:]), Known: formatVersion}
	case binary.LittleEndian.Uint64(b[16:]) != num:
		return 0, fmt.Errorf("segment header: of segment %d", binary.LittleEndian.Uint64(b[16:]))
	}
	return binary.LittleEndian.Uint64(b[24:]), nil
}

// A header is a record's header without its checksum and length.
type header struct {
	kind uint8
	seq  uint64
	lag  uint32 // seq - Synced when it was appended, at most MaxUint32
	unix uint32 // seconds; the beginning of the round of syncing that it fell into
	sum  uint32 // CRC32C of the payload
}

func (h header) encode(dst []byte, seed uint32, off int64, n int) {
	binary.LittleEndian.PutUint32(dst[4:], uint32(n)|uint32(h.kind)<<24)
	binary.LittleEndian.PutUint64(dst[8:], h.seq)
	binary.LittleEndian.PutUint32(dst[16:], h.lag)
	binary.LittleEndian.PutUint32(dst[20:], h.unix)
	binary.LittleEndian.PutUint32(dst, recordSum(seed, off, h.sum, dst))
}

// recordSum is the checksum of a record: that of its header, begun from the directory's secret, the place
// and the payload's checksum. CRC is one-to-one in its beginning, so each of them is checked in full.
func recordSum(seed uint32, off int64, payload uint32, b []byte) uint32 {
	place := uint32(off/recordAlign) * 0x9E3779B1
	return crc32.Update(seed^payload^place, castagnoli, b[4:recordHeader])
}

func lagOf(seq, synced uint64) uint32 { return uint32(min(seq-synced, math.MaxUint32)) }

// recordSize is the room that a record of n bytes takes.
func recordSize(n int) int64 {
	return (recordHeader + int64(n) + recordAlign - 1) / recordAlign * recordAlign
}

func allZero(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

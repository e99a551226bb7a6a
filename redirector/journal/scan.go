package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// scanBuffer is how much is read at once, at most. It must exceed the largest record.
const scanBuffer = 256 << 10

// A scanner finds the intact records of one segment, in order. It reads rather than maps, so that a bad
// sector is an error and not a signal.
type scanner struct {
	src   io.ReaderAt
	seed  uint32
	off   int64 // where the next record is looked for
	limit int64 // bytes from here on are not looked at: they may still be written

	buf   []byte // what was read at start
	start int64
}

// An entry is an intact record. Its payload is good until the next call.
type entry struct {
	off      int64
	from     uint64 // first number; seq for all but gaps
	seq      uint64
	synced   uint64 // what was known to be on disk when it was appended
	unix     uint32
	reason   reasonCode // 0 for a record
	payload  []byte
	nextRoom int64 // where the one after it would be
}

func newScanner() *scanner { return &scanner{} }

// reset turns to another segment.
func (s *scanner) reset(src io.ReaderAt, seed uint32, limit int64) {
	s.src, s.seed, s.off, s.limit = src, seed, segmentHeader, limit
	s.buf, s.start = s.buf[:0], 0
}

// window returns n bytes at off, fewer at the end.
func (s *scanner) window(off int64, n int) ([]byte, error) {
	if i := off - s.start; i >= 0 && i+int64(n) <= int64(len(s.buf)) {
		return s.buf[i : i+int64(n)], nil
	}
	want := min(scanBuffer, s.limit-off)
	if want <= 0 {
		return nil, nil
	}
	if int64(cap(s.buf)) < want {
		s.buf = make([]byte, 0, max(want, min(scanBuffer, 2*int64(cap(s.buf)))))
	}
	s.start, s.buf = off, s.buf[:want]
	got, err := s.src.ReadAt(s.buf, off)
	s.buf = s.buf[:got]
	if err != nil && !errors.Is(err, io.EOF) {
		s.buf = s.buf[:0]
		return nil, err
	}
	return s.buf[:min(got, n)], nil
}

// check reads the record at off, if there is an intact one whose number lies from lo to hi.
func (s *scanner) check(off int64, lo, hi uint64) (e entry, ok bool, err error) {
	b, err := s.window(off, recordHeader)
	if err != nil || len(b) < recordHeader {
		return e, false, err
	}
	seq := binary.LittleEndian.Uint64(b[8:])
	kind, n := b[7], int(binary.LittleEndian.Uint32(b[4:])&0xFFFFFF)
	if seq < lo || seq > hi || n > MaxRecordBytes || kind != kindRecord && (kind != kindGap || n != gapPayload) {
		return e, false, nil
	}
	b, err = s.window(off, recordHeader+n)
	if err != nil || len(b) < recordHeader+n {
		return e, false, err
	}
	payload := b[recordHeader:]
	if binary.LittleEndian.Uint32(b) != recordSum(s.seed, off, crc32.Checksum(payload, castagnoli), b) {
		return e, false, nil
	}
	e = entry{off: off, from: seq, seq: seq, payload: payload, nextRoom: off + recordSize(n)}
	e.synced = seq - min(seq, uint64(binary.LittleEndian.Uint32(b[16:])))
	e.unix = binary.LittleEndian.Uint32(b[20:])
	if kind == kindGap {
		e.from, e.reason, e.payload = binary.LittleEndian.Uint64(payload), reasonCode(payload[8]), nil
		if !e.reason.known() || e.from > e.seq {
			return entry{}, false, nil
		}
	}
	return e, true, nil
}

// next finds the first intact record at or after the scanner's place whose number lies from lo to hi, and
// goes behind it. Where there is none it stays where it is.
func (s *scanner) next(lo, hi uint64) (e entry, ok bool, err error) {
	for off := s.off; off+recordHeader <= s.limit; {
		e, ok, err = s.check(off, lo, hi)
		if ok {
			s.off = e.nextRoom
		}
		if ok || err != nil {
			return e, ok, err
		}
		skip := int64(recordAlign)
		b, err := s.window(off, 4<<10)
		if err != nil {
			return e, false, err
		}
		if len(b) < recordHeader {
			break
		}
		if len(b) >= 8 && binary.LittleEndian.Uint64(b) == 0 && allZero(b) {
			skip = int64(len(b)) / recordAlign * recordAlign
		}
		off += skip
	}
	return entry{}, false, nil
}

// zeroFrom tells whether there is nothing but zeros from off to the end of the file.
func zeroFrom(src io.ReaderAt, off int64) (bool, error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := src.ReadAt(buf, off)
		if !allZero(buf[:n]) {
			return false, nil
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		off += int64(n)
	}
}

package journal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// segmentOf lays the payloads out as a segment does, with the numbers from 1; nil stands for a gap of three.
func segmentOf(seed uint32, payloads ...[]byte) []byte {
	s := &segment{seed: seed, mem: make([]byte, 1<<20)}
	off, seq := int64(segmentHeader), uint64(0)
	for _, p := range payloads {
		h := header{kind: kindRecord, seq: seq + 1, sum: crc32.Checksum(p, castagnoli)}
		if p == nil {
			p = make([]byte, gapPayload)
			h = gapHeader(p, seq+1, seq+3, codeDiskFull)
		}
		s.put(off, h, p)
		off += recordSize(len(p))
		seq = h.seq
	}
	return s.mem[:off]
}

// FuzzScanner gives a scanner any bytes, if signed with a right checksum over the first record. What it takes for
// a record must be one: written again at its place it gives the same bytes.
func FuzzScanner(f *testing.F) {
	const seed = 0x5EED
	whole := segmentOf(seed, []byte("first"), []byte{}, nil, bytes.Repeat([]byte{0}, 5000), []byte("last"))
	f.Add(whole, uint64(1), uint64(maxSeq), false)
	f.Add(whole[:len(whole)-3], uint64(1), uint64(3), false)
	f.Add(append(bytes.Clone(whole), whole...), uint64(2), uint64(8), true)
	f.Add(segmentOf(seed, whole), uint64(1), uint64(maxSeq), false)
	f.Add(bytes.Replace(whole, []byte("first"), []byte("thirst"), 1), uint64(1), uint64(maxSeq), true)
	f.Add(segmentOf(seed, nil, []byte("x")), uint64(1), uint64(maxSeq), true)
	f.Add(make([]byte, 10_000), uint64(0), uint64(maxSeq), true)
	f.Add([]byte{}, uint64(1), uint64(0), false)
	f.Fuzz(func(t *testing.T, b []byte, lo, hi uint64, signed bool) {
		if signed {
			sign(b, seed)
		}
		sc := newScanner()
		sc.reset(bytes.NewReader(b), seed, int64(len(b)))
		for end := int64(segmentHeader); ; end = sc.off {
			e, ok, err := sc.next(lo, hi)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				if sc.off != end {
					t.Fatalf("moved from %d to %d without a record", end, sc.off)
				}
				return
			}
			if e.off < end || e.nextRoom > int64(len(b))+recordAlign || e.seq < lo || e.seq > hi || e.from > e.seq {
				t.Fatalf("%+v between %d and %d after %d", e, lo, hi, end)
			}
			h := header{kind: kindRecord, seq: e.seq, lag: binary.LittleEndian.Uint32(b[e.off+16:]), unix: e.unix}
			payload := e.payload
			if e.reason != 0 {
				h.kind, payload = kindGap, b[e.off+recordHeader:][:gapPayload]
			}
			h.sum = crc32.Checksum(payload, castagnoli)
			again := &segment{seed: seed, mem: bytes.Clone(b)}
			if !again.put(e.off, h, payload) || !bytes.Equal(again.mem, b) {
				t.Fatalf("record at %d is not what a log writes", e.off)
			}
		}
	})
}

// sign makes the checksum of the first record right, if it ends within b.
func sign(b []byte, seed uint32) {
	if len(b) < segmentHeader+recordHeader {
		return
	}
	r := b[segmentHeader:]
	n := int(binary.LittleEndian.Uint32(r[4:]) & 0xFFFFFF)
	if recordHeader+n <= len(r) {
		sum := crc32.Checksum(r[recordHeader:recordHeader+n], castagnoli)
		binary.LittleEndian.PutUint32(r, recordSum(seed, segmentHeader, sum, r))
	}
}

// TestARecordQuotedWithinAPayloadIsNoRecord damages the record around it, so that it is come upon.
func TestARecordQuotedWithinAPayloadIsNoRecord(t *testing.T) {
	const seed = 0x5EED
	inner := segmentOf(seed, []byte("a"), []byte("forged"))[segmentHeader:]
	quote := append(make([]byte, 8), inner...)
	b := segmentOf(seed, []byte("a"), quote, []byte("b"))
	at := bytes.Index(b, inner)
	b[at-1] ^= 1
	sc := newScanner()
	sc.reset(bytes.NewReader(b), seed, int64(len(b)))
	for _, want := range []string{"a", "b"} {
		e, ok, err := sc.next(1, maxSeq)
		if !ok || err != nil || string(e.payload) != want {
			t.Fatalf("got %q, %v, %v, want %q", e.payload, ok, err, want)
		}
	}
}

func FuzzSlot(f *testing.F) {
	dir := f.TempDir()
	s, err := createSlotFile(disk{dir: dir}, "slots", 256, []byte("value"))
	if err != nil {
		f.Fatal(err)
	}
	b := make([]byte, 256)
	if _, err := s.file.ReadAt(b, 0); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.close() })
	f.Add(b)
	f.Add(b[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		_, value, err := decodeSlot(b, "slots")
		if err != nil {
			return
		}
		decodeState(value)
		decodeHoles(value)
		_, _, _ = decodeCursors(value)
		_, _ = decodeIdentity(value)
	})
}

func FuzzValues(f *testing.F) {
	f.Add(state{reserved: 5, runs: []run{{1, codeDiskFull}}}.encode())
	f.Add(encodeCursors(3, map[string]uint64{"a": 4, "b": 5}))
	f.Add(holes{{1, 2, codePowerLoss}}.encode())
	f.Add(identity{epochs: []epoch{{node: newNodeID(), first: 1}}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		decodeState(b)
		decodeHoles(b)
		if floor, c, err := decodeCursors(b); err == nil {
			if f2, c2, err := decodeCursors(encodeCursors(floor, c)); err != nil || f2 != floor || len(c2) != len(c) {
				t.Fatal(c, c2, err)
			}
		}
		if id, err := decodeIdentity(b); err == nil && len(id.epochs) == 0 {
			t.Fatal("an identity without a node")
		}
	})
}

package schema

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// RecordKind is the first byte of every journal record.
type RecordKind uint8

// The kinds of record. Numbers are for ever.
const (
	RecordClick      RecordKind = 1
	RecordConversion RecordKind = 2
)

// ErrRecord is wrapped by every error of decoding a journal record.
var ErrRecord = errors.New("journal record")

// ErrRecordNewer is wrapped, beside ErrRecord, where a newer program wrote the record: it is whole, and
// that program can read it.
var ErrRecordNewer = errors.New("run the newer program")

const clickVersion = 1

// clickFixed is the length of the part of a click record before its strings: kind, version, verdict,
// flags, hints (2), at (6), nonce (6), tag (8), link (4), partner (4), visitor (8), network (16).
const clickFixed = 1 + 1 + 1 + 1 + 2 + 6 + 6 + 8 + 4 + 4 + 8 + 16

// knownMask has a bit for every sub id and utm value.
const knownMask = 1<<SubIDs - 1 | (1<<UTMs-1)<<8

// AppendClick appends the record of c to dst and returns it. It allocates nothing when dst has room.
//
// The layout, little endian, is the fixed part above followed by the strings, each as a uvarint
// length and its bytes, in the order slug, destination, referrer, user agent, language, reason; then
// a 16-bit mask of which sub ids (bits 0–5) and utm values (bits 8–12) follow, and those.
func AppendClick(dst []byte, c *Click) []byte {
	dst = append(dst, byte(RecordClick), clickVersion, byte(c.Verdict), 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(c.Hints))
	dst = appendUint48(dst, uint64(c.At))
	dst = appendUint48(dst, c.Nonce)
	dst = binary.LittleEndian.AppendUint64(dst, c.Tag)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(c.Link))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(c.Partner))
	dst = binary.LittleEndian.AppendUint64(dst, c.Visitor)
	dst = append(dst, c.Network[:]...)
	dst = appendBytes(dst, c.Slug)
	dst = appendBytes(dst, c.Destination)
	dst = appendBytes(dst, c.Referrer)
	dst = appendBytes(dst, c.UserAgent)
	dst = appendBytes(dst, c.Language)
	dst = appendBytes(dst, c.Reason)
	var mask uint16
	for i, v := range c.SubID {
		if len(v) > 0 {
			mask |= 1 << i
		}
	}
	for i, v := range c.UTM {
		if len(v) > 0 {
			mask |= 1 << (8 + i)
		}
	}
	dst = binary.LittleEndian.AppendUint16(dst, mask)
	for _, v := range c.SubID {
		if len(v) > 0 {
			dst = appendBytes(dst, v)
		}
	}
	for _, v := range c.UTM {
		if len(v) > 0 {
			dst = appendBytes(dst, v)
		}
	}
	return dst
}

// DecodeClick reads a click record into c, whose byte slices then alias rec. Errors wrap ErrRecord.
func DecodeClick(c *Click, rec []byte) error {
	if len(rec) < 2 {
		return fmt.Errorf("%w: %d bytes, a click has at least %d", ErrRecord, len(rec), clickFixed)
	}
	switch kind, version := RecordKind(rec[0]), rec[1]; {
	case kind > RecordConversion:
		return fmt.Errorf("%w: of kind %d, this program knows %d: %w", ErrRecord, kind, RecordConversion, ErrRecordNewer)
	case kind != RecordClick:
		return fmt.Errorf("%w: kind %d is not a click", ErrRecord, kind)
	case version > clickVersion:
		return fmt.Errorf("%w: click of version %d, this program knows %d: %w", ErrRecord, version, clickVersion, ErrRecordNewer)
	case version < clickVersion:
		return fmt.Errorf("%w: click of version %d, there is none", ErrRecord, version)
	case len(rec) < clickFixed:
		return fmt.Errorf("%w: %d bytes, a click has at least %d", ErrRecord, len(rec), clickFixed)
	}
	v := Verdict(rec[2])
	switch {
	case v == VerdictNone:
		return fmt.Errorf("%w: a click without a verdict", ErrRecord)
	case v >= verdictEnd:
		return fmt.Errorf("%w: verdict %d, this program knows %d: %w", ErrRecord, v, verdictEnd-1, ErrRecordNewer)
	case rec[3] != 0:
		return fmt.Errorf("%w: unknown flags %#x: %w", ErrRecord, rec[3], ErrRecordNewer)
	}
	*c = Click{
		Verdict: v,
		Hints:   Hint(binary.LittleEndian.Uint16(rec[4:])),
		At:      int64(uint48(rec[6:])),
		Nonce:   uint48(rec[12:]),
		Tag:     binary.LittleEndian.Uint64(rec[18:]),
		Link:    LinkID(binary.LittleEndian.Uint32(rec[26:])),
		Partner: PartnerID(binary.LittleEndian.Uint32(rec[30:])),
		Visitor: binary.LittleEndian.Uint64(rec[34:]),
		Network: [16]byte(rec[42:58]),
	}
	d := decoder{rest: rec[clickFixed:]}
	c.Slug = d.bytes()
	c.Destination = d.bytes()
	c.Referrer = d.bytes()
	c.UserAgent = d.bytes()
	c.Language = d.bytes()
	c.Reason = d.bytes()
	mask := d.uint16()
	if mask&^knownMask != 0 {
		return fmt.Errorf("%w: unknown fields %#x: %w", ErrRecord, mask&^knownMask, ErrRecordNewer)
	}
	for i := range c.SubID {
		if mask&(1<<i) != 0 {
			c.SubID[i] = d.bytes()
		}
	}
	for i := range c.UTM {
		if mask&(1<<(8+i)) != 0 {
			c.UTM[i] = d.bytes()
		}
	}
	if d.short {
		return fmt.Errorf("%w: click ends before its fields do", ErrRecord)
	}
	if len(d.rest) > 0 {
		return fmt.Errorf("%w: %d bytes after the click's last field", ErrRecord, len(d.rest))
	}
	return nil
}

func appendUint48(dst []byte, v uint64) []byte {
	return append(dst, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40))
}

func uint48(b []byte) uint64 {
	_ = b[5]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40
}

func appendBytes(dst, v []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(v)))
	return append(dst, v...)
}

// decoder walks the variable part of a record; after the first shortage it yields zero values.
type decoder struct {
	rest  []byte
	short bool
}

func (d *decoder) bytes() []byte {
	n, w := binary.Uvarint(d.rest)
	if w <= 0 || n > uint64(len(d.rest)-w) {
		d.short, d.rest = true, nil
		return nil
	}
	v := d.rest[w : w+int(n) : w+int(n)]
	d.rest = d.rest[w+int(n):]
	if n == 0 {
		return nil
	}
	return v
}

func (d *decoder) uint16() uint16 {
	if len(d.rest) < 2 {
		d.short, d.rest = true, nil
		return 0
	}
	v := binary.LittleEndian.Uint16(d.rest)
	d.rest = d.rest[2:]
	return v
}

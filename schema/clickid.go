package schema

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dchest/siphash"
)

// ClickID names one click. It travels to the destination as 32 characters of base64url: 24 bytes, big
// endian, of time (6), link (4), nonce (6) and tag (8). The tag is SipHash-2-4 under a secret key
// over the 16 bytes before it (https://www.aumasson.jp/siphash/), so that any node can tell a real
// id from a made-up one, and knows its link and time, before the click has reached ClickHouse. The
// bytes sort by time.
type ClickID struct {
	At    int64 // milliseconds since 1970, UTC
	Link  LinkID
	Nonce uint64 // 48 bits: 24 of the node, 24 counting up
	Tag   uint64
}

// ClickIDLen is the length of a click id's text.
const ClickIDLen = 32

// Errors of ParseClickID and ClickKeys.Check.
var (
	ErrClickIDForm   = errors.New("a click id is 32 characters of A-Z a-z 0-9 - _")
	ErrClickIDForged = errors.New("this click id was not given out by this program")
)

// clickIDText has one text for each id: 24 bytes fill 32 characters.
var clickIDText = base64.RawURLEncoding

// AppendText appends the 32 characters of the id to dst.
func (id ClickID) AppendText(dst []byte) []byte {
	b := id.bytes()
	return clickIDText.AppendEncode(dst, b[:])
}

func (id ClickID) String() string { return string(id.AppendText(make([]byte, 0, ClickIDLen))) }

// Time returns the moment of the click.
func (id ClickID) Time() time.Time { return time.UnixMilli(id.At).UTC() }

func (id ClickID) bytes() (b [24]byte) {
	at := uint64(id.At)
	binary.BigEndian.PutUint64(b[0:], at<<16|uint64(id.Link)>>16)
	binary.BigEndian.PutUint64(b[8:], uint64(id.Link)<<48|id.Nonce&(1<<48-1))
	binary.BigEndian.PutUint64(b[16:], id.Tag)
	return b
}

// ParseClickID reads the text of a click id. It does not say that the id is genuine: ClickKeys.Check
// does.
func ParseClickID(s string) (ClickID, error) {
	var b [24]byte
	if len(s) != ClickIDLen {
		return ClickID{}, ErrClickIDForm
	}
	// The decoder passes over line ends, and then has fewer bytes.
	if n, err := clickIDText.Decode(b[:], []byte(s)); err != nil || n != len(b) {
		return ClickID{}, ErrClickIDForm
	}
	hi, lo := binary.BigEndian.Uint64(b[0:]), binary.BigEndian.Uint64(b[8:])
	return ClickID{
		At:    int64(hi >> 16),
		Link:  LinkID(hi<<16&0xffff0000 | lo>>48),
		Nonce: lo & (1<<48 - 1),
		Tag:   binary.BigEndian.Uint64(b[16:]),
	}, nil
}

// ClickKey is a secret under which click ids are tagged.
type ClickKey [16]byte

// NewClickKey draws a key.
func NewClickKey() ClickKey {
	var k ClickKey
	rand.Read(k[:]) // never fails since Go 1.24
	return k
}

// MarshalText writes the key as 32 hexadecimal digits.
func (k ClickKey) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (k *ClickKey) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(k)) {
		return fmt.Errorf("a click key is %d hexadecimal digits, got %d characters", hex.EncodedLen(len(k)), len(text))
	}
	_, err := hex.Decode(k[:], text)
	return err
}

// String hides the key: secrets do not reach logs.
func (k ClickKey) String() string { return "••••" }

func (k ClickKey) tag(id ClickID) uint64 {
	b := id.bytes()
	return siphash.Hash(binary.LittleEndian.Uint64(k[0:]), binary.LittleEndian.Uint64(k[8:]), b[:16])
}

// Sign returns the id with its tag under the key.
func (k ClickKey) Sign(id ClickID) ClickID {
	id.Tag = k.tag(id)
	return id
}

// ClickKeys are the keys in use, newest first: ids are tagged with the first, accepted under any.
type ClickKeys []ClickKey

// Check reports whether id was tagged under one of the keys; the error is ErrClickIDForged.
func (ks ClickKeys) Check(id ClickID) error {
	for _, k := range ks {
		if k.tag(id) == id.Tag {
			return nil
		}
	}
	return ErrClickIDForged
}

// ClickIDs gives out click ids of one node. Two ids of one node differ as long as fewer than 2^24
// clicks fall into one millisecond. It is safe for concurrent use.
type ClickIDs struct {
	node  uint64
	count atomic.Uint64
}

// NewClickIDs returns a source for the node with the given journal id. The count starts at random,
// so that a restart within a millisecond, or a clock set back, repeats nothing.
func NewClickIDs(node string) *ClickIDs {
	g := &ClickIDs{node: siphash.Hash(0, 0, []byte(node)) & (1<<24 - 1) << 24}
	var b [8]byte
	rand.Read(b[:])
	g.count.Store(binary.LittleEndian.Uint64(b[:]))
	return g
}

// New returns the id of a click at the given time (milliseconds since 1970) on a link.
func (g *ClickIDs) New(key ClickKey, at int64, link LinkID) ClickID {
	return key.Sign(ClickID{At: at, Link: link, Nonce: g.node | g.count.Add(1)&(1<<24-1)})
}

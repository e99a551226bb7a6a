package redirector

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dchest/siphash"

	"fairlead/schema"
)

// Salt is the secret under which visitors are hashed. It changes at the program's midnight along a hash
// chain, k → SHA-256(k), so that nodes that once had the same go on having the same without
// talking, and nobody who learns today's can compute yesterday's. Redis hands it to all nodes; each
// keeps today's in a file of its own, where tomorrow's is written over it.
//
// A hash is SipHash-2-4 of address and User-Agent. Two hits of one day with the same hash are taken for one visitor; hashes of two
// days have nothing to do with each other.
type Salt struct {
	now func() time.Time
	log *slog.Logger
	day atomic.Pointer[daySalt]

	mu     sync.Mutex // held while day is replaced
	file   *os.File   // nil: not kept
	onFile *daySalt   // what the file holds
}

// daySalt is the salt of one program-day.
type daySalt struct {
	day          schema.Day
	zone         *time.Location
	since, until int64 // when it may be used, milliseconds since 1970: farAhead before its day begins
	key          saltKey
	k0, k1       uint64
}

type saltKey [sha256.Size]byte

// OpenSalt returns the salt of a file, made if need be with mode 0600; a file that cannot be read is
// started anew. An empty name means that it is not kept across restarts.
func OpenSalt(name string, now func() time.Time, log *slog.Logger) (*Salt, error) {
	s := &Salt{now: now, log: log}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if name == "" {
		return s, nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the visitor salt: %w", err)
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the file of the visitor salt: %w", err)
	}
	s.file = f
	b := make([]byte, saltFileSize)
	switch n, err := f.ReadAt(b, 0); {
	case n == 0:
	case err != nil:
		s.log.Warn("the visitor salt could not be read: Redis gives it again, or a new one is drawn", "file", name, "err", err)
	default:
		if d, ok := decodeSalt(b); ok {
			s.day.Store(d)
			s.onFile = d
		} else {
			s.log.Warn("the visitor salt is damaged: Redis gives it again, or a new one is drawn", "file", name)
		}
	}
	return s, nil
}

// Close writes the salt down and closes its file.
func (s *Salt) Close() error {
	err := s.keep()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return err
	}
	if cerr := s.file.Close(); !errors.Is(cerr, fs.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	s.file = nil
	return err
}

// visitor returns the hash of who made a hit, never 0, and the scratch space it was given.
func (s *Salt) visitor(now time.Time, zone *time.Location, addr netip.Addr, userAgent, scratch []byte) (uint64, []byte) {
	d := s.at(now, zone)
	a := addr.As16()
	scratch = append(append(scratch, a[:]...), userAgent...)
	return max(siphash.Hash(d.k0, d.k1, scratch), 1), scratch
}

// at returns the salt of a moment.
func (s *Salt) at(now time.Time, zone *time.Location) *daySalt {
	ms := now.UnixMilli()
	if d := s.day.Load(); d != nil && d.zone == zone && ms >= d.since && ms < d.until {
		return d
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.advanced(s.day.Load(), schema.DayOf(now, zone), zone)
	s.day.Store(d)
	return d
}

// farAhead is how many days a salt may be ahead before a clock must have been wrong: one, for the time
// zone may have been changed, and nodes' clocks differ.
const farAhead = 1

// advanced returns the salt of a day, given one of an earlier day or none. There is no way back: the
// salt of a later day stays.
func (s *Salt) advanced(d *daySalt, today schema.Day, zone *time.Location) *daySalt {
	if d == nil {
		return drawSalt(today, zone)
	}
	steps := daysBetween(d.day, today)
	if steps < -farAhead || steps > maxSteps {
		s.log.Warn("the visitor salt is of another time: a new one is drawn, visitors of today may count twice", "salt_day", d.day, "today", today)
		return drawSalt(today, zone)
	}
	key := d.key
	for range steps {
		key = sha256.Sum256(key[:])
	}
	return newDaySalt(max(d.day, today), zone, key)
}

// maxSteps bounds the walk along the chain; a node that slept for ten years draws a new salt.
const maxSteps = 3653

func daysBetween(a, b schema.Day) int { return int(b.Time().Sub(a.Time()) / (24 * time.Hour)) }

func drawSalt(day schema.Day, zone *time.Location) *daySalt {
	var k saltKey
	rand.Read(k[:]) // never fails since Go 1.24
	return newDaySalt(day, zone, k)
}

func newDaySalt(day schema.Day, zone *time.Location, key saltKey) *daySalt {
	before := schema.DayOf(day.Time().AddDate(0, 0, -farAhead), time.UTC)
	return &daySalt{
		day: day, zone: zone, since: before.Period(zone).From.UnixMilli(), until: day.Period(zone).To.UnixMilli(), key: key,
		k0: binary.LittleEndian.Uint64(key[0:]), k1: binary.LittleEndian.Uint64(key[8:]),
	}
}

// The file, little endian: magic (8), day (4), key (32), CRC-32C (4). It is written in place: what
// it held before is to be gone.
const (
	saltMagic    = "FLSALT1\n"
	saltFileSize = len(saltMagic) + 4 + len(saltKey{}) + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (d *daySalt) encode() []byte {
	b := append(make([]byte, 0, saltFileSize), saltMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(d.day))
	b = append(b, d.key[:]...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeSalt reads a file. Its zone is not known yet: the first use finds it.
func decodeSalt(b []byte) (*daySalt, bool) {
	body := b[:len(b)-4]
	if string(b[:len(saltMagic)]) != saltMagic || crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, false
	}
	d := schema.Day(binary.LittleEndian.Uint32(b[len(saltMagic):]))
	if !isDay(d) {
		return nil, false
	}
	return &daySalt{day: d, key: saltKey(b[len(saltMagic)+4:])}, true
}

// isDay reports whether d is a day of the calendar.
func isDay(d schema.Day) bool { return d > 19700000 && schema.DayOf(d.Time(), time.UTC) == d }

// keep writes the salt over the one in the file.
func (s *Salt) keep() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.day.Load()
	if s.file == nil || d == nil || s.onFile != nil && s.onFile.day == d.day && s.onFile.key == d.key {
		return nil
	}
	if _, err := s.file.WriteAt(d.encode(), 0); err != nil {
		return fmt.Errorf("write the visitor salt: %w", err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("write the visitor salt: %w", err)
	}
	s.onFile = d
	return nil
}

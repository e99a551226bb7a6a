package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// A slotFile keeps one small value through every crash: two slots of fixed size, written in turn and synced. Its
// space is allocated once, so that it can still be written on a full disk.
//
//	magic 8 | version 4 | length 4 | generation 8 | zeros 4 | crc 4 | value
type slotFile struct {
	d    disk
	name string
	slot int64
	gen  uint64 // of the last value that is surely on disk
	file *os.File
}

const slotHeader = 32

var slotMagic = [8]byte{'F', 'L', 'J', 'S', 'L', 'O', 'T', '\n'}

// createSlotFile makes the file with value in both slots. One that is there already is replaced.
func createSlotFile(d disk, name string, slot int64, value []byte) (*slotFile, error) {
	if err := os.Remove(d.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	f, err := d.create(name, 2*slot)
	if err != nil {
		return nil, fmt.Errorf("create journal file %s: %w", d.path(name), err)
	}
	s := &slotFile{d: d, name: name, slot: slot, file: f}
	if err := s.writeBoth(value); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// openSlotFile returns the latest value that is whole. damaged is about a slot that is neither whole nor new.
func openSlotFile(d disk, name string, slot int64) (s *slotFile, value []byte, damaged *CorruptionError, err error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	s = &slotFile{d: d, name: name, slot: slot, file: f}
	for i := range int64(2) {
		b := make([]byte, slot)
		n, err := f.ReadAt(b, i*slot)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, nil, errors.Join(fmt.Errorf("read journal file %s: %w", d.path(name), err), f.Close())
		}
		gen, v, err := decodeSlot(b[:n], d.path(name))
		var newer *VersionError
		if errors.As(err, &newer) {
			return nil, nil, nil, errors.Join(err, f.Close())
		}
		if err != nil {
			damaged = &CorruptionError{Dir: d.dir, File: name, Offset: i * slot, Err: err}
			continue
		}
		if gen > s.gen {
			s.gen, value = gen, v
		}
	}
	if s.gen == 0 {
		return nil, nil, damaged, errors.Join(damaged, f.Close())
	}
	return s, value, damaged, nil
}

func decodeSlot(b []byte, path string) (gen uint64, value []byte, err error) {
	if len(b) < slotHeader {
		return 0, nil, errors.New("slot cut off")
	}
	n := int(binary.LittleEndian.Uint32(b[12:]))
	if [8]byte(b[:8]) != slotMagic || n > len(b)-slotHeader {
		return 0, nil, errors.New("slot header is damaged")
	}
	value = b[slotHeader : slotHeader+n]
	sum := crc32.Update(crc32.Checksum(b[:28], castagnoli), castagnoli, value)
	if sum != binary.LittleEndian.Uint32(b[28:]) {
		return 0, nil, errors.New("slot: checksum differs")
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v > formatVersion {
		return 0, nil, &VersionError{Path: path, Found: v, Known: formatVersion}
	}
	return binary.LittleEndian.Uint64(b[16:]), value, nil
}

// write puts value on disk. After an error the value before it still stands there.
func (s *slotFile) write(value []byte) error {
	if slotHeader+int64(len(value)) > s.slot {
		return fmt.Errorf("write journal file %s: %d bytes do not fit into a slot of %d", s.d.path(s.name), len(value), s.slot)
	}
	gen := s.gen + 1
	b := make([]byte, slotHeader, slotHeader+len(value))
	copy(b, slotMagic[:])
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(value)))
	binary.LittleEndian.PutUint64(b[16:], gen)
	b = append(b, value...)
	binary.LittleEndian.PutUint32(b[28:], crc32.Update(crc32.Checksum(b[:28], castagnoli), castagnoli, value))
	off := int64(gen%2) * s.slot
	err := s.d.write(s.file, s.name, off, b)
	if err == nil {
		err = s.d.sync(s.file, s.name, off, int64(len(b)))
	}
	if err != nil {
		return fmt.Errorf("write journal file %s: %w", s.d.path(s.name), err)
	}
	s.gen = gen
	return nil
}

// writeBoth is for what changes rarely: damage to one slot then loses nothing.
func (s *slotFile) writeBoth(value []byte) error {
	if err := s.write(value); err != nil {
		return err
	}
	return s.write(value)
}

func (s *slotFile) close() error { return s.file.Close() }

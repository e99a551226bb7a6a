package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// maxCorruptions bounds what Corruptions keeps; Stats counts on.
const maxCorruptions = 1000

// A damage is one damaged place, so that it is reported once however many readers come by.
type damage struct {
	file string
	at   uint64 // first number lost, or the offset
}

// Corruptions returns the damage found since Open, in the order of finding: by Open where the log may have been
// cut off, by readers elsewhere.
func (l *Log) Corruptions() []*CorruptionError {
	l.qmu.Lock()
	defer l.qmu.Unlock()
	return slices.Clone(l.corruptions)
}

// corrupted reports damage and keeps the file's bytes.
func (l *Log) corrupted(c *CorruptionError) {
	l.qmu.Lock()
	defer l.qmu.Unlock()
	c.Dir = l.disk.dir
	if c.Segment > 0 {
		c.File = segmentName(c.Segment)
	}
	key := damage{file: c.File, at: c.From}
	if c.From == 0 {
		key.at = uint64(c.Offset)
	}
	if l.seen[key] {
		return
	}
	l.seen[key] = true
	l.damaged++
	if len(l.corruptions) < maxCorruptions {
		l.corruptions = append(l.corruptions, c)
	}
	kept, err := l.disk.keep(c.File, c.Segment > 0)
	l.log.Error("journal is damaged; what was lost is recorded as a gap", "err", c, "kept", kept, "keepErr", err)
}

// keep puts the bytes of a damaged file aside, as a second name where that is enough: segments are never written
// again.
func (d disk) keep(name string, segment bool) (kept string, err error) {
	if err := os.MkdirAll(d.path(quarantineName), 0o700); err != nil {
		return "", err
	}
	from, to := d.path(name), filepath.Join(d.path(quarantineName), name)
	if segment {
		err := d.around(Event{Op: OpLink, Name: name}, func() error { return os.Link(from, to) })
		if err == nil || errors.Is(err, os.ErrExist) {
			return to, nil
		}
		if errors.Is(err, os.ErrNotExist) {
			return "", nil // the whole file is what is missing
		}
	}
	for i := 1; ; i++ {
		to := fmt.Sprintf("%s.%d", to, i)
		err := copyFile(from, to)
		if !errors.Is(err, os.ErrExist) {
			return to, err
		}
	}
}

// setAside moves a file that holds nothing readable into the quarantine.
func (d disk) setAside(name string) error {
	if err := os.MkdirAll(d.path(quarantineName), 0o700); err != nil {
		return err
	}
	to := filepath.Join(quarantineName, name)
	for i := 1; ; i++ {
		if _, err := os.Lstat(d.path(to)); errors.Is(err, os.ErrNotExist) {
			return d.rename(name, to)
		}
		to = filepath.Join(quarantineName, fmt.Sprintf("%s.%d", name, i))
	}
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Sync(), dst.Close())
}

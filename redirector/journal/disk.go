package journal

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An Op is a kind of change to the journal's files.
type Op uint8

// The operations that a Faults hook is told of.
const (
	OpAppend  Op = iota + 1 // a record is copied into the mapped segment
	OpCreate                // a file is created and its space allocated
	OpWrite                 // bytes are written into the page cache
	OpSync                  // bytes Off to Off+Len are forced to disk
	OpSyncDir               // the directory's entries are forced to disk
	OpRename
	OpLink
	OpTruncate
	OpUnlink
)

// An Event is one operation, told before (Done false) and after (Done true) it.
type Event struct {
	Op       Op
	Done     bool
	Name     string // of the file, relative to the journal's directory
	Off, Len int64
}

// Faults lets a test watch and break the journal. It is called around every operation; an error that it returns
// becomes the operation's error, with Done false instead of it, with Done true although it took place. It must not
// call the log back.
type Faults func(Event) error

// A disk is the directory as the journal changes it. Every change goes through here.
type disk struct {
	dir    string
	faults Faults
}

func (d disk) path(name string) string { return filepath.Join(d.dir, name) }

func (d disk) around(ev Event, do func() error) error {
	if d.faults == nil {
		return do()
	}
	if err := d.faults(ev); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	ev.Done = true
	return d.faults(ev)
}

// create makes a file of n bytes that are really there.
func (d disk) create(name string, n int64) (f *os.File, err error) {
	err = d.around(Event{Op: OpCreate, Name: name, Len: n}, func() error {
		f, err = os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		return allocate(f, n)
	})
	if err != nil && f != nil {
		_ = f.Close()
		_ = os.Remove(d.path(name))
		return nil, err
	}
	return f, err
}

func (d disk) write(f *os.File, name string, off int64, b []byte) error {
	return d.around(Event{Op: OpWrite, Name: name, Off: off, Len: int64(len(b))}, func() error {
		_, err := f.WriteAt(b, off)
		return err
	})
}

// sync forces a whole file to disk. Off and n only say what the caller is interested in.
func (d disk) sync(f *os.File, name string, off, n int64) error {
	return d.around(Event{Op: OpSync, Name: name, Off: off, Len: n}, func() error { return datasync(f) })
}

// syncMapped forces the pages that hold the bytes from off to end to disk.
func (d disk) syncMapped(mem []byte, name string, off, end int64) error {
	page := int64(os.Getpagesize())
	off -= off % page
	return d.around(Event{Op: OpSync, Name: name, Off: off, Len: end - off}, func() error {
		return unix.Msync(mem[off:end], unix.MS_SYNC)
	})
}

func (d disk) syncDir() error {
	return d.around(Event{Op: OpSyncDir, Name: "."}, func() error {
		f, err := os.Open(d.dir)
		if err != nil {
			return err
		}
		err = f.Sync()
		return errors.Join(err, f.Close())
	})
}

func (d disk) rename(from, to string) error {
	return d.around(Event{Op: OpRename, Name: from}, func() error { return os.Rename(d.path(from), d.path(to)) })
}

func (d disk) truncate(name string, n int64) error {
	return d.around(Event{Op: OpTruncate, Name: name, Len: n}, func() error { return os.Truncate(d.path(name), n) })
}

func (d disk) unlink(name string) error {
	return d.around(Event{Op: OpUnlink, Name: name}, func() error { return os.Remove(d.path(name)) })
}

// writeZeros stands in for fallocate where there is none.
func writeZeros(f *os.File, n int64) error {
	zeros := make([]byte, 1<<20)
	for off := int64(0); off < n; off += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(n-off, int64(len(zeros)))], off); err != nil {
			return err
		}
	}
	return nil
}

// redirty marks the pages that hold the bytes from from to end as changed, for they count as clean after a
// failed sync.
func redirty(mem []byte, from, end int64) {
	page := int64(os.Getpagesize())
	for off := from - from%page; off < end; off += page {
		atomic.AddUint32((*uint32)(unsafe.Pointer(&mem[off])), 0)
	}
}

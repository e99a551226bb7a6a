// Package spool takes a file in that is to be imported: once it is taken in, it can be read as often as wanted, and is
// known by what is in it.
//
// # Promise
//
// The sum is that of the decompressed bytes, so that a file is the same file whatever it is called, wherever it is imported,
// and however it was compressed. A file that grows is read up to where it was.
//
// # Limits
//
// A plain file is read in place and must not be rewritten meanwhile; what cannot be read twice lies in the folder of
// temporary files until Close.
package spool

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"fairlead/redirector/journal"
)

// Progress is told how many bytes of how many have been read; total 0: unknown.
type Progress func(done, total int64)

// File is a file at hand, decompressed.
type File struct {
	Name string // for people
	Sum  [sha256.Size]byte
	Size int64 // bytes

	f    *os.File
	temp bool
}

// Open takes a file in: standard input for "-", or a file, plain or gzip. progress may be nil.
func Open(ctx context.Context, path string, stdin io.Reader, progress Progress) (*File, error) {
	in, s, whole := stdin, &File{Name: "standard input"}, int64(0)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("open the file: %w", err)
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("open the file: %w", err)
		}
		if st.IsDir() {
			return nil, fmt.Errorf("open the file: %s is a folder, name one file in it", path)
		}
		in, s.Name = f, path
		if st.Mode().IsRegular() {
			whole = st.Size()
		}
	}
	if err := s.take(ctx, in, path, whole, progress); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// take reads the file once from front to end.
func (s *File) take(ctx context.Context, in io.Reader, path string, whole int64, progress Progress) error {
	head := bufio.NewReaderSize(&counter{ctx: ctx, r: in, total: whole, tell: progress}, 1<<16)
	magic, err := head.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", s.Name, err)
	}
	var plain io.Reader = head
	packed := bytes.Equal(magic, []byte{0x1f, 0x8b})
	if packed {
		if plain, err = gzip.NewReader(head); err != nil {
			return fmt.Errorf("read %s: %w", s.Name, err)
		}
	}
	sum := sha256.New()
	var to io.Writer = sum
	if whole > 0 && !packed {
		plain = io.LimitReader(plain, whole)
		if s.f, err = os.Open(path); err != nil {
			return fmt.Errorf("open the file: %w", err)
		}
	} else {
		if s.f, err = os.CreateTemp("", "fairlead-import-*"); err != nil {
			return fmt.Errorf("spool %s: %w", s.Name, err)
		}
		s.temp = true
		to = io.MultiWriter(sum, s.f)
	}
	if s.Size, err = io.Copy(to, plain); err != nil {
		return fmt.Errorf("read %s: %w", s.Name, err)
	}
	s.Sum = [sha256.Size]byte(sum.Sum(nil))
	return nil
}

// ErrChanged says that a file does not hold any more what was read of it first.
var ErrChanged = errors.New("the file has changed while it was read: import it again")

// Node names the file by what is in it, as a journal's node.
func (s *File) Node() journal.NodeID { return journal.NodeID(hex.EncodeToString(s.Sum[:16])) }

// Reader reads the file from its beginning. Several may be at work at once.
func (s *File) Reader() io.Reader { return io.NewSectionReader(s.f, 0, s.Size) }

// Counted is Reader with progress, until ctx is done.
func (s *File) Counted(ctx context.Context, progress Progress) io.Reader {
	return &counter{ctx: ctx, r: s.Reader(), total: s.Size, tell: progress}
}

// Close lets go of the file, and of the spooled copy.
func (s *File) Close() error {
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	if s.temp {
		err = errors.Join(err, os.Remove(s.f.Name()))
	}
	s.f = nil
	return err
}

// counter tells how far a stream was read, and ends it when ctx is done.
type counter struct {
	ctx         context.Context
	r           io.Reader
	done, total int64
	tell        Progress
}

func (c *counter) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.done += int64(n)
	if c.tell != nil && n > 0 {
		c.tell(c.done, c.total)
	}
	return n, err
}

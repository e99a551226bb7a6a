// Package accesslog makes clicks of the lines of an access log, as a source for shipping.
//
// # Promise
//
// Every line with the method GET becomes exactly one click, whatever its path. Lines with other methods
// and lines that do not parse are counted, and the latter told with their number and reason. The node is the
// hash of the decompressed file and the seq the ordinal of the GET line, so that the same file brings
// the same clicks, however often, and however it was compressed.
//
// # Limits
//
// A log has fewer headers than a request: the bot verdict goes by the User-Agent alone, and prefetches are not known. The
// click ids are no answers to anybody: their tag is a hash of the line under the file's, so that no sale
// can name them. A file that is read in place must not be rewritten meanwhile; one that grows is read up to where it was.
package accesslog

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
	"time"

	"fairlead/redirector/journal"
)

// maxLine is the longest line that is parsed.
const maxLine = 64 << 10

// File is an access log at hand, decompressed.
type File struct {
	name string // for people
	f    *os.File
	size int64
	temp bool
	node journal.NodeID
	key  [sha256.Size]byte

	// What the first reading counted.
	Lines, Clicks, OtherMethods, Broken uint64
	First, Last                         time.Time // of the clicks; zero without any
}

// Open takes a log in: standard input for "-", or a file, plain or gzip. What cannot be read twice is spooled
// into the folder of temporary files first. scan is told of every line: the entry of a GET line, or why a line was
// refused. progress, if not nil, is told how many bytes of the total (0: unknown) have been read.
func Open(ctx context.Context, path string, stdin io.Reader, scan Scan, progress func(done, total int64)) (*File, error) {
	in, name, whole := stdin, "standard input", int64(0)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("open the log: %w", err)
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("open the log: %w", err)
		}
		if st.IsDir() {
			return nil, fmt.Errorf("open the log: %s is a folder, name one file in it", path)
		}
		in, name = f, path
		if st.Mode().IsRegular() {
			whole = st.Size()
		}
	}
	l := &File{name: name}
	if err := l.take(ctx, in, path, whole, scan, progress); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Scan is told of each line once, in order: broken is why it is no entry; click is whether it becomes one.
type Scan func(line uint64, text []byte, e *Entry, click bool, broken error) error

func (l *File) take(ctx context.Context, in io.Reader, path string, whole int64, scan Scan, progress func(done, total int64)) error {
	counted := &counter{ctx: ctx, r: in, total: whole, tell: progress}
	head := bufio.NewReaderSize(counted, 1<<16)
	magic, err := head.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", l.name, err)
	}
	var plain io.Reader = head
	packed := bytes.Equal(magic, []byte{0x1f, 0x8b})
	if packed {
		z, err := gzip.NewReader(head)
		if err != nil {
			return fmt.Errorf("read %s: %w", l.name, err)
		}
		plain = z
	}
	hash := sha256.New()
	plain = io.TeeReader(plain, hash)
	if whole > 0 && !packed {
		plain = io.LimitReader(plain, whole)
		if l.f, err = os.Open(path); err != nil {
			return fmt.Errorf("open the log: %w", err)
		}
	} else {
		if l.f, err = os.CreateTemp("", "fairlead-import-*.log"); err != nil {
			return fmt.Errorf("spool the log: %w", err)
		}
		l.temp = true
		plain = io.TeeReader(plain, l.f)
	}
	if err := l.scan(plain, scan); err != nil {
		return err
	}
	l.key = [sha256.Size]byte(hash.Sum(nil))
	l.node = journal.NodeID(hex.EncodeToString(l.key[:16]))
	return nil
}

// scan reads the log once from front to end.
func (l *File) scan(r io.Reader, tell Scan) error {
	lines := newLines(r)
	var p parser
	var e Entry
	for lines.next() {
		l.Lines++
		l.size += int64(lines.taken)
		broken := lines.long
		if broken == nil {
			broken = p.parse(lines.text, &e)
		}
		click := false
		switch {
		case broken != nil:
			l.Broken++
		case string(e.Method) == "GET":
			click = true
			l.Clicks++
			if l.First.IsZero() || e.At.Before(l.First) {
				l.First = e.At
			}
			if e.At.After(l.Last) {
				l.Last = e.At
			}
		default:
			l.OtherMethods++
		}
		if tell == nil {
			continue
		}
		if err := tell(l.Lines, lines.text, &e, click, broken); err != nil {
			return err
		}
	}
	if lines.err != nil {
		return fmt.Errorf("read %s after line %d: %w", l.name, l.Lines, lines.err)
	}
	return nil
}

// Node names the file by what is in it.
func (l *File) Node() journal.NodeID { return l.node }

// Close lets go of the file, and of the spooled copy.
func (l *File) Close() error {
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	if l.temp {
		err = errors.Join(err, os.Remove(l.f.Name()))
	}
	l.f = nil
	return err
}

// lines cuts a stream into lines. The part of a line above maxLine is passed over.
type lines struct {
	r     *bufio.Reader
	text  []byte // without its end; of a long line, the front
	taken int    // bytes, its end included
	long  error
	err   error
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxLine)} }

func (l *lines) next() bool {
	l.long = nil
	text, err := l.r.ReadSlice('\n')
	l.taken = len(text)
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = ErrTooLong
		text = bytes.Clone(text[:min(len(text), 200)])
		for errors.Is(err, bufio.ErrBufferFull) {
			var more []byte
			more, err = l.r.ReadSlice('\n')
			l.taken += len(more)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
		return false
	}
	l.text = bytes.TrimSuffix(text, []byte{'\n'})
	return l.taken > 0
}

// counter tells how far a stream was read, and ends it when ctx is done.
type counter struct {
	ctx         context.Context
	r           io.Reader
	done, total int64
	tell        func(done, total int64)
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

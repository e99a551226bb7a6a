// Package accesslog makes clicks of the lines of an access log, as a source for shipping.
//
// # Promise
//
// Every line with the method GET becomes exactly one click, whatever its path. Lines with other methods
// and lines that do not parse are counted, and the latter told with their number and reason, as are lines that were dated
// in the future when the file was first imported: clicks of months that are yet to come are nobody's. The node is the
// hash of the decompressed file and the seq the ordinal of the GET line, so that the same file brings
// the same clicks, however often, and however it was compressed.
//
// # Limits
//
// A log has fewer headers than a request: the bot verdict goes by the User-Agent alone, and prefetches are not known. The
// click ids are no answers to anybody: their tag is a hash of the line under the file's, so that no sale
// can name them. Package spool says what may happen to the file meanwhile.
package accesslog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"fairlead/redirector/spool"
)

// maxLine is the longest line that is parsed.
const maxLine = 64 << 10

// ahead is how far the clock that wrote a log may be ahead of ours.
const ahead = 5 * time.Minute

// File is an access log at hand.
type File struct {
	*spool.File
	until time.Time // lines dated later are broken

	// What Scan counted.
	Lines, Clicks, OtherMethods, Broken uint64
	First, Last                         time.Time // of the clicks; zero without any
}

// Open takes a log in; see spool.Open.
func Open(ctx context.Context, path string, stdin io.Reader, progress spool.Progress) (*File, error) {
	f, err := spool.Open(ctx, path, stdin, progress)
	if err != nil {
		return nil, err
	}
	return &File{File: f}, nil
}

// Scan is told of each line once, in order: broken is why it is no entry; click is whether it becomes one.
type Scan func(line uint64, text []byte, e *Entry, click bool, broken error) error

// Scan reads the log as it was at a moment, that of its first import: what is dated later is broken. tell, if not nil, is
// told of every line: the entry of a GET line, or why a line was refused. It comes before Source.
func (l *File) Scan(ctx context.Context, at time.Time, tell Scan, progress spool.Progress) error {
	l.until = at.Add(ahead)
	l.Lines, l.Clicks, l.OtherMethods, l.Broken = 0, 0, 0, 0
	l.First, l.Last = time.Time{}, time.Time{}
	lines := newLines(l.Counted(ctx, progress))
	p := parser{until: l.until}
	var e Entry
	for lines.next() {
		l.Lines++
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
		return fmt.Errorf("read %s after line %d: %w", l.Name, l.Lines, lines.err)
	}
	return nil
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

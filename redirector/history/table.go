package history

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fairlead/redirector/spool"
	"fairlead/schema"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxRecord is the longest record that is read, in bytes: a quote that is never closed would swallow the file.
const maxRecord = 1 << 20

// table reads the rows of a file of CSV (RFC 4180), with commas, semicolons or tabs, the names of the columns in its first
// line.
type table struct {
	Read
	header  []string // as it is written
	columns map[string][]int
	csv     *csv.Reader
	budget  *budget

	line    int // of the file, where the record begins
	record  []string
	refused error // why the record is none
	err     error
}

// openTable reads the header. known are the columns that mean something.
func openTable(r io.Reader, known columns) (*table, error) {
	head := bufio.NewReaderSize(r, 1<<16)
	if mark, err := head.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = head.Discard(len(mark))
	}
	first, err := head.Peek(1 << 16)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	if bytes.HasPrefix(first, []byte("\xff\xfe")) || bytes.HasPrefix(first, []byte("\xfe\xff")) {
		return nil, errors.New("the file is UTF-16: save it as CSV in UTF-8")
	}
	t := &table{Read: Read{Passed: map[string]uint64{}}, budget: &budget{r: head, left: maxRecord}}
	t.csv = csv.NewReader(t.budget)
	t.csv.Comma = separator(first)
	t.csv.FieldsPerRecord = -1
	if t.header, err = t.csv.Read(); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty: its first line has to name the columns")
		}
		return nil, fmt.Errorf("read the names of the columns: %w", err)
	}
	return t, t.recognise(known)
}

// separator is the one of , ; and tab that stands most often in the first line, outside of quotes.
func separator(text []byte) rune {
	line, _, _ := bytes.Cut(text, []byte{'\n'})
	counts := map[byte]int{}
	quoted := false
	for _, b := range line {
		if b == '"' {
			quoted = !quoted
		}
		if !quoted {
			counts[b]++
		}
	}
	best := byte(',')
	for _, b := range []byte{';', '\t'} {
		if counts[b] > counts[best] {
			best = b
		}
	}
	return rune(best)
}

// next reads a row. It answers false at the end, or with err.
func (t *table) next() bool {
	for {
		t.budget.left = maxRecord
		record, err := t.csv.Read()
		t.record, t.refused = record, nil
		var wrong *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return false
		case errors.As(err, &wrong):
			t.line = wrong.StartLine
			t.refused = fmt.Errorf("is no CSV: %w", wrong.Err)
			if wrong.Line > wrong.StartLine {
				t.refused = fmt.Errorf("is no CSV up to line %d: %w", wrong.Line, wrong.Err)
			}
			t.record = nil
		case err != nil:
			line, _ := t.csv.FieldPos(0)
			t.err = fmt.Errorf("read the rows after line %d: %w", line, err)
			return false
		default:
			t.line, _ = t.csv.FieldPos(0)
			if !slices.ContainsFunc(record, func(s string) bool { return strings.TrimSpace(s) != "" }) {
				continue // spreadsheets end in such
			}
			if len(record) != len(t.header) {
				t.refused = fmt.Errorf("has %d fields, the first line names %d", len(record), len(t.header))
			}
			if i := slices.IndexFunc(record, func(s string) bool { return !utf8.ValidString(s) }); i >= 0 {
				t.refused = fmt.Errorf("field %d is not UTF-8", i+1)
			}
		}
		t.Rows++
		return true
	}
}

// get is what a row says of a column: of several that mean the same, the first that says something.
func (t *table) get(column string) string {
	for _, i := range t.columns[column] {
		if s := strings.TrimSpace(t.record[i]); s != "" {
			return s
		}
	}
	return ""
}

// all is what a row says of a column, in every one that means it.
func (t *table) all(column string) (out []string) {
	for _, i := range t.columns[column] {
		if s := strings.TrimSpace(t.record[i]); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (t *table) has(columns ...string) bool {
	return slices.ContainsFunc(columns, func(c string) bool { return len(t.columns[c]) > 0 })
}

// budget ends a record that does not end.
type budget struct {
	r    io.Reader
	left int
}

var errTooLong = fmt.Errorf("a record has more than %d bytes: a quote is not closed there", maxRecord)

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}

// columnName is the form in which the names of columns are compared: "Invoice ID", "invoiceId" and "invoice-id" are one.
func columnName(s string) string {
	var b strings.Builder
	var before rune
	for _, r := range strings.TrimSpace(s) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if unicode.IsUpper(r) && unicode.IsLower(before) && b.Len() > 0 {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(r))
		case b.Len() > 0 && before != '_':
			b.WriteByte('_')
			r = '_'
		default:
			r = '_'
		}
		before = r
	}
	return strings.Trim(b.String(), "_")
}

// file reads a file of partners or of their links: work takes the rows, which are held to the program as it is now, and what it
// refuses is written down.
func (im *Importer) file(ctx context.Context, path string, stdin io.Reader, known columns, read *Read, work func(*table, schema.Program, *rejects) error) error {
	im.fillIn()
	file, err := spool.Open(ctx, path, stdin, im.told(StepRead))
	if err != nil {
		return err
	}
	defer file.Close()
	t, err := openTable(file.Counted(ctx, im.told(StepRows)), known)
	if err != nil {
		return err
	}
	program, err := im.Directory.Program(ctx)
	if err != nil {
		return err
	}
	out := &rejects{path: im.Rejects, header: t.header}
	err = work(t, program, out)
	*read = t.Read
	out.tell(read)
	return errors.Join(err, out.close())
}

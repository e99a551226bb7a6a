package history

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// The first two columns of a file of rejects.
const (
	rejectedLine   = "rejected_line"
	rejectedReason = "rejected_reason"
)

// rejects writes the rows that are refused: CSV with the same columns, after the line and the reason, so that it can be
// imported once it is mended.
type rejects struct {
	path   string
	header []string
	f      *os.File
	w      *csv.Writer
	count  uint64
}

// add notes a row. record is nil where it could not be read.
func (r *rejects) add(line int, record []string, why error) error {
	r.count++
	if r.path == "" {
		return nil
	}
	if r.f == nil {
		f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("write the rows that are refused: %w; --rejects names another file", err)
		}
		r.f, r.w = f, csv.NewWriter(f)
		if err := r.w.Write(append([]string{rejectedLine, rejectedReason}, r.header...)); err != nil {
			return fmt.Errorf("write the rows that are refused: %w", err)
		}
	}
	if err := r.w.Write(append([]string{strconv.Itoa(line), why.Error()}, record...)); err != nil {
		return fmt.Errorf("write the rows that are refused: %w", err)
	}
	return nil
}

func (r *rejects) close() error {
	if r.f == nil {
		return nil
	}
	r.w.Flush()
	if err := errors.Join(r.w.Error(), r.f.Close()); err != nil {
		return fmt.Errorf("write the rows that are refused: %w", err)
	}
	r.f = nil
	return nil
}

// tell puts what became of the rows into the report.
func (r *rejects) tell(to *Read) {
	if to.Rejected = r.count; r.count > 0 {
		to.Rejects = r.path
	}
}

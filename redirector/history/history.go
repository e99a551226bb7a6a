// Package history brings in what a merchant's partner program was before it came here: partners, links, and the sign-ups,
// sales and refunds that were, from CSV.
//
// # Promise
//
// However often, wherever and in whatever pieces a file is imported, what it says stands once. A row that cannot be taken is
// told with its line and the reason, and changes nothing; the others are taken. Partners are known by their e-mail address
// and links by their slug: those that are there are kept as they are.
//
// Rows of conversions are facts of a node of their own: the hash of the decompressed file, the seq counting the rows that are
// taken. What a row means depends on when the file was first imported and on whom the directory knew, so both are
// remembered (schema.Import), and a repeat makes the same records. Rows that named a partner whom nobody knew
// are taken by a later import of the same file, once the partner is there.
//
// # Limits
//
// Amounts and dates are not guessed: what could be read in two ways is refused. A record of CSV has at most 1 MiB.
package history

import (
	"errors"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/redirector/spool"
	"fairlead/schema/directory"
)

// Importer brings files of CSV in, plain or gzip.
type Importer struct {
	ClickHouse driver.Conn
	Directory  *directory.Directory
	Cluster    string // of ClickHouse; empty: one server
	Rejects    string // file for rows that are refused, itself CSV that can be imported; made when there is one
	BatchRows  int    // of an insert of conversions, 50,000
	Now        func() time.Time
	Logger     *slog.Logger
	// Progress, if not nil, is told how far a step is; total 0: unknown.
	Progress func(step string, done, total int64)

	faults func(point string) error // of shipping, in tests
}

// The steps that Progress is told of.
const (
	StepRead     = "read"
	StepRows     = "rows"
	StepShip     = "conversions"
	StepPartners = "partners"
	StepLinks    = "links"
)

// Read is what was found in a file.
type Read struct {
	Format   string            `json:"format"` // whose columns they are: fairlead, dub, rewardful, partnerstack
	Rows     uint64            `json:"rows"`
	Passed   map[string]uint64 `json:"passed_over,omitempty"` // rows that count as nothing where they come from, by the word that says so
	Rejected uint64            `json:"rejected"`
	Rejects  string            `json:"rejects,omitempty"`         // file with the refused rows
	Ignored  []string          `json:"ignored_columns,omitempty"` // columns that mean nothing here
}

func (im *Importer) fillIn() {
	if im.Now == nil {
		im.Now = time.Now
	}
	if im.BatchRows == 0 {
		im.BatchRows = 50_000
	}
	if im.Progress == nil {
		im.Progress = func(string, int64, int64) {}
	}
	if im.Logger == nil {
		im.Logger = slog.Default()
	}
}

func (im *Importer) told(step string) spool.Progress {
	return func(done, total int64) { im.Progress(step, done, total) }
}

// refusal reports whether the directory refused what it was asked for, rather than failed.
func refusal(err error) bool {
	switch directory.CodeOf(err) {
	case directory.NotFound, directory.Conflict, directory.Invalid:
		return true
	}
	return false
}

// addAll adds a list in parts of at most atOnce. The directory takes a part whole or not at all: one that it refuses is halved
// until it is known what of it is refused.
func addAll[T any](list []T, atOnce int, add func([]T) error, refused func(T, error) error) error {
	for len(list) > 0 {
		n := min(len(list), atOnce)
		part := list[:n]
		list = list[n:]
		err := add(part)
		switch {
		case err == nil:
		case !refusal(err):
			return err
		case n == 1:
			if err := refused(part[0], err); err != nil {
				return err
			}
		default:
			if err := addAll(part, (n+1)/2, add, refused); err != nil {
				return err
			}
		}
	}
	return nil
}

// why is what people are told of a refusal; nil for none.
func why(err error) error {
	var said *directory.Error
	if errors.As(err, &said) {
		return errors.New(said.Message)
	}
	return err
}

package journal

import (
	"errors"
	"fmt"
	"path/filepath"
)

var (
	// ErrClosed is returned by a log after Close.
	ErrClosed = errors.New("journal: closed")

	// ErrFull is matched, by errors.Is, by every *FullError.
	ErrFull = errors.New("journal: full")

	// ErrRecordTooLarge says that a record was longer than the log's limit. Its number is used up and
	// read as a gap.
	ErrRecordTooLarge = errors.New("journal: record too large")

	// ErrNotSynced is returned by Advance for a number that no reader can have seen yet.
	ErrNotSynced = errors.New("journal: number is above the synced watermark")

	// ErrUnknownSink is returned by Advance for a sink that is not among Options.Sinks.
	ErrUnknownSink = errors.New("journal: unknown sink")

	// ErrPassed is a reader's error when the entries it stood at were removed, every sink having confirmed them.
	ErrPassed = errors.New("journal: entries were removed after every sink had confirmed them")
)

// A FullError is Append's answer while there is no room. The number returned with it is used up.
type FullError struct {
	Reason string // ReasonDiskFull, ReasonBoundReached, ReasonDiskError or ReasonDiskStalled
}

func (e *FullError) Error() string {
	switch e.Reason {
	case ReasonBoundReached:
		return "journal: full: the configured bound is reached; the sinks must catch up, or raise the bound"
	case ReasonDiskFull:
		return "journal: full: no space left on the disk; free some, or let the sinks catch up"
	case ReasonDiskStalled:
		return "journal: full: the disk did not provide the next segment in time"
	}
	return "journal: full: the next segment could not be made (" + e.Reason + ")"
}

// Is makes errors.Is(err, ErrFull) hold.
func (e *FullError) Is(target error) bool { return target == ErrFull }

// A LockedError says that another process has the directory open.
type LockedError struct {
	Dir string
	PID int // 0 if unknown
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("journal %s is in use by %s: stop it, or give this one a directory of its own", e.Dir, who)
}

// A VersionError says that a file was written by a newer version of this package.
type VersionError struct {
	Path         string
	Found, Known uint32
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("journal file %s has format version %d, this program knows versions up to %d: run the newer program that wrote it",
		e.Path, e.Found, e.Known)
}

// A CorruptionError tells where bytes were found that cannot be what was written.
type CorruptionError struct {
	Dir      string
	Segment  uint64 // 0 for a file that is no segment
	File     string // name of the file in Dir
	Offset   int64
	From, To uint64 // the numbers lost by it; 0, 0 if none or unknown
	Err      error
}

func (e *CorruptionError) Error() string {
	lost := ""
	if e.To > 0 {
		lost = fmt.Sprintf(", lost %d to %d", e.From, e.To)
	}
	return fmt.Sprintf("journal %s is damaged at offset %d%s: %v", filepath.Join(e.Dir, e.File), e.Offset, lost, e.Err)
}

func (e *CorruptionError) Unwrap() error { return e.Err }

// An OriginError says that a directory holds segments but not the identity they belong to.
type OriginError struct {
	Dir string
	Err error
}

func (e *OriginError) Error() string {
	return fmt.Sprintf("journal %s holds segments but its file %q cannot be used (%v): put that file back from a copy, or move the directory away and start a new one",
		e.Dir, identityName, e.Err)
}

func (e *OriginError) Unwrap() error { return e.Err }

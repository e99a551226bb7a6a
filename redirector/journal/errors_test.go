package journal

import (
	"errors"
	"io"
	"testing"
)

func TestErrorsSayWhatAndWhere(t *testing.T) {
	for want, err := range map[string]error{
		"journal /j is in use by process 7: stop it, or give this one a directory of its own":       &LockedError{Dir: "/j", PID: 7},
		"journal /j is in use by another process: stop it, or give this one a directory of its own": &LockedError{Dir: "/j"},
		"journal file /j/state has format version 3, this program knows versions up to 1: run the newer program that wrote it": &VersionError{
			Path: "/j/state", Found: 3, Known: 1},
		"journal /j/000000000002.seg is damaged at offset 96, lost 5 to 6: unexpected EOF": &CorruptionError{
			Dir: "/j", Segment: 2, File: segmentName(2), Offset: 96, From: 5, To: 6, Err: io.ErrUnexpectedEOF},
		"journal /j/state is damaged at offset 0: EOF": &CorruptionError{Dir: "/j", File: "state", Err: io.EOF},
		`journal /j holds segments but its file "identity" cannot be used (EOF): put that file back from a copy, or move the directory away and start a new one`: &OriginError{
			Dir: "/j", Err: io.EOF},
		"journal: full: the configured bound is reached; the sinks must catch up, or raise the bound": fullErrors[codeBoundReached],
		"journal: full: no space left on the disk; free some, or let the sinks catch up":              fullErrors[codeDiskFull],
		"journal: full: the disk did not provide the next segment in time":                            fullErrors[codeDiskStalled],
		"journal: full: the next segment could not be made (disk_error)":                              fullErrors[codeDiskError],
	} {
		if got := err.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if err := (&CorruptionError{Err: io.EOF}); !errors.Is(err, io.EOF) {
		t.Error("the cause is lost")
	}
}

package stores

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// tail returns the last lines of a log for an error message: ": " and the lines, or nothing.
func tail(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 4 << 10
	if end, err := f.Seek(0, io.SeekEnd); err == nil && end > most {
		f.Seek(end-most, io.SeekStart) // an error leaves it at the end: nothing to show
	} else {
		f.Seek(0, io.SeekStart)
	}
	data, _ := io.ReadAll(f)
	var last []string
	for line := range strings.Lines(string(bytes.TrimSpace(data))) {
		last = append(last, strings.TrimRight(line, "\r\n"))
	}
	if len(last) > 8 {
		last = last[len(last)-8:]
	}
	if len(last) == 0 {
		return "; its log is " + name
	}
	return fmt.Sprintf("; the end of %s:\n    %s", name, strings.Join(last, "\n    "))
}

// openLog opens a log for appending; one that has grown beyond a mebibyte is kept as NAME.1 first.
func openLog(name string) (*os.File, error) {
	const most = 1 << 20
	if info, err := os.Stat(name); err == nil && info.Size() > most {
		if err := os.Rename(name, name+".1"); err != nil {
			return nil, fmt.Errorf("put the log %s aside: %w", name, err)
		}
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log %s: %w", name, err)
	}
	return f, nil
}

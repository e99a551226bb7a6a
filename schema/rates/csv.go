package rates

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"fairlead/schema"
)

// Reject is a line of a file that cannot be read, and why.
type Reject struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// ErrHeader says that a file does not begin with the names of its columns.
var ErrHeader = errors.New("the first line has to name the columns day, currency and rate, separated by commas")

// Read reads a CSV file (RFC 4180) whose first line names the columns day, currency and rate, in any order; other columns
// are passed over. Of two lines for one currency and day the second is rejected if it says something else, and passed over
// otherwise. The error is about the whole file; lines is how many were read beside the first.
func Read(r io.Reader, base string, today schema.Day) (list []Rate, rejects []Reject, lines int, err error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	in.ReuseRecord = true
	at, err := readHeader(in)
	if err != nil {
		return nil, nil, 0, err
	}
	seen := map[Key]string{}
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return list, rejects, lines, nil
		}
		lines++
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			rejects = append(rejects, Reject{broken.StartLine, broken.Err.Error()})
			continue
		}
		if err != nil {
			return nil, nil, 0, err
		}
		line, _ := in.FieldPos(0)
		one, err := readLine(fields, at, base, today)
		if err == nil {
			if before, twice := seen[one.Key()]; !twice {
				seen[one.Key()] = one.Rate
				list = append(list, one)
			} else if before != one.Rate {
				err = fmt.Errorf("an earlier line says that %s is worth %s on that day", one.Currency, before)
			}
		}
		if err != nil {
			rejects = append(rejects, Reject{line, err.Error()})
		}
	}
}

// columns are where day, currency and rate stand.
type columns [3]int

func readHeader(in *csv.Reader) (at columns, err error) {
	fields, err := in.Read()
	var broken *csv.ParseError
	if errors.Is(err, io.EOF) || errors.As(err, &broken) {
		return at, ErrHeader
	}
	if err != nil {
		return at, err
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(f, "\ufeff")))
	}
	for i, name := range []string{"day", "currency", "rate"} {
		if at[i] = slices.Index(names, name); at[i] < 0 || slices.Contains(names[at[i]+1:], name) {
			return at, ErrHeader
		}
	}
	return at, nil
}

func readLine(fields []string, at columns, base string, today schema.Day) (Rate, error) {
	if most := max(at[0], at[1], at[2]); len(fields) <= most {
		return Rate{}, fmt.Errorf("the line has %d fields, and %d are named", len(fields), most+1)
	}
	return Parse(fields[at[0]], fields[at[1]], fields[at[2]], base, today)
}

package dashboard

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"fairlead/dashboard/templates"
)

// csvFile writes a table as RFC 4180 asks. A cell that a spreadsheet would run as a formula is defused by
// an apostrophe before it.
func csvFile(table [][]string) ([]byte, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	w.UseCRLF = true
	for _, row := range table {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = defuse(cell)
		}
		if err := w.Write(safe); err != nil {
			return nil, fmt.Errorf("write CSV: %w", err)
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, fmt.Errorf("write CSV: %w", err)
	}
	return buf.Bytes(), nil
}

// defuse follows OWASP's list of what begins a formula, and takes NUL out, which cuts cells short.
func defuse(cell string) string {
	cell = strings.ReplaceAll(cell, "\x00", "")
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// csvFigure writes a figure without separators; one that is not known is empty.
func csvFigure(f templates.Figure) string {
	if !f.Known {
		return ""
	}
	return strconv.FormatUint(uint64(f.Count), 10)
}

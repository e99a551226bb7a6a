package schema

import (
	"encoding/csv"
	"io"
	"strings"
)

// CSV writes a table as RFC 4180 has it, for people who open it in a spreadsheet: a cell that one would take for a formula
// stands behind an apostrophe.
type CSV struct{ w *csv.Writer }

// NewCSV begins a table with its headings.
func NewCSV(w io.Writer, headings ...string) (*CSV, error) {
	c := &CSV{csv.NewWriter(w)}
	c.w.UseCRLF = true
	return c, c.w.Write(headings)
}

// Row writes a row.
func (c *CSV) Row(cells ...string) error {
	for i, cell := range cells {
		cells[i] = defuse(cell)
	}
	return c.w.Write(cells)
}

// Close writes what is held back.
func (c *CSV) Close() error {
	c.w.Flush()
	return c.w.Error()
}

// defuse makes a text of what would be a formula; a plain number is none.
func defuse(cell string) string {
	cell = strings.ReplaceAll(cell, "\x00", "")
	if cell == "" || !strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) || isNumber(cell) {
		return cell
	}
	return "'" + cell
}

// isNumber reports whether a text is a decimal number such as -12.50.
func isNumber(s string) bool {
	digits := strings.Replace(strings.TrimPrefix(s, "-"), ".", "", 1)
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

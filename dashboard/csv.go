package dashboard

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"fairlead/dashboard/templates"
)

// cell is a cell of a CSV file: what the product wrote as a number, or text.
type cell struct {
	content string
	number  bool
}

func text(s string) cell { return cell{content: s} }

// number writes a figure without separators; one that is not known is empty.
func number(f templates.Figure) cell {
	if !f.Known {
		return cell{number: true}
	}
	return cell{strconv.FormatUint(uint64(f.Count), 10), true}
}

// amount writes the amount of one currency in main units; one that is not known is empty.
func amount(m templates.Money, currency string) cell {
	if !m.Known {
		return cell{number: true}
	}
	return cell{m.In(currency).Machine(), true}
}

// csvFile writes a table as RFC 4180 asks. Text that a spreadsheet would run as a formula is defused by
// an apostrophe before it.
func csvFile(table [][]cell) ([]byte, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	w.UseCRLF = true
	for _, row := range table {
		safe := make([]string, len(row))
		for i, c := range row {
			if safe[i] = c.content; !c.number {
				safe[i] = defuse(c.content)
			}
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

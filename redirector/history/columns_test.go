package history

import (
	"os"
	"strings"
	"testing"
)

// TestTheReadmeNamesEveryColumn holds the documentation to the program.
func TestTheReadmeNamesEveryColumn(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]map[string]bool{}
	file := ""
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 {
			continue
		}
		if name := strings.TrimSpace(cells[1]); name != "" {
			file = name
			documented[file] = map[string]bool{}
		}
		for i, word := range strings.Split(cells[2]+cells[3]+cells[4], "`") {
			if i%2 == 1 {
				documented[file][word] = true
			}
		}
	}
	for _, known := range []columns{partnerColumns, linkColumns, conversionColumns} {
		names := map[string]bool{}
		for _, c := range known.list {
			for _, name := range append([]string{c.name}, c.also...) {
				if !documented[known.what][name] {
					t.Errorf("%s: the README says nothing of %s", known.what, name)
				}
				if names[name] {
					t.Errorf("%s: two columns are called %s", known.what, name)
				}
				if names[name] = true; columnName(name) != name {
					t.Errorf("%s: no column can be called %s", known.what, name)
				}
			}
		}
		for name := range documented[known.what] {
			if !names[name] {
				t.Errorf("%s: the README names %s, which is not read", known.what, name)
			}
		}
	}
}

package schema

import (
	"strings"
	"testing"
)

func TestACSVCellIsNoFormula(t *testing.T) {
	f := func(cell, want string) {
		t.Helper()
		var b strings.Builder
		c, err := NewCSV(&b, "h")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Row(cell, "x"); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if got, want := b.String(), "h\r\n"+want+",x\r\n"; got != want {
			t.Errorf("%q is written %q, want %q", cell, got, want)
		}
	}
	f("Ada", "Ada")
	f("-12.50", "-12.50")
	f("-12.50.1", "'-12.50.1")
	f("=1+1", "'=1+1")
	f("+49 30", "'+49 30")
	f("-cmd", "'-cmd")
	f("@SUM(A1)", "'@SUM(A1)")
	f("\tx", "'\tx")
	f("\x00=1", "'=1")
	f(`a "b", c`, `"a ""b"", c"`)
	f("two\nlines", "\"two\r\nlines\"")
}

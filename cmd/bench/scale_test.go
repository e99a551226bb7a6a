package main

import (
	"bytes"
	"math"
	"os"
	"strings"
	"testing"

	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
)

func TestAYearOfClicksIsMeasured(t *testing.T) {
	t.Setenv(stores.LibraryVariable, storestest.Library(t))
	o := scaleOptions{rows: fewestRows, partners: 10, days: 16, times: 6, dir: t.TempDir()}
	var told, out bytes.Buffer
	r, err := runScale(t.Context(), o, &told)
	if err != nil {
		t.Fatalf("%v; it told:\n%s", err, told.String())
	}
	if left, err := os.ReadDir(o.dir); err != nil || len(left) != 0 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
	for what, n := range map[string]float64{
		"generate": r.Generate, "rebuild": r.Rebuild, "plain": r.PlainAll, "overview": r.Overview.Median, "breakdown": r.Breakdown.Median, "audit": r.Audit, "memory": r.Memory,
	} {
		if n <= 0 {
			t.Errorf("%s: %g", what, n)
		}
	}
	if len(r.Plain) != 9 || len(r.Minutes) != 2 || r.Minutes[0].Before*5 > r.Minutes[1].Before || len(r.Tables) != 6 || r.Tables[0].Rows == 0 {
		t.Errorf("measured %+v", r)
	}
	r.print(&out)
	for _, want := range []string{"1000 clicks of 16 days", "partner × day × sub id", "breakdown_days", "counted anew, of plain GROUP BYs"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if _, err := runScale(t.Context(), scaleOptions{rows: fewestRows - 1, partners: 1, days: 40, times: 1}, &told); err == nil || !strings.Contains(err.Error(), "--rows") {
		t.Errorf("too few clicks: %v", err)
	}
}

func TestAYearHasItsClicksByTheEndOfItsLastDay(t *testing.T) {
	y := &year{rows: 1_000_000, days: 365}
	if n := y.rowsUpTo(y.days); n != y.rows {
		t.Errorf("%d clicks of a year of %d", n, y.rows)
	}
	if share := float64(y.rowsUpTo(tenth(y.days))) / float64(y.rows); math.Abs(share-0.1) > 0.001 {
		t.Errorf("%d days have %g of the clicks, want a tenth", tenth(y.days), share)
	}
}

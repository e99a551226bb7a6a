package ship

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fairlead/redirector/enrich/enrichtest"
	"fairlead/redirector/journal"
	"fairlead/schema"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newCutter(t testing.TB, m *memory) *cutter {
	t.Helper()
	c := &cutter{tail: tail{source: m}, fact: newClicks(enrichtest.Data(t)), maxRows: 1000, maxSize: 1 << 20}
	c.aside.dir = t.TempDir()
	t.Cleanup(c.close)
	return c
}

func TestABatchIsOneRangeOfOneNode(t *testing.T) {
	m := newMemory("a")
	m.add(records(1, 3, noon)...)
	m.addGap(2, journal.ReasonDiskFull)
	m.add(records(4, 1, noon.AddDate(0, 1, 0))...)
	if err := m.Renew(5, ""); err != nil { // within the gap
		t.Fatal(err)
	}
	m.add(records(5, 2, noon)...)
	c := newCutter(t, m)

	var b batch
	full, err := c.fill(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !full || b.node != "a" || b.first != 1 || b.last != 5 || b.records() != 3 || len(b.months) != 1 || len(b.gaps) != 1 {
		t.Errorf("first batch: full %v, %+v", full, b)
	}
	b.reset()
	full, err = c.fill(&b)
	if err != nil {
		t.Fatal(err)
	}
	if full || b.node != "ar" || b.first != 1 || b.last != 8 || b.records() != 3 || len(b.months) != 2 {
		t.Errorf("second batch: full %v, %+v", full, b)
	}
	if want := (journal.Gap{From: 1, To: 4, Reason: journal.ReasonRenewed}); len(b.gaps) != 1 || b.gaps[0] != want {
		t.Errorf("second batch: gaps %v, want %v", b.gaps, want)
	}
	m.add(records(7, 1, noon)...)
	if _, err := c.fill(&b); err != nil {
		t.Fatal(err)
	}
	if b.last != 9 || b.records() != 4 {
		t.Errorf("a batch that is not full grows: %+v", b)
	}
}

func TestABatchEndsAtItsBounds(t *testing.T) {
	for what, set := range map[string]func(*cutter){
		"rows":  func(c *cutter) { c.maxRows = 7 },
		"bytes": func(c *cutter) { c.maxSize = 6 * len(records(1, 1, noon)[0]) },
		"limit": func(c *cutter) { c.limit = 7 },
	} {
		m := newMemory("a")
		m.add(records(1, 100, noon)...)
		c := newCutter(t, m)
		set(c)
		var b batch
		full, err := c.fill(&b)
		if err != nil {
			t.Fatal(err)
		}
		if !full || b.last > 10 || b.last < 5 || b.last != uint64(b.records()) {
			t.Errorf("%s: full %v, last %d, %d clicks", what, full, b.last, b.records())
		}
	}
	m := newMemory("a")
	for i := range maxMonths + 1 {
		m.add(records(i, 1, noon.AddDate(0, -i, 0))...)
	}
	var b batch
	full, err := newCutter(t, m).fill(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !full || len(b.months) != maxMonths {
		t.Errorf("months: full %v, %d months", full, len(b.months))
	}
}

func TestWhatCannotBeReadIsKeptAsideAndExplained(t *testing.T) {
	m := newMemory("a")
	bad := []byte{1, 1, 99}
	late := testClick(9, time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC))
	m.add(records(1, 1, noon)[0], bad, schema.AppendClick(nil, &late), records(2, 1, noon)[0])
	c := newCutter(t, m)
	var b batch
	if _, err := c.fill(&b); err != nil {
		t.Fatal(err)
	}
	want := []journal.Gap{{From: 2, To: 2, Reason: reasonUndecodable}, {From: 3, To: 3, Reason: reasonUndecodable}}
	if b.first != 1 || b.last != 4 || b.records() != 2 || !slices.Equal(b.gaps, want) {
		t.Errorf("got %d-%d, %d clicks, gaps %v", b.first, b.last, b.records(), b.gaps)
	}
	kept, err := os.ReadFile(filepath.Join(c.aside.dir, "a.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(kept, []byte{'\n'}); lines != 2 || !strings.Contains(string(kept), `"seq":2`) || !strings.Contains(string(kept), `"record":"AQFj"`) {
		t.Errorf("kept %s", kept)
	}
}

func TestARecordOfANewerProgramWaits(t *testing.T) {
	for what, rec := range map[string][]byte{"version": {1, 2}, "kind": {3, 1}} {
		m := newMemory("a")
		m.add(records(1, 1, noon)[0], rec, records(2, 1, noon)[0])
		c := newCutter(t, m)
		var b batch
		if full, err := c.fill(&b); err != nil || !full || b.last != 1 {
			t.Errorf("%s: what was before it: full %v, to %d, %v", what, full, b.last, err)
		}
		b.reset()
		for range 2 {
			if _, err := c.fill(&b); !errors.Is(err, errNewer) || !b.empty() {
				t.Errorf("%s: got %v and a batch to %d", what, err, b.last)
			}
		}
	}
}

func TestASeqThatTheSourcePassesOverIsAGap(t *testing.T) {
	m := newMemory("a")
	m.add(records(1, 10, noon)...)
	m.entries = slices.Delete(m.entries, 3, 5)
	c := newCutter(t, m)
	var b batch
	if _, err := c.fill(&b); err != nil {
		t.Fatal(err)
	}
	if want := (journal.Gap{From: 4, To: 5, Reason: reasonMissing}); len(b.gaps) != 1 || b.gaps[0] != want || b.first != 1 || b.last != 10 {
		t.Errorf("got %d-%d with gaps %v", b.first, b.last, b.gaps)
	}
	m.forget(8)
	c = newCutter(t, m)
	b = batch{}
	if _, err := c.fill(&b); err != nil {
		t.Fatal(err)
	}
	if want := (journal.Gap{From: 1, To: 7, Reason: reasonMissing}); len(b.gaps) != 1 || b.gaps[0] != want || b.first != 1 {
		t.Errorf("got %d-%d with gaps %v", b.first, b.last, b.gaps)
	}
}

func TestRowsWithoutWhatHasLanded(t *testing.T) {
	m := newMemory("a")
	m.add(records(1, 10, noon)...)
	c := newCutter(t, m)
	var b batch
	if _, err := c.fill(&b); err != nil {
		t.Fatal(err)
	}
	r := b.months[0]
	rest := r.without(map[uint64]uint64{1: 0, 5: 0, 10: 0}, c.fact)
	own, restOwn := r.own.(*clickColumns), rest.own.(*clickColumns)
	if !slices.Equal(rest.seq, []uint64{2, 3, 4, 6, 7, 8, 9}) {
		t.Errorf("got %v", rest.seq)
	}
	for k, i := range []int{1, 2, 3, 5, 6, 7, 8} {
		if rest.tag[k] != r.tag[i] || rest.at[k] != r.at[i] || restOwn.verdict[k] != own.verdict[i] {
			t.Errorf("row %d differs", i)
		}
		for n, c := range own.texts() {
			if got := restOwn.texts()[n].at(k); !bytes.Equal(got, c.at(i)) {
				t.Errorf("row %d, text %d: got %q, want %q", i, n, got, c.at(i))
			}
		}
		for n, c := range own.dicts() {
			if got := restOwn.dicts()[n].at(k); got != c.at(i) {
				t.Errorf("row %d, word %d: got %q, want %q", i, n, got, c.at(i))
			}
		}
	}
}

func TestAReusedBatchForgetsEverything(t *testing.T) {
	m := newMemory("a")
	m.add(records(1, 50, noon)...)
	m.add(records(51, 50, noon.AddDate(0, 1, 0))...)
	c := newCutter(t, m)
	var used batch
	if _, err := c.fill(&used); err != nil {
		t.Fatal(err)
	}
	used.reset()
	m.add(records(101, 30, noon)...)
	if _, err := c.fill(&used); err != nil {
		t.Fatal(err)
	}
	var fresh batch
	c2 := newCutter(t, m)
	c2.at = 100
	if _, err := c2.fill(&fresh); err != nil {
		t.Fatal(err)
	}
	if used.first != fresh.first || used.last != fresh.last || len(used.months) != 1 || used.months[0].checksum() != fresh.months[0].checksum() {
		t.Fatalf("used %+v, fresh %+v", used, fresh)
	}
	for n, c := range fresh.months[0].own.(*clickColumns).dicts() {
		for i := range fresh.records() {
			if got := used.months[0].own.(*clickColumns).dicts()[n].at(i); got != c.at(i) {
				t.Errorf("row %d, word %d: got %q, want %q", i, n, got, c.at(i))
			}
		}
	}
}

func TestCompleteTo(t *testing.T) {
	var h heartbeat
	now := noon
	h.look(now, 10, 0)
	if !h.complete.IsZero() {
		t.Errorf("nothing has landed, complete to %v", h.complete)
	}
	h.look(now.Add(time.Minute), 20, 9)
	if !h.complete.IsZero() {
		t.Errorf("seq 10 has not landed, complete to %v", h.complete)
	}
	h.look(now.Add(2*time.Minute), 30, 10)
	if want := now.Add(-clockMargin); !h.complete.Equal(want) {
		t.Errorf("complete to %v, want %v: what was answered before the first look", h.complete, want)
	}
	h.look(now.Add(3*time.Minute), 30, 30)
	if want := now.Add(3*time.Minute - clockMargin); !h.complete.Equal(want) {
		t.Errorf("complete to %v, want %v", h.complete, want)
	}
	h.saw(now.Add(time.Hour).UnixMilli(), now)
	if want := now.Add(3*time.Minute - clockMargin); !h.complete.Equal(want) {
		t.Errorf("a click of the future: complete to %v, want %v", h.complete, want)
	}
}

func TestTheIntentIsReadBack(t *testing.T) {
	i := intent{path: filepath.Join(t.TempDir(), "in-flight")}
	if got := i.read(); got != (intentRange{}) {
		t.Errorf("none: got %+v", got)
	}
	want := intentRange{Node: "a", First: 3, Last: 9}
	if err := i.write(want); err != nil {
		t.Fatal(err)
	}
	if got := i.read(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := os.WriteFile(i.path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := i.read(); got != (intentRange{}) {
		t.Errorf("damaged: got %+v", got)
	}
}

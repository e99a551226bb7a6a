package directory

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

func TestTheProgramIsSeededOnce(t *testing.T) {
	w := newWorld(t)
	bad := DefaultProgram()
	bad.Zone = "Nowhere"
	_, err := w.SeedProgram(t.Context(), bad)
	refused(t, err, Invalid, "zone")
	_, err = w.SetProgram(t.Context(), CLI, func(*schema.Program) error { return nil })
	refused(t, err, NotFound, "")
	first := DefaultProgram()
	first.Name = "First"
	if p, err := w.SeedProgram(t.Context(), first); err != nil || p.Name != "First" {
		t.Errorf("got %+v, %v", p, err)
	}
	if p, err := w.SeedProgram(t.Context(), DefaultProgram()); err != nil || p.Name != "First" {
		t.Errorf("got %+v, %v, want the first to stay", p, err)
	}
}

func TestTheProgramIsChanged(t *testing.T) {
	w := seeded(t)
	want := DefaultProgram()
	want.Zone, want.AllowedDomains = "Asia/Kathmandu", []string{"shop.example", "bücher.example"}
	got, err := w.SetProgram(t.Context(), CLI, func(p *schema.Program) error {
		p.Zone, p.Demo = "Asia/Kathmandu", true
		p.AllowedDomains = append(p.AllowedDomains, "bücher.example")
		return nil
	})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	got, err = w.Program(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	_, err = w.SetProgram(t.Context(), CLI, func(p *schema.Program) error { p.PayoutDay = 31; return nil })
	refused(t, err, Invalid, "payout_day")
	_, err = w.SetProgram(t.Context(), CLI, func(p *schema.Program) error { return errors.New("no") })
	refused(t, err, Invalid, "")
	if got, err := w.Program(t.Context()); err != nil || got.PayoutDay != 13 {
		t.Errorf("got %+v, %v, want the 13th still", got, err)
	}
	if _, err := w.AddLink(t.Context(), CLI, NewLink{Partner: 1, Slug: "x", To: "https://bücher.example/"}); CodeOf(err) != NotFound {
		t.Errorf("got %v, want that there is no partner", err)
	}
	w.whole()
}

func TestClickKeysRotate(t *testing.T) {
	w := seeded(t)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	w.opt.Now = func() time.Time { return now }
	for range 2 {
		if err := w.EnsureClickKey(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first, err := w.ClickKeys(t.Context())
	if err != nil || len(first) != 1 {
		t.Fatalf("got %v, %v, want one key", first, err)
	}
	k, err := w.RotateClickKey(t.Context(), CLI)
	if err != nil || k.ID != 2 || k.Key == first[0] {
		t.Errorf("got %+v, %v", k, err)
	}
	id := schema.NewClickIDs("node").New(first[0], now.UnixMilli(), 1)
	inUse := func(want ...schema.ClickKey) schema.ClickKeys {
		t.Helper()
		got, err := w.ClickKeys(t.Context())
		if diff := cmp.Diff(schema.ClickKeys(want), got); err != nil || diff != "" {
			t.Errorf("%v, -want +got\n%s", err, diff)
		}
		return got
	}
	if err := inUse(k.Key, first[0]).Check(id); err != nil {
		t.Error(err)
	}
	// The window and a week later it is over.
	now = now.AddDate(0, 0, 97).Add(-time.Millisecond)
	inUse(k.Key, first[0])
	now = now.Add(time.Millisecond)
	if err := inUse(k.Key).Check(id); !errors.Is(err, schema.ErrClickIDForged) {
		t.Errorf("a click id of a retired key: %v", err)
	}
	w.whole()
}

func TestClickKeysLiveAsLongAsTheWindow(t *testing.T) {
	w := seeded(t)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	w.opt.Now = func() time.Time { return now }
	if err := w.EnsureClickKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	window := func(days int) {
		t.Helper()
		if _, err := w.SetProgram(t.Context(), CLI, func(p *schema.Program) error { p.WindowDays = days; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	// until says for how many days from the beginning each key is accepted, newest first; 0: without end.
	begin := now
	until := func(want ...int) {
		t.Helper()
		all, err := w.AllClickKeys(t.Context())
		var got []int
		for _, k := range all {
			days := 0
			if !k.RetiredAt.IsZero() {
				days = int(k.RetiredAt.Sub(begin) / (24 * time.Hour))
			}
			got = append(got, days)
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v, -want +got\n%s", err, diff)
		}
	}
	rotate := func(f func(context.Context, Actor) (schema.StoredClickKey, error)) {
		t.Helper()
		if _, err := f(t.Context(), CLI); err != nil {
			t.Fatal(err)
		}
	}
	until(0)
	rotate(w.RotateClickKey)
	until(0, 97)
	window(100) // ids that were given out under the first key may earn for longer now
	until(0, 107)
	window(10) // and do not lose what they were promised
	until(0, 107)
	now = begin.AddDate(0, 0, 20)
	rotate(w.RotateClickKey)
	until(0, 37, 107)
	now = begin.AddDate(0, 0, 30)
	rotate(w.ReplaceClickKey)
	until(0, 30, 30, 30)
	window(90) // what is retired stays so
	until(0, 30, 30, 30)
	w.whole()
}

func TestNodesRetire(t *testing.T) {
	w := seeded(t)
	_, err := w.RetireNode(t.Context(), CLI, "n1", "burnt")
	refused(t, err, NotFound, "")
	err = w.ch.Exec(t.Context(), `INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, checksum, quarters, complete_to, state)
		VALUES ('n1', 0, 1, 0, 0, 0, [], now64(3), 'live')`)
	if err != nil {
		t.Fatal(err)
	}
	n, err := w.RetireNode(t.Context(), CLI, " n1 ", "burnt")
	if err != nil || n.Node != "n1" || n.Retired.IsZero() || n.Reason != "burnt" {
		t.Errorf("got %+v, %v", n, err)
	}
	if again, err := w.RetireNode(t.Context(), CLI, "n1", "twice"); err != nil || again != n {
		t.Errorf("got %+v, %v, want %+v", again, err, n)
	}
	if got, ok, err := w.Node(t.Context(), "n1"); err != nil || !ok || got != n {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
	states, err := clickhouse.NodeStates(t.Context(), w.ch)
	if err != nil || len(states) != 1 || !states[0].Retired || states[0].HoldsBack() {
		t.Errorf("got %+v, %v, want n1 retired", states, err)
	}
	w.whole()
}

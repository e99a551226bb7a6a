package directory

import (
	"context"
	"errors"
	"testing"
	"time"

	"fairlead/schema"
)

// sleeper is a process that was stopped in the middle of a write and does not know it: its lock is gone and
// it believes in it. fn is its change; while it sleeps, awake runs.
func sleeper(t *testing.T, w *world, point string, fn func(*Directory) error, awake func()) error {
	t.Helper()
	d := w.another()
	d.opt.LockLife = time.Minute // neither its own clock nor a renewal tells it
	reached, release := stopAt(d, point)
	done := make(chan error, 1)
	go func() { done <- fn(d) }()
	select {
	case <-reached:
	case err := <-done:
		t.Fatalf("the change ended before it was stopped: %v", err)
	}
	if err := w.rdb.Del(t.Context(), w.opt.Keys.DirectoryLock()).Err(); err != nil {
		t.Fatal(err)
	}
	awake()
	d.opt.LockLife = life // its next lock is an ordinary one
	release()
	return <-done
}

func TestASleeperWhomNobodyDisturbedSucceeds(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	for _, point := range []string{"insert", "apply"} {
		err := sleeper(t, w, point, func(d *Directory) error {
			_, err := d.AddLink(t.Context(), CLI, NewLink{Partner: 1, Slug: point, To: "https://shop.example/"})
			return err
		}, func() {})
		if err != nil {
			t.Errorf("stopped before %s: %v", point, err)
		}
		if _, ok, err := w.LinkBySlug(t.Context(), point); err != nil || !ok {
			t.Errorf("stopped before %s: got %v, %v, want the link", point, ok, err)
		}
	}
	w.whole()
}

func TestASleeperDoesNotTakeWhatAnotherWasGiven(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	var bob schema.Partner
	err := sleeper(t, w, "insert", func(d *Directory) error {
		_, _, err := d.AddPartner(t.Context(), CLI, NewPartner{Name: "Sleepy Bob", Slug: "bob", Email: "bob@example.com"})
		return err
	}, func() {
		bob, _ = w.partner("Bob", "bob@example.com")
	})
	refused(t, err, Conflict, "")
	w.unique()
	for range 2 {
		got, err := w.FindPartner(t.Context(), "bob")
		if err != nil || got != bob {
			t.Errorf("got %+v, %v, want %+v", got, err, bob)
		}
		if l, ok, err := w.Login(t.Context(), "bob@example.com"); err != nil || !ok || l.Partner != bob.ID {
			t.Errorf("got %+v, %v, %v, want Bob's", l, ok, err)
		}
		w.whole()
	}
}

// The sleeper wrote three entries, the other a link with the same number and the same slug, and a third
// writer sent Redis what the sleeper left in ClickHouse.
func TestASleeperTakesBackWhatOthersSentForIt(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	var link schema.Link
	third := false
	err := sleeper(t, w, "insert", func(d *Directory) error {
		first := d.at
		d.at = func(ctx context.Context, point string) {
			first(ctx, point)
			d.at = func(context.Context, string) {
				d.at = nil
				third = true
				if _, err := w.DisableLink(t.Context(), CLI, 1, ""); err != nil {
					t.Error(err)
				}
			}
		}
		_, _, err := d.AddPartner(t.Context(), CLI, NewPartner{Name: "Bob", Slug: "spring", Email: "bob@example.com"})
		return err
	}, func() {
		var err error
		if link, err = w.AddLink(t.Context(), CLI, NewLink{Partner: 1, Slug: "spring", To: "https://shop.example/"}); err != nil {
			t.Error(err)
		}
	})
	refused(t, err, Conflict, "")
	if !third {
		t.Error("the third writer did not come in between")
	}
	w.unique()
	for range 2 {
		if got, ok, err := w.LinkBySlug(t.Context(), "spring"); err != nil || !ok || got != link {
			t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, link)
		}
		if _, ok, err := w.Login(t.Context(), "bob@example.com"); ok || err != nil {
			t.Errorf("got %v, %v, want no log-in", ok, err)
		}
		if all, err := w.Partners(t.Context(), "", Page{}); err != nil || len(all) != 1 {
			t.Errorf("got %+v, %v, want Ada alone", all, err)
		}
		w.whole()
	}
}

func TestASleepersUpdateIsTakenBack(t *testing.T) {
	w := seeded(t)
	p, l := w.partner("Ada", "ada@example.com")
	err := sleeper(t, w, "insert", func(d *Directory) error {
		_, err := d.SetPartnerStatus(t.Context(), CLI, p.ID, schema.PartnerSuspended, "")
		return err
	}, func() {
		if _, err := w.DisableLink(t.Context(), CLI, l.ID, ""); err != nil {
			t.Error(err)
		}
	})
	refused(t, err, Conflict, "")
	if got, err := w.Partner(t.Context(), p.ID); err != nil || got != p {
		t.Errorf("got %+v, %v, want %+v", got, err, p)
	}
	if got, err := w.Link(t.Context(), l.ID); err != nil || !got.Disabled {
		t.Errorf("got %+v, %v, want it disabled", got, err)
	}
	w.whole()
}

// A sleeper that dies before it can take its rows back leaves two entries with one slug and two versions with
// one number. The comparison of everything settles both, once.
func TestADeadSleepersRowsAreSettled(t *testing.T) {
	w := seeded(t)
	p, _ := w.partner("Ada", "ada@example.com")
	h, err := w.head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dead := &tx{d: w.Directory, head: h, now: w.now(), actor: CLI}
	old := schema.Link{ID: 9, Partner: p.ID, Slug: "Spring", To: "https://shop.example/dead"}
	asleep := p
	asleep.Name = "Asleep"
	if err := errors.Join(dead.put(schema.KindPartner, uint64(p.ID), nil, asleep), dead.put(schema.KindLink, 9, nil, old, slugKey("spring"))); err != nil {
		t.Fatal(err)
	}
	w.opt.Now = func() time.Time { return time.Now().Add(time.Second) }
	if _, err := w.SetPartnerStatus(t.Context(), CLI, p.ID, schema.PartnerActive, ""); err != nil {
		t.Fatal(err)
	}
	link, err := w.AddLink(t.Context(), CLI, NewLink{Partner: p.ID, Slug: "spring", To: "https://shop.example/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.insert(t.Context(), "dead", dead.rows); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		n, err := w.Compare(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("round %d: %d entries mended", round, n)
		w.unique()
		if got, ok, err := w.LinkBySlug(t.Context(), "spring"); err != nil || !ok || got != link {
			t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, link)
		}
		if got, err := w.Partner(t.Context(), p.ID); err != nil || got.Name != "Ada" || got.Status != schema.PartnerActive {
			t.Errorf("got %+v, %v, want Ada, active", got, err)
		}
		h, err := w.head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if round == 1 && h.version != w.mustState().version {
			t.Errorf("ClickHouse is at %d, Redis at %d", h.version, w.mustState().version)
		}
		w.whole()
	}
}

func (w *world) mustState() state {
	w.t.Helper()
	s, err := w.state(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

package directory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fairlead/cmd/chaostest"
	"fairlead/schema"
)

// unique checks in ClickHouse that no slug and no e-mail address has two holders.
func (w *world) unique() {
	w.t.Helper()
	rows, err := w.ch.Query(w.t.Context(), `
		SELECT key, groupArray(id) FROM (
			SELECT id, argMax((deleted, unique_keys), (version, changed_at, data)) AS last
			FROM fairlead.directory_log GROUP BY kind, id HAVING NOT last.1)
		ARRAY JOIN last.2 AS key GROUP BY key HAVING count() > 1`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var ids []uint64
		if err := rows.Scan(&key, &ids); err != nil {
			w.t.Fatal(err)
		}
		w.t.Errorf("%s is claimed by %v", key, ids)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
}

func TestOneOfManyWritersWins(t *testing.T) {
	w := seeded(t)
	p, _ := w.partner("Ada", "ada@example.com")
	directories := []*Directory{w.Directory, w.another()}
	rounds := chaostest.Times(3, 50)
	for round := range rounds {
		var links, partners atomic.Int32
		var wg sync.WaitGroup
		try := func(won *atomic.Int32, add func() error) {
			err := add()
			for CodeOf(err) == Unavailable { // a busy machine
				err = add()
			}
			if err == nil {
				won.Add(1)
			} else if CodeOf(err) != Conflict {
				t.Errorf("got %v, want Conflict", err)
			}
		}
		for _, d := range directories {
			for range 12 {
				wg.Go(func() {
					try(&links, func() error {
						_, err := d.AddLink(t.Context(), CLI, NewLink{Partner: p.ID, Slug: fmt.Sprintf("Slug-%d", round), To: "https://shop.example/"})
						return err
					})
				})
				wg.Go(func() {
					try(&partners, func() error {
						_, _, err := d.AddPartner(t.Context(), CLI, NewPartner{Name: "Bob", Email: fmt.Sprintf("bob-%d@example.com", round)})
						return err
					})
				})
			}
		}
		wg.Wait()
		if links.Load() != 1 || partners.Load() != 1 {
			t.Fatalf("%d links and %d partners were added, want one of each", links.Load(), partners.Load())
		}
	}
	w.unique()
	w.whole()
	chaostest.Report(t, "%d times 24 writers of two processes wanted one slug and 24 one address: one of each got it", rounds)
}

// Two processes add the same slugs and addresses while Redis is emptied, killed and restarted.
func TestUniqueWhateverHappensToRedis(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	defer w.redis.Start(context.WithoutCancel(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer func() { stop(); wg.Wait() }()
	var added sync.Map
	var wins, away, stage atomic.Int32
	for _, d := range []*Directory{w.another(), w.another()} {
		for worker := range 4 {
			wg.Go(func() {
				for ctx.Err() == nil {
					slug := fmt.Sprintf("s%d-%d", stage.Load(), rand.IntN(100))
					var err error
					if worker%2 == 0 {
						_, err = d.AddLink(ctx, CLI, NewLink{Partner: 1, Slug: slug, To: "https://shop.example/"})
					} else {
						_, _, err = d.AddPartner(ctx, CLI, NewPartner{Name: slug, Slug: slug, Email: slug + "@example.com"})
					}
					switch CodeOf(err) {
					case "":
						if err != nil {
							t.Errorf("got %v, want an Error", err)
							return
						}
						wins.Add(1)
						if _, twice := added.LoadOrStore(slug, true); twice {
							t.Errorf("two writers were told that %s is theirs", slug)
						}
					case Conflict:
					case Unavailable:
						away.Add(1)
						<-time.After(20 * time.Millisecond)
					default:
						t.Errorf("got %v", err)
					}
				}
			})
		}
	}
	healer := w.another()
	rounds := chaostest.Times(3, 60)
	for round := range rounds {
		stage.Add(1)
		switch round % 3 {
		case 0:
			w.rdb.FlushAll(ctx)
		case 1:
			w.redis.Kill()
		case 2:
			w.redis.Stop(ctx)
		}
		if err := w.redis.Start(ctx); err != nil {
			t.Fatal(err)
		}
		before, deadline := wins.Load(), time.Now().Add(20*time.Second)
		for healed := false; !healed || wins.Load() < before+5; {
			_, err := healer.Heal(ctx)
			healed = healed || err == nil
			if time.Now().After(deadline) {
				t.Fatalf("20 s after round %d there were %d changes more; last healing: %v", round, wins.Load()-before, err)
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	stop()
	wg.Wait()
	chaostest.Report(t, "%d times Redis was emptied, killed and stopped under 8 writers; %d changes, %d refusals", rounds, wins.Load(), away.Load())
	if _, err := w.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	added.Range(func(slug, _ any) bool {
		if _, ok, err := w.LinkBySlug(t.Context(), slug.(string)); err != nil || !ok {
			t.Errorf("%s was added and is gone: %v", slug, err)
		}
		return true
	})
	w.unique()
	w.whole()
}

func TestChangesAreRefusedWhileAStoreIsAway(t *testing.T) {
	w := seeded(t)
	p, _ := w.partner("Ada", "ada@example.com")
	code, err := w.Invite(t.Context(), CLI, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	try := func() []error {
		ctx := t.Context()
		_, _, err1 := w.AddPartner(ctx, CLI, NewPartner{Name: "Bob", Email: "bob@example.com"})
		_, err2 := w.AddLink(ctx, CLI, NewLink{Partner: p.ID, Slug: "spring", To: "https://shop.example/"})
		_, err3 := w.SetPartnerStatus(ctx, CLI, p.ID, schema.PartnerSuspended, "")
		_, err4 := w.SetProgram(ctx, CLI, func(p *schema.Program) error { p.Name = "Else"; return nil })
		_, err5 := w.RedeemInvite(ctx, code, Redeem{Password: secret})
		_, err6 := w.RetireNode(ctx, CLI, "node", "")
		return []error{err1, err2, err3, err4, err5, err6}
	}
	unchanged := func() {
		t.Helper()
		if all, err := w.Partners(t.Context(), "", Page{}); err != nil || len(all) != 1 || all[0] != p {
			t.Errorf("got %+v, %v, want %+v", all, err, p)
		}
		if _, ok, err := w.LinkBySlug(t.Context(), "spring"); ok || err != nil {
			t.Errorf("got %v, %v, want no link", ok, err)
		}
	}

	w.redis.Kill()
	for i, err := range try() {
		if CodeOf(err) != Unavailable {
			t.Errorf("change %d without Redis: got %v, want Unavailable", i, err)
		}
	}
	unchanged() // read from ClickHouse
	if _, err := w.Program(t.Context()); err != nil {
		t.Errorf("the program without Redis: %v", err)
	}
	if links, err := w.LinksOf(t.Context(), p.ID, Page{}); err != nil || len(links) != 1 {
		t.Errorf("links without Redis: %v, %v", links, err)
	}
	_, err = w.Heal(t.Context())
	refused(t, err, Unavailable, "")
	if err := w.redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	unchanged()

	w.click.Kill()
	for i, err := range try() {
		if CodeOf(err) != Unavailable {
			t.Errorf("change %d without ClickHouse: got %v, want Unavailable", i, err)
		}
	}
	if got, err := w.Partner(t.Context(), p.ID); err != nil || got != p {
		t.Errorf("read from Redis: got %+v, %v", got, err)
	}
	_, err = w.Partners(t.Context(), "", Page{})
	refused(t, err, Unavailable, "")
	if err := w.click.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	unchanged()
	w.partner("Bob", "bob@example.com")
	w.whole()
}

// A writer that dies after ClickHouse has its rows leaves Redis behind; the next one, or Heal, sends them.
func TestWhatACrashKeptFromRedis(t *testing.T) {
	w := seeded(t)
	p, _ := w.partner("Ada", "ada@example.com")
	crashed := func(slug string) {
		t.Helper()
		h, err := w.head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		x := &tx{d: w.Directory, head: h, now: w.now(), actor: CLI}
		l := schema.Link{ID: schema.LinkID(h.ids[schema.KindLink] + 1), Partner: p.ID, Slug: slug, To: "https://shop.example/", CreatedAt: x.now}
		if err := errors.Join(x.put(schema.KindLink, uint64(l.ID), nil, l, slugKey(slug)), w.insert(t.Context(), "crashed-"+slug, x.rows)); err != nil {
			t.Fatal(err)
		}
	}
	has := func(slug string, want bool) {
		t.Helper()
		if _, ok, err := w.LinkBySlug(t.Context(), slug); err != nil || ok != want {
			t.Errorf("%s: got %v, %v, want %v", slug, ok, err, want)
		}
	}
	crashed("one")
	has("one", false)
	if n, err := w.Heal(t.Context()); err != nil || n != 1 {
		t.Errorf("healing sent %d entries, %v, want 1", n, err)
	}
	has("one", true)
	if n, err := w.Heal(t.Context()); err != nil || n != 0 {
		t.Errorf("healing again sent %d entries, %v, want none", n, err)
	}
	crashed("two")
	_, err := w.AddLink(t.Context(), CLI, NewLink{Partner: p.ID, Slug: "TWO", To: "https://shop.example/"})
	refused(t, err, Conflict, "slug")
	has("two", true)
	w.whole()
}

// Redis dies between the insert and the script: the change is stored, its writer says so, and it shows later.
func TestRedisDiesInTheMiddle(t *testing.T) {
	w := seeded(t)
	p, _ := w.partner("Ada", "ada@example.com")
	reached, release := stopAt(w.Directory, "apply")
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err = w.AddLink(t.Context(), CLI, NewLink{Partner: p.ID, Slug: "spring", To: "https://shop.example/"})
	}()
	<-reached
	w.redis.Kill()
	release()
	<-done
	refused(t, err, Unavailable, "")
	if err := w.redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := w.LinkBySlug(t.Context(), "spring"); err != nil || !ok {
		t.Errorf("got %v, %v, want the link", ok, err)
	}
	w.whole()
}

// ClickHouse dies while it is told: nobody knows, so the lock is left to expire, and the next writer
// goes by what it finds.
func TestClickHouseDiesInTheMiddle(t *testing.T) {
	w := seeded(t)
	p, _ := w.partner("Ada", "ada@example.com")
	w.at = func(_ context.Context, point string) {
		if point == "insert" {
			w.at = nil
			w.click.Kill()
		}
	}
	_, err := w.AddLink(t.Context(), CLI, NewLink{Partner: p.ID, Slug: "spring", To: "https://shop.example/"})
	refused(t, err, Unavailable, "")
	if ttl := w.rdb.PTTL(t.Context(), w.opt.Keys.DirectoryLock()).Val(); ttl <= 0 {
		t.Errorf("the lock's life is %v, want it left to expire", ttl)
	}
	if err := w.click.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddLink(t.Context(), CLI, NewLink{Partner: p.ID, Slug: "spring", To: "https://shop.example/"}); err != nil {
		t.Error(err)
	}
	w.unique()
	w.whole()
}

// Whoever asked for a change may go away while it is made: it is made or it is not, in both stores.
func TestTheCallerGoesAwayInTheMiddle(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	f := func(point string, made bool) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.at = func(_ context.Context, p string) {
			if p == point {
				w.at = nil
				cancel()
			}
		}
		_, err := w.AddLink(ctx, CLI, NewLink{Partner: 1, Slug: point, To: "https://shop.example/"})
		if (err == nil) != made || err != nil && CodeOf(err) != Unavailable {
			t.Errorf("gone before %s: got %v, want the change made: %v", point, err, made)
		}
		if _, ok, err := w.LinkBySlug(t.Context(), point); err != nil || ok != made {
			t.Errorf("gone before %s: found %v, %v, want %v", point, ok, err, made)
		}
	}
	f("insert", false)
	f("apply", true)
	w.whole()
}

// A writer that notices in time that its lock is gone begins anew, a few times.
func TestALostLockIsTakenAgain(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	lose := func(times int) {
		w.at = func(ctx context.Context, point string) {
			if point == "insert" && times > 0 {
				times--
				w.rdb.Del(ctx, w.opt.Keys.DirectoryLock())
				<-ctx.Done()
			}
		}
	}
	add := func(slug string) error {
		_, err := w.AddLink(t.Context(), CLI, NewLink{Partner: 1, Slug: slug, To: "https://shop.example/"})
		return err
	}
	lose(attempts - 1)
	if err := add("one"); err != nil {
		t.Error(err)
	}
	lose(attempts)
	refused(t, add("two"), Unavailable, "")
	if all, err := w.Links(t.Context(), Page{}); err != nil || len(all) != 2 {
		t.Errorf("got %+v, %v, want Ada's and one more", all, err)
	}
	w.whole()
}

func TestAWriterWaitsWhenRedisMayHaveForgottenAnother(t *testing.T) {
	w := seeded(t)
	write := func() time.Duration {
		t.Helper()
		start := time.Now()
		if _, err := w.SetProgram(t.Context(), CLI, func(p *schema.Program) error { p.Name += "!"; return nil }); err != nil {
			t.Fatal(err)
		}
		return time.Since(start)
	}
	f := func(name string, waits bool) {
		t.Helper()
		if took := write(); (took >= life) != waits {
			t.Errorf("%s: the change took %v, want it to wait %v: %v", name, took, life, waits)
		}
		if took := write(); took >= life {
			t.Errorf("%s: the second change took %v", name, took)
		}
	}
	f("a Redis that is trusted", false)
	w.rdb.FlushAll(t.Context())
	f("emptied", true)
	if _, err := w.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.redis.Kill()
	if err := w.redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := write(); took > 3*life+time.Second {
		t.Errorf("restarted: the change took %v", took)
	}
	w.rdb.Set(t.Context(), w.opt.Keys.DirectoryRun(), "another/primary", 0)
	for uptime := ""; uptime < "1"; {
		uptime = w.rdb.InfoMap(t.Context(), "server").Item("Server", "uptime_in_seconds")
	}
	epoch := w.mustState().epoch
	f("restarted longer ago than a lock's life", false)
	if again := w.mustState().epoch; again == epoch || again == "" {
		t.Errorf("the epoch was %q before and is %q after Redis began a new run, want another", epoch, again)
	}
}

func TestAWriterWaitsForItsTurn(t *testing.T) {
	w := seeded(t)
	reached, release := stopAt(w.Directory, "insert")
	done := make(chan error)
	go func() {
		_, err := w.SetProgram(t.Context(), CLI, func(p *schema.Program) error { p.Name = "First"; return nil })
		done <- err
	}()
	<-reached
	other := w.another()
	other.opt.LockWait = 50 * time.Millisecond
	_, err := other.SetProgram(t.Context(), CLI, func(p *schema.Program) error { p.Name = "Second"; return nil })
	refused(t, err, Unavailable, "")
	w.opt.LockWait = 50 * time.Millisecond
	_, err = w.SetProgram(t.Context(), CLI, func(p *schema.Program) error { p.Name = "Third"; return nil })
	refused(t, err, Unavailable, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = other.SetProgram(ctx, CLI, func(p *schema.Program) error { p.Name = "Fourth"; return nil })
	refused(t, err, Unavailable, "")
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if p, err := w.Program(t.Context()); err != nil || p.Name != "First" {
		t.Errorf("got %q, %v, want First", p.Name, err)
	}
}

func TestWritersLeaveNothingRunning(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	running := goleak.IgnoreCurrent()
	w.partner("Bob", "bob@example.com")
	_, _, err := w.AddPartner(t.Context(), CLI, NewPartner{Name: "Bob", Email: "bob@example.com"})
	refused(t, err, Conflict, "email")
	goleak.VerifyNone(t, running)
}

// A cluster's settings are understood by a single server too, which has no replicas to ask.
func TestWritingByQuorum(t *testing.T) {
	w := seeded(t)
	w.opt.Quorum = true
	p, _ := w.partner("Ada", "ada@example.com")
	_, _, err := w.AddPartner(t.Context(), CLI, NewPartner{Name: "Ada", Email: "ada@example.com"})
	refused(t, err, Conflict, "email")
	if got, err := w.FindPartner(t.Context(), "ada"); err != nil || got != p {
		t.Errorf("got %+v, %v, want %+v", got, err, p)
	}
	w.whole()
}

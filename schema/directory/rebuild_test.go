package directory

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"fairlead/cmd/chaostest"
	"fairlead/schema"
)

func TestRedisComesBackEmpty(t *testing.T) {
	w := seeded(t)
	p, l := w.partner("Ada", "ada@example.com")
	if _, err := w.DisableLink(t.Context(), CLI, l.ID, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.EnsureClickKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := w.image()
	w.rdb.FlushAll(t.Context())
	if ok, err := w.Complete(t.Context()); ok || err != nil {
		t.Errorf("got %v, %v, want an incomplete directory", ok, err)
	}
	if got, err := w.Partner(t.Context(), p.ID); err != nil || got != p {
		t.Errorf("read from ClickHouse: got %+v, %v", got, err)
	}
	if got, ok, err := w.Login(t.Context(), p.Email); err != nil || !ok || got.Partner != p.ID {
		t.Errorf("read from ClickHouse: got %+v, %v, %v", got, ok, err)
	}
	_, err := w.Reconcile(t.Context())
	refused(t, err, Unavailable, "")
	if n, err := w.Heal(t.Context()); err != nil || n != 5 {
		t.Errorf("healing sent %d entries, %v, want program, partner, link, log-in and key", n, err)
	}
	if diff := cmp.Diff(want, w.image()); diff != "" {
		t.Errorf("-before +after\n%s", diff)
	}
	if ok, err := w.Complete(t.Context()); !ok || err != nil {
		t.Errorf("got %v, %v, want a complete directory", ok, err)
	}
}

func TestAnEmptyDeploymentIsComplete(t *testing.T) {
	w := newWorld(t)
	if n, err := w.Heal(t.Context()); err != nil || n != 0 {
		t.Errorf("got %d, %v", n, err)
	}
	epoch := w.mustState().epoch
	if n, err := w.Heal(t.Context()); err != nil || n != 0 || w.mustState().epoch != epoch {
		t.Errorf("healing twice: %d, %v, epoch %q then %q", n, err, epoch, w.mustState().epoch)
	}
	_, err := w.Program(t.Context())
	refused(t, err, NotFound, "")
	start := time.Now()
	if _, err := w.SeedProgram(t.Context(), DefaultProgram()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > life {
		t.Errorf("the first write took %v", took)
	}
	if p, err := w.Program(t.Context()); err != nil || p.Name != DefaultProgram().Name {
		t.Errorf("got %+v, %v", p, err)
	}
}

// Whoever polls Redis as a redirector does never takes half a directory for a whole one.
func TestPollersSeeWholeDirectoriesOnly(t *testing.T) {
	w := seeded(t)
	p, _ := w.partner("Ada", "ada@example.com")
	const links = 3000
	many := make([]NewLink, links)
	for i := range many {
		many[i] = NewLink{Partner: p.ID, Slug: fmt.Sprintf("s%d", i), To: "https://shop.example/"}
	}
	if _, err := w.AddLinks(t.Context(), CLI, many); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	looks, epochs := 0, map[string]bool{}
	wg.Go(func() {
		k, rdb := w.opt.Keys, w.redis.Client(t)
		for ctx.Err() == nil {
			before, _ := rdb.Get(ctx, k.Complete()).Result()
			n, err1 := rdb.HLen(ctx, k.Entries(schema.KindLink)).Result()
			slugs, err2 := rdb.HLen(ctx, k.Slugs()).Result()
			after, _ := rdb.Get(ctx, k.Complete()).Result()
			if err1 != nil || err2 != nil || before == "" || before != after {
				continue
			}
			looks++
			epochs[before] = true
			if n < links+1 || slugs != n {
				t.Errorf("epoch %s is complete with %d links and %d slugs, want %d", before, n, slugs, links+1)
				return
			}
		}
	})
	wg.Go(func() { // and a writer is at work meanwhile
		d := w.another()
		for ctx.Err() == nil {
			if _, err := d.SetProgram(ctx, CLI, func(p *schema.Program) error { p.HoldDays++; p.HoldDays %= 300; return nil }); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	rebuilds := chaostest.Times(5, 100)
	for range rebuilds {
		var done, total int
		if err := w.RebuildRedis(t.Context(), func(d, n int) { done, total = d, n }); err != nil {
			t.Fatal(err)
		}
		if done != total || done < links {
			t.Errorf("progress ended at %d of %d", done, total)
		}
	}
	stop()
	wg.Wait()
	chaostest.Report(t, "%d rebuilds of Redis beside a writer; %d looks at %d epochs, each whole", rebuilds, looks, len(epochs))
	w.whole()
}

func TestARebuildThatIsCutShortIsNotComplete(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	d := w.another()
	reached, release := stopAt(d, "complete")
	done := make(chan error)
	go func() { done <- d.RebuildRedis(t.Context(), nil) }()
	<-reached
	w.rdb.Del(t.Context(), w.opt.Keys.DirectoryLock())
	bob, _ := w.partner("Bob", "bob@example.com") // which the rebuild has not seen
	release()
	if err := <-done; err == nil {
		t.Error("a rebuild that lost its lock says that it succeeded")
	}
	if ok, err := w.Complete(t.Context()); ok || err != nil {
		t.Errorf("got %v, %v, want an incomplete directory", ok, err)
	}
	if got, err := w.Partner(t.Context(), bob.ID); err != nil || got != bob {
		t.Errorf("got %+v, %v, want %+v", got, err, bob)
	}
	if _, err := w.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.whole()
}

func TestManyHealersRebuildOnce(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	w.rdb.FlushAll(t.Context())
	var wg sync.WaitGroup
	sent := make([]int, 4)
	for i := range sent {
		d := w.another()
		wg.Go(func() {
			var err error
			if sent[i], err = d.Heal(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range sent {
		total += n
	}
	if total != 4 {
		t.Errorf("%v entries were sent, want four in all", sent)
	}
}

func TestCompareMendsWhatSomebodyChangedInRedis(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	w.partner("Bob", "bob@example.com")
	want := w.image()
	k := w.opt.Keys
	entries := func(kind schema.Kind) string { return k.Entries(kind) }
	f := func(name string, n int, do func(ctx context.Context) error) {
		t.Helper()
		revision := w.rdb.Get(t.Context(), k.Revision()).Val()
		if err := do(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Compare(t.Context()); err != nil || got != n {
			t.Errorf("%s: %d mended, %v, want %d", name, got, err, n)
		}
		if diff := cmp.Diff(want, w.image()); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		if again, err := w.Compare(t.Context()); err != nil || again != 0 {
			t.Errorf("%s: %d mended the second time, %v", name, again, err)
		}
		if now := w.rdb.Get(t.Context(), k.Revision()).Val(); n > 0 && name[0] != '-' && now == revision {
			t.Errorf("%s: redirectors are not told", name)
		}
	}
	f("nothing", 0, func(context.Context) error { return nil })
	f("a link is gone", 1, func(ctx context.Context) error { return w.rdb.HDel(ctx, entries(schema.KindLink), "1").Err() })
	f("a link is another", 1, func(ctx context.Context) error {
		return w.rdb.HSet(ctx, entries(schema.KindLink), "1", `{"v":99999,"d":{"id":1,"slug":"ada","to":"https://evil.example/"}}`).Err()
	})
	f("a partner is no JSON", 1, func(ctx context.Context) error { return w.rdb.HSet(ctx, entries(schema.KindPartner), "2", "x").Err() })
	f("a link too many", 1, func(ctx context.Context) error {
		return w.rdb.HSet(ctx, entries(schema.KindLink), "77", `{"v":1,"d":{}}`).Err()
	})
	f("a node that nobody spoke of", 1, func(ctx context.Context) error { return w.rdb.HSet(ctx, entries(schema.KindNode), "77", "x").Err() })
	f("a slug is gone", 1, func(ctx context.Context) error { return w.rdb.HDel(ctx, k.Slugs(), "ada").Err() })
	f("a slug is another's", 1, func(ctx context.Context) error { return w.rdb.HSet(ctx, k.Slugs(), "ada", "2").Err() })
	f("- a slug is nobody's", 1, func(ctx context.Context) error { return w.rdb.HSet(ctx, k.Slugs(), "ghost", "2").Err() })
	f("- an address is nobody's", 1, func(ctx context.Context) error { return w.rdb.HSet(ctx, k.Emails(), "ghost@example.com", "1").Err() })
	f("all of it", 2+2+2+1, func(ctx context.Context) error {
		return w.rdb.Del(ctx, entries(schema.KindLink), entries(schema.KindPartner), entries(schema.KindLogin), entries(schema.KindProgram), k.Slugs(), k.Emails()).Err()
	})
}

func TestReconcileComparesNowAndThen(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	w.rdb.HDel(t.Context(), w.opt.Keys.Entries(schema.KindLink), "1")
	if n, err := w.Reconcile(t.Context()); err != nil || n != 0 {
		t.Errorf("right after the start: %d, %v", n, err)
	}
	w.opt.CompareEvery = time.Nanosecond
	if n, err := w.Reconcile(t.Context()); err != nil || n != 1 {
		t.Errorf("when it is time: %d, %v, want one entry mended", n, err)
	}
}

// ClickHouse was restored from a backup and Redis was not: what ClickHouse has counts.
func TestRedisIsAheadOfClickHouse(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	before := w.image()
	w.partner("Bob", "bob@example.com")
	if err := w.ch.Exec(t.Context(), "DELETE FROM fairlead.directory_log WHERE actor = 'cli' AND version > 4"); err != nil {
		t.Fatal(err)
	}
	d := w.another()
	c, _, err := d.AddPartner(t.Context(), CLI, NewPartner{Name: "Carl", Email: "carl@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.Partner(t.Context(), c.ID); err != nil || got != c {
		t.Errorf("a change right after it: got %+v, %v, want %+v", got, err, c)
	}
	if err := w.ch.Exec(t.Context(), "DELETE FROM fairlead.directory_log WHERE actor = 'cli' AND version > 4"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, w.image()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Changes are listed until there are many; then everybody is told to load anew.
func TestTheListOfChangesIsBounded(t *testing.T) {
	w := seeded(t)
	w.mostChanged = 10
	epoch := w.mustState().epoch
	p, _ := w.partner("Ada", "ada@example.com")
	if w.mustState().epoch != epoch {
		t.Error("a new epoch for a few changes")
	}
	many := make([]NewLink, 20)
	for i := range many {
		many[i] = NewLink{Partner: p.ID, Slug: fmt.Sprintf("s%d", i), To: "https://shop.example/"}
	}
	if _, err := w.AddLinks(t.Context(), CLI, many); err != nil {
		t.Fatal(err)
	}
	if n := w.rdb.ZCard(t.Context(), w.opt.Keys.Changed()).Val(); n > 10 || w.mustState().epoch == epoch {
		t.Errorf("%d changes are listed, want at most 10 and a new epoch", n)
	}
	w.whole()
}

func TestEveryChangeHasARevision(t *testing.T) {
	w := seeded(t)
	k := w.opt.Keys
	p, _ := w.partner("Ada", "ada@example.com")
	rev, err := w.rdb.Get(t.Context(), k.Revision()).Int64()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.SetPartnerStatus(t.Context(), CLI, p.ID, schema.PartnerSuspended, ""); err != nil {
		t.Fatal(err)
	}
	got := w.rdb.ZRangeArgsWithScores(t.Context(), redis.ZRangeArgs{Key: k.Changed(), Start: fmt.Sprintf("(%d", rev), Stop: "+inf", ByScore: true}).Val()
	if len(got) != 2 || got[0].Member != "partner:1" || got[0].Score != float64(rev+1) || got[1].Member != "login:1" || got[1].Score != float64(rev+2) {
		t.Errorf("got %v above %d, want the partner and the log-in", got, rev)
	}
}

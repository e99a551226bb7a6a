package courier

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"fairlead/aggregator/lock"
	"fairlead/schema"
)

// errCrash ends a run as a crash does: with everything left lying.
var errCrash = errors.New("crash")

// TestACrashAtAnyStepLosesNothingAndChangesNoEventID runs the same story again and again, and pulls the plug one step later
// each time. What the receivers get must be what they get without a crash, some of it more than once.
func TestACrashAtAnyStepLosesNothingAndChangesNoEventID(t *testing.T) {
	var want map[string]string
	for at := 0; ; at++ {
		w := newWorld(t)
		w.hook("/in")
		w.tracker(1, "/ada?{event_id}.{status}.{txid}")
		w.secret("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff") // the same in each world, and so are the ids
		steps := 0
		crashing := func() {
			w.courier = New(w.opt) // another process
			dead := false
			w.courier.step = func(string) error {
				if steps++; dead || steps == at {
					dead = true
					return errCrash
				}
				return nil
			}
			for {
				_, err := w.courier.Run(t.Context())
				if err == nil {
					return
				}
				if !errors.Is(err, errCrash) {
					t.Fatal(err)
				}
				dead = false
				w.pass(time.Second)
			}
		}
		w.decide(w.conversion(schema.Lead, "c1", clicked(1, 3)), w.conversion(schema.Sale, "c1", sold("in_1", 5000)))
		crashing()
		w.pass(2 * time.Hour) // so that the bound of the search moves
		w.decide(w.conversion(schema.Refund, "", refunded("in_1", "re_1", 1000)), w.conversion(schema.Lead, "c2", clicked(2, 1)))
		crashing()
		w.decide(w.conversion(schema.Deferred, "c1", func(c *schema.Conversion) { c.OccurredAt = monday.UnixMilli() }, clicked(2, 1)))
		crashing()

		got := map[string]string{}
		for _, g := range slices.Concat(w.receiver.take("/in"), w.receiver.take("/ada")) {
			id := g.notice.ID + g.query
			said := fmt.Sprint(g.notice.Type, g.notice.Data.NoticeKnown, g.notice.Previous)
			if before, twice := got[id]; twice && before != said {
				t.Errorf("crash at step %d: %s said %s and %s", at, id, before, said)
			}
			got[id] = said
		}
		if at == 0 {
			want = got
			if len(want) < 9 {
				t.Fatalf("the story has only %d messages: %v", len(want), want)
			}
			continue
		}
		if !maps.Equal(got, want) {
			t.Errorf("crash at step %d:\ngot  %v\nwant %v", at, got, want)
		}
		if n := w.Count("SELECT count() FROM (SELECT argMax(state, attempt) AS s FROM fairlead.deliveries GROUP BY event_id, endpoint, endpoint_id HAVING s != 'delivered')"); n != 0 {
			t.Errorf("crash at step %d: %d deliveries have not ended", at, n)
		}
		if steps < at {
			t.Logf("crashed at each of %d steps", at-1)
			return
		}
		if t.Failed() {
			return
		}
	}
}

// TestWhoLosesTheLockWritesNothingMore takes the lock away from a run before it writes what it found.
func TestWhoLosesTheLockWritesNothingMore(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	w.decide(w.conversion(schema.Lead, "c1", clicked(1, 1)))
	w.run()
	w.equal("at first", w.receiver.types("/in"), "lead.created")
	w.decide(w.conversion(schema.Lead, "c2", clicked(1, 1)))
	w.opt.Endpoints = thief{w.dir, func() { w.must(w.Redis.Set(t.Context(), w.Keys.Lock("deliver"), "another", 0).Err()) }}
	if _, err := New(w.opt).Run(t.Context()); !errors.Is(err, lock.ErrLost) {
		t.Errorf("got %v", err)
	}
	if n := w.Count("SELECT count() FROM fairlead.notices"); n != 1 {
		t.Errorf("%d notices stand, want that of the first run", n)
	}
	w.must(w.Redis.Del(t.Context(), w.Keys.Lock("deliver")).Err())
	w.run()
	w.equal("in the end", w.receiver.types("/in"), "lead.created")
}

// thief takes the lock while a run asks who is to be told.
type thief struct {
	Endpoints
	steal func()
}

func (s thief) Webhooks(ctx context.Context) ([]schema.Webhook, error) {
	s.steal()
	return s.Endpoints.Webhooks(ctx)
}

// TestOfTwoNoticesInOnePlaceTheLaterIsDelivered has a row land late that a dead run had under way.
func TestOfTwoNoticesInOnePlaceTheLaterIsDelivered(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	w.decide(w.conversion(schema.Sale, "c1", sold("in_1", 100), clicked(1, 1)))
	w.run()
	w.receiver.one("/in")
	w.Exec("INSERT INTO fairlead.notices SELECT * REPLACE ('evt_late' AS event_id, token - 1 AS token) FROM fairlead.notices")
	if r := w.run(); r.Dropped != 1 || r.Delivered != 0 || w.receiver.count("/in") != 0 {
		t.Errorf("report %+v", r)
	}
	if n := w.Count("SELECT count() FROM fairlead.deliveries WHERE event_id = 'evt_late' AND state = 'skipped' AND reason = 'superseded'"); n != 1 {
		t.Errorf("%d entries of the log say so", n)
	}
}

// TestATokenThatRedisForgotIsNotUsedAgain empties Redis between runs: what a run writes then still comes after what stands.
func TestATokenThatRedisForgotIsNotUsedAgain(t *testing.T) {
	w := newWorld(t)
	w.hook("/in")
	for i := range 3 {
		w.decide(w.conversion(schema.Lead, fmt.Sprint("c", i), clicked(1, 1)))
		w.run()
		w.must(w.Redis.FlushAll(t.Context()).Err())
		if _, err := w.dir.Heal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.equal("to the webhook", w.receiver.types("/in"), "lead.created lead.created lead.created")
	if n := w.Count("SELECT uniqExact(token) FROM fairlead.notices"); n != 3 {
		t.Errorf("%d tokens of 3 runs", n)
	}
}

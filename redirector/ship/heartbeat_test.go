package ship

import (
	"context"
	"strings"
	"testing"
	"time"
)

const again = "was not told that this node has stopped, and is told again"

// TestTheLastWordIsSaidAgain makes the first exchange fail that comes after all records have landed.
func TestTheLastWordIsSaidAgain(t *testing.T) {
	for what, fate := range map[string]plan{"it is cut off": cutOff, "its answer is lost": loseAck} {
		t.Run(what, func(t *testing.T) {
			ofEachKind(t, func(t *testing.T, r *rig) {
				src := newMemory("a1")
				src.add(r.kind.records(1, 10, noon)...)
				s := r.sink(r.through(), src, func(o *ClickHouseOptions) {
					o.Faults = func(point string) error {
						if point == "advanced" {
							r.proxy.next(fate, 1)
						}
						return nil
					}
				})
				r.drain(s)
				if n := r.proxy.times(); n != 1 {
					t.Fatalf("%d exchanges failed, want 1", n)
				}
				if n := strings.Count(r.log.String(), again); n != 1 {
					t.Errorf("said again %d times, want once\n%s", n, r.log)
				}
				if n := s.m.failures.Get(); n != 1 {
					t.Errorf("%d failures are counted, want 1", n)
				}
				if n := r.count("SELECT count() FROM fairlead.shipments FINAL WHERE month = 0 AND state = 'closed' AND first_seq = 11 AND fact = ?", r.kind.name); n != 1 {
					t.Errorf("%d last words stand in shipments, want 1", n)
				}
				r.exactlyOnce(src)
			})
		})
	}
}

func TestTheLastWordIsGivenUpWhenTheStoreIsAway(t *testing.T) {
	r := newRig(t)
	conn := r.through()
	r.proxy.close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := r.sink(conn, newMemory("a1")).Drain(ctx)
	if err == nil || !strings.Contains(err.Error(), "tell ClickHouse that this node has stopped") {
		t.Errorf("got %v", err)
	}
	if ctx.Err() != nil {
		t.Error("the stop has waited out its deadline")
	}
	if n := strings.Count(r.log.String(), again); n != lastWords-1 {
		t.Errorf("said again %d times, want %d\n%s", n, lastWords-1, r.log)
	}
}

// TestTheLastWordDoesNotOutwaitTheStop would not end if the pause between two attempts were not cut short.
func TestTheLastWordDoesNotOutwaitTheStop(t *testing.T) {
	r := newRig(t)
	conn := r.through()
	r.proxy.close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := r.sink(conn, newMemory("a1"), func(o *ClickHouseOptions) { o.Pause = time.Hour }).Drain(ctx)
	if err == nil || !strings.Contains(err.Error(), "tell ClickHouse that this node has stopped") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(r.log.String(), again) {
		t.Errorf("said again after the stop's deadline\n%s", r.log)
	}
}

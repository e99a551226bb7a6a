package stores_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
)

// started are both kinds of stores, fresh, with something that fails unless they answer.
func started(t *testing.T) map[string]struct {
	*stores.Process
	answer func() error
} {
	c, r := storestest.NewClickHouse(t), storestest.NewRedis(t)
	conn, client := c.Conn(t), r.Client(t)
	return map[string]struct {
		*stores.Process
		answer func() error
	}{
		"ClickHouse": {c.Process, func() error { return conn.Ping(context.Background()) }},
		"Redis":      {r.Process, func() error { return client.Ping(context.Background()).Err() }},
	}
}

func TestAStoreStopsAndStarts(t *testing.T) {
	for name, s := range started(t) {
		t.Run(name, func(t *testing.T) {
			first := s.PID()
			s.Stop(t.Context())
			select {
			case <-s.Done():
			default:
				t.Error("not done after Stop")
			}
			if err := s.Err(); err != nil {
				t.Errorf("error after Stop = %v, want none", err)
			}
			if s.answer() == nil {
				t.Error("it answers after Stop")
			}
			s.Stop(t.Context())
			for range 2 { // the second does nothing
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			second := s.PID()
			if second == first {
				t.Errorf("process id %d is the one before Stop", second)
			}
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.PID() == second {
				t.Errorf("process id %d is the one before Restart", second)
			}
			if err := s.answer(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAStoreThatDiesSaysSo(t *testing.T) {
	for name, s := range started(t) {
		t.Run(name, func(t *testing.T) {
			if err := s.Err(); err != nil {
				t.Errorf("error of a running store = %v, want none", err)
			}
			s.Kill()
			<-s.Done()
			if want := name + " ended (signal: killed)"; s.Err() == nil || !contains(s.Err().Error(), want) {
				t.Errorf("error = %v, want one with %q", s.Err(), want)
			}
		})
	}
}

func TestKeepStartsAStoreAgainUnlessItWasStopped(t *testing.T) {
	for name, s := range started(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			reports, kept := make(chan error, 16), make(chan struct{})
			go func() {
				defer close(kept)
				s.Keep(ctx, func(err error) { reports <- err })
			}()
			for range 2 {
				s.Kill()
				if err := await(t, reports); err == nil {
					t.Fatal("reported as up before it was reported as lost")
				}
				if err := await(t, reports); err != nil {
					t.Fatalf("reported %v, want that it is up", err)
				}
				if err := s.answer(); err != nil {
					t.Fatal(err)
				}
			}
			s.Stop(ctx)
			if err := s.Start(ctx); err != nil {
				t.Fatal(err)
			}
			s.Stop(ctx)
			cancel()
			<-kept
			if len(reports) > 0 {
				t.Errorf("reported %v although it was told to stop", <-reports)
			}
		})
	}
}

func TestStoppingKillsAStoreThatDoesNotEndInTime(t *testing.T) {
	c := storestest.NewClickHouse(t)
	conn := c.Conn(t)
	running := make(chan error, 1)
	go func() {
		running <- conn.Exec(context.Background(), "SELECT sleepEachRow(3) FROM numbers(20) SETTINGS max_block_size = 1 FORMAT Null")
	}()
	awaitQuery(t, c, "sleepEachRow")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Stop(ctx)
	if err := <-running; err == nil {
		t.Error("the query survived the server")
	}
}

func TestNothingIsLeftOfAStoreThatWasStopped(t *testing.T) {
	before := goleak.IgnoreCurrent()
	c, r := storestest.NewClickHouse(t), storestest.NewRedis(t)
	c.Stop(t.Context())
	r.Stop(t.Context())
	goleak.VerifyNone(t, before)
}

func await(t *testing.T, reports <-chan error) error {
	t.Helper()
	select {
	case err := <-reports:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was reported")
		return errors.New("unreachable")
	}
}

// awaitQuery waits until a query that contains the text is running.
func awaitQuery(t *testing.T, c storestest.ClickHouseStore, text string) {
	t.Helper()
	conn := c.Conn(t)
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var n uint64
		err := conn.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query LIKE ? AND query NOT LIKE '%system.processes%'", fmt.Sprintf("%%%s%%", text)).Scan(&n)
		if err == nil && n > 0 {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("no query with %q is running: %v", text, err)
		}
	}
}

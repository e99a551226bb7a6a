package redirector

import (
	"bytes"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// scripted is a connection that says when its deadlines are set, and whose reads and writes go as planned.
type scripted struct {
	net.Conn
	set   []time.Time // deadlines, in order
	plan  []step
	wrote bytes.Buffer
}

// step is what one read or write comes to.
type step struct {
	n   int
	err error
}

func (s *scripted) next() step {
	p := s.plan[0]
	s.plan = s.plan[1:]
	return p
}

func (s *scripted) Read([]byte) (int, error) { p := s.next(); return p.n, p.err }

func (s *scripted) Write(b []byte) (int, error) {
	p := s.next()
	s.wrote.Write(b[:p.n])
	return p.n, p.err
}

func (s *scripted) SetReadDeadline(t time.Time) error  { s.set = append(s.set, t); return nil }
func (s *scripted) SetWriteDeadline(t time.Time) error { s.set = append(s.set, t); return nil }

func TestADeadlineIsSetOnlyWhenItComesEarlier(t *testing.T) {
	began := time.Now()
	s := &scripted{}
	c := &conn{Conn: s, began: began}
	f := func(asked time.Duration, sets int) {
		t.Helper()
		at := time.Time{}
		if asked > 0 {
			at = began.Add(asked)
		}
		if err := c.SetReadDeadline(at); err != nil {
			t.Fatal(err)
		}
		if len(s.set) != sets {
			t.Errorf("after %s was asked for it was set %d times, want %d", asked, len(s.set), sets)
		}
	}
	f(0, 0) // none is set
	f(5*time.Hour, 1)
	f(60*time.Hour, 1)
	f(5*time.Hour, 1)
	f(6*time.Hour, 1)
	f(0, 1) // goes off in vain, once
	f(4*time.Hour, 2)
	if err := c.SetWriteDeadline(began.Add(time.Hour)); err != nil || len(s.set) != 3 {
		t.Errorf("the other direction's deadline: %v, set %d times", err, len(s.set))
	}
}

func TestADeadlineThatGoesOffEarlyIsSetAnew(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name  string
		asked time.Time // the last one
		again bool
	}{
		{"later", now.Add(2 * time.Hour), true},
		{"none any more", time.Time{}, true},
		{"the same, which has passed", now.Add(-time.Minute), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &scripted{plan: []step{{0, os.ErrDeadlineExceeded}, {3, nil}}}
			c := &conn{Conn: s, began: now.Add(-time.Hour)}
			for _, at := range []time.Time{now.Add(-time.Minute), test.asked} {
				if err := c.SetReadDeadline(at); err != nil {
					t.Fatal(err)
				}
			}
			n, err := c.Read(nil)
			if !test.again {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("read %d, %v, want that the deadline has passed", n, err)
				}
				return
			}
			if n != 3 || err != nil {
				t.Fatalf("read %d, %v, want 3 bytes at the second attempt", n, err)
			}
			if last := s.set[len(s.set)-1]; !last.Equal(test.asked) || len(s.set) != 2 {
				t.Errorf("set %v, want the last to be %v", s.set, test.asked)
			}
		})
	}
}

func TestAWriteThatIsInterruptedEarlyGoesOnWhereItWas(t *testing.T) {
	now := time.Now()
	s := &scripted{plan: []step{{2, os.ErrDeadlineExceeded}, {3, nil}}}
	c := &conn{Conn: s, began: now.Add(-time.Hour)}
	for _, at := range []time.Time{now.Add(-time.Minute), now.Add(time.Hour)} {
		if err := c.SetWriteDeadline(at); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.Write([]byte("hello")); n != 5 || err != nil || s.wrote.String() != "hello" {
		t.Errorf("wrote %d, %v: %q", n, err, s.wrote.String())
	}
}

func TestOtherErrorsOfAConnectionStay(t *testing.T) {
	broken := errors.New("broken")
	s := &scripted{plan: []step{{0, broken}, {1, broken}}}
	c := &conn{Conn: s, began: time.Now()}
	if _, err := c.Read(nil); !errors.Is(err, broken) {
		t.Errorf("read: %v", err)
	}
	if n, err := c.Write([]byte("hello")); n != 1 || !errors.Is(err, broken) {
		t.Errorf("wrote %d, %v", n, err)
	}
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clickLoad sends numbered clicks over many connections until it is stopped or has sent all. A click that
// is not answered is not sent again: the next has another number, so that every one can be accounted for.
type clickLoad struct {
	t        testing.TB
	addr     string
	partners []partnerAnswer
	pause    time.Duration // of a connection, between two clicks
	last     int64         // number

	next    atomic.Int64 // the number sent last
	stopped atomic.Bool
	wg      sync.WaitGroup

	mu      sync.Mutex
	answers []clickAnswer // guarded by mu
}

// clickAnswer is a click that was answered with a redirect.
type clickAnswer struct {
	n  int
	id string
	at time.Time // when the answer had come
}

// click starts a load on a redirector. Click n is one of partner n modulo their number.
func (r *rig) click(addr string, connections int, pause time.Duration, last int64) *clickLoad {
	l := &clickLoad{t: r.t, addr: addr, partners: r.partners, pause: pause, last: last}
	for range connections {
		l.wg.Go(l.connection)
	}
	r.t.Cleanup(l.stop)
	return l
}

// connection clicks over one connection at a time.
func (l *clickLoad) connection() {
	for !l.stopped.Load() {
		conn, err := net.DialTimeout("tcp", l.addr, time.Second)
		if err != nil {
			time.Sleep(5 * time.Millisecond) // nobody is there: a shopper would try again
			continue
		}
		more := l.over(conn)
		conn.Close()
		if !more {
			return
		}
	}
}

// over clicks until the connection breaks, and answers false after the last click.
func (l *clickLoad) over(conn net.Conn) (more bool) {
	in := bufio.NewReader(conn)
	for !l.stopped.Load() {
		n := l.next.Add(1)
		if n > l.last {
			l.next.Add(-1)
			return false
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		slug := l.partners[n%int64(len(l.partners))].Link.Slug
		if _, err := fmt.Fprintf(conn, "GET /%s?sub_id=%d HTTP/1.1\r\nHost: go.example\r\n"+
			"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n"+
			"Accept: text/html\r\nAccept-Language: en\r\nSec-Fetch-Mode: navigate\r\n\r\n", slug, n); err != nil {
			return true
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return true
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return true
		}
		switch resp.StatusCode {
		case http.StatusFound:
			l.note(int(n), resp.Header.Get("Location"))
		case http.StatusServiceUnavailable: // it is on its way down or up, and says so
		default:
			l.t.Errorf("click %d was answered with %s", n, resp.Status)
		}
		if resp.Close {
			return true
		}
		time.Sleep(l.pause)
	}
	return false
}

func (l *clickLoad) note(n int, location string) {
	at := time.Now()
	to, err := url.Parse(location)
	if err != nil || to.Query().Get("fl_click") == "" {
		l.t.Errorf("click %d leads to %q, without a click id", n, location)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, clickAnswer{n: n, id: to.Query().Get("fl_click"), at: at})
}

// sent is how many clicks were sent: they have the numbers from 1 on.
func (l *clickLoad) sent() int { return int(min(l.next.Load(), l.last)) }

// count is how many were answered.
func (l *clickLoad) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answers)
}

// answered maps the numbers that were answered to their click ids.
func (l *clickLoad) answered() map[int]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[int]string, len(l.answers))
	for _, a := range l.answers {
		out[a.n] = a.id
	}
	return out
}

// before is how many clicks on a partner, by index, had been answered at a time.
func (l *clickLoad) before(partner int, at time.Time) (n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.answers {
		if a.n%len(l.partners) == partner && a.at.Before(at) {
			n++
		}
	}
	return n
}

// sentTo is how many clicks on a partner may have been sent so far.
func (l *clickLoad) sentTo(partner int) uint64 {
	return uint64(l.sent()/len(l.partners) + 1)
}

// until waits for so many more answers.
func (l *clickLoad) until(more int) {
	l.t.Helper()
	want := l.count() + more
	eventually(l.t, 2*time.Minute, fmt.Sprintf("%d more clicks are answered", more), func() bool { return l.count() >= want })
}

// done reports whether every number was sent.
func (l *clickLoad) done() bool { return l.next.Load() >= l.last }

// stop ends the load once every click under way is answered or given up. It can be called again.
func (l *clickLoad) stop() {
	l.stopped.Store(true)
	l.wg.Wait()
}

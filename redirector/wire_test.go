package redirector

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// eventually waits for a condition that another goroutine brings about.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// dial opens a connection that the test cannot hang on.
func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// answers reads all that comes until the other end closes, and returns the statuses.
func answers(c io.Reader) (out []int) {
	for r := bufio.NewReader(c); ; {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return out
		}
		io.Copy(io.Discard, resp.Body)
		out = append(out, resp.StatusCode)
	}
}

// A client that sends a byte now and then is never silent, and never done.
func TestARequestThatTricklesInIsEnded(t *testing.T) {
	e := newEdge(t, func(o *Options) { o.Limits = Limits{Read: 200 * time.Millisecond, Idle: time.Minute} })
	addr, _ := e.serve(1)
	for what, text := range map[string]string{
		"a header":       "GET /ada HTTP/1.1\r\nHost: go.example\r\nX-Slow: " + strings.Repeat("a", 10_000),
		"a request line": "GET /ada?" + strings.Repeat("a", 10_000),
		"a body":         "POST /ada HTTP/1.1\r\nHost: go.example\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("a", 10_000),
	} {
		t.Run(what, func(t *testing.T) {
			c := dial(t, addr)
			ended := make(chan []int, 1)
			go func() { ended <- answers(c) }()
			head := strings.LastIndex(text, "aaaa") - 9000 // what comes at once
			if _, err := io.WriteString(c, text[:head]); err != nil {
				t.Fatal(err)
			}
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for i := head; ; i++ {
				select {
				case got := <-ended:
					if len(got) > 1 || len(got) == 1 && got[0] != http.StatusRequestTimeout {
						t.Errorf("answered %v, want 408 or nothing", got)
					}
					return
				case <-tick.C:
				}
				if i == len(text) {
					t.Fatal("every byte was taken")
				}
				io.WriteString(c, text[i:i+1]) // an error shows as the end of the answers
			}
		})
	}
	if n := len(e.clicks()); n != 0 {
		t.Errorf("%d clicks are recorded of requests that never came whole", n)
	}
}

// A client that asks and does not read the answers fills the buffers between: it must not hold its connection for ever.
func TestAClientThatDoesNotReadIsEnded(t *testing.T) {
	e := newEdge(t, func(o *Options) { o.Limits = Limits{Write: 200 * time.Millisecond, Idle: time.Minute} })
	addr, _ := e.serve(1)
	small := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	}}
	c, err := small.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	many := bytes.Repeat([]byte("GET /ada HTTP/1.1\r\nHost: go.example\r\n\r\n"), 1000)
	for {
		if _, err := c.Write(many); err != nil {
			if network, ok := err.(net.Error); ok && network.Timeout() {
				t.Fatal("the connection was held for a minute")
			}
			break // the server has closed it
		}
	}
	eventually(t, "the connection is given back", func() bool { return e.http.GetOpenConnectionsCount() == 0 })
	if got := raw(t, addr, "GET /ada HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 302") {
		t.Errorf("afterwards: %.80q", got)
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	e := newEdge(t, nil)
	addr, _ := e.serve(1)
	const n = 300
	var text strings.Builder
	for i := range n {
		path := "/ada"
		if i%3 == 0 {
			path = "/robots.txt"
		}
		last := ""
		if i == n-1 {
			last = "Connection: close\r\n"
		}
		fmt.Fprintf(&text, "GET %s?sub_id=%d HTTP/1.1\r\nHost: go.example\r\n%s\r\n", path, i, last)
	}
	got := answers(strings.NewReader(raw(t, addr, text.String())))
	if len(got) != n {
		t.Fatalf("%d answers, want %d", len(got), n)
	}
	clicks := e.clicks()
	for i, status := range got {
		if i%3 == 0 {
			if status != 200 {
				t.Errorf("answer %d: %d, want 200", i, status)
			}
			continue
		}
		if status != 302 || len(clicks) == 0 || string(clicks[0].SubID[0]) != fmt.Sprint(i) {
			t.Fatalf("answer %d: %d, want 302 and the click of that number", i, status)
		}
		clicks = clicks[1:]
	}
}

// TestNoRequestHidesInAnother sends what proxies and servers have read differently: where one request ends and whose it is. Each
// is refused, or read in one way only; what hides in a body is never answered.
func TestNoRequestHidesInAnother(t *testing.T) {
	e := newEdge(t, func(o *Options) { o.Limits = Limits{Read: time.Second, Idle: time.Second} })
	addr, _ := e.serve(1)
	const hidden = "GET /spring HTTP/1.1\r\nHost: go.example\r\n\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(hidden))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden)
	const refused, answered = 400, 405 // and nothing after it: the connection is closed
	f := func(what, text string, want ...int) {
		t.Helper()
		got := answers(strings.NewReader(raw(t, addr, text)))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: answered %v, want %v", what, got, want)
		}
		for _, c := range e.clicks() {
			if string(c.Slug) != "ada" {
				t.Errorf("%s: the hidden request was answered", what)
			}
		}
	}
	f("a length and chunks", "POST /ada HTTP/1.1\r\nHost: go.example\r\n"+length+"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+hidden, answered)
	f("chunks and a length", "POST /ada HTTP/1.1\r\nHost: go.example\r\nTransfer-Encoding: chunked\r\n"+length+"\r\n0\r\n\r\n"+hidden, answered)
	f("two lengths", "POST /ada HTTP/1.1\r\nHost: go.example\r\nContent-Length: 0\r\n"+length+"\r\n"+hidden, refused)
	f("a length with a sign", "POST /ada HTTP/1.1\r\nHost: go.example\r\nContent-Length: +0\r\n\r\n"+hidden, refused)
	f("a length that is none", "POST /ada HTTP/1.1\r\nHost: go.example\r\nContent-Length: 0x2a\r\n\r\n"+hidden, refused)
	f("a length beyond all numbers", "POST /ada HTTP/1.1\r\nHost: go.example\r\nContent-Length: 99999999999999999999\r\n\r\n"+hidden, refused)
	f("a length below zero", "POST /ada HTTP/1.1\r\nHost: go.example\r\nContent-Length: -1\r\n\r\n"+hidden, refused)
	f("a space before the colon", "POST /ada HTTP/1.1\r\nHost: go.example\r\nTransfer-Encoding : chunked\r\n"+length+"\r\n"+chunked, refused)
	f("an encoding that nobody knows", "POST /ada HTTP/1.1\r\nHost: go.example\r\nTransfer-Encoding: xchunked\r\n"+length+"\r\n"+hidden, refused)
	f("an encoding named twice", "POST /ada HTTP/1.1\r\nHost: go.example\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"+chunked, refused)
	f("a chunk of no size", "POST /ada HTTP/1.1\r\nHost: go.example\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"+hidden, refused)
	f("chunks and a length in other letters", "POST /ada HTTP/1.1\r\nHost: go.example\r\ntransfer-encoding: Chunked\r\nCONTENT-LENGTH: 5\r\n\r\n0\r\n\r\n"+hidden, answered)
	f("a folded line that would be a length, which hides nothing", "GET /ada HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\nX: a\r\n Content-Length: 42\r\n\r\n"+hidden, 302)
	f("no colon", "GET /ada HTTP/1.1\r\nHost: go.example\r\nContent-Length 42\r\n\r\n"+hidden, refused)
	f("two hosts", "GET /ada HTTP/1.1\r\nHost: go.example\r\nHost: evil.example\r\nConnection: close\r\n\r\n", refused)
	f("no host", "GET /ada HTTP/1.1\r\nConnection: close\r\n\r\n", refused)
	f("a body of a GET", "GET /ada HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\n"+length+"\r\n"+hidden, 302)
	f("chunks of a GET", "GET /ada HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"+chunked, 302)
	f("a body of what is not allowed", "POST /ada HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\n"+length+"\r\n"+hidden, 405)
	f("a tunnel", "CONNECT go.example:443 HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\n\r\n", 405)
}

func TestBodiesAndHeadersHaveBounds(t *testing.T) {
	e := newEdge(t, func(o *Options) { o.Limits = Limits{Read: 5 * time.Second, Idle: time.Second} })
	addr, _ := e.serve(1)
	f := func(what, text string, want int) {
		t.Helper()
		got := answers(strings.NewReader(raw(t, addr, text)))
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s: answered %v, want %d", what, got, want)
		}
	}
	f("a body in chunks without an end", "POST /ada HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1000\r\n"+strings.Repeat("x", 0x1000)+"\r\n", 40), 413)
	f("a chunk of 2 GB", "POST /ada HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\nxx", 413)
	f("ten thousand headers", "GET /ada HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("A: b\r\n", 10_000)+"\r\n", 431)
	f("one header of 100 KB", "GET /ada HTTP/1.1\r\nHost: x\r\nCookie: "+strings.Repeat("x", 100<<10)+"\r\n\r\n", 431)
	f("an address of 100 KB", "GET /"+strings.Repeat("x", 100<<10)+" HTTP/1.1\r\nHost: x\r\n\r\n", 431)
	if n := len(e.clicks()); n != 0 {
		t.Errorf("%d clicks are recorded", n)
	}
}

// hold opens connections, each with an answered request, until one is not answered, or max are.
func hold(t *testing.T, addr string, most int) (n int) {
	t.Helper()
	for ; n < most; n++ {
		c := dial(t, addr)
		fmt.Fprint(c, "GET /ada HTTP/1.1\r\nHost: x\r\n\r\n")
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != 302 {
			return n
		}
	}
	return n
}

func TestOneAddressHoldsSoManyConnections(t *testing.T) {
	t.Run("and no more", func(t *testing.T) {
		e := newEdge(t, func(o *Options) { o.Limits.PerAddress = 5 })
		addr, _ := e.serve(1)
		first := dial(t, addr)
		fmt.Fprint(first, "GET /ada HTTP/1.1\r\nHost: x\r\n\r\n")
		bufio.NewReader(first).ReadByte() // it is counted
		if got := hold(t, addr, 10); got != 4 {
			t.Errorf("%d connections were served beside the first, want 4", got)
		}
		if got := e.notAccepted.byReason[acceptPerAddress].Load(); got == 0 {
			t.Error("what was refused is not counted")
		}
		first.Close()
		eventually(t, "another has its place", func() bool {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				return false
			}
			defer c.Close()
			fmt.Fprint(c, "GET /ada HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			return err == nil && resp.StatusCode == 302
		})
	})
	t.Run("but a trusted proxy any number", func(t *testing.T) {
		e := newEdge(t, func(o *Options) {
			o.Limits.PerAddress, o.TrustedProxies = 5, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		})
		addr, _ := e.serve(1)
		if got := hold(t, addr, 50); got != 50 {
			t.Errorf("%d connections of the proxy were served, want 50", got)
		}
	})
}

func TestWhoseConnectionsAreCountedTogether(t *testing.T) {
	for addr, want := range map[string]string{
		"203.0.113.7": "203.0.113.7/32", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := household(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

// TestNothingLogsAnAddress makes everything go wrong that a client can bring about.
func TestNothingLogsAnAddress(t *testing.T) {
	var said bytes.Buffer
	cert, key := writeCertificate(t, t.TempDir(), "go.example")
	for _, secure := range []bool{false, true} {
		e := newEdge(t, func(o *Options) {
			o.Logger = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
			o.Limits = Limits{Read: 200 * time.Millisecond, Idle: 200 * time.Millisecond, PerAddress: 3}
			if secure {
				o.TLSCert, o.TLSKey = cert, key
			}
		})
		addr, stop := e.serve(1)
		const forwarded = "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n"
		for _, text := range []string{
			"nonsense\r\n\r\n", "GET /ada HTTP/1.1\r\nHost: [\r\n" + forwarded + "\r\n", "GET /ada HTTP/1.1\r\n" + forwarded, "\x16\x03\x01\x00\x05hello",
			"POST /ada HTTP/1.1\r\nHost: x\r\n" + forwarded + "Content-Length: 1000000\r\n\r\n", "GET /ada HTTP/1.1\r\nHost: x\r\n" + forwarded + strings.Repeat("A: b\r\n", 5000) + "\r\n",
		} {
			c := dial(t, addr)
			io.WriteString(c, text)
			io.Copy(io.Discard, c)
			c.Close()
		}
		var held []net.Conn
		for range 6 { // half of them are refused
			held = append(held, dial(t, addr))
		}
		for _, c := range held {
			io.Copy(io.Discard, c)
		}
		e.journal.before = func() { panic("a bug") }
		e.do(request{method: "GET", target: "/ada", from: "127.0.0.1", headers: []string{"X-Forwarded-For", "203.0.113.9"}})
		e.journal.before = nil
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(said.String(), "BUG: a request was redirected") {
		t.Errorf("the panic is not in the log: %s", &said)
	}
	for _, address := range []string{"127.0.0.1", "203.0.113.9"} {
		if strings.Contains(said.String(), address) {
			t.Errorf("the log says %s: %s", address, &said)
		}
	}
}

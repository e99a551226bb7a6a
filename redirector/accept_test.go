package redirector

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sys/unix"
)

// filesVariable bounds the open files of a child, which then does as its standard input says.
const filesVariable = "REDIRECTOR_TEST_FILES"

// hungryChild is a redirector that may open few files. A line of its input has it open all of them, the
// next give them back; it answers each with a line.
func hungryChild(dir, files string) {
	n, err := strconv.ParseUint(files, 10, 64)
	if err == nil {
		err = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n})
	}
	if err != nil {
		panic(err)
	}
	opt := nodeOptions(dir)
	opt.Server.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	node, err := OpenNode(opt)
	if err != nil {
		panic(err)
	}
	listeners, err := Listen("127.0.0.1:0", 1)
	if err != nil {
		panic(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1}) // nobody is there
	go func() { panic(node.Run(context.Background(), rdb, listeners)) }()
	fmt.Println(listeners[0].Addr())
	var hog []*os.File
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		for _, f := range hog {
			f.Close()
		}
		hog = nil
		for lines.Text() == "take" {
			f, err := os.Open(os.DevNull)
			if errors.Is(err, syscall.EMFILE) {
				break
			}
			if err != nil {
				panic(err)
			}
			hog = append(hog, f)
		}
		fmt.Println("done")
	}
	os.Exit(0)
}

// hungry is such a child, seen from outside.
type hungry struct {
	t    *testing.T
	dir  string
	addr string
	cmd  *exec.Cmd
	in   io.Writer
	out  *bufio.Reader
	log  *bufio.Reader
}

func startHungry(t *testing.T, files int) *hungry {
	t.Helper()
	h := &hungry{t: t, dir: t.TempDir()}
	makeSnapshot(t, h.dir)
	h.cmd = exec.Command(os.Args[0])
	h.cmd.Env = append(os.Environ(), childVariable+"="+h.dir, fmt.Sprintf("%s=%d", filesVariable, files))
	pipe := func(p io.ReadCloser, err error) *bufio.Reader {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return bufio.NewReader(p)
	}
	h.out, h.log = pipe(h.cmd.StdoutPipe()), pipe(h.cmd.StderrPipe())
	in, err := h.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.in = in
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.kill)
	h.addr = h.line(h.out, "")
	return h
}

func (h *hungry) kill() {
	h.cmd.Process.Kill()
	h.cmd.Wait()
}

// line reads until a line holds a text.
func (h *hungry) line(from *bufio.Reader, text string) string {
	h.t.Helper()
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			h.t.Fatalf("the redirector ended before it said %q: %v", text, err)
		}
		if strings.Contains(line, text) {
			return strings.TrimSpace(line)
		}
	}
}

func (h *hungry) tell(what string) {
	h.t.Helper()
	if _, err := fmt.Fprintln(h.in, what); err != nil {
		h.t.Fatal(err)
	}
	h.line(h.out, "done")
}

// client is a connection that asks one thing after the other.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (h *hungry) dial() *client {
	h.t.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return &client{h.t, c, bufio.NewReader(c)}
}

func (c *client) ask(n int) {
	fmt.Fprintf(c, "GET /ada?sub_id=%d HTTP/1.1\r\nHost: x\r\n\r\n", n) // that it was refused shows in the answer
}

// status is that of the next answer; 0: the connection was closed without any.
func (c *client) status() int {
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0
	}
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func (c *client) redirected() {
	c.t.Helper()
	if got := c.status(); got != 302 {
		c.t.Errorf("answered with status %d, want 302", got)
	}
}

// wantRecorded kills the redirector and looks for clicks 0 to n-1 in its journal, each once.
func (h *hungry) wantRecorded(n int) {
	h.t.Helper()
	h.kill()
	times := map[string]int{}
	for _, c := range recorded(h.t, filepath.Join(h.dir, "journal")) {
		times[string(c.SubID[0])]++
	}
	for i := range n {
		if got := times[strconv.Itoa(i)]; got != 1 {
			h.t.Errorf("click %d stands %d times in the journal", i, got)
		}
	}
	if len(times) != n {
		h.t.Errorf("%d clicks in the journal, want %d", len(times), n)
	}
}

func TestAProcessOutOfDescriptorsGoesOnServing(t *testing.T) {
	h := startHungry(t, 100)
	open := h.dial()
	open.ask(0)
	open.redirected()
	h.tell("take")
	var waiting []*client
	for i := range 5 {
		c := h.dial()
		c.ask(1 + i)
		waiting = append(waiting, c)
	}
	if line := h.line(h.log, "connections wait to be taken"); !strings.Contains(line, "reason=descriptors") || strings.Contains(line, "127.0.0.1") {
		t.Errorf("the log says %s", line)
	}
	open.ask(6)
	open.redirected()
	h.tell("give")
	for _, c := range waiting {
		c.redirected()
	}
	h.wantRecorded(7)
}

// A segment of a journal is a file: connections must not take the descriptor that the next one needs.
func TestAFloodOfConnectionsLeavesTheJournalItsFiles(t *testing.T) {
	const files, bound = 600, 600 - spareDescriptors
	h := startHungry(t, files)
	var held []*client
	for i := range bound {
		c := h.dial()
		c.ask(i)
		c.redirected()
		held = append(held, c)
	}
	for range files - bound {
		c := h.dial()
		c.ask(-1)
		if got := c.status(); got != 503 && got != 0 {
			t.Fatalf("a connection beyond the bound is answered with status %d", got)
		}
	}
	next := bound
	const batch, clicks = 100, 20_000 // several segments
	for next < clicks {
		c := held[next/batch%len(held)]
		for i := range batch {
			c.ask(next + i)
		}
		for range batch {
			c.redirected()
		}
		next += batch
	}
	h.wantRecorded(next)
}

// abrupt is a listener that fails as planned and then is closed.
type abrupt struct {
	net.Listener
	plan   []error
	closed chan struct{}
}

func (a *abrupt) Accept() (net.Conn, error) {
	if len(a.plan) > 0 {
		err := a.plan[0]
		a.plan = a.plan[1:]
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7)}, Err: os.NewSyscallError("accept4", err)}
	}
	<-a.closed
	return nil, net.ErrClosed
}

func (a *abrupt) Close() error { close(a.closed); return nil }

func TestAcceptGoesOnAfterWhatPasses(t *testing.T) {
	var said strings.Builder
	n := newNotAccepted(slog.New(slog.NewTextHandler(&said, nil)))
	l := &abrupt{closed: make(chan struct{}), plan: []error{
		syscall.ECONNABORTED, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EPROTO,
	}}
	p := patient(l, n)
	ended := make(chan error, 1)
	go func() {
		_, err := p.Accept()
		ended <- err
	}()
	want := map[string]uint64{acceptDescriptors: 2, acceptMemory: 1, acceptConnection: 2}
	for end := time.Now().Add(time.Minute); n.byReason[acceptConnection].Load() < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("Accept did not go on within a minute")
		}
	}
	p.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	for reason, times := range want {
		if got := n.byReason[reason].Load(); got != times {
			t.Errorf("%s is counted %d times, want %d", reason, got, times)
		}
	}
	if got := strings.Count(said.String(), "\n"); got != 1 || strings.Contains(said.String(), "203.0.113.7") {
		t.Errorf("%d lines, want 1, without an address: %s", got, said.String())
	}
}

func TestClosingEndsTheWaitForADescriptor(t *testing.T) {
	n := newNotAccepted(slog.New(slog.DiscardHandler))
	l := &abrupt{closed: make(chan struct{})}
	for range 1000 { // minutes of waiting
		l.plan = append(l.plan, syscall.EMFILE)
	}
	p := patient(l, n)
	ended := make(chan error, 1)
	go func() {
		_, err := p.Accept()
		ended <- err
	}()
	for n.byReason[acceptDescriptors].Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	p.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestWhatEndsAListenerIsNotTriedAgain(t *testing.T) {
	for _, err := range []error{net.ErrClosed, syscall.EBADF, syscall.EINVAL, errDisk} {
		if reason := reasonNotAccepted(fmt.Errorf("accept: %w", err)); reason != "" {
			t.Errorf("%v is taken for %s", err, reason)
		}
	}
}

func TestConnectionsFitTheLimitOfOpenFiles(t *testing.T) {
	f := func(files uint64, want int) {
		t.Helper()
		if got := connectionsFor(files); got != want {
			t.Errorf("of %d files %d are for connections, want %d", files, got, want)
		}
	}
	f(100, 50)
	f(512, 256)
	f(1024, 768)
	f(524_288, 524_288-spareDescriptors)
	f(unix.RLIM_INFINITY, 1<<30)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
)

// runAsProgram makes the test binary behave as the program: the tests start it as users start fairlead.
const runAsProgram = "TEST_RUN_AS_FAIRLEAD"

func TestMain(m *testing.M) {
	stores.MaybeEngine()
	if os.Getenv(runAsProgram) != "" {
		os.Exit(runWith(&global{faults: plantedFaults()}, os.Args[1:], os.Stdout, os.Stderr))
	}
	redis.SetLogger(quietRedis{})
	if err := pointAtInstalled(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(storestest.Main(m))
}

// pointAtInstalled names what the build put beside the program: the test binary lies elsewhere.
func pointAtInstalled() error {
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		return err
	}
	library, err := stores.LibraryIn(bin)
	if err != nil {
		return err
	}
	return errors.Join(
		os.Setenv("FAIRLEAD_CLICKHOUSE_LIBRARY", library),
		os.Setenv("FAIRLEAD_DATA_COUNTRY", filepath.Join(bin, "data/country.mmdb")),
		os.Setenv("FAIRLEAD_DATA_CRAWLERS", filepath.Join(bin, "data/crawler-user-agents.json")),
	)
}

// program returns a fairlead command that dies with the test.
func program(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), runAsProgram+"=1")
	return c
}

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

// fairlead runs a command to its end.
func fairlead(t testing.TB, args ...string) result {
	t.Helper()
	return fairleadWith(t, "", args...)
}

func fairleadWith(t testing.TB, stdin string, args ...string) result {
	t.Helper()
	c := program(t, args...)
	var stdout, stderr bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !asExit(err, &exit) {
		t.Fatalf("fairlead %s: %v", strings.Join(args, " "), err)
	}
	return result{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func asExit(err error, target **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*target = e
	return ok
}

// answer runs a command that has to succeed and decodes the one JSON document that it prints.
func answer[T any](t testing.TB, args ...string) T {
	t.Helper()
	return answerWith[T](t, "", args...)
}

// answerWith does so with something on standard input.
func answerWith[T any](t testing.TB, stdin string, args ...string) T {
	t.Helper()
	r := fairleadWith(t, stdin, args...)
	if r.code != 0 {
		t.Fatalf("fairlead %s: exit %d\n%s", strings.Join(args, " "), r.code, r.stderr)
	}
	var v T
	d := json.NewDecoder(strings.NewReader(r.stdout))
	if err := d.Decode(&v); err != nil {
		t.Fatalf("fairlead %s: %v in %q", strings.Join(args, " "), err, r.stdout)
	}
	if d.More() {
		t.Fatalf("fairlead %s: more than one document on stdout: %q", strings.Join(args, " "), r.stdout)
	}
	return v
}

// machine is a deployment started with `fairlead up` on free ports, or one component of it.
type machine struct {
	t     testing.TB
	dir   string
	flags []string // the command and its flags
	env   []string // beside the test's own
	cmd   *exec.Cmd
	log   *syncBuffer
	exit  chan error
}

// newMachine prepares a deployment in a temporary folder; start starts it.
func newMachine(t testing.TB, extra ...string) *machine {
	t.Helper()
	ports := freePorts(t, 6)
	dir := filepath.Join(t.TempDir(), "deployment")
	return newProcess(t, dir, append([]string{"up", "--dir", dir,
		"--listen", "127.0.0.1:" + ports[0], "--dashboard-listen", "127.0.0.1:" + ports[1], "--ops-listen", "127.0.0.1:" + ports[2],
		"--clickhouse-port", ports[3], "--clickhouse-http-port", ports[4], "--redis-port", ports[5]}, extra...)...)
}

// newProcess prepares a command that runs until it is stopped, and ends it with the test.
func newProcess(t testing.TB, dir string, flags ...string) *machine {
	m := &machine{t: t, dir: dir, flags: flags, log: &syncBuffer{}}
	t.Cleanup(func() {
		m.kill()
		if t.Failed() {
			t.Logf("what `fairlead %s` said last:\n%s", m.name(), m.log.tail(20_000))
		}
	})
	return m
}

func (m *machine) name() string { return m.flags[0] }

// start starts the deployment and waits until it is ready.
func (m *machine) start() {
	m.t.Helper()
	m.launch()
	m.awaitReady()
}

func (m *machine) awaitReady() {
	m.t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for {
		select {
		case err := <-m.exit:
			m.cmd = nil
			m.t.Fatalf("%s ended before it was ready: %v\n%s", m.name(), err, m.log.tail(20_000))
		default:
		}
		if m.ready() {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s was not ready in time\n%s", m.name(), m.log.tail(20_000))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (m *machine) launch() {
	m.t.Helper()
	m.cmd = program(m.t, m.flags...)
	m.cmd.Env = append(m.cmd.Env, m.env...)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.exit = make(chan error, 1)
	go func(c *exec.Cmd, exit chan<- error) { exit <- c.Wait() }(m.cmd, m.exit)
}

// ready asks the deployment's own /readyz; the address comes from its flags, not from its files.
func (m *machine) ready() bool {
	resp, err := http.Get("http://" + m.flag("--ops-listen") + "/readyz")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

func (m *machine) flag(name string) string {
	for i, f := range m.flags {
		if f == name {
			return m.flags[i+1]
		}
	}
	m.t.Fatalf("no flag %s", name)
	return ""
}

// addresses reads what `up` wrote.
func (m *machine) addresses() addresses {
	m.t.Helper()
	a, err := readAddresses(m.dir)
	if err != nil {
		m.t.Fatal(err)
	}
	return a
}

// stop ends the deployment as an operator does and expects it to end well.
func (m *machine) stop() {
	m.t.Helper()
	if m.cmd == nil {
		return
	}
	m.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-m.exit:
		if err != nil {
			m.t.Errorf("%s ended with %v\n%s", m.name(), err, m.log.tail(20_000))
		}
	case <-time.After(60 * time.Second):
		m.t.Errorf("%s did not end within a minute of SIGTERM\n%s", m.name(), m.log.tail(20_000))
		m.cmd.Process.Kill()
		<-m.exit
	}
	m.cmd = nil
}

// kill ends the deployment the hard way.
func (m *machine) kill() {
	if m.cmd == nil {
		return
	}
	m.cmd.Process.Kill()
	<-m.exit
	m.cmd = nil
}

// killWithChildren ends the deployment the hard way and waits until its children have followed it.
func (m *machine) killWithChildren() {
	m.t.Helper()
	before := children(m.t, m.cmd.Process.Pid)
	m.kill()
	eventually(m.t, 10*time.Second, "no child outlives its parent", func() bool { return !slices.ContainsFunc(before, alive) })
}

// args are the arguments of a command on this deployment.
func (m *machine) args(args ...string) []string { return append(args, "--dir", m.dir) }

// children lists the processes whose parent is pid.
func children(t testing.TB, pid int) []int {
	t.Helper()
	var out []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it ended meanwhile
		}
		_, rest, _ := bytes.Cut(data, []byte(") "))
		fields := strings.Fields(string(rest))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) && fields[0] != "Z" {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			out = append(out, child)
		}
	}
	return out
}

// processesOf lists the processes that were started with something of a folder.
func processesOf(dir string) (out []string) {
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range names {
		if line, err := os.ReadFile(name); err == nil && bytes.Contains(line, []byte(dir)) {
			out = append(out, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return out
}

// alive reports whether a process runs.
func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(data, []byte(") "))
	return !bytes.HasPrefix(rest, []byte("Z"))
}

// eventually waits for a condition that other processes bring about.
func eventually(t testing.TB, within time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// freePorts returns ports that nobody listens on.
func freePorts(t testing.TB, n int) []string {
	t.Helper()
	var out []string
	for len(out) < n {
		if port := strconv.Itoa(storestest.FreePort(t)); !slices.Contains(out, port) {
			out = append(out, port)
		}
	}
	return out
}

// noRedirects is a client that shows a redirect instead of following it.
var noRedirects = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       10 * time.Second,
}

// follow asks for a link as a browser does: another User-Agent would be a bot's.
func follow(link string) (*http.Response, error) {
	req, err := http.NewRequest(http.MethodGet, link, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Accept-Language", "en")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	resp, err := noRedirects.Do(req)
	if err != nil {
		return nil, err
	}
	return resp, resp.Body.Close()
}

// count asks ClickHouse for one number.
func count(t testing.TB, d *deployment, query string, args ...any) uint64 {
	t.Helper()
	var n uint64
	if err := d.CH.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// connect opens the deployment's stores as the commands do.
func (m *machine) connect() *deployment {
	m.t.Helper()
	g := &global{}
	m.t.Setenv("FAIRLEAD_DIR", m.dir)
	d, err := g.open(context.Background())
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { d.Close() })
	return d
}

// syncBuffer collects what a process says while the test reads it.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// tail is the end of it.
func (s *syncBuffer) tail(bytes int) string {
	all := s.String()
	return all[max(0, len(all)-bytes):]
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

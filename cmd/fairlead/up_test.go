package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fairlead/cmd/chaostest"
	"fairlead/schema"
)

// partnerAnswer is what `partner add --json` prints: the contract's shape.
type partnerAnswer struct {
	ID     schema.PartnerID `json:"id"`
	Name   string           `json:"name"`
	Email  string           `json:"email"`
	Status string           `json:"status"`
	Link   linkAnswer       `json:"link"`
	Invite string           `json:"invite_url"`
}

// linkAnswer is what `link add --json` prints.
type linkAnswer struct {
	ID      schema.LinkID    `json:"id"`
	Partner schema.PartnerID `json:"partner_id"`
	Slug    string           `json:"slug"`
	URL     string           `json:"url"`
	To      string           `json:"to"`
}

type verifyAnswer struct {
	OK          bool   `json:"ok"`
	Clicks      uint64 `json:"clicks"`
	Gaps        uint64 `json:"gaps"`
	Doubles     uint64 `json:"doubles"`
	Differences []any  `json:"differences"`
}

func TestAClickTravelsFromTheLinkToTheRollup(t *testing.T) {
	m := newMachine(t)
	m.start()
	ada := answer[partnerAnswer](t, m.args("partner", "add", "--name", "Ada", "--email", "ada@example.com", "--json")...)
	if ada.Link.Slug != "ada" || ada.Link.URL != "http://"+m.flag("--listen")+"/ada" || ada.Invite == "" {
		t.Errorf("partner add answered %+v", ada)
	}
	spring := answer[linkAnswer](t, m.args("link", "add", "--partner", ada.ID.String(), "--slug", "spring", "--to", "https://shop.example/spring?a=1#top", "--json")...)
	eventually(t, time.Second+500*time.Millisecond, "a new link is known to the redirector", func() bool {
		return strings.HasPrefix(location(t, spring.URL), "https://shop.example/spring")
	})

	f := func(path, wantHost, wantPath string) schema.ClickID {
		t.Helper()
		got, err := url.Parse(location(t, "http://"+m.flag("--listen")+path))
		if err != nil {
			t.Fatal(err)
		}
		if got.Host != wantHost || got.Path != wantPath {
			t.Errorf("%s leads to %s, want %s%s", path, got, wantHost, wantPath)
		}
		id, err := schema.ParseClickID(got.Query().Get("fl_click"))
		if err != nil {
			t.Errorf("%s leads to %s without a click id: %v", path, got, err)
		}
		return id
	}
	f("/ada", "shop.example", "/")
	f("/ADA?sub_id=7", "shop.example", "/")
	id := f("/spring", "shop.example", "/spring")
	if got := location(t, "http://"+m.flag("--listen")+"/nobody"); got != "https://shop.example/" {
		t.Errorf("an unknown slug leads to %s, want the homepage without a click id", got)
	}

	d := m.connect()
	eventually(t, 5*time.Second, "the clicks are in ClickHouse", func() bool {
		return count(t, d, "SELECT count() FROM fairlead.clicks WHERE slug IN ('ada', 'nobody')") == 3
	})
	if got := count(t, d, "SELECT count() FROM analytics.clicks WHERE click_id = ?", id.String()); got != 1 {
		t.Errorf("the id in the address stands %d times in ClickHouse, want 1", got)
	}
	v := answer[verifyAnswer](t, m.args("verify", "--json")...)
	if !v.OK || v.Gaps != 0 || v.Doubles != 0 || v.Clicks < 4 {
		t.Errorf("verify says %+v", v)
	}
	if got := count(t, d, "SELECT sum(clicks) FROM fairlead.partner_days WHERE partner_id = ?", uint32(ada.ID)); got < 3 {
		t.Errorf("the rollup has %d clicks of Ada's, want at least 3", got)
	}
	m.stop()
	if left := processesOf(m.dir); len(left) != 0 {
		t.Errorf("processes left behind: %v", left)
	}
}

// location follows nothing: it returns where a link leads.
func location(t testing.TB, link string) string {
	t.Helper()
	resp, err := follow(link)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusFound {
		t.Fatalf("GET %s: %s, want 302", link, resp.Status)
	}
	return resp.Header.Get("Location")
}

func TestRedirectsGoOnWithoutStores(t *testing.T) {
	m := newMachine(t)
	m.start()
	answer[partnerAnswer](t, m.args("partner", "add", "--name", "Ada", "--email", "ada@example.com", "--json")...)
	ada := "http://" + m.flag("--listen") + "/ada"
	location(t, ada)
	d := m.connect()
	for _, child := range children(t, m.cmd.Process.Pid) {
		syscall.Kill(child, syscall.SIGSTOP) // neither answers nor is it gone: the worst kind of away
		t.Cleanup(func() { syscall.Kill(child, syscall.SIGCONT) })
	}
	for range 50 {
		location(t, ada)
	}
	eventually(t, 10*time.Second, "/readyz says that parts are away", func() bool { return !m.ready() })
	if got := fairlead(t, m.args("partner", "add", "--name", "Bob", "--email", "bob@example.com")...); got.code != exitFailed || got.stderr == "" {
		t.Errorf("a directory write without stores: exit %d, %q", got.code, got.stderr)
	}
	for _, child := range children(t, m.cmd.Process.Pid) {
		syscall.Kill(child, syscall.SIGCONT)
	}
	eventually(t, 60*time.Second, "every click has arrived once", func() bool {
		return count(t, d, "SELECT count() FROM fairlead.clicks WHERE slug = 'ada'") == 51
	})
	m.stop()
}

// TestNothingIsLostOrDoubledWhileEveryPartIsKilled keeps clicking while the stores and then the whole
// deployment die by SIGKILL, and compares what was answered with what ClickHouse and Redis hold.
func TestNothingIsLostOrDoubledWhileEveryPartIsKilled(t *testing.T) {
	m := newMachine(t)
	m.start()
	answer[partnerAnswer](t, m.args("partner", "add", "--name", "Ada", "--email", "ada@example.com", "--json")...)
	eventually(t, 2*time.Second, "the link is known", func() bool {
		return strings.Contains(location(t, "http://"+m.flag("--listen")+"/ada?sub_id=warm"), "fl_click")
	})

	load := startLoad(t, m.flag("--listen"), 4)
	rounds := chaostest.Times(3, 60)
	for round := range rounds {
		load.until(300)
		for _, child := range children(t, m.cmd.Process.Pid) {
			syscall.Kill(child, syscall.SIGKILL)
			load.until(200)
		}
		eventually(t, 30*time.Second, "the stores are back", m.ready)
		if round%2 == 1 {
			eventually(t, 30*time.Second, "the stores are back", func() bool { return len(children(t, m.cmd.Process.Pid)) == 2 })
		}
		m.killWithChildren()
		m.start()
	}
	load.until(300)
	answered := load.stop()

	d := m.connect()
	eventually(t, 60*time.Second, "every answered click is in ClickHouse", func() bool {
		return count(t, d, "SELECT count() FROM fairlead.clicks WHERE slug = 'ada' AND sub_id != 'warm'") >= uint64(len(answered))
	})
	rows, err := d.CH.Query(t.Context(), "SELECT click_id, count() FROM fairlead.clicks WHERE slug = 'ada' AND sub_id != 'warm' GROUP BY click_id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	stored := map[string]uint64{}
	for rows.Next() {
		var id string
		var n uint64
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		stored[id] = n
	}
	for id := range answered {
		if stored[id] != 1 {
			t.Errorf("answered click %s stands %d times in ClickHouse, want once", id, stored[id])
		}
	}
	for id, n := range stored {
		if n != 1 {
			t.Errorf("click %s stands %d times in ClickHouse", id, n)
		}
	}
	v := answer[verifyAnswer](t, m.args("verify", "--json")...)
	if !v.OK || v.Gaps != 0 || v.Doubles != 0 {
		t.Errorf("verify says %+v", v)
	}
	chaostest.Report(t, "%d times the stores and then the whole deployment died by SIGKILL under load; %d clicks answered, %d stored", rounds, len(answered), len(stored))
	m.stop()
}

// load clicks without a pause and remembers the ids it was answered with.
type load struct {
	t       testing.TB
	stopped atomic.Bool
	count   atomic.Int64
	wg      sync.WaitGroup
	mu      sync.Mutex
	ids     map[string]bool // guarded by mu
}

func startLoad(t testing.TB, addr string, clients int) *load {
	l := &load{t: t, ids: map[string]bool{}}
	for c := range clients {
		l.wg.Go(func() {
			for n := 0; !l.stopped.Load(); n++ {
				resp, err := follow(fmt.Sprintf("http://%s/ada?sub_id=%d-%d", addr, c, n))
				if err != nil || resp.StatusCode == http.StatusServiceUnavailable {
					time.Sleep(5 * time.Millisecond) // the deployment is down or on its way: a shopper would try again
					continue
				}
				at, err := url.Parse(resp.Header.Get("Location"))
				if err != nil || resp.StatusCode != http.StatusFound {
					l.t.Errorf("answer %s, Location %q", resp.Status, resp.Header.Get("Location"))
					continue
				}
				l.mu.Lock()
				l.ids[at.Query().Get("fl_click")] = true
				l.mu.Unlock()
				l.count.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	t.Cleanup(func() { l.stop() })
	return l
}

// until waits for n more answers.
func (l *load) until(n int64) {
	l.t.Helper()
	want := l.count.Load() + n
	eventually(l.t, 60*time.Second, fmt.Sprintf("%d more clicks are answered", n), func() bool { return l.count.Load() >= want })
}

func (l *load) stop() map[string]bool {
	l.stopped.Store(true)
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids
}

func TestUpSaysInOneSentenceWhyItCannotStart(t *testing.T) {
	f := func(name string, prepare func(m *machine), want ...string) {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			prepare(m)
			m.launch()
			select {
			case <-m.exit:
			case <-time.After(30 * time.Second):
				t.Fatal("up did not end")
			}
			code := m.cmd.ProcessState.ExitCode()
			m.cmd = nil
			said := strings.TrimSpace(m.log.String())
			last := said[strings.LastIndexByte(said, '\n')+1:]
			if code != exitFailed || !strings.HasPrefix(last, "fairlead: ") {
				t.Errorf("exit %d, last line %q", code, last)
			}
			for _, w := range want {
				if !strings.Contains(last, w) {
					t.Errorf("the sentence %q does not name %q", last, w)
				}
			}
			if strings.Contains(said, "goroutine") || strings.Contains(said, "\nready in") {
				t.Errorf("up said\n%s", said)
			}
		})
	}
	occupy := func(m *machine, addr string) {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			m.t.Fatal(err)
		}
		m.t.Cleanup(func() { l.Close() })
	}
	f("redirector's port in use", func(m *machine) { occupy(m, m.flag("--listen")) }, "--listen")
	f("dashboard's port in use", func(m *machine) { occupy(m, m.flag("--dashboard-listen")) }, "--dashboard-listen")
	f("ClickHouse's port in use", func(m *machine) { occupy(m, "127.0.0.1:"+m.flag("--clickhouse-port")) }, "--clickhouse-port")
	f("Redis's port in use", func(m *machine) { occupy(m, "127.0.0.1:"+m.flag("--redis-port")) }, "--redis-port")
	f("folder is a file", func(m *machine) {
		if err := os.WriteFile(m.dir, nil, 0o600); err != nil {
			m.t.Fatal(err)
		}
	}, "deployment")
	f("library missing", func(m *machine) { m.t.Setenv("FAIRLEAD_CLICKHOUSE_LIBRARY", filepath.Join(m.dir, "none.so")) }, "none.so")
	f("redis-server missing", func(m *machine) { m.t.Setenv("FAIRLEAD_REDIS_BINARY", filepath.Join(m.dir, "no-redis")) }, "no-redis")
	f("public address, homepage of the defaults", func(m *machine) {
		m.flags = append(m.flags, "--listen", "0.0.0.0:"+freePorts(m.t, 1)[0])
	}, "program.homepage")
	f("unknown setting", func(m *machine) { m.t.Setenv("FAIRLEAD_REDIRECTOR_LISTN", "x") }, "FAIRLEAD_REDIRECTOR_LISTN")
}

func TestTwoUpOnOneFolderAndADeploymentOfANewerVersion(t *testing.T) {
	m := newMachine(t)
	m.start()
	second := newMachine(t)
	second.flags[2] = m.dir // up --dir DIR
	second.launch()
	<-second.exit
	second.cmd = nil
	if !strings.Contains(second.log.String(), "in use") {
		t.Errorf("the second up on one folder said %q", second.log)
	}
	d := m.connect()
	if err := d.CH.Exec(t.Context(), "INSERT INTO fairlead.migrations (number, name, checksum) VALUES (9999, 'future', '')"); err != nil {
		t.Fatal(err)
	}
	m.stop()
	m.launch()
	<-m.exit
	m.cmd = nil
	if !strings.Contains(m.log.String(), "newer") {
		t.Errorf("up on a newer schema said %q", m.log)
	}
}

func TestASecondStartIsQuickAndKeepsEverything(t *testing.T) {
	m := newMachine(t)
	m.start()
	answer[partnerAnswer](t, m.args("partner", "add", "--name", "Ada", "--email", "ada@example.com", "--json")...)
	location(t, "http://"+m.flag("--listen")+"/ada")
	m.stop()
	m.start()
	d := m.connect()
	if got := count(t, d, "SELECT count() FROM fairlead.clicks WHERE slug = 'ada'"); got != 1 {
		t.Errorf("%d clicks after a restart, want 1", got)
	}
	location(t, "http://"+m.flag("--listen")+"/ada")
	v := answer[verifyAnswer](t, m.args("verify", "--json")...)
	if !v.OK {
		t.Errorf("verify says %+v", v)
	}
	m.stop()
}

func TestAWrongCommandLineExitsWithTwo(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		r := fairlead(t, args...)
		if r.code != exitUsage || !strings.Contains(r.stderr, want) || r.stdout != "" {
			t.Errorf("fairlead %s: exit %d, stdout %q, stderr %q; want %d and %q", strings.Join(args, " "), r.code, r.stdout, r.stderr, exitUsage, want)
		}
	}
	f("bogus", "bogus")
	f("bogus", "partner", "bogus")
	f("foo", "import", "foo", "bar")
	f("rebuild foo", "rebuild", "foo")
	f("--nothing", "verify", "--nothing")
	f("accepts 1 arg", "partner", "show")
	f(`"email"`, "partner", "add", "--name", "Ada")
	f("2026-11", "verify", "--since", "May")
}

func TestAnAnalystComesAndGoes(t *testing.T) {
	m := newMachine(t)
	m.start()
	eva := answer[analystAnswer](t, m.args("analyst", "add", "--name", "eva", "--json")...)
	ask := func(query string) (int, string) {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, eva.HTTP, strings.NewReader(query))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(eva.User, eva.Password)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err.Error() // it restarts with the new list
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	if status, body := ask("SELECT count() FROM analytics.clicks"); status != http.StatusOK || body != "0\n" {
		t.Errorf("the analyst gets %d %q", status, body)
	}
	if status, body := ask("SELECT count() FROM fairlead.clicks"); status == http.StatusOK {
		t.Errorf("the analyst reads the facts: %q", body)
	}
	list := answer[[]map[string]string](t, m.args("analyst", "list", "--json")...)
	if len(list) != 1 || list[0]["user"] != "eva" {
		t.Errorf("analyst list answers %v", list)
	}
	answer[map[string]string](t, m.args("analyst", "remove", "eva", "--json")...)
	eventually(t, 30*time.Second, "the analyst is shut out", func() bool {
		status, _ := ask("SELECT 1")
		return status == http.StatusForbidden || status == http.StatusUnauthorized
	})
	m.stop()
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sys/unix"

	"fairlead/schema/directory"
)

// rollupEvery is how often a measured deployment recomputes its reports: with the default, a minute, a round
// would have to wait that long to hold one.
const rollupEvery = "@every 10s"

// whole is `fairlead up`: everything on.
type whole struct {
	*server
	dir   string
	ops   string
	ch    driver.Conn
	redis *redis.Client
	env   []string // that leads another process to the same stores
}

// startWhole starts a deployment on an empty folder.
func startWhole(ctx context.Context, program, dir string, procs int) (_ *whole, err error) {
	w := &whole{dir: dir}
	var addrs [6]string
	for i := range addrs {
		if addrs[i], err = freeAddr(); err != nil {
			return nil, err
		}
	}
	port := func(i int) string { _, p, _ := net.SplitHostPort(addrs[i]); return p }
	cmd := exec.CommandContext(ctx, program, "up", "--dir", dir, "--listen", addrs[0], "--dashboard-listen", addrs[1], "--ops-listen", addrs[2],
		"--clickhouse-port", port(3), "--clickhouse-http-port", port(4), "--redis-port", port(5))
	cmd.Env = append(withProcs(os.Environ(), procs), "FAIRLEAD_AGGREGATOR_JOBS_ROLLUP="+rollupEvery)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	w.ops = "http://" + addrs[2]
	if w.server, err = launch("fairlead up", "http://"+addrs[0], cmd); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.stop())
		}
	}()
	if err := w.until(ctx, time.Minute, "its readiness", func() (bool, error) { return ready(ctx, w.ops, 0) }); err != nil {
		return nil, err
	}
	return w, w.connect()
}

// connect opens the deployment's stores.
func (w *whole) connect() error {
	data, err := os.ReadFile(filepath.Join(w.dir, "fairlead.json"))
	if err != nil {
		return err
	}
	var a struct {
		ClickHouse struct{ Native, User, Password string }
		Redis      struct{ Addr, Password string }
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return fmt.Errorf("read the deployment's addresses: %w", err)
	}
	w.ch, err = clickhouse.Open(&clickhouse.Options{
		Addr: []string{a.ClickHouse.Native}, Auth: clickhouse.Auth{Username: a.ClickHouse.User, Password: a.ClickHouse.Password},
	})
	if err != nil {
		return fmt.Errorf("open the deployment's ClickHouse: %w", err)
	}
	w.redis = redis.NewClient(&redis.Options{Addr: a.Redis.Addr, Password: a.Redis.Password})
	w.env = []string{
		"FAIRLEAD_CLICKHOUSE_ADDRS=" + a.ClickHouse.Native, "FAIRLEAD_CLICKHOUSE_USER=" + a.ClickHouse.User, "FAIRLEAD_CLICKHOUSE_PASSWORD=" + a.ClickHouse.Password,
		"FAIRLEAD_REDIS_ADDRS=" + a.Redis.Addr, "FAIRLEAD_REDIS_PASSWORD=" + a.Redis.Password,
	}
	return nil
}

// slug is the path of the i-th link, counted from 1; wrk.lua asks for the same.
func slug(i int) string { return fmt.Sprintf("p%d/spring", i) }

// linksEach is how many links a partner has.
const linksEach = 1000

// fill adds partners and their links.
func (w *whole) fill(ctx context.Context, links int) error {
	d := directory.New(w.ch, w.redis, directory.Options{})
	next := 1
	for partner := 1; next <= links; partner++ {
		p, _, err := d.AddPartner(ctx, directory.CLI, directory.NewPartner{Name: "Partner", Email: fmt.Sprintf("p%d@example.com", partner)})
		if err != nil {
			return fmt.Errorf("add a partner: %w", err)
		}
		var list []directory.NewLink
		for ; next <= links && len(list) < linksEach; next++ {
			list = append(list, directory.NewLink{Partner: p.ID, Slug: slug(next), To: fmt.Sprintf("%s/collections/spring-%d?ref=campaign&item=%d", shop, next%1000, next)})
		}
		if _, err := d.AddLinks(ctx, directory.CLI, list); err != nil {
			return fmt.Errorf("add links: %w", err)
		}
	}
	return w.until(ctx, time.Minute, "its links", func() (bool, error) { return ready(ctx, w.ops, links) })
}

// stop closes the stores' connections and ends the deployment.
func (w *whole) stop() error {
	var errs []error
	if w.ch != nil {
		errs = append(errs, w.ch.Close(), w.redis.Close())
	}
	return errors.Join(append(errs, w.server.stop())...)
}

// startPaused starts a redirector of its own that has the deployment's links and cannot reach the
// stores: it fetches the links, is stopped, and starts again without them.
func (w *whole) startPaused(ctx context.Context, program, dir string, links, procs int) (*server, error) {
	fetching, _, err := w.startRedirector(ctx, program, dir, links, procs, w.env)
	if err != nil {
		return nil, err
	}
	if err := fetching.stop(); err != nil {
		return nil, err
	}
	nowhere, err := refusingAddr()
	if err != nil {
		return nil, err
	}
	s, _, err := w.startRedirector(ctx, program, dir, links, procs, []string{"FAIRLEAD_CLICKHOUSE_ADDRS=" + nowhere, "FAIRLEAD_REDIS_ADDRS=" + nowhere})
	return s, err
}

func (w *whole) startRedirector(ctx context.Context, program, dir string, links, procs int, env []string) (s *server, ops string, err error) {
	listen, err := freeAddr()
	if err != nil {
		return nil, "", err
	}
	opsAddr, err := freeAddr()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, program, "redirector", "--dir", dir, "--listen", listen, "--ops-listen", opsAddr)
	cmd.Env = append(withProcs(os.Environ(), procs), append(env, "FAIRLEAD_REDIRECTOR_SHIP_DEADLINE=1s")...)
	if s, err = launch("fairlead redirector", "http://"+listen, cmd); err != nil {
		return nil, "", err
	}
	ops = "http://" + opsAddr
	if err := s.until(ctx, time.Minute, "its links", func() (bool, error) { return ready(ctx, ops, links) }); err != nil {
		return nil, "", errors.Join(err, s.stop())
	}
	return s, ops, nil
}

// refusingAddr is an address at which every connection is refused as long as this process lives: the port
// is taken and nobody listens.
func refusingAddr() (string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", err
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port), nil
}

// readiness is what of /readyz matters here.
type readiness struct {
	Ready bool
	Parts struct {
		Redirector struct {
			Detail struct {
				Links  struct{ Links int }
				Stores map[string]struct {
					Lag     uint64  `json:"lag_records"`
					Seconds float64 `json:"lag_seconds"`
				}
			}
		}
	}
}

func readyz(ctx context.Context, ops string) (r readiness, err error) {
	body, err := fetch(ctx, ops+"/readyz")
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	return r, err
}

// ready answers true once a process is ready and knows so many links.
func ready(ctx context.Context, ops string, links int) (bool, error) {
	r, err := readyz(ctx, ops)
	if err != nil {
		return false, err
	}
	if n := r.Parts.Redirector.Detail.Links.Links; !r.Ready || n < links {
		return false, fmt.Errorf("ready: %t, with %d of %d links", r.Ready, n, links)
	}
	return true, nil
}

// recorded returns how many requests the redirector says that it answered as valid clicks.
func (w *whole) recorded(ctx context.Context) (n uint64, err error) {
	body, err := fetch(ctx, w.ops+"/metrics")
	if err != nil {
		return 0, err
	}
	return countRecorded(body)
}

// validClicks begins the metric's line.
const validClicks = `fairlead_requests_total{outcome="valid"} `

func countRecorded(metrics []byte) (uint64, error) {
	for line := range strings.Lines(string(metrics)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), validClicks); ok {
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("the metric %q: %w", line, err)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("the metrics lack %s", validClicks)
}

// verified lets the deployment recount everything itself.
func (w *whole) verified(ctx context.Context, program string) error {
	out, err := exec.CommandContext(ctx, program, "verify", "--dir", w.dir, "--json").Output()
	if err != nil {
		return fmt.Errorf("fairlead verify: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// drained waits until every recorded click is in ClickHouse, counted in Redis, and in the reports, and
// until what ClickHouse merges because of them is merged. It returns how many clicks there are.
func (w *whole) drained(ctx context.Context) (clicks uint64, err error) {
	quiet := 0
	err = w.until(ctx, time.Minute, "its clicks in the stores", func() (bool, error) {
		recorded, err := w.recorded(ctx)
		if err != nil {
			return false, err
		}
		r, err := readyz(ctx, w.ops)
		if err != nil {
			return false, err
		}
		for store, s := range r.Parts.Redirector.Detail.Stores {
			if s.Lag > 0 {
				return false, fmt.Errorf("%s lags by %d clicks", store, s.Lag)
			}
		}
		var stored, reported, merges uint64
		row := w.ch.QueryRow(ctx, `
			SELECT
			    (SELECT count() FROM fairlead.clicks),
			    (SELECT sum(clicks) FROM fairlead.partner_days),
			    (SELECT count() FROM system.merges)`)
		if err := row.Scan(&stored, &reported, &merges); err != nil {
			return false, fmt.Errorf("count the clicks: %w", err)
		}
		if stored > recorded {
			return false, fmt.Errorf("%d clicks are stored and %d were recorded", stored, recorded)
		}
		if stored != recorded || reported != recorded {
			return false, fmt.Errorf("%d clicks were recorded, %d are stored, %d reported", recorded, stored, reported)
		}
		clicks = recorded
		if merges > 0 {
			quiet = 0
			return false, fmt.Errorf("%d merges are under way", merges)
		}
		quiet++
		return quiet >= 5, errors.New("merges have just ended")
	})
	return clicks, err
}

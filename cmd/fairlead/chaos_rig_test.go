package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fairlead/aggregator/verify"
	"fairlead/cmd/chaostest"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// rig is a ClickHouse and a Redis of a test's own, with a program and partners in them, and components that
// run over them as processes. All files are kept should the test fail.
type rig struct {
	t        testing.TB
	dir      string
	ch       storestest.ClickHouseStore
	redis    storestest.RedisStore
	config   string // file of settings that names the stores
	partners []partnerAnswer
}

// rigPartners is over how many partners the clicks are spread: their live counters lie in as many hashes.
const rigPartners = 5

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, dir: chaostest.Dir(t)}
	there := placed{t, r.dir}
	r.ch, r.redis = storestest.NewClickHouse(there), storestest.NewRedis(there)
	r.config = r.settings("straight", r.ch.Addr(), r.redis.Addr(), 50*time.Second)
	r.run("migrate")
	r.run("rebuild", "redis")
	r.addPartners()
	return r
}

// addPartners adds those whose links are clicked.
func (r *rig) addPartners() {
	r.t.Helper()
	for n := range rigPartners {
		name := fmt.Sprintf("partner-%d", n)
		r.partners = append(r.partners, answer[partnerAnswer](r.t,
			r.args("partner", "add", "--name", name, "--email", name+"@example.com", "--json")...))
	}
}

// placed is a test whose folders lie where they are kept.
type placed struct {
	testing.TB
	dir string
}

func (p placed) TempDir() string {
	dir, err := os.MkdirTemp(p.dir, "store-")
	if err != nil {
		p.Fatal(err)
	}
	return dir
}

// settings writes a file of settings that names the stores, and how long a redirector that stops may ship.
func (r *rig) settings(name, clickHouse, redis string, shipDeadline time.Duration) string {
	r.t.Helper()
	file := filepath.Join(r.dir, name+".yaml")
	text := fmt.Sprintf(`
dir: %q
redirector:
  drain: 1s
  ship_deadline: %v
  journal: {segment_bytes: 4194304, sync_every: 20ms}
clickhouse: {addrs: [%q], password: %q}
redis: {addrs: [%q], password: %q}
aggregator:
  jobs: {rollup: "@every 1s", attribute: "@every 1s", heal: "@every 2s"}
`, filepath.Join(r.dir, "edge"), shipDeadline, clickHouse, r.ch.Password(), redis, r.redis.Password())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return file
}

// run runs a command on the rig's stores that has to succeed.
func (r *rig) run(args ...string) {
	r.t.Helper()
	if got := fairlead(r.t, r.args(args...)...); got.code != 0 {
		r.t.Fatalf("fairlead %s: exit %d\n%s", strings.Join(args, " "), got.code, got.stderr)
	}
}

// args are the arguments of a command on the rig's stores.
func (r *rig) args(args ...string) []string { return append(args, "--config", r.config) }

// redirector prepares a redirector over the stores that the settings name.
func (r *rig) redirector(settings string) *machine {
	ports := freePorts(r.t, 2)
	return newProcess(r.t, r.dir, "redirector", "--config", settings, "--listen", "127.0.0.1:"+ports[0], "--ops-listen", "127.0.0.1:"+ports[1])
}

// aggregator prepares an aggregator.
func (r *rig) aggregator(settings string) *machine {
	return newProcess(r.t, r.dir, "aggregator", "--config", settings, "--ops-listen", "127.0.0.1:"+freePorts(r.t, 1)[0])
}

// open connects to the stores as the commands do.
func (r *rig) open() *deployment {
	r.t.Helper()
	g := &global{file: r.config}
	d, err := g.open(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { d.Close() })
	return d
}

// awaitShipped waits until a redirector has nothing left for any store.
func (m *machine) awaitShipped() {
	m.t.Helper()
	eventually(m.t, 3*time.Minute, "the journals are shipped", func() bool {
		_, stores := m.readiness()
		_, answers := stores["clickhouse"]
		for _, s := range stores {
			answers = answers && s.Lag == 0
		}
		return answers
	})
}

// readiness asks a redirector's /readyz: its status, 0 when nobody answers, and how it stands with its stores.
func (m *machine) readiness() (status int, stores map[string]storeLag) {
	resp, err := http.Get("http://" + m.flag("--ops-listen") + "/readyz")
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	var body struct {
		Parts struct {
			Redirector struct {
				Detail struct {
					Stores map[string]storeLag `json:"stores"`
				} `json:"detail"`
			} `json:"redirector"`
		} `json:"parts"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		m.t.Errorf("/readyz of the redirector: %v", err)
	}
	return resp.StatusCode, body.Parts.Redirector.Detail.Stores
}

// answers reports whether a process serves its operator's address yet.
func (m *machine) answers() bool {
	resp, err := http.Get("http://" + m.flag("--ops-listen") + "/healthz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// storeLag is what a redirector says of a store.
type storeLag struct {
	Lag uint64 `json:"lag_records"`
}

// account is what came of a load.
type account struct {
	sent, answered, stored  int
	lost, doubled, mistaken int
	verified                string
}

// String is for the report.
func (a account) String() string {
	return fmt.Sprintf("%s clicks sent, %s answered, %s stored (%d of them unanswered); %d lost, %d doubled, %d mistaken; %s",
		grouped(uint64(a.sent)), grouped(uint64(a.answered)), grouped(uint64(a.stored)), a.stored-a.answered+a.lost, a.lost, a.doubled, a.mistaken, a.verified)
}

// settle compares what was answered with what the stores hold. Everything has been shipped.
func (r *rig) settle(d *deployment, l *clickLoad) account {
	r.t.Helper()
	answered := l.answered()
	a := account{sent: l.sent(), answered: len(answered)}
	rows, err := d.CH.Query(r.t.Context(), "SELECT toUInt64(sub_id), groupArray(click_id) FROM fairlead.clicks WHERE sub_id != '' GROUP BY sub_id")
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	stored := map[int][]string{}
	for rows.Next() {
		var n uint64
		var ids []string
		if err := rows.Scan(&n, &ids); err != nil {
			r.t.Fatal(err)
		}
		stored[int(n)] = ids
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	a.stored = len(stored)
	for n, ids := range stored {
		switch id, ok := answered[n]; {
		case len(ids) > 1:
			a.doubled++
			r.t.Errorf("click %d stands %d times in ClickHouse", n, len(ids))
		case ok && ids[0] != id, n > a.sent:
			a.mistaken++
			r.t.Errorf("click %d of %d was answered with the id %q and stands in ClickHouse with %q", n, a.sent, id, ids[0])
		}
	}
	for n := range answered {
		if len(stored[n]) == 0 {
			a.lost++
			r.t.Errorf("click %d was answered and is not in ClickHouse", n)
		}
	}
	r.liveEqualsFacts(d)
	r.audit(d)
	a.verified = r.verify()
	return a
}

// liveEqualsFacts compares the live counters in Redis with the facts, by partner and day.
func (r *rig) liveEqualsFacts(d *deployment) {
	r.t.Helper()
	want := map[string]string{}
	rows, err := d.CH.Query(r.t.Context(), `
		SELECT partner_id, toYYYYMMDD(clicked_at, 'UTC'), toString(count())
		FROM fairlead.clicks WHERE verdict = 'valid' AND partner_id != 0 GROUP BY ALL`)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var partner, day uint32
		var n string
		if err := rows.Scan(&partner, &day, &n); err != nil {
			r.t.Fatal(err)
		}
		want[schema.LiveClicks(schema.PartnerID(partner), schema.Day(day))] = n
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	got := map[string]string{}
	for shard := range schema.LiveShards {
		for field, n := range d.Redis.HGetAll(r.t.Context(), d.Keys.Live(shard)).Val() {
			if strings.HasPrefix(field, "c:") {
				got[field] = n
			}
		}
	}
	if len(want) < rigPartners || !maps.Equal(got, want) {
		r.t.Errorf("live counters in Redis: %v, the facts: %v", got, want)
	}
}

// audit asks the one query that proves that nothing is lost or doubled.
func (r *rig) audit(d *deployment) {
	r.t.Helper()
	var nodes []struct {
		Node      string  `ch:"node"`
		First     uint64  `ch:"first_seq"`
		Last      uint64  `ch:"last_seq"`
		Rows      uint64  `ch:"rows"`
		Explained uint64  `ch:"explained"`
		Gaps      uint64  `ch:"gaps"`
		Doubles   uint64  `ch:"doubles"`
		FirstGaps [][]any `ch:"first_gaps"`
		DoubledIn [][]any `ch:"double_blocks"`
	}
	ctx := clickhouse.Named(r.t.Context(), "test: audit", map[string]string{"since": "0"})
	if err := d.CH.Select(ctx, &nodes, verify.AuditSQL); err != nil {
		r.t.Fatal(err)
	}
	if len(nodes) == 0 {
		r.t.Error("the audit knows of no node")
	}
	for _, n := range nodes {
		if n.First != 1 || n.Rows != n.Last || n.Gaps+n.Doubles+n.Explained != 0 {
			r.t.Errorf("the audit says %+v", n)
		}
	}
}

// verify runs `fairlead verify` and returns what it says in few words.
func (r *rig) verify() string {
	r.t.Helper()
	got := fairlead(r.t, r.args("verify")...)
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	last := lines[len(lines)-1]
	if got.code != 0 || last != "everything agrees with the facts" || !slices.ContainsFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "gaps 0 unexplained, 0 explained; doubles 0; differences 0")
	}) {
		r.t.Errorf("fairlead verify: exit %d\n%s%s", got.code, got.stdout, got.stderr)
		return "verify: NOT clean"
	}
	return "verify clean"
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fairlead/cmd/chaostest"
)

// reportPoints are the fail points that a report passes on its way to the disk and from there to ClickHouse.
var reportPoints = []failPoint{
	{"before append segment", fromStart, 300},
	{"after append segment", fromStart, 300},
	{"before sync segment", fromStart, 50},
	{"after sync segment", fromStart, 50},
	{"killed", fromStart, 1},
	{"insert", fromStart, 3},
	{"inserted 0", fromStart, 3},
	{"shipped", fromStart, 3},
	{"before sync cursors", fromStart, 3},
	{"after sync cursors", fromStart, 3},
	{"advanced", fromStart, 3},
}

// TestSIGKILLsOfTheRedirectorLoseNoSaleAndPayNoneTwice has merchants' servers report sales, each again and again until it is
// answered, while the redirector is killed over and over. Every sale is then in ClickHouse, is one however often it was
// reported, and counts once: the sum of what partners sold is that of the sales.
func TestSIGKILLsOfTheRedirectorLoseNoSaleAndPayNoneTwice(t *testing.T) {
	t.Parallel()
	rnd, seed := chaostest.Rand(t)
	r := newRig(t)
	key := answer[keyAnswer](t, r.args("key", "add", "--name", "shop", "--json")...)
	edge := r.redirector(r.config)
	edge.start()
	load := r.report("http://"+edge.flag("--listen"), key.Key, 16)
	load.until(200)
	edge.kill()

	kills := chaostest.Times(14, 100)
	reached := map[failPoint]bool{}
	for i := range kills {
		p := reportPoints[rnd.IntN(len(reportPoints))]
		if edge.env = nil; i%2 == 1 {
			edge.env = p.env(1 + rnd.IntN(p.within))
			reached[p] = true
		}
		edge.launch()
		if i%2 == 1 {
			edge.awaitDeath(t, p)
		} else {
			load.killAtRandom(rnd, edge)
		}
	}
	edge.env = nil
	edge.start()
	load.until(200)
	load.stop()
	edge.stop()

	d := r.open()
	sales := uint64(load.count())
	asked := func(query string) uint64 { t.Helper(); return count(t, d, query) }
	if got := asked("SELECT uniqExact(invoice) FROM fairlead.conversions"); got != sales || load.answered.Load() != load.next.Load() {
		t.Errorf("%d sales were reported, %d answered, and %d are in ClickHouse", load.next.Load(), sales, got)
	}
	if got := asked("SELECT max(toUInt64(substring(invoice, 4))) FROM fairlead.conversions"); got != sales {
		t.Errorf("sale %d of %d is in ClickHouse", got, sales)
	}
	if got := asked("SELECT count() FROM (SELECT invoice FROM fairlead.conversions GROUP BY invoice HAVING uniqExact(conversion_id, content) != 1)"); got != 0 {
		t.Errorf("%d sales are several things, or have several contents", got)
	}
	r.run("rebuild", "rollups")
	r.run("rebuild", "attributions")
	if got := asked("SELECT count() FROM fairlead.attributions FINAL WHERE kind = 'sale' AND state = 'counted'"); got != sales {
		t.Errorf("%d sales count, want %d", got, sales)
	}
	sum := sales * (sales + 1) / 2 // the n-th was over n
	if got := asked("SELECT toUInt64(sum(amount)) FROM fairlead.attributions FINAL WHERE kind = 'sale' AND state = 'counted' AND partner_id BETWEEN 1 AND 5"); got != sum {
		t.Errorf("partners sold %d, want %d", got, sum)
	}
	r.audit(d)
	reports := asked("SELECT count() FROM fairlead.conversions")
	chaostest.Report(t, "%d SIGKILLs of the redirector while sales were reported, %d at %d fail points: %s sales reported until answered, %s reports stored, 0 lost, each counted once, sums equal; %s; seed %d",
		kills, kills/2, len(reached), grouped(sales), grouped(reports), r.verify(), seed)
}

// reportLoad reports numbered sales over many connections until it is stopped. What was not answered is reported again, as
// a merchant's server does.
type reportLoad struct {
	t      testing.TB
	url    string
	key    string
	clicks []string // ids, one of each partner
	client *http.Client

	next     atomic.Int64 // the number reported last
	answered atomic.Int64
	stopped  atomic.Bool
	wg       sync.WaitGroup
}

// report starts a load on a redirector. Sale n is over n minor units, and of the customer of a click of partner n modulo
// their number.
func (r *rig) report(base, key string, connections int) *reportLoad {
	r.t.Helper()
	l := &reportLoad{t: r.t, url: base + "/track/sale", key: key, client: &http.Client{
		Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: connections},
	}}
	for _, p := range r.partners {
		to, err := url.Parse(location(r.t, base+"/"+p.Link.Slug))
		if err != nil || to.Query().Get("fl_click") == "" {
			r.t.Fatalf("the link of %s leads to %s, without a click id: %v", p.Name, to, err)
		}
		l.clicks = append(l.clicks, to.Query().Get("fl_click"))
	}
	for range connections {
		l.wg.Go(l.merchant)
	}
	r.t.Cleanup(l.stop)
	return l
}

// merchant reports sale after sale, each until it is answered. Once the load is stopped it gives up what nobody has
// answered for half a minute.
func (l *reportLoad) merchant() {
	for !l.stopped.Load() {
		n := l.next.Add(1)
		var end time.Time
		for {
			if err := l.sale(n); err == nil {
				l.answered.Add(1)
				break
			}
			if l.stopped.Load() && end.IsZero() {
				end = time.Now().Add(30 * time.Second)
			}
			if !end.IsZero() && time.Now().After(end) {
				return
			}
			time.Sleep(5 * time.Millisecond) // nobody is there
		}
	}
}

var errNotTaken = errors.New("not taken")

func (l *reportLoad) sale(n int64) error {
	of := n % int64(len(l.clicks))
	body := fmt.Sprintf(`{"customerExternalId":"customer-%d","amount":%d,"invoiceId":"in_%d","clickId":%q}`, of, n, n, l.clicks[of])
	req, err := http.NewRequest(http.MethodPost, l.url, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+l.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusOK:
		return nil
	case resp.StatusCode != http.StatusServiceUnavailable && resp.StatusCode != http.StatusUnauthorized || l.answered.Load() > 0 && resp.StatusCode == http.StatusUnauthorized:
		l.t.Errorf("sale %d was answered with %s %s", n, resp.Status, text) // no repeat differs, and the key is known from the first answer on
	}
	return errNotTaken
}

func (l *reportLoad) count() int { return int(l.answered.Load()) }

// until waits for so many more answers.
func (l *reportLoad) until(more int) {
	l.t.Helper()
	want := l.count() + more
	eventually(l.t, 2*time.Minute, fmt.Sprintf("%d more sales are answered", more), func() bool { return l.count() >= want })
}

// killAtRandom kills a redirector that was just started: after some time, however far it is, or after some answers.
func (l *reportLoad) killAtRandom(rnd *rand.Rand, edge *machine) {
	if rnd.IntN(2) == 0 {
		time.Sleep(time.Duration(rnd.IntN(1500)) * time.Millisecond)
	} else {
		l.until(1 + rnd.IntN(1000))
	}
	edge.kill()
}

// stop ends the load once every sale under way is answered. It can be called again.
func (l *reportLoad) stop() {
	l.stopped.Store(true)
	l.wg.Wait()
	l.client.CloseIdleConnections()
}

package dashboard

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"fairlead/cmd/stores/storestest"
	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
	"fairlead/schema/directory"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

const (
	password = "correct horse battery"
	shareURL = "https://go.shop.example"
)

// world is a dashboard over real stores, with two partners, an admin and known figures. Its clock stands
// still: Monday 23 November 2026, 14:07 in Toronto.
type world struct {
	t      testing.TB
	ch     storestest.ClickHouseStore
	rdb    storestest.RedisStore
	conn   driver.Conn
	client *redis.Client
	dir    *directory.Directory
	dash   *Dashboard
	url    string
	now    time.Time
	also   func(*Options) // what a test wants beside the usual; nil: nothing
	settled
}

// settled is what is made once and stays for every test of this binary. Who changes something of it puts
// it back, or takes a partner of their own.
type settled struct {
	zone     *time.Location
	hash     string // of the password
	ada, eve schema.Partner
	adaLinks []schema.Link                  // the personal one first
	adaDays  figures.Days                   // what stands in the rollups
	adaLink  map[schema.LinkID]figures.Days // the same by link; 0: what came by none
}

var base struct {
	sync.Mutex
	settled
}

// newWorld is on the stores that all tests share.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := open(t, storestest.ClickHouse(t), storestest.Redis(t))
	base.Lock()
	defer base.Unlock()
	if base.zone == nil {
		w.settle()
		base.settled = w.settled
	}
	w.settled = base.settled
	w.fresh()
	w.serve()
	return w
}

// open connects to stores in which nothing may be yet.
func open(t testing.TB, ch storestest.ClickHouseStore, rdb storestest.RedisStore) *world {
	t.Helper()
	w := &world{t: t, ch: ch, rdb: rdb}
	w.conn, w.client = w.ch.Conn(t), w.rdb.Client(t)
	zone, err := time.LoadLocation("America/Toronto")
	w.must(err)
	w.zone = zone
	w.now = time.Date(2026, 11, 23, 14, 7, 0, 0, zone)
	w.dir = directory.New(w.conn, w.client, directory.Options{
		Now: func() time.Time { return w.now }, Logger: slog.New(slog.DiscardHandler), LockLife: 2 * time.Second,
	})
	return w
}

// serve starts a dashboard.
func (w *world) serve() {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.url = "http://" + l.Addr().String()
	w.dash, err = New(w.options())
	w.must(err)
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: w.dash}}
	server.Start()
	w.t.Cleanup(server.Close)
}

// settle makes the program, its people and the figures.
func (w *world) settle() {
	w.t.Helper()
	ctx := w.t.Context()
	w.must(clickhouse.Apply(ctx, w.conn, clickhouse.Options{}))
	program := directory.DefaultProgram()
	program.Name, program.Zone = "Kestrel Outfitters", w.zone.String()
	_, err := w.dir.SeedProgram(ctx, program)
	w.must(err)
	_, err = w.dir.Heal(ctx)
	w.must(err)
	w.hash, err = directory.HashPassword(ctx, password)
	w.must(err)
	created := time.Date(2025, 3, 3, 12, 0, 0, 0, w.zone)
	var personal schema.Link
	w.ada, personal, err = w.dir.AddPartner(ctx, directory.CLI, directory.NewPartner{Name: "Ada Lovelace", Email: "ada@example.com", PasswordHash: w.hash, CreatedAt: created})
	w.must(err)
	w.eve = w.partner("Eve Secret", "eve@example.com")
	_, err = w.dir.SetPartnerStatus(ctx, directory.CLI, w.ada.ID, schema.PartnerActive, "test")
	w.must(err)
	_, err = w.dir.AddAdmin(ctx, directory.CLI, "team@example.com", w.hash)
	w.must(err)
	boots, err := w.dir.AddLink(ctx, directory.CLI, directory.NewLink{Partner: w.ada.ID, Slug: "ada-boots", To: "https://shop.example/boots?a=1&b=2", CreatedAt: created})
	w.must(err)
	w.adaLinks = []schema.Link{personal, boots}
	w.fill()
}

// partner adds an active partner who can log in.
func (w *world) partner(name, email string) schema.Partner {
	w.t.Helper()
	p, _, err := w.dir.AddPartner(w.t.Context(), directory.CLI, directory.NewPartner{Name: name, Email: email, PasswordHash: w.hash})
	w.must(err)
	return w.setStatus(p.ID, schema.PartnerActive)
}

func (w *world) setStatus(id schema.PartnerID, s schema.PartnerStatus) schema.Partner {
	w.t.Helper()
	p, err := w.dir.SetPartnerStatus(context.WithoutCancel(w.t.Context()), directory.CLI, id, s, "test")
	w.must(err)
	return p
}

// fresh forgets sessions and attempts, and sets the live counters and the rollup's clock.
func (w *world) fresh() {
	w.t.Helper()
	ctx := w.t.Context()
	for _, pattern := range []string{schema.DefaultKeys.Session() + "*", "rate:*", schema.DefaultKeys.Prefix + "{live*"} {
		keys, err := w.client.Keys(ctx, pattern).Result()
		w.must(err)
		if len(keys) > 0 {
			w.must(w.client.Del(ctx, keys...).Err())
		}
	}
	w.complete(time.Date(2026, 11, 23, 14, 5, 0, 0, w.zone))
	w.must(w.client.Set(ctx, schema.DefaultKeys.LiveComplete(), "epoch:"+w.zone.String(), 0).Err())
	w.liveClicks(w.ada.ID, 17)
}

func (w *world) options() Options {
	opt := Options{
		ClickHouse: w.conn, Redis: w.client, Directory: w.dir, PublicURL: w.url, RedirectorURL: shareURL,
		Now: func() time.Time { return w.now }, Logger: slog.New(slog.DiscardHandler),
	}
	if w.also != nil {
		w.also(&opt)
	}
	return opt
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// fill writes rollups for Ada from 5 May 2025 to today, as the aggregator would: days by link, their sums by
// partner, and the sums of these by month. A tenth of the clicks go to the second link, every second day it sells
// something, and every seventh day a coupon does. Every thirtieth day more is refunded than sold.
func (w *world) fill() {
	w.t.Helper()
	w.adaDays, w.adaLink = figures.Days{}, map[schema.LinkID]figures.Days{0: {}, w.adaLinks[0].ID: {}, w.adaLinks[1].ID: {}}
	links, err := w.conn.PrepareBatch(w.t.Context(), "INSERT INTO fairlead.link_days (partner_id, link_id, day, clicks, visitors, bots, prefetches, embedded, unknown_links, suspended, disabled, expired, token)")
	w.must(err)
	n := uint64(0)
	for day := schema.Day(20250505); day <= 20261123; day = period.Day(day, 1) {
		n++
		clicks, visitors := 100+n*7%90, 80+n*5%60
		personal := figures.Counts{
			Clicks: clicks - clicks/10, Visitors: visitors - visitors/10, Bots: n % 11, Prefetches: n % 3, Embedded: n % 2,
			Referred: n % 3, Sold: figures.Sold{{Currency: "USD", Sales: n % 4, Gross: int64(n%4*4900 + n*7), Refunds: n % 5 / 4, Refunded: int64(n % 5 / 4 * 1550)}},
		}
		personal.Rewards = figures.Rewards{{Currency: "USD", Paid: int64(n % 6 * 490), Pending: int64(n%4*245) - 100}}
		if n%30 == 0 {
			personal.Sold[0].Refunds, personal.Sold[0].Refunded = 1, 90_000
		}
		boots := figures.Counts{Clicks: clicks / 10, Visitors: visitors / 10}
		if n%2 == 0 {
			boots.Referred, boots.Sold = 1, figures.Sold{{Currency: "USD", Sales: 1, Gross: 2999}}
		}
		var none figures.Counts
		if n%7 == 0 {
			none = figures.Counts{Referred: 1, Review: 1, Held: 2, Sold: figures.Sold{{Currency: "USD", Sales: 1, Gross: 10_000}}}
		}
		w.adaDays[day] = personal.Plus(boots).Plus(none)
		w.adaLink[w.adaLinks[0].ID][day], w.adaLink[w.adaLinks[1].ID][day], w.adaLink[0][day] = personal, boots, none
		for i, part := range []figures.Counts{personal, boots} {
			w.must(links.Append(uint32(w.ada.ID), uint32(w.adaLinks[i].ID), day.Time(), part.Clicks, part.Visitors, part.Bots, part.Prefetches, part.Embedded,
				uint64(0), uint64(0), uint64(0), uint64(0), uint64(1)))
		}
	}
	w.must(links.Send())
	for link, days := range w.adaLink {
		w.sold(w.ada.ID, link, days)
	}
	sums := "sum(clicks), sum(visitors), sum(bots), sum(prefetches), sum(embedded), 0, 0, 0, 0, 1"
	w.must(w.conn.Exec(w.t.Context(), "INSERT INTO fairlead.partner_days SELECT partner_id, day, "+sums+" FROM fairlead.link_days GROUP BY partner_id, day"))
	w.must(w.conn.Exec(w.t.Context(), "INSERT INTO fairlead.partner_months SELECT partner_id, toStartOfMonth(day) AS month, "+sums+" FROM fairlead.partner_days GROUP BY partner_id, month"))
}

// sold writes what came of a link's clicks, a row for each currency.
func (w *world) sold(p schema.PartnerID, link schema.LinkID, days figures.Days) {
	w.t.Helper()
	rows, err := w.conn.PrepareBatch(w.t.Context(), "INSERT INTO fairlead.sale_days (partner_id, link_id, day, currency, referred, sales, gross, refunds, refunded, held, review, token)")
	w.must(err)
	for day, c := range days {
		for i, sum := range c.Sold {
			referred, held, review := c.Referred, c.Held, c.Review
			if i > 0 {
				referred, held, review = 0, 0, 0
			}
			w.must(rows.Append(uint32(p), uint32(link), day.Time(), sum.Currency, referred, sum.Sales, sum.Gross, sum.Refunds, sum.Refunded, held, review, uint64(1)))
		}
	}
	w.must(rows.Send())
	w.earned(p, link, days)
}

// earned writes what a link earned: of what is pending more is held than there is, and the rest was taken back.
func (w *world) earned(p schema.PartnerID, link schema.LinkID, days figures.Days) {
	w.t.Helper()
	rows, err := w.conn.PrepareBatch(w.t.Context(), "INSERT INTO fairlead.reward_days (partner_id, link_id, day, currency, paid, holding, payable, processing, review, rewards, token)")
	w.must(err)
	for day, c := range days {
		for _, r := range c.Rewards {
			w.must(rows.Append(uint32(p), uint32(link), day.Time(), r.Currency, r.Paid, r.Pending+700, int64(-1000), int64(200), int64(100), uint64(1), uint64(1)))
		}
	}
	w.must(rows.Send())
}

// booked writes rows of the ledger of one reward: amounts that go from one account to another, held until a moment.
func (w *world) booked(p schema.PartnerID, reward, currency string, due time.Time, moves ...move) {
	w.t.Helper()
	id := schema.NewRewardID(p, schema.CauseAdded, reward, currency)
	for i, m := range moves {
		t := schema.Transfer{Reward: id, Kind: schema.CauseAdded, Cause: reward}
		t.Identify(i)
		w.must(w.conn.Exec(w.t.Context(), `INSERT INTO fairlead.ledger (id, at, due_at, partner_id, reward_id, debit, credit, amount, currency, kind, cause, token)
			VALUES (unhex(?), fromUnixTimestamp64Milli(?), fromUnixTimestamp64Milli(?), ?, unhex(?), ?, ?, ?, ?, 'added', ?, ?)`,
			t.ID.String(), w.now.UnixMilli(), due.UnixMilli(), uint32(p), id.String(), string(m.from), string(m.to), m.amount, currency, reward, uint64(i+1)))
	}
}

// move is a row of the ledger.
type move struct {
	from, to schema.Account
	amount   int64
}

// complete sets up to when the figures hold everything.
func (w *world) complete(at time.Time) {
	w.t.Helper()
	w.must(w.client.HSet(w.t.Context(), schema.DefaultKeys.Rollup(), schema.RollupCompleteTo, at.UnixMilli(), schema.SalesCompleteTo, at.UnixMilli()).Err())
}

// liveClicks adds to a partner's live number of today.
func (w *world) liveClicks(p schema.PartnerID, n int64) {
	w.t.Helper()
	key := schema.DefaultKeys.Live(schema.LiveShard(p))
	w.must(w.client.HIncrBy(w.t.Context(), key, schema.LiveClicks(p, 20261123), n).Err())
}

// visitor is a browser without a script: it keeps cookies and follows no redirects.
type visitor struct {
	w    *world
	http *http.Client
}

func (w *world) visitor() *visitor {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	w.must(err)
	transport := &http.Transport{}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &visitor{w: w, http: &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// loggedIn is a visitor with a session.
func (w *world) loggedIn(email string) *visitor {
	w.t.Helper()
	v := w.visitor()
	if res := v.login(email, password); res.status != http.StatusSeeOther {
		w.t.Fatalf("log in as %s: %d\n%s", email, res.status, res.body)
	}
	return v
}

// answer is what came back.
type answer struct {
	status int
	body   string
	header http.Header
}

func (v *visitor) do(method, path string, form url.Values, header ...string) answer {
	v.w.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(v.w.t.Context(), method, v.w.url+path, body)
	v.w.must(err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := v.http.Do(req)
	v.w.must(err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	v.w.must(err)
	return answer{status: res.StatusCode, body: string(got), header: res.Header}
}

func (v *visitor) get(path string) answer {
	v.w.t.Helper()
	return v.do("GET", path, nil)
}

func (v *visitor) login(email, password string) answer {
	v.w.t.Helper()
	return v.do("POST", "/login", url.Values{"email": {email}, "password": {password}})
}

// token is the value of the session cookie.
func (v *visitor) token() string {
	u, err := url.Parse(v.w.url)
	v.w.must(err)
	for _, c := range v.http.Jar.Cookies(u) {
		if c.Name == "fairlead" {
			return c.Value
		}
	}
	return ""
}

// wants reports what is missing in an answer.
func (a answer) wants(t testing.TB, what string, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: status %d, want %d\n%s", what, a.status, status, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("%s: %q is missing in\n%s", what, text, a.body)
		}
	}
}

// noLeaks fails a test whose goroutines outlive it.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// count writes a number as pages do.
func count(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// usd writes an amount in cents as pages do, computed apart from the product's code.
func usd(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "−", -cents
	}
	return fmt.Sprintf("%s%s.%02d", sign, count(uint64(cents/100)), cents%100)
}

// Package courier tells merchants and partners what was decided: notices to webhooks and to partners' trackers.
//
// # What is promised
//
// What has to be told follows from the decisions in attributions and from what was told before, both of which stand in
// ClickHouse, never from memory. A notice is delivered at least once, with the same event id and the same body every time: an
// answer that got lost, or a crash between the answer and the log, leads to another delivery. The order is not promised.
// Every attempt stands in the log, deliveries. What is not taken is tried again over three days with growing pauses; then it is
// given up, and an endpoint that took nothing in all that time, was tried throughout and was not changed is disabled, loudly.
//
// Of each lead, sale, refund and restoring an audience, the merchant or a partner, knows one thing at a time: that it counts,
// for whom, and how much it is. A run compares that with the decision and tells the difference: created, updated,
// withdrawn. So a decision that changes is told, one that changes and changes back before anybody looked is not, and a decision that is
// only made anew is not told again. A partner hears of what is theirs, and that it is not theirs any more.
//
// Nobody is told of what was reported before their endpoint was there, nor of imports.
//
// # How one does not hold up the others
//
// Endpoints are visited side by side, a few deliveries to each at once. One that fails several times in a row is left alone for
// a while. Package outside says where messages may go and bounds each.
package courier

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/lock"
	"fairlead/aggregator/outside"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Endpoints knows who is to be told; directory.Directory does.
type Endpoints interface {
	Webhooks(ctx context.Context) ([]schema.Webhook, error)
	Postbacks(ctx context.Context, partners []schema.PartnerID) ([]schema.Postback, error)
	LinksByID(ctx context.Context, ids []schema.LinkID) ([]schema.Link, error)
	DisableEndpoint(ctx context.Context, kind schema.Kind, id uint32, reason string) error
}

// Sender sends a message; outside.Client does. It is used by many goroutines at once.
type Sender interface {
	Send(ctx context.Context, m outside.Message) (outside.Answer, error)
}

// Options are what a Courier works with.
type Options struct {
	ClickHouse driver.Conn
	Redis      redis.UniversalClient
	Keys       schema.Keys
	Endpoints  Endpoints
	Sender     Sender
	Logger     *slog.Logger
	Metrics    *metrics.Set     // nil: nothing is counted
	Now        func() time.Time // time.Now when nil
	LockLife   time.Duration    // after which a dead run's lock expires; 30 s when 0
	Look       time.Duration    // how often a run that has something under way looks for more; 1 s when 0
	Turn       time.Duration    // after which a run begins nothing new, so that others get their turn; 5 min when 0
}

// Courier delivers. It is safe for concurrent use: of two runs at once one skips.
type Courier struct {
	opt Options

	mu      sync.Mutex
	resting map[place]time.Time // endpoints that failed several times in a row, and until when they are left alone; guarded by mu

	// step, when set by a test, is called after each step of a run; an error ends the run there as a crash would.
	step func(name string) error
}

// New returns a Courier.
func New(opt Options) *Courier {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.LockLife == 0 {
		opt.LockLife = 30 * time.Second
	}
	if opt.Look == 0 {
		opt.Look = time.Second
	}
	if opt.Turn == 0 {
		opt.Turn = 5 * time.Minute
	}
	if opt.Metrics != nil { // all that there will be, from the start
		for _, word := range []string{webhookWord, postbackWord} {
			opt.Metrics.GetOrCreateCounter(disabledMetric(word))
			for _, outcome := range []string{stateDelivered, stateRetry, stateFailed, stateSkipped} {
				opt.Metrics.GetOrCreateCounter(deliveriesMetric(word, outcome))
			}
		}
		opt.Metrics.GetOrCreateGauge(openMetric, nil)
	}
	return &Courier{opt: opt, resting: map[place]time.Time{}}
}

// openMetric is how many deliveries had not ended when the last run began.
const openMetric = "fairlead_deliveries_open"

// deliveriesMetric counts attempts by what came of them.
func deliveriesMetric(endpoint, outcome string) string {
	return fmt.Sprintf(`fairlead_deliveries_total{endpoint=%q,outcome=%q}`, endpoint, outcome)
}

// disabledMetric counts endpoints that were disabled because they took nothing.
func disabledMetric(endpoint string) string {
	return fmt.Sprintf(`fairlead_endpoints_disabled_total{endpoint=%q}`, endpoint)
}

// Report says what a run did.
type Report struct {
	Skipped   bool          `json:"skipped,omitempty"` // another run was at work
	Notices   int           `json:"notices"`           // that were found
	Delivered int           `json:"delivered"`
	Retry     int           `json:"retry"`    // attempts that will be repeated
	Failed    int           `json:"failed"`   // deliveries that were given up
	Dropped   int           `json:"dropped"`  // not sent, because the endpoint is disabled or removed
	Disabled  int           `json:"disabled"` // endpoints, because they took nothing for days
	Open      uint64        `json:"open"`     // deliveries that had not ended when the run began
	Took      time.Duration `json:"took_ns"`
}

// place is where a notice is delivered to: a kind of endpoint and its number.
type place struct {
	kind schema.Kind // KindWebhook or KindPostback
	id   uint32
}

// Run finds what has to be told and delivers what is due. It does nothing, and says so, while another run is at work.
func (c *Courier) Run(ctx context.Context) (report Report, err error) {
	began := time.Now()
	held, err := lock.Do(ctx, c.opt.Redis, c.opt.Keys, "deliver", c.opt.LockLife, func(l *lock.Lock) error {
		r := c.newRun(l)
		defer func() { report = r.report }()
		return r.work()
	})
	if err != nil {
		err = fmt.Errorf("deliver: %w", err)
	}
	if !held {
		return Report{Skipped: err == nil}, err
	}
	report.Took = time.Since(began)
	return report, err
}

// run is one run under the lock.
type run struct {
	Options
	c    *Courier
	ctx  context.Context // ends when the lock is lost
	lock *lock.Lock

	state  state
	hooks  []schema.Webhook // as they were when this run last looked
	report Report

	slots   chan struct{} // as many as there are sends at once
	flying  map[place]int // deliveries that a visit took up
	out     chan attempt
	done    chan visited
	visits  sync.WaitGroup
	unsaved []attempt
}

func (c *Courier) newRun(l *lock.Lock) *run {
	return &run{
		Options: c.opt, c: c, ctx: l.Context(), lock: l,
		slots: make(chan struct{}, mostAtOnce), flying: map[place]int{}, out: make(chan attempt), done: make(chan visited),
	}
}

// state is where the telling stands: the last row of notice_state.
type state struct {
	Token uint64    // of the run that wrote it
	To    uint64    // decisions with a token up to this have been looked at
	Since time.Time // every delivery that was queued before has ended
	Tried time.Time // every delivery that was queued before has been tried, at least once
}

// work is the run.
func (r *run) work() error {
	if err := r.begin(); err != nil {
		return err
	}
	if err := r.notice(); err != nil {
		return err
	}
	return r.deliver()
}

// begin reads where the telling stands, and moves the bound of the search for open deliveries.
func (r *run) begin() error {
	err := r.ClickHouse.QueryRow(r.named("state", nil),
		"SELECT max(token), max(noticed_to), max(open_since), max(untried_since) FROM fairlead.notice_state").
		Scan(&r.state.Token, &r.state.To, &r.state.Since, &r.state.Tried)
	if err != nil {
		return fmt.Errorf("read where the telling stands: %w", err)
	}
	for _, bound := range []*time.Time{&r.state.Since, &r.state.Tried} {
		if latest := r.Now().Add(-margin); bound.After(latest) { // a clock was wrong
			*bound = latest
		}
	}
	var highest uint64
	err = r.ClickHouse.QueryRow(r.named("newest token", map[string]string{"done": fmt.Sprint(r.state.Token)}),
		`SELECT greatest({done:UInt64}, (SELECT max(token) FROM fairlead.notices WHERE token > {done:UInt64}), (SELECT max(token) FROM fairlead.deliveries WHERE token > {done:UInt64}))`).
		Scan(&highest)
	if err != nil {
		return fmt.Errorf("read the newest token: %w", err)
	}
	if err := r.lock.Exceed(highest); err != nil {
		return err
	}
	return r.narrow()
}

// margin is by how much clocks of those who queue deliveries may differ.
const margin = time.Hour

// narrow counts the deliveries that have not ended, and moves the bounds of the search for them when that saves an hour.
func (r *run) narrow() error {
	var untried uint64
	var oldest, oldestUntried time.Time
	if err := r.ClickHouse.QueryRow(r.named("open deliveries", r.bounds()), openSQL).Scan(&r.report.Open, &oldest, &untried, &oldestUntried); err != nil {
		return fmt.Errorf("look for open deliveries: %w", err)
	}
	if r.Metrics != nil {
		r.Metrics.GetOrCreateGauge(openMetric, nil).Set(float64(r.report.Open))
	}
	now := r.state
	now.Since, now.Tried = r.Now().Add(-margin), r.Now().Add(-margin)
	if r.report.Open > 0 && oldest.Before(now.Since) {
		now.Since = oldest
	}
	if untried > 0 && oldestUntried.Before(now.Tried) {
		now.Tried = oldestUntried
	}
	if now.Since.Sub(r.state.Since) < margin && now.Tried.Sub(r.state.Tried) < margin {
		return nil
	}
	return r.save(now)
}

// bounds are the values of the questions for deliveries that have not ended.
func (r *run) bounds() map[string]string {
	return map[string]string{"since": clickhouse.Instant(r.state.Since), "untried": clickhouse.Instant(r.state.Tried)}
}

// save records where the telling stands.
func (r *run) save(now state) error {
	if err := r.lock.Check(); err != nil {
		return err
	}
	now.Token = r.lock.Token()
	err := r.ClickHouse.Exec(r.named("state", nil), "INSERT INTO fairlead.notice_state (token, noticed_to, open_since, untried_since) VALUES (?, ?, fromUnixTimestamp64Milli(?), fromUnixTimestamp64Milli(?))",
		now.Token, now.To, now.Since.UnixMilli(), now.Tried.UnixMilli())
	if err != nil {
		return fmt.Errorf("record where the telling stands: %w", err)
	}
	r.state = now
	return r.after("state")
}

// named returns the context of a question.
func (r *run) named(purpose string, values map[string]string) context.Context {
	return clickhouse.Named(r.ctx, "deliver: "+purpose, values)
}

// after marks the end of a step, where a test may pull the plug.
func (r *run) after(step string) error {
	if r.c.step == nil {
		return nil
	}
	return r.c.step(step)
}

// read reads the rows of a question into values whose fields it scans.
func read[T any](ctx context.Context, conn driver.Conn, sql string, fields func(*T) []any) ([]T, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var v T
		if err := rows.Scan(fields(&v)...); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// count adds to a counter.
func (r *run) count(name string) {
	if r.Metrics != nil {
		r.Metrics.GetOrCreateCounter(name).Inc()
	}
}

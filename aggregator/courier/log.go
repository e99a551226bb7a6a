package courier

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/log.sql
	logSQL string
	//go:embed queries/untaken.sql
	untakenSQL string
)

// Attempt is an entry of the log: a message that was sent, or why it was not, or that a person asked for it again.
type Attempt struct {
	Event       string            `json:"event_id" ch:"event_id"`
	Type        schema.NoticeType `json:"type" ch:"-"`
	Endpoint    string            `json:"endpoint" ch:"kind"` // "webhook" or "postback"
	ID          uint32            `json:"endpoint_id" ch:"endpoint_id"`
	QueuedAt    time.Time         `json:"queued_at" ch:"queued_at"`
	Number      uint32            `json:"attempt" ch:"attempt"` // 0: it was asked for again
	AttemptedAt time.Time         `json:"attempted_at" ch:"attempted_at"`
	State       string            `json:"state" ch:"outcome"`
	Status      uint16            `json:"status,omitempty" ch:"status"`
	Reason      string            `json:"reason,omitempty" ch:"reason"`
	Error       string            `json:"error,omitempty" ch:"error"`
	Answer      string            `json:"answer,omitempty" ch:"answer"`
	TookMS      uint32            `json:"took_ms" ch:"took"`
	NextAt      time.Time         `json:"next_at,omitzero" ch:"next_at"`
	Actor       string            `json:"actor,omitempty" ch:"actor"`
}

// Filter is which entries of the log are wanted.
type Filter struct {
	Kind     schema.Kind // KindWebhook or KindPostback
	ID       uint32      // of the endpoint; 0: all of the kind
	Event    string      // empty: all
	Since    time.Time   // queued since then
	Troubled bool        // only what was not taken
	Limit    int
}

// Log returns entries of the log, the latest first.
func Log(ctx context.Context, conn driver.Conn, f Filter) ([]Attempt, error) {
	var out []Attempt
	values := map[string]string{
		"since": clickhouse.Instant(f.Since), "kind": place{kind: f.Kind}.word(), "id": strconv.FormatUint(uint64(f.ID), 10), "event": f.Event,
		"troubled": strconv.FormatBool(f.Troubled), "limit": strconv.Itoa(f.Limit),
	}
	if err := conn.Select(clickhouse.Named(ctx, "delivery log", values), &out, logSQL); err != nil {
		return nil, fmt.Errorf("read the delivery log: %w", err)
	}
	var events []string
	for i, a := range out {
		events = append(events, a.Event)
		if a.NextAt.Unix() <= 0 {
			out[i].NextAt = time.Time{}
		}
	}
	known, err := notices(ctx, conn, events)
	if err != nil {
		return nil, err
	}
	for i, a := range out {
		out[i].Type = known[a.Event].Type
	}
	return out, nil
}

// notices reads notices by their event ids.
func notices(ctx context.Context, conn driver.Conn, events []string) (map[string]notice, error) {
	quoted := make([]string, len(events))
	for i, e := range events {
		quoted[i] = clickhouse.Quote(e)
	}
	slices.Sort(quoted)
	ctx = clickhouse.Named(ctx, "deliver: notices", map[string]string{"events": "[" + strings.Join(slices.Compact(quoted), ",") + "]"})
	all, err := read(ctx, conn, noticesSQL, (*notice).fields)
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	out := make(map[string]notice, len(all))
	for _, n := range all {
		out[n.Event] = n
	}
	return out, nil
}

// ErrNoNotice says that there is no notice of that event id for the endpoint.
var ErrNoNotice = errors.New("there is no notice with this event id for this endpoint")

// Redeliver asks for a notice to be delivered to an endpoint once more, with the same event id, whatever came of it before. The
// error may be ErrNoNotice.
func Redeliver(ctx context.Context, conn driver.Conn, kind schema.Kind, id uint32, event, actor string, now time.Time) error {
	found, err := notices(ctx, conn, []string{event})
	if err != nil {
		return err
	}
	audience := uint32(0)
	if kind == schema.KindPostback {
		audience = id
	}
	if n, ok := found[event]; !ok || n.Audience != audience {
		return fmt.Errorf("%s: %w", event, ErrNoNotice)
	}
	return ask(ctx, conn, place{kind, id}, []string{event}, actor, now)
}

// RedeliverUntaken asks for everything once more that was queued for an endpoint since a moment and was given up or not sent. It
// answers how many notices those are.
func RedeliverUntaken(ctx context.Context, conn driver.Conn, kind schema.Kind, id uint32, since time.Time, actor string, now time.Time) (int, error) {
	p := place{kind, id}
	var found []struct {
		Event string `ch:"event_id"`
	}
	values := map[string]string{"since": clickhouse.Instant(since), "kind": p.word(), "id": strconv.FormatUint(uint64(id), 10)}
	if err := conn.Select(clickhouse.Named(ctx, "deliver: what was not taken", values), &found, untakenSQL); err != nil {
		return 0, fmt.Errorf("look for what was not delivered: %w", err)
	}
	if len(found) == 0 {
		return 0, nil
	}
	events := make([]string, len(found))
	for i, f := range found {
		events[i] = f.Event
	}
	return len(events), ask(ctx, conn, p, events, actor, now)
}

// ask queues deliveries.
func ask(ctx context.Context, conn driver.Conn, p place, events []string, actor string, now time.Time) error {
	now = now.UTC().Truncate(time.Millisecond)
	list := make([]attempt, len(events))
	for i, event := range events {
		list[i] = attempt{delivery: delivery{Endpoint: p.word(), ID: p.id, Event: event, QueuedAt: now}, at: now, state: stateAsked, nextAt: now}
	}
	return writeLog(ctx, conn, list, 0, actor)
}

// writeLog adds attempts to the log, which names who asked for them.
func writeLog(ctx context.Context, conn driver.Conn, list []attempt, token uint64, actor string) error {
	batch, err := conn.PrepareBatch(clickhouse.Named(ctx, "deliver: log", nil), `INSERT INTO fairlead.deliveries
		(event_id, endpoint, endpoint_id, queued_at, attempt, attempted_at, state, status, reason, error, answer, took, next_at, token, actor)`)
	if err != nil {
		return fmt.Errorf("write %d attempts into the delivery log: %w", len(list), err)
	}
	defer batch.Close()
	for _, a := range list {
		err := batch.Append(a.Event, a.Endpoint, a.ID, a.QueuedAt, a.number, a.at.UTC(), a.state, uint16(a.status), a.reason, a.err, a.answer,
			uint32(min(a.took, time.Hour).Milliseconds()), a.nextAt.UTC(), token, actor)
		if err != nil {
			return fmt.Errorf("write attempt %d at %s into the delivery log: %w", a.number, a.Event, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("write %d attempts into the delivery log: %w", len(list), err)
	}
	return nil
}

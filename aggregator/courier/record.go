package courier

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"fairlead/schema/clickhouse"
)

//go:embed queries/took.sql
var tookSQL string

// record writes attempts into the log, and disables endpoints that took nothing for as long as a delivery is tried.
func (r *run) record(ctx context.Context) error {
	if len(r.unsaved) == 0 {
		return nil
	}
	if err := r.after("sent"); err != nil {
		return err
	}
	if err := writeLog(ctx, r.ClickHouse, r.unsaved, r.lock.Token(), ""); err != nil {
		return err
	}
	list := r.unsaved
	r.unsaved = nil
	failed := map[place]attempt{}
	for _, a := range list {
		r.count(deliveriesMetric(a.Endpoint, a.state))
		switch a.state {
		case stateDelivered:
			r.report.Delivered++
		case stateRetry:
			r.report.Retry++
		case stateFailed:
			r.report.Failed++
			failed[a.place()] = a
		case stateSkipped:
			r.report.Dropped++
		}
	}
	if err := r.after("logged"); err != nil {
		return err
	}
	for p, a := range failed {
		if err := r.giveUp(ctx, p, a); err != nil {
			return err
		}
	}
	return nil
}

// An endpoint that is disabled was tried in this many of the quarters of TryFor: in the others, nobody tried.
const leastQuarters = 3

// giveUp disables the endpoint of a delivery that was given up, if it was tried over all of TryFor as it stands, and nothing
// was delivered there since the delivery's first attempt.
func (r *run) giveUp(ctx context.Context, p place, a attempt) error {
	first := a.FirstAt
	if a.Attempts == 0 {
		first = a.at
	}
	since := a.at.Add(-TryFor)
	question := clickhouse.Named(ctx, "deliver: what an endpoint took", map[string]string{
		"kind": string(p.kind), "endpoint": p.word(), "id": strconv.FormatUint(uint64(p.id), 10), "first": clickhouse.Instant(first), "since": clickhouse.Instant(since),
		"quarter": strconv.FormatInt((TryFor / 4).Milliseconds(), 10),
	})
	var taken, quarters uint64
	var changed time.Time
	if err := r.ClickHouse.QueryRow(question, tookSQL).Scan(&taken, &quarters, &changed); err != nil {
		return fmt.Errorf("ask whether %s %d took anything: %w", p.word(), p.id, err)
	}
	if taken > 0 || quarters < leastQuarters || changed.After(since) {
		return nil
	}
	reason := fmt.Sprintf("Nothing could be delivered since %s; the last attempt: %s.", first.UTC().Format("2006-01-02 15:04 UTC"), a.err)
	if err := r.Endpoints.DisableEndpoint(ctx, p.kind, p.id, reason); err != nil {
		return fmt.Errorf("disable %s %d: %w", p.word(), p.id, err)
	}
	r.report.Disabled++
	r.count(disabledMetric(p.word()))
	r.Logger.Error("an endpoint took nothing for three days and is disabled; what is to be delivered there is not sent until it is enabled again",
		"endpoint", p.word(), "id", p.id, "since", first.UTC(), "err", a.err)
	return r.after("disabled")
}

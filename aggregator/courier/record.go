package courier

import (
	"context"
	"fmt"
	"strconv"

	"fairlead/schema/clickhouse"
)

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

// giveUp disables the endpoint of a delivery that was given up, if nothing was delivered there since its first attempt.
func (r *run) giveUp(ctx context.Context, p place, a attempt) error {
	var taken uint64
	first := a.FirstAt
	if a.Attempts == 0 {
		first = a.at
	}
	err := r.ClickHouse.QueryRow(clickhouse.Named(ctx, "deliver: what an endpoint took", map[string]string{
		"endpoint": p.word(), "id": strconv.FormatUint(uint64(p.id), 10), "since": clickhouse.Instant(first), "from": clickhouse.Instant(first.Add(-2 * TryFor)),
	}), `SELECT count() FROM fairlead.deliveries
		WHERE queued_at >= {from:DateTime64(3, 'UTC')} AND toString(endpoint) = {endpoint:String} AND endpoint_id = {id:UInt32} AND state = 'delivered' AND attempted_at >= {since:DateTime64(3, 'UTC')}`).
		Scan(&taken)
	if err != nil {
		return fmt.Errorf("ask whether %s %d took anything: %w", p.word(), p.id, err)
	}
	if taken > 0 {
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

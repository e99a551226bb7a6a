package rewarddays

import (
	_ "embed"
	"fmt"
	"strconv"

	"fairlead/schema"
)

//go:embed queries/marks.sql
var marksSQL string

// mark is up to where the figures contain what one job wrote into the ledger.
type mark struct {
	Token uint64 // the highest
	Rows  uint64 // that carry it
}

// marks are how much of the ledger, and of the attributions, the figures contain.
type marks struct {
	Booked       mark   // by the job of rewards
	Paid         mark   // by that of payouts
	Attributions uint64 // token of the last run that finished
}

// state is where the figures stand: the last row of reward_day_state.
type state struct {
	Token uint64 // of the last run that finished; 0: there was none
	marks
}

// readState reads the state, and the highest token that stands anywhere.
func (r *run) readState() (highest uint64, err error) {
	s := &r.state
	err = r.ClickHouse.QueryRow(r.named("state", nil), `SELECT max(token), argMax(booked, token), argMax(booked_rows, token), argMax(paid, token), argMax(paid_rows, token), argMax(attributions, token)
FROM fairlead.reward_day_state`).Scan(&s.Token, &s.Booked.Token, &s.Booked.Rows, &s.Paid.Token, &s.Paid.Rows, &s.Attributions)
	if err != nil {
		return 0, fmt.Errorf("read where the days of rewards stand: %w", err)
	}
	if err := r.ClickHouse.QueryRow(r.named("newest token", nil), "SELECT max(token) FROM fairlead.reward_months").Scan(&highest); err != nil {
		return 0, fmt.Errorf("read the newest token: %w", err)
	}
	return max(highest, s.Token), nil
}

// marks asks how much there is, and from which tokens on it is new: from that of the state itself where other rows carry it
// than the figures contain. What lands while a run is at work is beyond the marks: the next run finds it.
func (r *run) marks() (now marks, err error) {
	err = r.ClickHouse.QueryRow(r.named("last attribution", nil), "SELECT max(token) FROM fairlead.attribution_state").Scan(&now.Attributions)
	if err != nil {
		return now, fmt.Errorf("ask for the last run of attribution: %w", err)
	}
	ctx := r.named("marks of the ledger", map[string]string{
		"booked": strconv.FormatUint(r.state.Booked.Token, 10),
		"paid":   strconv.FormatUint(r.state.Paid.Token, 10),
	})
	var booked, paid uint64 // rows that carry the state's tokens
	if err := r.ClickHouse.QueryRow(ctx, marksSQL).Scan(&now.Booked.Token, &now.Booked.Rows, &booked, &now.Paid.Token, &now.Paid.Rows, &paid); err != nil {
		return now, fmt.Errorf("ask up to where the ledger goes: %w", err)
	}
	r.since = marks{Booked: r.state.Booked.since(booked), Paid: r.state.Paid.since(paid), Attributions: r.state.Attributions}
	return now, nil
}

// since is from which token on rows are new, if so many carry the mark's.
func (m mark) since(rows uint64) mark {
	if rows != m.Rows {
		return mark{Token: m.Token}
	}
	return mark{Token: m.Token + 1}
}

// finish records what the figures now contain.
func (r *run) finish(now marks) error {
	if len(r.report.Months) > 0 {
		r.report.Generation = r.lock.Token()
	} else if now == r.state.marks {
		return nil
	}
	if err := r.lock.Check(); err != nil {
		return err
	}
	err := r.ClickHouse.Exec(r.named("done", nil), "INSERT INTO fairlead.reward_day_state (token, booked, booked_rows, paid, paid_rows, attributions) VALUES (?, ?, ?, ?, ?, ?)",
		r.lock.Token(), now.Booked.Token, now.Booked.Rows, now.Paid.Token, now.Paid.Rows, now.Attributions)
	if err != nil {
		return fmt.Errorf("record where the days of rewards stand: %w", err)
	}
	return r.after("state")
}

// publish tells the readers of Redis which figures stand now.
func (r *run) publish() error {
	if err := r.lock.Check(); err != nil {
		return err
	}
	if err := r.Redis.HSet(r.ctx, r.Keys.Rollup(), schema.RewardsGeneration, r.report.Generation).Err(); err != nil {
		return fmt.Errorf("tell Redis which figures stand: %w", err)
	}
	return r.after("publish")
}

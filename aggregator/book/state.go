package book

import (
	"fmt"
	"strconv"
	"time"

	"fairlead/aggregator/ledger"
	"fairlead/aggregator/payout"
	"fairlead/schema"
)

// state is where booking stands: the last row of reward_state.
type state struct {
	Token        uint64       // of the last run that finished
	AttributedTo uint64       // of attributions that are taken account of
	Version      uint64       // of directory_log, likewise
	DueTo        time.Time    // holds that ended until then are released
	Freed        ledger.Freed // what payouts gave back that was looked at
}

// stateAge is after what time a state is recorded anew though nothing was found: whoever waits for it waits no longer.
const stateAge = time.Hour

// readState reads the state, the token of attribution's last run, and the highest token of this job that stands anywhere.
func (r *run) readState() (highest uint64, err error) {
	err = r.ClickHouse.QueryRow(r.named("state", nil),
		"SELECT max(token), argMax(attributed_to, token), argMax(directory_version, token), argMax(due_to, token), argMax(freed, token), argMax(freed_rows, token) FROM fairlead.reward_state").
		Scan(&r.state.Token, &r.state.AttributedTo, &r.state.Version, &r.state.DueTo, &r.state.Freed.Token, &r.state.Freed.Rows)
	if err != nil {
		return 0, fmt.Errorf("read where the booking of rewards stands: %w", err)
	}
	err = r.ClickHouse.QueryRow(r.named("newest token", map[string]string{"done": strconv.FormatUint(r.state.Token, 10)}),
		`SELECT greatest({done:UInt64}, (SELECT max(token) FROM fairlead.ledger WHERE token > {done:UInt64} AND kind != 'payout'),
			(SELECT max(token) FROM fairlead.reward_holds WHERE token > {done:UInt64}))`).Scan(&highest)
	if err != nil {
		return 0, fmt.Errorf("read the newest token of the ledger: %w", err)
	}
	return highest, nil
}

// current answers the state to be recorded when everything that there is by now is booked. It is asked for before anything
// is read that it tells of.
func (r *run) current() (state, error) {
	now := state{DueTo: r.now.UTC().Truncate(time.Millisecond)}
	err := r.ClickHouse.QueryRow(r.named("what there is", nil),
		"SELECT (SELECT max(token) FROM fairlead.attribution_state), (SELECT max(version) FROM fairlead.directory_log)").Scan(&now.AttributedTo, &now.Version)
	if err != nil {
		return now, fmt.Errorf("ask up to where conversions are attributed: %w", err)
	}
	if now.Freed, r.freed, err = r.ledger.Freed(r.ctx, r.state.Freed); err != nil {
		return now, err
	}
	r.to = now.AttributedTo
	r.inputs = newInputs(r)
	return now, nil
}

// finish books what is left and records the state, if anything was new, the clock was set back, or somebody may wait for it.
func (r *run) finish(now state, found bool) error {
	if err := r.flush(); err != nil {
		return err
	}
	if !found && now.AttributedTo == r.state.AttributedTo && now.Version == r.state.Version && now.Freed == r.state.Freed {
		if awaited, err := r.awaited(now); err != nil || !awaited {
			return err
		}
	}
	if err := r.lock.Check(); err != nil {
		return err
	}
	err := r.ClickHouse.Exec(r.named("done", nil), `INSERT INTO fairlead.reward_state (token, attributed_to, directory_version, due_to, freed, freed_rows)
		VALUES (?, ?, ?, fromUnixTimestamp64Milli(?), ?, ?)`, r.lock.Token(), now.AttributedTo, now.Version, now.DueTo.UnixMilli(), now.Freed.Token, now.Freed.Rows)
	if err != nil {
		return fmt.Errorf("record where the booking of rewards stands: %w", err)
	}
	return r.after("state")
}

// awaited reports whether the time by itself is reason to record the state: it was set back, so much of it went by, or payouts
// are to be drafted of what was due by a moment that the recorded state does not reach.
func (r *run) awaited(now state) (bool, error) {
	if age := now.DueTo.Sub(r.state.DueTo); age < 0 || age >= stateAge {
		return true, nil
	}
	cut := false
	err := entriesOf(r, schema.KindProgram, func(p schema.Program) error {
		cut = r.state.DueTo.Before(payout.CutOff(p, now.DueTo))
		return nil
	})
	return cut, err
}

package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/lock"
	"fairlead/schema"
)

// status reads what a job did last, whichever process ran it; zero when it never ran.
func (a *Aggregator) status(ctx context.Context, name string) (s schema.JobStatus, err error) {
	text, err := a.opt.Redis.HGet(ctx, a.opt.Keys.Jobs(), name).Bytes()
	if errors.Is(err, redis.Nil) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read the status of job %s: %w", name, err)
	}
	// What cannot be read was not written by any version of this program, and is replaced by the next run.
	_ = json.Unmarshal(text, &s)
	return s, nil
}

// askTime bounds how long the clock waits for Redis to tell what the jobs did last.
const askTime = 2 * time.Second

// register makes a job known from now on, where it is not, and answers what it did last. Where it ran on another schedule
// until now, that is corrected: its next run is another one.
func (a *Aggregator) register(ctx context.Context, j *job, now time.Time) (schema.JobStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	text, err := json.Marshal(schema.JobStatus{Since: now, Schedule: j.spec, NextAt: j.nextAfter(now)})
	if err != nil {
		return schema.JobStatus{}, fmt.Errorf("make job %s known: %w", j.name, err)
	}
	if err := a.opt.Redis.HSetNX(ctx, a.opt.Keys.Jobs(), j.name, text).Err(); err != nil {
		return schema.JobStatus{}, fmt.Errorf("make job %s known: %w", j.name, err)
	}
	status, err := a.status(ctx, j.name)
	if err != nil || status.Schedule == j.spec {
		return status, err
	}
	status.Schedule, status.NextAt = j.spec, j.nextAfter(lastTurn(status, now))
	return status, a.keep(ctx, j.name, status)
}

// keep writes the status where `fairlead jobs` and the pages find it. One of a run that lost its lock is dropped where its
// successor's stands already.
func (a *Aggregator) keep(ctx context.Context, name string, s schema.JobStatus) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("keep the status of job %s: %w", name, err)
	}
	if err := keep.Run(ctx, a.opt.Redis, []string{a.opt.Keys.Jobs()}, name, s.Token, text).Err(); err != nil {
		return fmt.Errorf("keep the status of job %s: %w", name, err)
	}
	return nil
}

// Listed is a job as it stands.
type Listed struct {
	Name string `json:"name"`
	// Schedule is cron's five fields in UTC, or @every and a duration, or "off": as the process knew it that ran the job
	// last, else as this one does.
	Schedule string           `json:"schedule"`
	Last     schema.JobStatus `json:"last"`          // zero began_at: it never ran
	Next     time.Time        `json:"next,omitzero"` // when it is to run; in the past: it is overdue
	Held     *lock.Holder     `json:"held,omitempty"`
}

// List answers what each job did last, and who is at it.
func (a *Aggregator) List(ctx context.Context) ([]Listed, error) {
	out := make([]Listed, len(a.jobs))
	for i, j := range a.jobs {
		last, err := a.status(ctx, j.name)
		if err != nil {
			return nil, err
		}
		out[i] = Listed{Name: j.name, Schedule: j.spec, Last: last, Next: last.NextAt}
		if last.Schedule != "" {
			out[i].Schedule = last.Schedule
		}
		// A command that works on the same things holds their own lock.
		for _, name := range []string{lockOf(j.name), j.name} {
			h, held, err := lock.HolderOf(ctx, a.opt.Redis, a.opt.Keys, name)
			if err != nil {
				return nil, err
			}
			if held {
				out[i].Held = &h
				break
			}
		}
	}
	return out, nil
}

var keep = redis.NewScript(`
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if kept then
  local readable, status = pcall(cjson.decode, kept)
  if readable and type(status) == 'table' and (tonumber(status.token) or 0) > tonumber(ARGV[2]) then
    return 0
  end
end
return redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])`)

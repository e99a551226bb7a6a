package schema

import (
	"encoding/json"
	"time"
)

// Rollup is the hash in which the last rollup says what the rollups are: RollupGeneration, the token of the
// last run that changed something, so that whoever caches a page made of rollups keeps it as long as this
// stays the same; and RollupCompleteTo, up to when they contain every hit, in milliseconds since 1970, 0: not known.
func (k Keys) Rollup() string { return k.Prefix + "rollup" }

// The fields of Rollup.
const (
	RollupGeneration = "generation"
	RollupCompleteTo = "complete_to"
	// The same of what was referred and sold: token of the last run that changed something, and up to when every report is in it.
	SalesGeneration = "sales_generation"
	SalesCompleteTo = "sales_complete_to"
)

// Jobs is the hash of the aggregator's jobs: name → JSON of its last run.
func (k Keys) Jobs() string { return k.Prefix + "jobs" }

// Verified holds the JSON of the last whole verification.
func (k Keys) Verified() string { return k.Prefix + "verified" }

// LiveDays is how many program-days before today the live counters reach back: today and these.
const LiveDays = 35

// LiveEpoch is the field of a live hash that holds the LiveComplete under which the hash was made. A
// script that adds to the hash refuses when it is not the one it expects, as it does with a position:
// the counters have been made anew, maybe in another time zone.
const LiveEpoch = "epoch"

// JobStatus is what a job of the aggregator did last: the JSON of a field of Jobs. One that never ran has Since only.
type JobStatus struct {
	Since        time.Time       `json:"since,omitzero"` // when an aggregator first knew the job
	BeganAt      time.Time       `json:"began_at,omitzero"`
	Took         time.Duration   `json:"took_ns,omitempty"`
	By           string          `json:"by,omitempty"`           // the process that ran it: host:pid
	SucceededAt  time.Time       `json:"succeeded_at,omitzero"`  // when the last run began that did not fail
	FailingSince time.Time       `json:"failing_since,omitzero"` // when the first of the runs began that failed since then
	Schedule     string          `json:"schedule,omitempty"`     // in UTC, as that process knows it
	NextAt       time.Time       `json:"next_at,omitzero"`       // when it means to run it again
	Rows         uint64          `json:"rows"`                   // that it took up or wrote, as What says
	What         string          `json:"what,omitempty"`         // what it did, for people
	Skipped      bool            `json:"skipped,omitempty"`      // another process was at it
	Error        string          `json:"error,omitempty"`
	Result       json.RawMessage `json:"result,omitempty"` // the job's own report
	Token        uint64          `json:"token,omitempty"`  // of the lock; a status of a lower one is refused
}

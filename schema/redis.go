package schema

import (
	"fmt"
	"strconv"
)

// Keys are the names of everything Fairlead keeps in Redis, below one prefix, so that a Redis can be
// shared. Parts in braces are Redis Cluster's hash tags: keys that one script touches share a slot.
//
// The directory: a hash per kind, id → JSON of a DirectoryEntry; two indexes; the revision, which rises by one
// with every change; and the changed entries by revision, which redirectors poll. An entry that is
// listed as changed and absent from its hash was taken out. Complete holds a random epoch and is
// written last: without it the directory is being rebuilt and nobody replaces what they have in
// memory; another epoch than before means: load everything anew, whatever is listed as changed.
type Keys struct{ Prefix string }

// DefaultKeys is the prefix of a deployment that has its Redis to itself.
var DefaultKeys = Keys{Prefix: "fl:"}

// Entries is the hash of a kind: id → entry.
func (k Keys) Entries(kind Kind) string { return k.Prefix + "{dir}:" + string(kind) }

// Slugs is the hash folded slug → link id.
func (k Keys) Slugs() string { return k.Prefix + "{dir}:by:slug" }

// Emails is the hash folded e-mail → login id.
func (k Keys) Emails() string { return k.Prefix + "{dir}:by:email" }

// LinksOf is the sorted set of a partner's link ids, by id.
func (k Keys) LinksOf(p PartnerID) string { return k.Prefix + "{dir}:links:" + p.String() }

// Revision counts the changes of the directory.
func (k Keys) Revision() string { return k.Prefix + "{dir}:rev" }

// Changed is the sorted set "kind:id" → revision of the entry's last change.
func (k Keys) Changed() string { return k.Prefix + "{dir}:changed" }

// Complete holds the epoch of a whole directory.
func (k Keys) Complete() string { return k.Prefix + "{dir}:complete" }

// DirectoryVersion is the version of directory_log up to which Redis has everything: a change moves it
// only from the version right before its own, so what a crash kept from Redis stays above it.
func (k Keys) DirectoryVersion() string { return k.Prefix + "{dir}:version" }

// DirectoryLock is held by the one writer.
func (k Keys) DirectoryLock() string { return k.Prefix + "{dir}:lock" }

// DirectoryRun names the run of the Redis primary under which the lock can be trusted. Another one, or
// none, means that Redis was restarted, emptied or failed over, and may have forgotten a writer.
func (k Keys) DirectoryRun() string { return k.Prefix + "{dir}:run" }

// Salt is the hash {day, key} of the visitor salt in use. It is a secret that is meant to be
// forgotten: it stands nowhere else, and a lost one is drawn anew.
func (k Keys) Salt() string { return k.Prefix + "{dir}:salt" }

// LiveShards is into how many hashes the live counters are spread.
const LiveShards = 64

// LiveShard returns the hash that counts a partner's clicks.
func LiveShard(p PartnerID) int { return int(uint32(p) % LiveShards) }

// Live is one hash of live counters: LiveClicks(p, day) → valid clicks; LivePosition(node) → the last
// seq of that node which this hash has seen. Both change in one script, so a replay adds nothing.
func (k Keys) Live(shard int) string { return fmt.Sprintf("%s{live:%d}", k.Prefix, shard) }

// LiveComplete holds the epoch of live counters that were rebuilt whole.
func (k Keys) LiveComplete() string { return k.Prefix + "{live}:complete" }

// LiveClicks is the field of a partner's valid clicks on a program-day.
func LiveClicks(p PartnerID, d Day) string {
	return "c:" + p.String() + ":" + strconv.FormatUint(uint64(d), 10)
}

// LivePosition is the field of a node's position.
func LivePosition(node string) string { return "pos:" + node }

// Lock is the lock of a job; Fence the counter of its tokens.
func (k Keys) Lock(job string) string  { return k.Prefix + "lock:{" + job + "}" }
func (k Keys) Fence(job string) string { return k.Prefix + "lock:{" + job + "}:fence" }

// Session is the prefix of the dashboard's sessions.
func (k Keys) Session() string { return k.Prefix + "session:" }

// DirectoryEntry is an entry of the directory as it stands in Redis: the value of its kind's hash.
type DirectoryEntry[T any] struct {
	Version uint64 `json:"v"` // of directory_log; the higher one wins
	Data    T      `json:"d"`
}

package directory

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

//go:embed lua/apply.lua
var applyLua string

var applyScript = redis.NewScript(applyLua)

// state is how Redis stands.
type state struct {
	epoch   string
	version uint64 // of directory_log up to which Redis has everything
	known   bool   // Redis says which version that is
}

func (s state) complete() bool { return s.epoch != "" && s.known }

func (d *Directory) state(ctx context.Context) (state, error) {
	got, err := d.rdb.MGet(ctx, d.opt.Keys.Complete(), d.opt.Keys.DirectoryVersion()).Result()
	if err != nil {
		return state{}, fmt.Errorf("ask Redis for the state of the directory: %w", err)
	}
	var s state
	s.epoch, _ = got[0].(string)
	if v, ok := got[1].(string); ok {
		s.version, err = strconv.ParseUint(v, 10, 64)
		s.known = err == nil
	}
	return s, nil
}

// Complete reports whether Redis holds the whole directory.
func (d *Directory) Complete(ctx context.Context) (bool, error) {
	s, err := d.state(ctx)
	if err != nil {
		return false, redisAway(err)
	}
	return s.complete(), nil
}

// identity names an entry.
type identity struct {
	kind schema.Kind
	id   uint64
}

func (e entry) identity() identity { return identity{e.kind, e.id} }

// value is the entry as it stands in Redis: a schema.DirectoryEntry whose data are, byte for byte,
// those of directory_log. Empty: it does not stand there.
func (e entry) value() string {
	if e.deleted {
		return ""
	}
	return `{"v":` + strconv.FormatUint(e.version, 10) + `,"d":` + e.data + `}`
}

// change is an entry on its way to Redis.
type change struct {
	entry
	before string // the data that it replaces; empty: none
	stands string // the value that stands in Redis, where that was asked; empty: none
}

func changes(rows []row) []change {
	out := make([]change, len(rows))
	for i, r := range rows {
		out[i].entry = r.entry
		if r.before != nil {
			out[i].before = r.before.data
		}
	}
	return out
}

// claimed is the part of an entry's data from which Redis's indexes are made.
type claimed struct {
	Slug    string           `json:"slug"`
	Email   string           `json:"email"`
	Partner schema.PartnerID `json:"partner_id"`
}

// claims returns the keys that data of a kind claim, and for a link the partner it belongs to.
func claims(kind schema.Kind, data string) (keys []string, owner schema.PartnerID) {
	var c claimed
	if kind != schema.KindLink && kind != schema.KindLogin || json.Unmarshal([]byte(data), &c) != nil {
		return nil, 0
	}
	switch {
	case kind == schema.KindLink:
		return []string{slugKey(c.Slug)}, c.Partner
	case c.Email != "":
		return []string{emailKey(c.Email)}, 0
	}
	return nil, 0
}

func slugKey(slug string) string   { return "slug:" + schema.FoldSlug(slug) }
func emailKey(email string) string { return "email:" + schema.FoldEmail(email) }

// Bounds of one script: it holds up everybody else in Redis while it runs.
const changesAtOnce = 500

// mostChanged bounds the set of changes, of which redirectors read the newest.
const mostChanged = 250_000

// errIncomplete says that Redis is being rebuilt.
var errIncomplete = errors.New("the directory in Redis is not complete")

// apply brings Redis to the versions given, if the lock is still l's, and notes that Redis has everything
// up to version to if it had everything up to from. An incomplete directory is left to its rebuild.
func (d *Directory) apply(ctx context.Context, l *lock, list []change, from, to uint64) error {
	_, err := d.send(ctx, l, list, false, &[2]uint64{from, to})
	if errors.Is(err, errIncomplete) {
		return nil
	}
	return err
}

// send runs the script for all changes in turn and answers how many entries it changed. With force an
// entry is written whatever version Redis has. A nil span leaves Redis's version as it is.
func (d *Directory) send(ctx context.Context, l *lock, list []change, force bool, span *[2]uint64) (int, error) {
	sent := 0
	for {
		n := min(len(list), changesAtOnce)
		part := list[:n]
		list = list[n:]
		var now *[2]uint64
		if len(list) == 0 {
			now = span
		}
		done, err := d.sendPart(ctx, l, part, force, now)
		if err != nil {
			return sent, err
		}
		if sent += done; len(list) == 0 {
			return sent, nil
		}
	}
}

func (d *Directory) sendPart(ctx context.Context, l *lock, part []change, force bool, span *[2]uint64) (int, error) {
	k := d.opt.Keys
	keys := []string{k.DirectoryLock(), k.Complete(), k.Revision(), k.Changed(), k.DirectoryVersion(), k.Slugs(), k.Emails()}
	number := map[string]int{}
	at := func(key string) int {
		if number[key] == 0 {
			keys = append(keys, key)
			number[key] = len(keys)
		}
		return number[key]
	}
	args := []any{l.token, flag(force), "", "", d.mostChanged, newEpoch()}
	if span != nil {
		args[2], args[3] = span[0], span[1]
	}
	for _, c := range part {
		claim, owner := claims(c.kind, c.data)
		give, was := claims(c.kind, c.before)
		links := 0
		if p := max(owner, was); p != 0 {
			links = at(k.LinksOf(p))
		}
		args = append(args, string(c.kind), c.id, c.version, c.value(), at(k.Entries(c.kind)), links)
		args = appendKeys(args, claim)
		args = appendKeys(args, without(give, claim))
	}
	done, err := applyScript.Run(ctx, d.rdb, keys, args...).Int()
	switch {
	case err != nil:
		return 0, redisAway(fmt.Errorf("send %d directory entries to Redis: %w", len(part), err))
	case done == -1:
		return 0, errLockLost
	case done == -2:
		return 0, errIncomplete
	}
	return done, nil
}

func appendKeys(args []any, keys []string) []any {
	args = append(args, len(keys))
	for _, key := range keys {
		args = append(args, key)
	}
	return args
}

func without(keys, drop []string) []string {
	var out []string
	for _, key := range keys {
		if len(drop) == 0 || key != drop[0] {
			out = append(out, key)
		}
	}
	return out
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// field is an id as the field of its kind's hash.
func field(id uint64) string { return strconv.FormatUint(id, 10) }

// data returns the data of a value in Redis.
func data(value string) (version uint64, data string, ok bool) {
	rest, ok := strings.CutPrefix(value, `{"v":`)
	if !ok {
		return 0, "", false
	}
	digits, rest, ok := strings.Cut(rest, `,"d":`)
	if !ok || !strings.HasSuffix(rest, "}") {
		return 0, "", false
	}
	version, err := strconv.ParseUint(digits, 10, 64)
	return version, rest[:len(rest)-1], err == nil
}

// newEpoch names a whole directory, or a new one in its place.
func newEpoch() string { return rand.Text() }

package links

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"fairlead/schema"
)

// feed is the changing side of a directory: the entries as they came, from which views are made.
type feed struct {
	epoch    string
	revision uint64

	program *schema.Program
	keys    map[uint32]schema.StoredClickKey
	barred  map[schema.PartnerID]struct{}
	apiKeys map[KeyHash]schema.APIKey // a view's: replaced, never changed
	secret  schema.Secret
	base    *table
	changed map[schema.LinkID][]byte // records newer than base's; nil: gone

	// What view makes of the above, kept while it holds.
	compiled  *Program
	over      *table
	replaced  map[schema.LinkID]struct{}
	stale     struct{ program, links bool }
	published bool // barred is a view's
	pending   bool // something came that no view shows yet
}

func (f *feed) reset() {
	*f = feed{
		keys:    map[uint32]schema.StoredClickKey{},
		barred:  map[schema.PartnerID]struct{}{},
		apiKeys: map[KeyHash]schema.APIKey{},
		base:    emptyTable,
		over:    emptyTable,
		changed: map[schema.LinkID][]byte{},
	}
	f.stale.program, f.stale.links, f.pending = true, true, true
}

// take replaces everything by a snapshot.
func (f *feed) take(s *snapshot) error {
	f.reset()
	f.epoch, f.revision = s.meta.Epoch, s.meta.Revision
	f.program = s.meta.Program
	for _, k := range s.meta.Keys {
		f.keys[k.ID] = k
	}
	for _, p := range s.meta.Barred {
		f.barred[p] = struct{}{}
	}
	for _, k := range s.meta.APIKeys {
		if err := f.putAPIKey(k.ID, &k); err != nil {
			return err
		}
	}
	f.secret = s.meta.Secret
	f.base = s.links
	return nil
}

// set takes over one entry of the directory; empty means that it is gone. An error tells that the entry
// cannot be used; everything else stays as it was.
func (f *feed) set(kind schema.Kind, id uint64, entry string) error {
	f.pending = true
	switch kind {
	case schema.KindLink:
		return f.setLink(schema.LinkID(id), entry)
	case schema.KindPartner:
		return f.setPartner(schema.PartnerID(id), entry)
	case schema.KindAPIKey:
		return f.setAPIKey(uint32(id), entry)
	case schema.KindSecret:
		return f.setSecret(entry)
	case schema.KindProgram:
		p, err := parse[schema.Program](entry)
		if err != nil || p == nil {
			return err // a program does not go away
		}
		f.program, f.stale.program = p, true
	case schema.KindClickKey:
		k, err := parse[schema.StoredClickKey](entry)
		if err != nil {
			return err
		}
		if f.stale.program = true; k == nil {
			delete(f.keys, uint32(id))
		} else {
			f.keys[k.ID] = *k
		}
	}
	return nil
}

func (f *feed) setLink(id schema.LinkID, entry string) error {
	record, err := linkRecord(nil, entry)
	if len(record) == 0 && err != nil {
		return err
	}
	f.changed[id], f.stale.links = record, true
	return err
}

func (f *feed) setPartner(id schema.PartnerID, entry string) error {
	p, err := parse[schema.Partner](entry)
	if err != nil {
		return err
	}
	_, was := f.barred[id]
	bar := p == nil || !p.Status.Earns()
	if bar == was {
		return nil
	}
	if f.published {
		f.barred, f.published = maps.Clone(f.barred), false // a view holds the old one
	}
	if bar {
		f.barred[id] = struct{}{}
	} else {
		delete(f.barred, id)
	}
	return nil
}

// linkRecord appends the record of a link's entry to dst. A link whose destination cannot be used leads
// to the homepage: the record is good and the error says why.
func linkRecord(dst []byte, entry string) ([]byte, error) {
	l, err := parse[schema.Link](entry)
	if err != nil || l == nil {
		return dst, err
	}
	return appendLink(dst, l)
}

// appendLink is linkRecord for a link that has been read.
func appendLink(dst []byte, l *schema.Link) (_ []byte, err error) {
	slug := schema.FoldSlug(l.Slug)
	if err := schema.CheckSlug(slug); err != nil {
		return dst, err
	}
	var to Destination
	if !l.Personal() {
		if to, err = compile(l.To); err != nil {
			err = fmt.Errorf("destination %q: %w; the link leads to the homepage", l.To, err)
		}
	}
	return appendRecord(dst, l, slug, to), err
}

// parse reads an entry; nil for none.
func parse[T any](entry string) (*T, error) {
	if entry == "" {
		return nil, nil
	}
	var e schema.DirectoryEntry[T]
	if err := json.Unmarshal([]byte(entry), &e); err != nil {
		return nil, err
	}
	return &e.Data, nil
}

// view makes a view of what the feed holds. The error says what a directory lacks.
func (f *feed) view(allowLoopback bool, log *slog.Logger) (*View, error) {
	if f.stale.program {
		p, err := compileProgram(f.program, f.keys, allowLoopback)
		if err != nil {
			return nil, err
		}
		f.compiled, f.stale.program = p, false
	}
	if f.stale.links {
		if err := f.index(log); err != nil {
			return nil, err
		}
		f.stale.links = false
	}
	f.published = true
	return &View{
		Program: f.compiled, base: f.base, over: f.over, replaced: f.replaced, barred: f.barred,
		apiKeys: f.apiKeys, secret: f.secret,
		epoch: f.epoch, revision: f.revision,
	}, nil
}

// foldAt is how many changes are kept beside a base of n links before they are folded into it. It
// bounds both what a single change costs (the changes are indexed anew) and how often a base is
// copied.
func foldAt(n int) int { return 4096 + n/64 }

// index makes the table of changes, or folds them into a new base.
func (f *feed) index(log *slog.Logger) error {
	replaced := make(map[schema.LinkID]struct{}, len(f.changed))
	for id := range f.changed {
		replaced[id] = struct{}{}
	}
	var arena []byte
	fold := len(f.changed) > foldAt(f.base.live)
	if fold {
		arena = make([]byte, 0, len(f.base.arena)+len(f.changed)*128)
		arena = f.base.appendLive(arena, replaced)
	}
	for _, id := range slices.Sorted(maps.Keys(f.changed)) {
		arena = append(arena, f.changed[id]...)
	}
	if !fold {
		over, err := newTable(arena)
		if err != nil {
			return err
		}
		f.over, f.replaced = over, replaced
		return nil
	}
	began := time.Now()
	base, err := newTable(trim(arena))
	if err != nil {
		return err
	}
	f.base, f.over, f.replaced = base, emptyTable, nil
	f.changed = map[schema.LinkID][]byte{}
	log.Debug("changes folded into the links", "links", base.live, "took", time.Since(began))
	return nil
}

// trim gives back what an arena reserved and did not need.
func trim(arena []byte) []byte {
	if cap(arena)-len(arena) > len(arena)/16 {
		return slices.Clone(arena)
	}
	return arena
}

// entryID splits a member of the changed set: "link:12".
func entryID(member string) (schema.Kind, uint64, error) {
	for i := range len(member) {
		if member[i] == ':' {
			id, err := strconv.ParseUint(member[i+1:], 10, 64)
			return schema.Kind(member[:i]), id, err
		}
	}
	return "", 0, fmt.Errorf("%q is not a kind and an id", member)
}

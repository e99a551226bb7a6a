package journal

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// A rig is a directory whose disk can be filled, broken, and robbed of its power. It keeps, beside the real files,
// what of them is surely on disk: what was synced.
type rig struct {
	dir string

	mu      sync.Mutex
	data    map[string][]byte // synced content of every file
	entries map[string]bool   // names that are surely in the directory
	full    bool              // no space for a new file
	broken  bool              // syncs fail
	die     func(Event) bool  // from the event on for which it answers true nothing happens any more
	dead    bool
	boots   int
}

// A failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

var errDead = errors.New("the process is dead")

func newRig(t testing.TB) *rig {
	return &rig{dir: ramDir(t), data: make(map[string][]byte), entries: make(map[string]bool)}
}

// options makes a log run on the rig.
func (r *rig) options(o *Options) {
	o.Faults = r.event
	o.bootID = func() string { return string(rune('A' + r.boots)) }
}

func (r *rig) set(full, broken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full, r.broken = full, broken
}

func (r *rig) event(ev Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ev.Done {
		r.took(ev)
	}
	if r.die != nil && r.die(ev) {
		r.dead = true
	}
	switch {
	case r.dead:
		return errDead
	case !ev.Done && ev.Op == OpCreate && r.full:
		return syscall.ENOSPC
	case !ev.Done && ev.Op == OpSync && r.broken:
		return syscall.EIO
	}
	return nil
}

// settle makes everything that is there surely on disk.
func (r *rig) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settleLocked()
}

func (r *rig) settleLocked() {
	r.data = snapshot(r.dir)
	r.entries = make(map[string]bool)
	for name := range r.data {
		r.entries[name] = true
	}
}

// took notes what is surely on disk after an operation.
func (r *rig) took(ev Event) {
	switch ev.Op {
	case OpSync:
		now, err := os.ReadFile(filepath.Join(r.dir, ev.Name))
		if err != nil {
			return // unlinked meanwhile
		}
		b := resize(r.data[ev.Name], len(now))
		if ev.Off < int64(len(now)) {
			copy(b[ev.Off:], now[ev.Off:min(ev.Off+ev.Len, int64(len(now)))])
		}
		r.data[ev.Name] = b
	case OpSyncDir:
		r.entries = make(map[string]bool)
		for name := range snapshot(r.dir) {
			r.entries[name] = true
		}
	case OpRename: // a file takes its content along
		if ev.Name == identityName+".tmp" {
			r.data[identityName] = r.data[ev.Name]
		}
	}
}

func resize(b []byte, n int) []byte {
	if len(b) >= n {
		return b[:n]
	}
	return append(b, make([]byte, n-len(b))...)
}

// powerLoss takes from the files, at rnd's will, what was not synced: pages and sectors of them, whole files,
// removals. The log is closed or has crashed. The machine then has another boot id.
func (r *rig) powerLoss(t failer, rnd *rand.Rand) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := snapshot(r.dir)
	image := make(map[string][]byte)
	names := maps.Clone(r.entries)
	for name := range now {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		_, there := now[name]
		if there && r.entries[name] || rnd.IntN(2) == 0 {
			image[name] = lose(r.data[name], now[name], rnd)
		}
	}
	restore(t, r.dir, image)
	r.settleLocked()
	r.boots++
	r.dead, r.die = false, nil
}

// lose returns synced with some of what now has beyond it.
func lose(synced, now []byte, rnd *rand.Rand) []byte {
	b := slices.Clone(synced)
	if rnd.IntN(2) == 0 {
		b = resize(b, len(now))
	}
	const page, sector = 4096, 512
	for p := 0; p < min(len(b), len(now)); p += page {
		fate := rnd.IntN(4)
		for s := p; s < min(p+page, len(b), len(now)); s += sector {
			if fate == 0 || fate == 1 && rnd.IntN(2) == 0 {
				copy(b[s:min(s+sector, len(b))], now[s:])
			}
		}
	}
	return b
}

// snapshot reads the files of dir, those in quarantine left out.
func snapshot(dir string) map[string][]byte {
	files := make(map[string][]byte)
	entries, err := os.ReadDir(dir)
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() == lockName {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			panic(err)
		}
		files[e.Name()] = b
	}
	return files
}

// restore makes the files of dir be files, in place, so that the directory does not count as a copy.
func restore(t failer, dir string, files map[string][]byte) {
	t.Helper()
	for name := range snapshot(dir) {
		if _, ok := files[name]; !ok {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, quarantineName)); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

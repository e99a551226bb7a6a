package redirector

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

func berlin(t testing.TB) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// clock is a time that a test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func (c *clock) add(d time.Duration) { c.t = c.t.Add(d) }

func newSalt(t testing.TB, file string, c *clock, log *slog.Logger) *Salt {
	t.Helper()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s, err := OpenSalt(file, c.now, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func someone(s *Salt, at time.Time, zone *time.Location) uint64 {
	v, _ := s.visitor(at, zone, netip.MustParseAddr("203.0.113.9"), []byte("Agent"), nil)
	return v
}

func TestTheSaltChangesAtTheProgramsMidnight(t *testing.T) {
	zone := berlin(t)
	midnight := time.Date(2026, 7, 2, 0, 0, 0, 0, zone)
	c := &clock{midnight.Add(-12 * time.Hour)}
	s := newSalt(t, "", c, nil)
	day := someone(s, c.t, zone)
	if day == 0 {
		t.Fatal("a visitor is 0")
	}
	if got := someone(s, midnight.Add(-time.Millisecond), zone); got != day {
		t.Error("the same visitor is another before midnight")
	}
	key := s.day.Load().key
	if got := someone(s, midnight, zone); got == day {
		t.Error("the same visitor is the same after midnight")
	}
	if want := sha256.Sum256(key[:]); s.day.Load().key != want {
		t.Error("the next day's salt is not the hash of the last")
	}
	next := someone(s, midnight, zone)
	if got := someone(s, midnight.Add(-time.Second), zone); got != next {
		t.Error("a clock set back brings the forgotten salt back")
	}
	other := time.FixedZone("elsewhere", -3*3600)
	if got := someone(s, midnight.Add(time.Hour), other); got != next {
		t.Error("another time zone, in which it is still yesterday, brings the forgotten salt back")
	}
}

func TestNodesAdvanceTogetherWithoutTalking(t *testing.T) {
	zone := berlin(t)
	c := &clock{noon}
	a := newSalt(t, filepath.Join(t.TempDir(), "a"), c, nil)
	first := someone(a, c.t, zone)
	file := filepath.Join(t.TempDir(), "state", "b")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, a.day.Load().encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newSalt(t, file, c, nil)
	if someone(b, c.t, zone) != first {
		t.Error("the same salt gives another visitor")
	}
	// A day at a time, and five at once.
	for range 5 {
		c.add(24 * time.Hour)
		someone(a, c.t, zone)
	}
	if someone(a, c.t, zone) != someone(b, c.t, zone) {
		t.Error("the two have drifted apart")
	}
}

func TestTheSaltIsKeptAndOverwritten(t *testing.T) {
	zone := berlin(t)
	c := &clock{noon}
	file := filepath.Join(t.TempDir(), "visitor.salt")
	s := newSalt(t, file, c, nil)
	today := someone(s, c.t, zone)
	if err := s.keep(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != int64(saltFileSize) {
		t.Fatalf("%v, %v", info, err)
	}
	again := newSalt(t, file, c, nil)
	if someone(again, c.t, zone) != today {
		t.Error("after a restart the same visitor is another")
	}
	old := s.day.Load().key
	c.add(24 * time.Hour)
	someone(s, c.t, zone)
	if err := s.keep(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || bytes.Contains(data, old[:]) || len(data) != saltFileSize {
		t.Errorf("yesterday's salt is still in the file (%d bytes): %v", len(data), err)
	}
	for n := range data {
		bad := bytes.Clone(data)
		bad[n] ^= 1
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		damaged := newSalt(t, file, c, slog.New(slog.NewTextHandler(&said, nil)))
		if damaged.day.Load() != nil || !strings.Contains(said.String(), "damaged") {
			t.Fatalf("with byte %d flipped it is taken for good", n)
		}
	}
}

func TestASaltOfAnotherTimeIsDrawnAnew(t *testing.T) {
	zone := berlin(t)
	for _, days := range []int{-2, -400, 5000} {
		var said bytes.Buffer
		c := &clock{noon}
		s := newSalt(t, "", c, slog.New(slog.NewTextHandler(&said, nil)))
		someone(s, c.t, zone)
		s.at(noon.AddDate(0, 0, days), zone)
		if got := s.day.Load().day; got != schema.DayOf(noon.AddDate(0, 0, days), zone) || !strings.Contains(said.String(), "another time") {
			t.Errorf("%d days later the salt is of %d; said %q", days, got, said.String())
		}
	}
}

func TestNodesShareTheSaltThroughRedis(t *testing.T) {
	zone := berlin(t)
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	k := schema.DefaultKeys
	c := &clock{noon}
	share := func(s *Salt) {
		t.Helper()
		s.at(c.now(), zone)
		if err := s.share(t.Context(), rdb, k); err != nil {
			t.Fatal(err)
		}
	}
	a, b := newSalt(t, "", c, nil), newSalt(t, "", c, nil)
	if someone(a, c.t, zone) == someone(b, c.t, zone) {
		t.Fatal("two salts are the same by chance")
	}
	share(a)
	before := someone(a, c.t, zone)
	share(b)
	if someone(b, c.t, zone) != before {
		t.Error("the second node did not take the first one's salt")
	}
	// Midnight: whoever comes first moves the shared one; the other is already there.
	c.add(24 * time.Hour)
	share(b)
	share(a)
	if someone(a, c.t, zone) != someone(b, c.t, zone) {
		t.Error("after midnight they differ")
	}
	if got, _ := rdb.HGet(t.Context(), k.Salt(), "day").Uint64(); schema.Day(got) != schema.DayOf(c.t, zone) {
		t.Errorf("the shared salt is of %d", got)
	}
	// A third comes days later, when nobody was awake.
	c.add(3 * 24 * time.Hour)
	third := newSalt(t, "", c, nil)
	share(third)
	if someone(third, c.t, zone) != someone(a, c.t, zone) {
		t.Error("the third node did not go along the chain")
	}
	// Redis forgets it: a node brings it back.
	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	share(a)
	fourth := newSalt(t, "", c, nil)
	share(fourth)
	if someone(fourth, c.t, zone) != someone(a, c.t, zone) {
		t.Error("after FLUSHALL the nodes differ")
	}
	// A node whose clock is a year ahead moves it; the others do not follow.
	var said bytes.Buffer
	sane := newSalt(t, "", c, slog.New(slog.NewTextHandler(&said, nil)))
	share(sane)
	ahead := newSalt(t, "", &clock{c.t.AddDate(1, 0, 0)}, nil)
	ahead.at(ahead.now(), zone)
	if err := ahead.share(t.Context(), rdb, k); err != nil {
		t.Fatal(err)
	}
	share(sane)
	if got, _ := rdb.HGet(t.Context(), k.Salt(), "day").Uint64(); schema.Day(got) != schema.DayOf(c.t, zone) || !strings.Contains(said.String(), "has not come") {
		t.Errorf("the shared salt is of %d; said %q", got, said.String())
	}
	// What is no salt is replaced.
	for _, bad := range []string{"", "zz", hex.EncodeToString([]byte("short"))} {
		rdb.HSet(t.Context(), k.Salt(), "day", "20261399", "key", bad)
		share(sane)
		if parseShared(redisSalt(t, rdb, k)) == nil {
			t.Errorf("%q is left in Redis", bad)
		}
	}
}

func redisSalt(t testing.TB, rdb redis.UniversalClient, k schema.Keys) (day, key string) {
	t.Helper()
	m, err := rdb.HGetAll(t.Context(), k.Salt()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return m["day"], m["key"]
}

func TestManyNodesAgreeOnOneSalt(t *testing.T) {
	zone := berlin(t)
	rdb := storestest.Redis(t).Fresh(t).Client(t)
	c := &clock{noon}
	const nodes = 8
	salts := make([]*Salt, nodes)
	ended := make(chan error, nodes)
	for i := range salts {
		salts[i] = newSalt(t, "", c, nil)
		salts[i].at(c.t, zone)
		go func() { ended <- salts[i].share(context.Background(), rdb, schema.DefaultKeys) }()
	}
	for range salts {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	want := someone(salts[0], c.t, zone)
	for i, s := range salts {
		if someone(s, c.t, zone) != want {
			t.Errorf("node %d has another salt", i)
		}
	}
}

package links

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"fairlead/schema"
)

func apiKey(id uint32, text string) (schema.APIKey, KeyHash) {
	hash := sha256.Sum256([]byte(text))
	return schema.APIKey{ID: id, Name: "shop", Hash: hex.EncodeToString(hash[:]), Scopes: []schema.Scope{schema.ScopeTrack}}, hash
}

func TestAPIKeysAndTheSecretFollowTheDirectoryAndItsSnapshot(t *testing.T) {
	name := filepath.Join(t.TempDir(), "links.snapshot")
	quiet := slog.New(slog.DiscardHandler)
	d := open(t, name, quiet)
	fill(t, d, 1)
	one, hashOne := apiKey(1, "one")
	two, hashTwo := apiKey(2, "two")
	secret := schema.Secret{Customers: schema.NewCustomerKey()}
	for _, err := range []error{
		d.feed.set(schema.KindAPIKey, 1, entryOf(one)), d.feed.set(schema.KindAPIKey, 2, entryOf(two)),
		d.feed.set(schema.KindSecret, 1, entryOf(secret)), d.publish(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	before := d.View()
	one.RevokedAt = time.UnixMilli(1_800_000_000_000).UTC()
	d.feed.set(schema.KindAPIKey, 1, entryOf(one))
	d.feed.set(schema.KindAPIKey, 2, "")
	if err := d.publish(); err != nil {
		t.Fatal(err)
	}
	f := func(v *View, hash KeyHash, id uint32, works bool) {
		t.Helper()
		k, ok := v.APIKey(hash)
		if k.ID != id || ok != (id != 0) || ok && k.Works(time.Now()) != works {
			t.Errorf("got key %+v, %v, want id %d that works: %v", k, ok, id, works)
		}
	}
	f(before, hashOne, 1, true)
	f(before, hashTwo, 2, true)
	f(d.View(), hashOne, 1, false)
	f(d.View(), hashTwo, 0, false)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	back := open(t, name, quiet).View()
	f(back, hashOne, 1, false)
	f(back, hashTwo, 0, false)
	if back.CustomerKey() != secret.Customers {
		t.Error("the customers' key did not come back from the snapshot")
	}
	bad := one
	bad.Hash = "no hash"
	if err := d.feed.set(schema.KindAPIKey, 3, entryOf(bad)); err == nil {
		t.Error("a key whose hash is none: got no error")
	}
}

func TestAClickIDIsGenuineWhileItsKeyIsAccepted(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	old, stale, current := schema.NewClickKey(), schema.NewClickKey(), schema.NewClickKey()
	d := open(t, "", slog.New(slog.DiscardHandler))
	fill(t, d, 1)
	d.feed.set(schema.KindClickKey, 2, entryOf(schema.StoredClickKey{ID: 2, Key: stale, RetiredAt: now}))
	d.feed.set(schema.KindClickKey, 3, entryOf(schema.StoredClickKey{ID: 3, Key: old, RetiredAt: now.Add(1)}))
	d.feed.set(schema.KindClickKey, 4, entryOf(schema.StoredClickKey{ID: 4, Key: current}))
	if err := d.publish(); err != nil {
		t.Fatal(err)
	}
	ids := schema.NewClickIDs("a-node")
	f := func(what string, key schema.ClickKey, want bool) {
		t.Helper()
		id := ids.New(key, now.UnixMilli(), 1)
		p := d.View().Program
		if got := p.Genuine(id, now); got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
		if id.Link++; p.Genuine(id, now) {
			t.Errorf("%s with another link in it: got true", what)
		}
	}
	f("an id under the newest key", current, true)
	f("an id under a key that still lives", old, true)
	f("an id under a retired key", stale, false)
	f("an id of another program", schema.NewClickKey(), false)
}

package directory

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
)

func TestAnAPIKeyIsShownOnceAndStoredAsAHash(t *testing.T) {
	w := seeded(t)
	ctx := t.Context()
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	k, text, err := w.AddKey(ctx, CLI, NewAPIKey{Name: " shop ", ExpiresAt: expires})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, "fl_live_") || len(text) != len("fl_live_")+43 {
		t.Errorf("got a key of the form %q…, %d characters", text[:8], len(text))
	}
	if k.Name != "shop" || k.Hash != schema.HashAPIKey(text) || !strings.HasSuffix(text, k.Hint) || !slices.Equal(k.Scopes, []schema.Scope{schema.ScopeTrack}) || !k.ExpiresAt.Equal(expires) {
		t.Errorf("got %+v", k)
	}
	test, testText, err := w.AddKey(ctx, CLI, NewAPIKey{Name: "try", Test: true, Scopes: []schema.Scope{schema.ScopePostback, schema.ScopeTrack, schema.ScopePostback}})
	if err != nil || !strings.HasPrefix(testText, "fl_test_") || len(test.Scopes) != 2 || test.ID == k.ID {
		t.Errorf("a test key: got %+v, %v", test, err)
	}

	var rows uint64
	for _, secret := range []string{text, testText, strings.TrimPrefix(text, "fl_live_")} {
		err := w.ch.QueryRow(ctx, "SELECT count() FROM fairlead.directory_log WHERE position(data, ?) > 0", secret).Scan(&rows)
		if err != nil || rows != 0 {
			t.Errorf("directory_log holds a key in clear in %d rows, %v", rows, err)
		}
	}
	for key, value := range w.rdb.HGetAll(ctx, schema.DefaultKeys.Entries(schema.KindAPIKey)).Val() {
		if strings.Contains(value, text) || strings.Contains(value, testText) {
			t.Errorf("Redis holds API key %s in clear", key)
		}
	}

	all, err := w.APIKeys(ctx)
	if err != nil || len(all) != 2 || all[0].ID != k.ID {
		t.Errorf("the list: got %+v, %v", all, err)
	}
	revoked, err := w.RevokeKey(ctx, CLI, k.ID, "")
	if err != nil || revoked.Works(time.Now()) {
		t.Errorf("a revoked key: got %+v, %v", revoked, err)
	}
	again, err := w.RevokeKey(ctx, CLI, k.ID, "")
	if err != nil || !again.RevokedAt.Equal(revoked.RevokedAt) {
		t.Errorf("revoked twice: got %+v, %v, want the first time", again, err)
	}
	if _, err := w.RevokeKey(ctx, CLI, 99, ""); CodeOf(err) != NotFound {
		t.Errorf("a key that there is not: got %v", err)
	}
}

func TestAPIKeysThatCannotBe(t *testing.T) {
	w := seeded(t)
	f := func(field string, n NewAPIKey) {
		t.Helper()
		_, text, err := w.AddKey(t.Context(), CLI, n)
		if e, ok := err.(*Error); !ok || e.Code != Invalid || e.Field != field || text != "" {
			t.Errorf("%+v: got %v, want Invalid for %s", n, err, field)
		}
	}
	f("name", NewAPIKey{})
	f("name", NewAPIKey{Name: "a\nb"})
	f("scopes", NewAPIKey{Name: "shop", Scopes: []schema.Scope{"all"}})
	f("scopes", NewAPIKey{Name: "shop", Scopes: []schema.Scope{schema.ScopeBrowser, schema.ScopeTrack}})
	f("expires", NewAPIKey{Name: "shop", ExpiresAt: time.Now().Add(-time.Second)})
}

func TestTheCustomersKeyIsDrawnOnce(t *testing.T) {
	w := seeded(t)
	ctx := t.Context()
	if _, err := w.CustomerKey(ctx); CodeOf(err) != NotFound {
		t.Errorf("before there is one: got %v", err)
	}
	if err := w.EnsureSecret(ctx); err != nil {
		t.Fatal(err)
	}
	first, err := w.CustomerKey(ctx)
	if err != nil || len(first) != 64 {
		t.Fatalf("got a key of %d characters, %v", len(first), err)
	}
	if err := w.EnsureSecret(ctx); err != nil {
		t.Fatal(err)
	}
	if again, err := w.CustomerKey(ctx); err != nil || again != first {
		t.Errorf("the key changed: %v", err)
	}
}

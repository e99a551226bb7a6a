package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
)

func TestAPIKeysFromTheShell(t *testing.T) {
	o := newOffice(t)
	add := func(args ...string) (k keyJSON) {
		t.Helper()
		if err := json.Unmarshal([]byte(o.says(append([]string{"key", "add", "--json"}, args...)...)), &k); err != nil {
			t.Fatal(err)
		}
		return k
	}
	shop := add("--name", "shop")
	if shop.ID != 1 || !strings.HasPrefix(shop.Key, schema.APIKeyLive) || len(shop.Key) != len(schema.APIKeyLive)+43 || !strings.HasSuffix(shop.Key, shop.Hint) ||
		len(shop.Scopes) != 1 || shop.Scopes[0] != schema.ScopeTrack || shop.State != "active" || shop.Test {
		t.Errorf("key add answered %+v", shop)
	}
	try := add("--name", "try", "--test", "--scope", "track,postback", "--expires", "2099-01-31")
	if !strings.HasPrefix(try.Key, schema.APIKeyTest) || !try.Test || len(try.Scopes) != 2 || !try.ExpiresAt.Equal(time.Date(2099, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("key add answered %+v", try)
	}
	out := o.says("key", "add", "--name", "third")
	if !strings.HasPrefix(out, schema.APIKeyLive) || !strings.Contains(out, "curl -sS http://127.0.0.1:8080/track/sale -H 'Authorization: Bearer "+schema.APIKeyLive) {
		t.Errorf("got %s", out)
	}

	// A key is shown once: neither a list nor the directory's own rows hold it.
	third, _, _ := strings.Cut(out, "\n")
	for _, out := range []string{o.says("key", "list"), o.says("key", "list", "--json")} {
		for _, secret := range []string{shop.Key, try.Key, third, schema.HashAPIKey(shop.Key)} {
			if strings.Contains(out, secret) {
				t.Errorf("a secret is listed: %s", out)
			}
		}
	}
	if n := count(t, o.d, "SELECT countIf(position(data, ?) > 0 OR position(data, ?) > 0) FROM fairlead.directory_log", shop.Key, third); n != 0 {
		t.Errorf("%d rows hold a key", n)
	}
	if n := count(t, o.d, "SELECT countIf(position(data, ?) > 0) FROM fairlead.directory_log", schema.HashAPIKey(shop.Key)); n != 1 {
		t.Errorf("%d rows hold the key's hash, want 1", n)
	}

	var revoked keyJSON
	if err := json.Unmarshal([]byte(o.says("key", "revoke", "1", "--reason", "leaked", "--json")), &revoked); err != nil || revoked.State != "revoked" || revoked.RevokedAt.IsZero() {
		t.Errorf("key revoke answered %+v, %v", revoked, err)
	}
	if out := o.says("key", "list"); strings.Count(out, "revoked") != 1 || strings.Count(out, "active") != 2 || !strings.Contains(out, "fl_test_…"+try.Hint) || !strings.Contains(out, "track,postback") && !strings.Contains(out, "postback,track") {
		t.Errorf("got %s", out)
	}
	o.fails("There is no API key 9", "key", "revoke", "9")
	o.fails(`"one" is not the number of an API key`, "key", "revoke", "one")
	o.fails(`There is no scope "all"; there are track, postback, browser.`, "key", "add", "--name", "x", "--scope", "all")
	o.fails("it has no other scope", "key", "add", "--name", "x", "--scope", "browser,track")
	o.fails(`--expires: "soon" is neither a day such as 2027-01-31`, "key", "add", "--name", "x", "--expires", "soon")
	o.fails("would have expired already", "key", "add", "--name", "x", "--expires", "2020-01-31")
	o.fails(`required flag(s) "name" not set`, "key", "add")
}

package directory

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestPasswords(t *testing.T) {
	ctx := t.Context()
	hash, err := HashPassword(ctx, "größe!!!")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=47104,t=1,p=1$") {
		t.Fatalf("got %q, %v", hash, err)
	}
	again, err := HashPassword(ctx, "größe!!!")
	if err != nil || again == hash {
		t.Errorf("two hashes of one password are the same: %v", err)
	}
	f := func(hash, password string, want bool) {
		t.Helper()
		got, err := CheckPassword(ctx, hash, password)
		if err != nil || got != want {
			t.Errorf("%q with %q: got %v, %v, want %v", hash, password, got, err, want)
		}
	}
	f(hash, "größe!!!", true)
	f(hash, "gro\u0308ße!!!", true) // the same text, typed on another keyboard
	f(hash, "größe!!", false)
	f(hash, "", false)
	f(hash, strings.Repeat("x", 1<<20), false)
	f("", "", false)
	f("", "größe!!!", false)
	f("größe!!!", "größe!!!", false)
	f(hash[:len(hash)-1], "größe!!!", false)
	f(strings.Replace(hash, "t=1", "t=2", 1), "größe!!!", false)
	// As the reference implementation has it: echo -n password | ./argon2 somesalt -id -t 2 -m 16 -p 1
	f("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password", true)
}

func TestPasswordsThatAreTooShortOrTooLong(t *testing.T) {
	f := func(password string, ok bool) {
		t.Helper()
		if err := CheckPasswordForm(password); (err == nil) != ok {
			t.Errorf("%d characters: got %v, want it accepted: %v", len([]rune(password)), err, ok)
		}
	}
	f("", false)
	f("1234567", false)
	f("12345678", true)
	f("ÄÖÜäöüß", false)
	f("ÄÖÜäöüßé", true)
	f(strings.Repeat("x", 128), true)
	f(strings.Repeat("字", 128), true)
	f(strings.Repeat("x", 129), false)
	f("12345678\xff", false)
}

func TestHashesThatAreNone(t *testing.T) {
	for _, s := range []string{
		"", "$", "$$$$$", "plain", "$argon2i$v=19$m=47104,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=16$m=47104,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=47104,t=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=0,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=47104,t=1000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=47104,t=1,p=256$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=47104,t=1,p=1$c2$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=47104,t=1,p=1$c29tZXNhbHQ$CTFh",
	} {
		if _, err := parsePHC(s); err == nil {
			t.Errorf("%q is taken for a hash", s)
		}
	}
}

// A storm of log-ins waits for its turn instead of taking memory for each, and whoever has waited too
// long is told so.
func TestHashingIsBounded(t *testing.T) {
	for range cap(hashing) {
		hashing <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := CheckPassword(ctx, "", "12345678")
	refused(t, err, Unavailable, "")
	_, err = HashPassword(ctx, "12345678")
	refused(t, err, Unavailable, "")
	for range cap(hashing) {
		<-hashing
	}
	if _, err := CheckPassword(t.Context(), "", "12345678"); err != nil {
		t.Error(err)
	}
}

// Whether a log-in exists does not show in the time that its password takes.
func TestNobodysPasswordTakesAsLong(t *testing.T) {
	hash, err := HashPassword(t.Context(), "12345678")
	if err != nil {
		t.Fatal(err)
	}
	took := func(hash string, best time.Duration) time.Duration {
		start := time.Now()
		if _, err := CheckPassword(t.Context(), hash, "wrong password"); err != nil {
			t.Fatal(err)
		}
		return min(best, time.Since(start))
	}
	// The shortest of each, taken in turns, until they agree: a busy machine only makes both longer.
	known, unknown := time.Hour, time.Hour
	for range 50 {
		known, unknown = took(hash, known), took("", unknown)
		if ratio := float64(known) / float64(unknown); ratio > 0.8 && ratio < 1.25 {
			return
		}
	}
	t.Errorf("a known log-in takes %v, an unknown one %v", known, unknown)
}

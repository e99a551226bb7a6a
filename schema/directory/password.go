package directory

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Lengths of a password, in characters.
const (
	MinPassword = 8
	MaxPassword = 128
)

// Parameters of argon2id for new passwords, as OWASP's Password Storage Cheat Sheet gives them for one
// pass; a stored hash carries its own.
const (
	argonTime    = 1
	argonMemory  = 46 * 1024 // KiB
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32
)

// maxMemory and maxTime bound what a stored hash may ask for.
const (
	maxMemory = 1 << 20 // KiB
	maxTime   = 16
)

// hashing bounds how many passwords are hashed at once in this process: each takes argonMemory, and a
// storm of log-ins must not take that times its size.
var hashing = make(chan struct{}, min(max(runtime.NumCPU(), 2), 8))

// HashPassword checks a password's length and returns its argon2id hash as a PHC string. It waits for its
// turn until ctx is done. The error is an Error: Invalid or Unavailable.
func HashPassword(ctx context.Context, password string) (string, error) {
	if err := CheckPasswordForm(password); err != nil {
		return "", err
	}
	var salt [argonSalt]byte
	rand.Read(salt[:]) // never fails since Go 1.24
	h := phc{memory: argonMemory, time: argonTime, threads: argonThreads, salt: salt[:]}
	key, err := h.derive(ctx, password, argonKey)
	if err != nil {
		return "", err
	}
	h.key = key
	return h.String(), nil
}

// CheckPasswordForm reports what is wrong with a password that somebody wants to use.
func CheckPasswordForm(password string) error {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return invalid("password", "The password is not text.")
	case n < MinPassword:
		return invalid("password", "A password has at least %d characters, this one has %d.", MinPassword, n)
	case n > MaxPassword:
		return invalid("password", "A password has at most %d characters, this one has %d.", MaxPassword, n)
	}
	return nil
}

// CheckPassword reports whether the password is the one that was hashed. With an empty or unreadable
// hash it does the same work and says no, so that the time does not tell whether a log-in exists. It
// waits for its turn until ctx is done; the error is then an Error with code Unavailable.
func CheckPassword(ctx context.Context, hash, password string) (bool, error) {
	h, err := parsePHC(hash)
	known := err == nil
	if !known {
		h = phc{memory: argonMemory, time: argonTime, threads: argonThreads, salt: make([]byte, argonSalt), key: make([]byte, argonKey)}
	}
	if utf8.RuneCountInString(password) > MaxPassword {
		password, known = password[:MaxPassword], false
	}
	key, err := h.derive(ctx, password, uint32(len(h.key)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, h.key) == 1 && known, nil
}

// phc is an argon2id hash in the PHC string format
// (https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md).
type phc struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

// derive hashes the password in the one form that Unicode gives the same text (NIST SP 800-63B, 3.1.1.2).
func (h phc) derive(ctx context.Context, password string, n uint32) ([]byte, error) {
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
	case <-ctx.Done():
		return nil, unavailable(ctx.Err(), "Too many people are logging in at once. Try again in a moment.")
	}
	return argon2.IDKey([]byte(norm.NFKC.String(password)), h.salt, h.time, h.memory, h.threads, n), nil
}

var phcBase64 = base64.RawStdEncoding.Strict()

func (h phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads,
		phcBase64.EncodeToString(h.salt), phcBase64.EncodeToString(h.key))
}

var errPHC = errors.New("not an argon2id hash in PHC format")

func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, errPHC
	}
	var h phc
	params := strings.Split(parts[3], ",")
	if len(params) != 3 {
		return phc{}, errPHC
	}
	var values [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(params[i], name)
		n, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil || n == 0 {
			return phc{}, errPHC
		}
		values[i] = n
	}
	if values[0] > maxMemory || values[1] > maxTime || values[2] > 255 {
		return phc{}, errPHC
	}
	h.memory, h.time, h.threads = uint32(values[0]), uint32(values[1]), uint8(values[2])
	var err1, err2 error
	h.salt, err1 = phcBase64.DecodeString(parts[4])
	h.key, err2 = phcBase64.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.key) < 16 || len(h.key) > 64 {
		return phc{}, errPHC
	}
	return h, nil
}

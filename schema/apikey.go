package schema

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
)

// What API keys begin with, so that people tell a live one from a test one, and scanners for secrets find both.
const (
	APIKeyLive = "fl_live_"
	APIKeyTest = "fl_test_"
)

// apiKeyDigits is the length of 256 bits in base 62.
const apiKeyDigits = 43

// NewAPIKey draws a key: a prefix and 256 random bits as 43 letters and digits.
func NewAPIKey(test bool) string {
	var b [32]byte
	rand.Read(b[:]) // never fails since Go 1.24
	digits := new(big.Int).SetBytes(b[:]).Text(62)
	prefix := APIKeyLive
	if test {
		prefix = APIKeyTest
	}
	return prefix + strings.Repeat("0", apiKeyDigits-len(digits)) + digits
}

// HashAPIKey is what is kept of a key: its SHA-256 in hexadecimal. 256 random bits need neither salt nor stretching.
func HashAPIKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// May reports whether the key has a scope.
func (k APIKey) May(s Scope) bool { return slices.Contains(k.Scopes, s) }

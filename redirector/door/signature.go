package door

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"fairlead/redirector/track"
)

// Tolerance is how far the time of a signature may be from ours, either way.
const Tolerance = 5 * time.Minute

// maxSums is how many signatures of one message are looked at. Senders sign once for each secret that holds: two, while
// one is replaced by another.
const maxSums = 16

// sumOf is a signature that was decoded; ok is false where it cannot be an HMAC-SHA256.
func sumOf(sum []byte, err error) (_ []byte, ok bool) {
	return sum, err == nil && len(sum) == sha256.Size
}

// signed reports whether one of the sums is the HMAC-SHA256 of the parts under one of the secrets. The time it takes does
// not tell how much of one is right. Strangers may ask for it: the parts are hashed once for each secret, however many
// sums there are.
func signed(secrets []string, sums [][]byte, parts ...[]byte) bool {
	ok := false
	for _, secret := range secrets {
		h := hmac.New(sha256.New, []byte(secret))
		for _, p := range parts {
			h.Write(p)
		}
		right := h.Sum(nil)
		for _, sum := range sums {
			if hmac.Equal(right, sum) {
				ok = true
			}
		}
	}
	return ok
}

// checkTimed checks a signature of Stripe's scheme, "t=1700000000,v1=hex,v1=hex": over the time, a dot and the body
// (https://docs.stripe.com/webhooks#verify-manually). The body is hashed last, when nothing else speaks against it.
func checkTimed(secrets []string, header, name string, body []byte, now time.Time) error {
	if header == "" {
		return refuse(track.Unauthorized, name, "is missing: only signed messages are taken")
	}
	stamp := ""
	var sums [][]byte
	for part := range strings.SplitSeq(header, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case key == "t":
			stamp = value
		case key == "v1" && len(sums) < maxSums:
			if sum, ok := sumOf(hex.DecodeString(value)); ok {
				sums = append(sums, sum)
			}
		}
	}
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || len(sums) == 0 {
		return refuse(track.Unauthorized, name, "has no t= and v1= that can be read")
	}
	if off := now.Unix() - at; off > int64(Tolerance/time.Second) || -off > int64(Tolerance/time.Second) {
		return refuse(track.Unauthorized, name, "is of a time that is more than %s from this machine's", Tolerance)
	}
	if !signed(secrets, sums, []byte(stamp), []byte("."), body) {
		return refuse(track.Unauthorized, name, "does not match the body: check the secret, and that nothing on the way changes the body")
	}
	return nil
}

// checkBody checks a signature of the body alone, in base64.
func checkBody(secrets []string, header, name string, body []byte) error {
	if header == "" {
		return refuse(track.Unauthorized, name, "is missing: only signed messages are taken")
	}
	sum, ok := sumOf(base64.StdEncoding.DecodeString(header))
	if !ok || !signed(secrets, [][]byte{sum}, body) {
		return refuse(track.Unauthorized, name, "does not match the body: check the secret, and that nothing on the way changes the body")
	}
	return nil
}

// needSecrets refuses everything where no secret is configured.
func needSecrets(secrets []string, key string) error {
	if len(secrets) == 0 {
		return refuse(track.NotFound, "", "This address takes nothing until %s is configured.", key)
	}
	return nil
}

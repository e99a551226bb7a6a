package door

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"fairlead/redirector/track"
)

// Anybody may send a long body with a header full of sums: the body is hashed once for each secret all the same, and not
// at all where something else is wrong already.
func TestAFloodOfSignaturesCostsNoMoreThanOne(t *testing.T) {
	body := payload(t, "stripe/session_payment")
	read := func(header string) error {
		_, err := Stripe{Secrets: []string{secret, "another"}}.Read(Message{Method: "POST", Header: headers(HeaderStripe, header), Body: body, Now: now}, rules)
		return err
	}
	f := func(what, header, want string) {
		t.Helper()
		err := read(header)
		refused(t, what, err, track.Unauthorized, HeaderStripe)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want that it %s", what, err, want)
		}
	}
	wrong := ",v1=" + strings.Repeat("00", 32)
	stamp, right, _ := strings.Cut(stripeMessage(body, secret, now).Header(HeaderStripe), ",")
	right = "," + right
	old := fmt.Sprintf("t=%d", now.Add(-Tolerance-time.Second).Unix())
	f("an old time with a wrong sum", old+wrong, "is of a time")
	f("empty sums", stamp+strings.Repeat(",v1=", 900), "has no t= and v1=")
	f("short sums", stamp+strings.Repeat(",v1=00", 900), "has no t= and v1=")
	f("long sums", stamp+strings.Repeat(wrong+"00", 900), "has no t= and v1=")
	f("the right sum behind more than are looked at", stamp+strings.Repeat(wrong, maxSums)+right, "does not match")
	if err := read(stamp + strings.Repeat(wrong, maxSums-1) + right); err != nil {
		t.Errorf("the right sum as the last that is looked at: %v", err)
	}
	if err := read(stamp + strings.Repeat(",v1=", 900) + right); err != nil {
		t.Errorf("the right sum behind what is none: %v", err)
	}

	// Each hashing makes objects of its own, so that their number tells how often it is done.
	made := func(sums int) float64 {
		list := make([][]byte, sums)
		for i := range list {
			list[i] = make([]byte, 32)
		}
		return testing.AllocsPerRun(10, func() { signed([]string{"a", "b"}, list, body) })
	}
	if one, many := made(1), made(maxSums); many > one {
		t.Errorf("%d sums: %.0f objects are made, of one sum %.0f", maxSums, many, one)
	}
}

// Shopify and trackers send one sum: what cannot be one is refused before anything is hashed.
func TestWhatIsNoSumIsNotHashed(t *testing.T) {
	for _, text := range []string{"", "00", strings.Repeat("00", 31), strings.Repeat("00", 33), "zz"} {
		if _, ok := sumOf(hex.DecodeString(text)); ok {
			t.Errorf("%q is taken for an HMAC-SHA256", text)
		}
	}
	if _, ok := sumOf(hex.DecodeString(strings.Repeat("00", 32))); !ok {
		t.Error("a sum of 32 bytes is not taken")
	}
}

package schema

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// PayoutID names a payout, and is the idempotency key that providers get. It follows from what is paid, so that whoever
// draws the same payout up again meets the one there is.
type PayoutID [16]byte

func (id PayoutID) String() string { return hex.EncodeToString(id[:]) }

// NewPayoutID names the payout of a program to a partner in a currency of what was payable at the cut-off.
func NewPayoutID(program string, partner PartnerID, currency string, cutOff time.Time) PayoutID {
	sum := hashOf("payout", program, partner.String(), currency, strconv.FormatInt(cutOff.UnixMilli(), 10))
	return PayoutID(sum[:16])
}

// ParsePayoutID reads the 32 hexadecimal digits that String writes.
func ParsePayoutID(text string) (id PayoutID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is not a payout's id of %d hexadecimal digits", text, 2*len(id))
	}
	return PayoutID(b), nil
}

// ProgramID tells this program's payouts from those of others that pay from the same account. It follows from a secret that
// never changes, and tells nothing of it.
func (k CustomerKey) ProgramID() string {
	mac := hmac.New(sha256.New, []byte(k))
	mac.Write([]byte("program"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// PayoutStatus is how far a payout is.
type PayoutStatus string

// The states of payouts, as in the table payouts in ClickHouse.
const (
	PayoutDraft      PayoutStatus = "draft"      // its rewards are reserved; somebody has to approve it
	PayoutApproved   PayoutStatus = "approved"   // to be sent
	PayoutProcessing PayoutStatus = "processing" // the provider may have it: it is asked before anything is sent again
	PayoutSent       PayoutStatus = "sent"       // the provider has it
	PayoutCompleted  PayoutStatus = "completed"  // the partner has the money
	PayoutFailed     PayoutStatus = "failed"     // nothing was paid; its rewards are payable again
	PayoutReturned   PayoutStatus = "returned"   // the money came back; likewise
	PayoutCanceled   PayoutStatus = "canceled"   // by somebody, before it was sent; likewise
)

// Open reports whether a payout still reserves its rewards without having paid them.
func (s PayoutStatus) Open() bool {
	switch s {
	case PayoutDraft, PayoutApproved, PayoutProcessing, PayoutSent:
		return true
	}
	return false
}

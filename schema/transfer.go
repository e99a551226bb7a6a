package schema

import (
	"encoding/hex"
	"fmt"
	"strconv"
)

// Account is where money of the ledger stands. What partners own is a reward's balance in Review to Paid.
type Account string

// The accounts, as in the ledger in ClickHouse.
const (
	AccountExpense    Account = "expense"    // the merchant's: where rewards come from
	AccountOpening    Account = "opening"    // the merchant's: what was owed when the program moved here comes from it
	AccountReview     Account = "review"     // earned, if somebody who looks at it agrees
	AccountHolding    Account = "holding"    // earned, and held until refunds are unlikely
	AccountPayable    Account = "payable"    // in the next payout; below zero: taken back after it was paid, and carried by the next payout
	AccountProcessing Account = "processing" // in a payout that is under way
	AccountPaid       Account = "paid"       // received
)

// CauseKind is why a transfer was booked.
type CauseKind string

// The causes, as in the ledger in ClickHouse. Those up to CauseOpening change what a reward amounts to, the others move it.
const (
	CauseEarned   CauseKind = "earned"   // by the conversion that Cause names
	CauseAdjusted CauseKind = "adjusted" // by the refund, or its restoring, whose conversion id Cause is
	CauseAdded    CauseKind = "added"    // by hand; Cause names the entry
	CauseReversed CauseKind = "reversed" // by hand; Cause names the entry
	CauseOpening  CauseKind = "opening"  // owed from before; Cause is the partner's id
	CauseReleased CauseKind = "released" // the hold is over; Cause is the reward's id
	CauseReview   CauseKind = "review"   // somebody has to look at it; likewise
	CauseCleared  CauseKind = "cleared"  // somebody need not any more; likewise
	CausePayout   CauseKind = "payout"   // Cause is the payout's id
)

// RewardID names a reward: what one partner has of one sale, lead, entry by hand or opening balance.
type RewardID [16]byte

func (id RewardID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText writes the id as String does: so it stands in JSON.
func (id RewardID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (id *RewardID) UnmarshalText(text []byte) error {
	parsed, err := ParseRewardID(string(text))
	*id = parsed
	return err
}

// ParseRewardID reads the form that String writes: 32 hexadecimal digits.
func ParseRewardID(s string) (RewardID, error) {
	var id RewardID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is not a reward's id: 32 hexadecimal digits", s)
	}
	return RewardID(b), nil
}

// NewRewardID names the reward of a partner for what cause and its kind name: CauseEarned and the conversion id of a sale or
// lead, CauseAdded and the entry, CauseOpening and the partner's id.
func NewRewardID(partner PartnerID, kind CauseKind, cause, currency string) RewardID {
	sum := hashOf("reward", partner.String(), string(kind), cause, currency)
	return RewardID(sum[:16])
}

// TransferID names a row of the ledger. It follows from why the row was booked, so that nothing is booked twice.
type TransferID [16]byte

func (id TransferID) String() string { return hex.EncodeToString(id[:]) }

// Transfer is a row of the ledger: an amount leaves one account and enters another. Rows are never changed.
type Transfer struct {
	ID       TransferID
	BookedAt int64 // milliseconds since 1970
	At       int64 // when it happened in the business: of the sale, of the refund, the hold's end; likewise
	DueAt    int64 // when the reward's hold ends, by what was known when the row was booked; likewise; 0: it has none that ends
	Partner  PartnerID
	Reward   RewardID
	Debit    Account // loses Amount
	Credit   Account // gains it
	Amount   int64   // minor units of Currency, above zero
	Currency string  // ISO 4217

	Kind       CauseKind
	Cause      string // what Kind names
	Rule       uint32 // by which the reward was reckoned; 0: by none
	Conversion string // the conversion id of the sale or lead that the reward is for; empty: for none
	Note       string // in words, where the cause does not tell all
	Token      uint64 // fencing token of the run that booked it
}

// Identify fills in ID: of the reward, the cause, and which row of that cause in that reward this is, from 0.
func (t *Transfer) Identify(ordinal int) {
	sum := hashOf("transfer", t.Reward.String(), string(t.Kind), t.Cause, strconv.Itoa(ordinal))
	t.ID = TransferID(sum[:16])
}

// Balances sums transfers by account: what entered less what left, in minor units. All of them together are zero.
func Balances(rows []Transfer) map[Account]int64 {
	out := map[Account]int64{}
	for _, t := range rows {
		out[t.Debit] -= t.Amount
		out[t.Credit] += t.Amount
	}
	return out
}

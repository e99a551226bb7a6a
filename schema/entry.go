package schema

import (
	"strconv"
	"time"
)

// KindEntry is the kind of directory entries that were made by hand to put a partner's money right. They are added, and never
// changed or taken out: a mistake is made good by another one.
const KindEntry Kind = "entry"

// Entry adds a reward by hand, or takes from one.
type Entry struct {
	ID       uint32    `json:"id"`
	Partner  PartnerID `json:"partner_id"`          // of the reward
	Amount   int64     `json:"amount"`              // minor units of Currency, above zero; 0 of a reversal: all there is, for good
	Currency string    `json:"currency"`            // ISO 4217; of a reversal the reward's
	HoldDays int       `json:"hold_days,omitempty"` // of one that is added: days before it can be paid
	// Reverses is the reward that the entry takes from; zero: it adds one.
	Reverses RewardID  `json:"reverses,omitzero"`
	Note     string    `json:"note"` // why, in the words of who entered it: the partner reads it
	At       time.Time `json:"at"`   // when it was entered
}

// Adds reports whether the entry adds a reward.
func (e Entry) Adds() bool { return e.Reverses == RewardID{} }

// Reward names the reward that the entry adds or takes from.
func (e Entry) Reward() RewardID {
	if !e.Adds() {
		return e.Reverses
	}
	return NewRewardID(e.Partner, CauseAdded, e.Cause(), e.Currency)
}

// Cause is how the ledger names the entry.
func (e Entry) Cause() string { return strconv.FormatUint(uint64(e.ID), 10) }

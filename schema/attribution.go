package schema

// AttributionState is what came of a report.
type AttributionState string

// The states of an attribution, as in the Enum8 in ClickHouse. Only counted is in a partner's figures.
const (
	StateCounted      AttributionState = "counted"
	StateDuplicate    AttributionState = "duplicate"    // a repeat of a report that stands
	StateConflict     AttributionState = "conflict"     // a repeat that contradicts the report that stands
	StateUnattributed AttributionState = "unattributed" // nobody is credited
	StateReview       AttributionState = "review"       // somebody has to look at it before it counts
	StateWaiting      AttributionState = "waiting"      // for the report that it refers to
	StateHeld         AttributionState = "held"         // its amount is not known in the program's currency
	StateTest         AttributionState = "test"         // of a test: shown, and never in figures
	StateNoted        AttributionState = "noted"        // it tells something, and counts as nothing
)

// AttributionReason is the code of the rule that decided.
type AttributionReason string

// The reasons. Each has a sentence: see Sentence.
const (
	ReasonLastClick  AttributionReason = "last_click"
	ReasonFirstClick AttributionReason = "first_click"
	ReasonCoupon     AttributionReason = "coupon"
	ReasonClaim      AttributionReason = "claim"
	ReasonCredit     AttributionReason = "credit"
	ReasonBound      AttributionReason = "bound"

	ReasonRefund         AttributionReason = "refund"
	ReasonRefundCapped   AttributionReason = "refund_capped"
	ReasonRefundIncluded AttributionReason = "refund_included"
	ReasonRestored       AttributionReason = "restored"

	ReasonRepeat       AttributionReason = "repeat"
	ReasonSamePayment  AttributionReason = "same_payment"
	ReasonSameRefund   AttributionReason = "same_refund"
	ReasonOtherContent AttributionReason = "other_content"
	ReasonOtherAmount  AttributionReason = "other_amount"

	ReasonNoClick          AttributionReason = "no_click"
	ReasonClickTooOld      AttributionReason = "click_outside_window"
	ReasonClickLater       AttributionReason = "click_later"
	ReasonClickForged      AttributionReason = "click_forged"
	ReasonClickMalformed   AttributionReason = "click_malformed"
	ReasonUnknownLink      AttributionReason = "unknown_link"
	ReasonUnknownPartner   AttributionReason = "unknown_partner"
	ReasonCouponUnknown    AttributionReason = "coupon_unknown"
	ReasonCouponNotActive  AttributionReason = "coupon_not_active"
	ReasonPartnerSuspended AttributionReason = "partner_suspended"
	ReasonPartnerDeclined  AttributionReason = "partner_declined"
	ReasonPartnerApplied   AttributionReason = "partner_applied"
	ReasonSaleUnattributed AttributionReason = "sale_unattributed"

	ReasonSelfReferral AttributionReason = "self_referral"
	ReasonSaleInReview AttributionReason = "sale_in_review"

	ReasonNoSale   AttributionReason = "no_sale"
	ReasonNoRefund AttributionReason = "no_refund"

	ReasonNoRate        AttributionReason = "no_rate"
	ReasonSaleHeld      AttributionReason = "sale_held"
	ReasonOtherCurrency AttributionReason = "other_currency"
	ReasonTooMuch       AttributionReason = "amount_too_large"

	ReasonDeferred AttributionReason = "deferred"
)

// AttributionReasons lists every reason.
func AttributionReasons() []AttributionReason {
	return []AttributionReason{
		ReasonLastClick, ReasonFirstClick, ReasonCoupon, ReasonClaim, ReasonCredit, ReasonBound,
		ReasonRefund, ReasonRefundCapped, ReasonRefundIncluded, ReasonRestored,
		ReasonRepeat, ReasonSamePayment, ReasonSameRefund, ReasonOtherContent, ReasonOtherAmount,
		ReasonNoClick, ReasonClickTooOld, ReasonClickLater, ReasonClickForged, ReasonClickMalformed, ReasonUnknownLink, ReasonUnknownPartner,
		ReasonCouponUnknown, ReasonCouponNotActive, ReasonPartnerSuspended, ReasonPartnerDeclined, ReasonPartnerApplied, ReasonSaleUnattributed,
		ReasonSelfReferral, ReasonSaleInReview,
		ReasonNoSale, ReasonNoRefund,
		ReasonNoRate, ReasonSaleHeld, ReasonOtherCurrency, ReasonTooMuch,
		ReasonDeferred,
	}
}

// Sentence says to people, partners among them, what the rule is.
func (r AttributionReason) Sentence() string { return reasonSentences[r] }

var reasonSentences = map[AttributionReason]string{
	ReasonLastClick:  "The customer's last click within the window was on this partner's link.",
	ReasonFirstClick: "The customer's first click within the window was on this partner's link.",
	ReasonCoupon:     "The customer entered this partner's coupon.",
	ReasonClaim:      "A referral claim of this partner was accepted for the customer.",
	ReasonCredit:     "The merchant named this partner when the history was imported.",
	ReasonBound:      "The customer was already this partner's.",

	ReasonRefund:         "It takes back from the sale it belongs to, at the sale's exchange rate.",
	ReasonRefundCapped:   "It is more than what was left of the sale, so only that was taken back.",
	ReasonRefundIncluded: "Reports before it told this refund already, so nothing more was taken back.",
	ReasonRestored:       "The refund was taken back, so the sale counts again.",

	ReasonRepeat:       "The same report came before; each counts once.",
	ReasonSamePayment:  "Another report of the same payment counts; a payment counts once.",
	ReasonSameRefund:   "Another report of the same refund counts; a refund counts once.",
	ReasonOtherContent: "A report of the same thing with other content came before, and that one stands.",
	ReasonOtherAmount:  "Another report of the same payment or refund, with another amount, stands.",

	ReasonNoClick:          "No click, coupon or claim leads from this customer to a partner.",
	ReasonClickTooOld:      "The customer's click was longer ago than the program's window allows.",
	ReasonClickLater:       "The customer's click came after this, or a page told of it only afterwards.",
	ReasonClickForged:      "The click id was not given out by this program.",
	ReasonClickMalformed:   "What was reported as a click id is none.",
	ReasonUnknownLink:      "The click was on a link that the program does not have.",
	ReasonUnknownPartner:   "The partner who was named is not in the program.",
	ReasonCouponUnknown:    "The coupon belongs to no partner, and there was no click.",
	ReasonCouponNotActive:  "The coupon did not credit its partner at that time, and there was no click.",
	ReasonPartnerSuspended: "The partner was suspended at that time.",
	ReasonPartnerDeclined:  "The partner's application had been declined.",
	ReasonPartnerApplied:   "The partner's application had not been accepted yet.",
	ReasonSaleUnattributed: "The sale that it belongs to is credited to nobody.",

	ReasonSelfReferral: "The customer has the partner's own e-mail address.",
	ReasonSaleInReview: "The sale that it belongs to is under review.",

	ReasonNoSale:   "The sale that it belongs to has not been reported yet.",
	ReasonNoRefund: "The refund that it takes back has not been reported yet.",

	ReasonNoRate:        "There is no exchange rate of that day or the seven days before it.",
	ReasonSaleHeld:      "The sale that it belongs to waits for its amount.",
	ReasonOtherCurrency: "It is in another currency than the sale that it belongs to.",
	ReasonTooMuch:       "The amount in the program's currency is larger than can be counted.",

	ReasonDeferred: "It tells which click the customer came by, or what a payment is called; it counts as nothing by itself.",
}

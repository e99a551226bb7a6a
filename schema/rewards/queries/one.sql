SELECT
    reward_id,
    partner_id,
    conversion_id,
    rule_id,
    state,
    currency,
    amount,
    review,
    holding,
    payable,
    processing,
    paid,
    earned_at,
    due_at
FROM fairlead.rewards
WHERE (partner_id, reward_id) IN (
    SELECT DISTINCT partner_id, reward_id
    FROM fairlead.ledger
    WHERE reward_id = unhex({reward:String})
)

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
    due_at,
    payout
FROM fairlead.rewards
LEFT JOIN
(
    SELECT
        partner_id,
        reward_id,
        argMax(cause, booked_at)  AS payout
    FROM fairlead.ledger FINAL
    WHERE kind = 'payout'
      AND reward_id = unhex({reward:String})
    GROUP BY partner_id,
             reward_id
) AS p USING (partner_id, reward_id)
WHERE (partner_id, reward_id) IN (
    SELECT DISTINCT partner_id, reward_id
    FROM fairlead.ledger
    WHERE reward_id = unhex({reward:String})
)

-- How rewards stand, each with its last payout; the gaps say in which rows of the ledger that is looked for, and which rewards are asked for.
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
      AND %s
    GROUP BY partner_id,
             reward_id
) AS p USING (partner_id, reward_id)
WHERE %s

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
      AND ({partner:UInt32} = 0 OR partner_id = {partner:UInt32})
    GROUP BY partner_id,
             reward_id
) AS p USING (partner_id, reward_id)
WHERE ({partner:UInt32} = 0 OR partner_id = {partner:UInt32})
  AND ({state:String} = '' OR state = {state:String})
ORDER BY earned_at DESC,
         partner_id,
         reward_id

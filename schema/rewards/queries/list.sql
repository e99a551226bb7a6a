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
WHERE ({partner:UInt32} = 0 OR partner_id = {partner:UInt32})
  AND ({state:String} = '' OR state = {state:String})
ORDER BY earned_at DESC,
         partner_id,
         reward_id

SELECT DISTINCT reward_id, conversion_id
FROM
(
    SELECT reward_id, conversion_id
    FROM fairlead.ledger
    WHERE kind != 'payout'
      AND (token > {done:UInt64} OR due_at > {from:DateTime64(3, 'UTC')} AND due_at <= {to:DateTime64(3, 'UTC')})
    UNION ALL
    SELECT reward_id, conversion_id
    FROM fairlead.ledger
    WHERE token >= {freed:UInt64}
      AND kind = 'payout'
      AND credit = 'payable'
    UNION ALL
    SELECT reward_id, conversion_id
    FROM fairlead.reward_holds
    WHERE token > {done:UInt64}
       OR due_at > {from:DateTime64(3, 'UTC')} AND due_at <= {to:DateTime64(3, 'UTC')}
)
LIMIT {most:UInt64}

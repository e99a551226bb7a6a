SELECT
    token,
    toString(kind)                       AS what,
    test,
    conversion_id,
    customer_id,
    node,
    seq,
    received_at,
    occurred_at,
    toString(state)                      AS outcome,
    reason,
    partner_id,
    link_id,
    click_id,
    coupon,
    claim_id,
    sale_id,
    binds,
    amount,
    currency
FROM fairlead.attributions FINAL
WHERE token > {after:UInt64}
  AND received_at >= {since:DateTime64(3, 'UTC')}
  AND kind IN ('lead', 'sale', 'refund', 'restored')
ORDER BY conversion_id

SELECT
    token,
    toString(kind)                                                                        AS what,
    test,
    conversion_id,
    lower(hex(sipHash128ReferenceKeyed((k.low, k.high), conversion_id)))                  AS pseudonym,
    customer_id,
    node,
    seq,
    received_at,
    occurred_at,
    toString(state)                                                                       AS outcome,
    reason,
    partner_id,
    link_id,
    click_id,
    coupon,
    claim_id,
    sale_id,
    if(sale_id = '', '', lower(hex(sipHash128ReferenceKeyed((k.low, k.high), sale_id))))  AS sale_pseudonym,
    binds,
    amount,
    currency
FROM fairlead.attributions FINAL
CROSS JOIN -- as in analytics.conversions, whose ids these pseudonyms are
(
    SELECT
        unhex(any(JSONExtractString(data, 'customers')))  AS secret,
        reinterpretAsUInt64(substring(secret, 1, 8))      AS low,
        reinterpretAsUInt64(substring(secret, 9, 8))      AS high
    FROM fairlead.directory
    WHERE kind = 'secret'
    HAVING throwIf(length(secret) < 16, 'the directory holds no key of 16 bytes for customers: `fairlead migrate` draws one') = 0
) AS k
WHERE token > {after:UInt64}
  AND received_at >= {since:DateTime64(3, 'UTC')}
  AND kind IN ('lead', 'sale', 'refund', 'restored')
ORDER BY conversion_id

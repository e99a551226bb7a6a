SELECT
    node,
    seq,
    toString(state)                      AS state_name,
    reason,
    partner_id,
    link_id,
    click_id,
    toUnixTimestamp64Milli(clicked_at)   AS clicked,
    coupon,
    claim_id,
    sale_id,
    binds,
    amount,
    currency,
    toString(rate)                       AS rate_text
FROM fairlead.attributions FINAL
WHERE (toDate(occurred_at), node, seq) IN (SELECT day, node, seq FROM wanted)

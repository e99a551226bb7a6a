INSERT INTO fairlead.{stage:Identifier}
    (partner_id, month, clicks, visitors, bots, prefetches, embedded, unknown_links, suspended, disabled, expired, token)
SELECT
    partner_id, month, clicks, visitors, bots, prefetches, embedded, unknown_links, suspended, disabled, expired, token
FROM fairlead.partner_months
WHERE month != {first:Date}
UNION ALL
SELECT
    d.partner_id,
    {first:Date},
    sum(d.clicks),
    sum(d.visitors),
    sum(d.bots),
    sum(d.prefetches),
    sum(d.embedded),
    sum(d.unknown_links),
    sum(d.suspended),
    sum(d.disabled),
    sum(d.expired),
    {token:UInt64}
FROM fairlead.{counted:Identifier} AS d
GROUP BY d.partner_id

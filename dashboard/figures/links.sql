-- Some of a partner's links over a span, and, as link 0, what came by no link: by coupons, claims and the merchant's word.
SELECT
    link_id         AS link,
    sum(clicks)     AS clicks,
    sum(visitors)   AS visitors,
    0               AS referred,
    ''              AS currency,
    0               AS sales,
    toInt64(0)      AS gross,
    0               AS refunds,
    toInt64(0)      AS refunded
FROM fairlead.link_days
WHERE partner_id = {partner:UInt32}
  AND link_id IN {links:Array(UInt32)}
  AND day BETWEEN {from:Date} AND {to:Date}
GROUP BY link_id

UNION ALL

SELECT
    link_id,
    0,
    0,
    sum(referred),
    currency,
    sum(sales),
    sum(gross),
    sum(refunds),
    sum(refunded)
FROM fairlead.sale_days
WHERE partner_id = {partner:UInt32}
  AND (link_id IN {links:Array(UInt32)} OR link_id = 0)
  AND day BETWEEN {from:Date} AND {to:Date}
GROUP BY link_id, currency
SETTINGS local_filesystem_read_method = 'pread', allow_statistics_optimize = 0

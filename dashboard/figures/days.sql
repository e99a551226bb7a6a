-- A partner's days of a span and of the one it is compared with: clicks, what came of them, and what
-- was earned.
SELECT
    day,
    clicks,
    visitors,
    bots,
    prefetches,
    embedded,
    suspended,
    disabled,
    expired,
    0          AS referred,
    0          AS held,
    0          AS review,
    ''         AS currency,
    0          AS sales,
    toInt64(0) AS gross,
    0          AS refunds,
    toInt64(0) AS refunded,
    toInt64(0) AS paid,
    toInt64(0) AS pending
FROM fairlead.partner_days
WHERE partner_id = {partner:UInt32}
  AND (day BETWEEN {from:Date} AND {to:Date} OR day BETWEEN {before_from:Date} AND {before_to:Date})

UNION ALL

SELECT
    day,
    0, 0, 0, 0, 0, 0, 0, 0,
    sum(referred),
    sum(held),
    sum(review),
    currency,
    sum(sales),
    sum(gross),
    sum(refunds),
    sum(refunded),
    0,
    0
FROM fairlead.sale_days
WHERE partner_id = {partner:UInt32}
  AND (day BETWEEN {from:Date} AND {to:Date} OR day BETWEEN {before_from:Date} AND {before_to:Date})
GROUP BY day, currency

UNION ALL

SELECT
    day,
    0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, currency, 0, 0, 0, 0,
    sum(paid),
    sum(holding + payable + processing + review)
FROM fairlead.reward_days
WHERE partner_id = {partner:UInt32}
  AND (day BETWEEN {from:Date} AND {to:Date} OR day BETWEEN {before_from:Date} AND {before_to:Date})
GROUP BY day, currency
SETTINGS local_filesystem_read_method = 'pread', allow_statistics_optimize = 0

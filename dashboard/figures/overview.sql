-- A partner's first page: months and days of clicks, the links clicked most, every day with a sale, a sign-up or a
-- reward, and where the rewards of all times stand.
SELECT
    'month'           AS part,
    month             AS date,
    toUInt32(0)       AS link,
    clicks,
    visitors,
    bots,
    prefetches,
    embedded,
    suspended,
    disabled,
    expired,
    0                 AS referred,
    0                 AS held,
    0                 AS review,
    ''                AS currency,
    0                 AS sales,
    toInt64(0)        AS gross,
    0                 AS refunds,
    toInt64(0)        AS refunded,
    toInt64(0)        AS paid,
    toInt64(0)        AS pending,
    emptyArrayInt64() AS stands,
    toDateTime64(0, 3, 'UTC') AS next_due
FROM fairlead.partner_months
WHERE partner_id = {partner:UInt32}
  AND month BETWEEN {first_month:Date} AND {last_month:Date}

UNION ALL

SELECT
    'day'             AS part,
    day               AS date,
    toUInt32(0)       AS link,
    clicks,
    visitors,
    bots,
    prefetches,
    embedded,
    suspended,
    disabled,
    expired,
    0, 0, 0, '', 0, 0, 0, 0,
    0, 0, emptyArrayInt64(), toDateTime64(0, 3, 'UTC')
FROM fairlead.partner_days
WHERE partner_id = {partner:UInt32}
  AND (day BETWEEN {from:Date} AND {to:Date} OR day BETWEEN {other_from:Date} AND {other_to:Date})

UNION ALL

SELECT
    'link'            AS part,
    {links_from:Date} AS date,
    link,
    clicks,
    0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, '', 0, 0, 0, 0,
    0, 0, emptyArrayInt64(), toDateTime64(0, 3, 'UTC')
FROM
(
    SELECT
        link_id     AS link,
        sum(clicks) AS clicks
    FROM fairlead.link_days
    WHERE partner_id = {partner:UInt32}
      AND day BETWEEN {links_from:Date} AND {links_to:Date}
    GROUP BY link_id
    HAVING clicks > 0
    ORDER BY clicks DESC, link
    LIMIT 5
)

UNION ALL

SELECT
    'sold'            AS part,
    day               AS date,
    toUInt32(0)       AS link,
    0, 0, 0, 0, 0, 0, 0, 0,
    sum(referred),
    sum(held),
    sum(review),
    currency,
    sum(sales),
    sum(gross),
    sum(refunds),
    sum(refunded),
    0, 0, emptyArrayInt64(), toDateTime64(0, 3, 'UTC')
FROM fairlead.sale_days
WHERE partner_id = {partner:UInt32}
  AND day BETWEEN {first_month:Date} AND {to:Date}
GROUP BY day, currency

UNION ALL

SELECT
    'earned'          AS part,
    day               AS date,
    toUInt32(0)       AS link,
    0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, currency, 0, 0, 0, 0,
    sum(paid),
    sum(holding + payable + processing + review),
    emptyArrayInt64(),
    toDateTime64(0, 3, 'UTC')
FROM fairlead.reward_days
WHERE partner_id = {partner:UInt32}
  AND day BETWEEN {first_month:Date} AND {to:Date}
GROUP BY day, currency

UNION ALL

SELECT
    'balance'         AS part,
    {to:Date}         AS date,
    toUInt32(0)       AS link,
    0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, currency, 0, 0, 0, 0,
    0, 0,
    [sum(review), sum(holding), sum(payable), sum(processing), sum(paid)],
    minIf(due_at, holding > 0 AND toUnixTimestamp64Milli(due_at) > 0)
FROM fairlead.rewards
WHERE partner_id = {partner:UInt32}
GROUP BY currency
SETTINGS local_filesystem_read_method = 'pread', allow_statistics_optimize = 0

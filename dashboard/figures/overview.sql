-- A partner's first page: months, days, and the links clicked most.
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
    expired
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
    expired
FROM fairlead.partner_days
WHERE partner_id = {partner:UInt32}
  AND (day BETWEEN {from:Date} AND {to:Date} OR day BETWEEN {other_from:Date} AND {other_to:Date})

UNION ALL

SELECT
    'link'            AS part,
    {links_from:Date} AS date,
    link,
    clicks,
    visitors,
    bots,
    prefetches,
    embedded,
    suspended,
    disabled,
    expired
FROM
(
    SELECT
        link_id         AS link,
        sum(clicks)     AS clicks,
        sum(visitors)   AS visitors,
        sum(bots)       AS bots,
        sum(prefetches) AS prefetches,
        sum(embedded)   AS embedded,
        sum(suspended)  AS suspended,
        sum(disabled)   AS disabled,
        sum(expired)    AS expired
    FROM fairlead.link_days
    WHERE partner_id = {partner:UInt32}
      AND day BETWEEN {links_from:Date} AND {links_to:Date}
    GROUP BY link_id
    HAVING clicks > 0
    ORDER BY clicks DESC, link
    LIMIT 5
)

-- Some of a partner's links over a long span, and over the short one at its end.
SELECT
    link_id             AS link,
    day >= {short:Date} AS short,
    sum(clicks)         AS clicks,
    sum(visitors)       AS visitors,
    sum(bots)           AS bots,
    sum(prefetches)     AS prefetches,
    sum(embedded)       AS embedded,
    sum(suspended)      AS suspended,
    sum(disabled)       AS disabled,
    sum(expired)        AS expired
FROM fairlead.link_days
WHERE partner_id = {partner:UInt32}
  AND link_id IN {links:Array(UInt32)}
  AND day BETWEEN {from:Date} AND {to:Date}
GROUP BY link, short

-- A month over all partners (partner 0, which nobody is) and of some of them.
SELECT
    toUInt32(0)           AS partner,
    countIf(m.clicks > 0) AS active,
    sum(m.clicks)         AS clicks,
    sum(m.visitors)       AS visitors,
    sum(m.bots)           AS bots,
    sum(m.prefetches)     AS prefetches,
    sum(m.embedded)       AS embedded,
    sum(m.suspended)      AS suspended,
    sum(m.disabled)       AS disabled,
    sum(m.expired)        AS expired
FROM fairlead.partner_months AS m
WHERE m.month = {month:Date}
  AND m.partner_id > 0

UNION ALL

SELECT
    partner_id            AS partner,
    toUInt64(clicks > 0)  AS active,
    clicks,
    visitors,
    bots,
    prefetches,
    embedded,
    suspended,
    disabled,
    expired
FROM fairlead.partner_months
WHERE month = {month:Date}
  AND partner_id IN {partners:Array(UInt32)}

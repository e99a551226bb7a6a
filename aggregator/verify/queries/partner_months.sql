SELECT
    partner_id,
    sumForEach(side.stored)  AS stored,
    sumForEach(side.days)    AS days
FROM
(
    SELECT
        partner_id,
        [clicks, visitors, bots, prefetches, embedded, unknown_links, suspended, disabled, expired] AS stored,
        arrayResize(emptyArrayUInt64(), 9)                                                          AS days
    FROM fairlead.partner_months
    WHERE month = {first:Date}
    UNION ALL
    SELECT
        partner_id,
        arrayResize(emptyArrayUInt64(), 9),
        [clicks, visitors, bots, prefetches, embedded, unknown_links, suspended, disabled, expired]
    FROM fairlead.partner_days
    WHERE toYYYYMM(day) = {month:UInt32}
) AS side
GROUP BY partner_id
HAVING stored != days
ORDER BY partner_id

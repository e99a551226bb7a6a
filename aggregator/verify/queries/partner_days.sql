SELECT
    partner_id, day,
    sumForEach(side.stored)   AS stored,
    sumForEach(side.certain)  AS certain,
    sumForEach(side.landed)   AS landed
FROM
(
    SELECT
        partner_id, day,
        [clicks, visitors, bots, prefetches, embedded, unknown_links, suspended, disabled, expired] AS stored,
        arrayResize(emptyArrayUInt64(), 9)                                                          AS certain,
        arrayResize(emptyArrayUInt64(), 9)                                                          AS landed
    FROM fairlead.partner_days
    WHERE has({days:Array(Date)}, day)
      AND toYYYYMM(day) = {month:UInt32}
    UNION ALL
    SELECT
        partner_id, day,
        arrayResize(emptyArrayUInt64(), 9),
        [
            countIf(verdict = 'valid' AND rolled),
            uniqExactIf(visitor, verdict = 'valid' AND visitor != 0 AND rolled),
            countIf(verdict = 'bot' AND rolled),
            countIf(verdict = 'prefetch' AND rolled),
            countIf(verdict = 'embedded' AND rolled),
            countIf(verdict = 'unknown_link' AND rolled),
            countIf(verdict = 'suspended' AND rolled),
            countIf(verdict = 'disabled' AND rolled),
            countIf(verdict = 'expired' AND rolled)
        ],
        [
            countIf(verdict = 'valid'),
            uniqExactIf(visitor, verdict = 'valid' AND visitor != 0),
            countIf(verdict = 'bot'),
            countIf(verdict = 'prefetch'),
            countIf(verdict = 'embedded'),
            countIf(verdict = 'unknown_link'),
            countIf(verdict = 'suspended'),
            countIf(verdict = 'disabled'),
            countIf(verdict = 'expired')
        ]
    FROM
    (
        SELECT
            partner_id,
            {days:Array(Date)}[arrayCount(start -> start <= clicked_at, {starts:Array(DateTime64(3, 'UTC'))})] AS day,
            verdict,
            visitor,
            seq <= transform(node, {nodes:Array(String)}, {bounds:Array(UInt64)}, toUInt64(0)) AS rolled
        FROM fairlead.clicks
        WHERE clicked_at >= {from:DateTime64(3, 'UTC')}
          AND clicked_at < {to:DateTime64(3, 'UTC')}
    )
    GROUP BY partner_id, day
) AS side
GROUP BY partner_id, day
HAVING stored != certain OR stored != landed
ORDER BY partner_id, day
SETTINGS max_bytes_before_external_group_by = 500000000

-- The breakdowns of program-days that differ from the facts. Open are those of a partner's day on which hits have landed
-- that may not be in them yet.
WITH
    valid AS
    (
        SELECT
            partner_id,
            {days:Array(Date)}[arrayCount(start -> start <= clicked_at, {starts:Array(DateTime64(3, 'UTC'))})] AS day,
            visitor,
            dimension,
            value,
            seq > transform(node, {nodes:Array(String)}, {bounds:Array(UInt64)}, toUInt64(0)) AS pending
        FROM fairlead.clicks
        ARRAY JOIN
            ['country', 'device', 'browser', 'referrer', 'sub_id', 'landing_page'] AS dimension,
            [toString(country), toString(device), toString(browser), toString(referrer_host), sub_id,
                multiIf(destination = '', '', path(destination) = '', '/', path(destination))] AS value
        WHERE verdict = 'valid'
          AND clicked_at >= {from:DateTime64(3, 'UTC')}
          AND clicked_at < {to:DateTime64(3, 'UTC')}
    ),
    kept AS
    (
        SELECT
            partner_id,
            day,
            dimension,
            value
        FROM valid
        GROUP BY
            partner_id,
            day,
            dimension,
            value
        ORDER BY
            count() DESC,
            value
        LIMIT {most:UInt64} BY partner_id, day, dimension
    )
SELECT
    side.partner_id                 AS partner_id,
    side.day                        AS day,
    side.dimension                  AS dimension,
    side.rest                       AS rest,
    side.value                      AS value,
    sumForEach(side.stored)         AS stored,
    sumForEach(side.counted)        AS counted,
    (partner_id, day) IN (SELECT partner_id, day FROM valid WHERE pending) AS open
FROM
(
    SELECT
        partner_id,
        day,
        toString(dimension)            AS dimension,
        rest,
        value,
        [clicks, visitors]             AS stored,
        [toUInt64(0), toUInt64(0)]     AS counted
    FROM fairlead.breakdown_days
    WHERE has({days:Array(Date)}, day)
      AND toYYYYMM(day) = {month:UInt32}
    UNION ALL
    SELECT
        partner_id,
        day,
        dimension,
        left_over,
        shown,
        [toUInt64(0), toUInt64(0)],
        [count(), uniqExactIf(visitor, visitor != 0)]
    FROM
    (
        SELECT
            partner_id,
            day,
            dimension,
            visitor,
            (partner_id, day, dimension, value) NOT IN kept  AS left_over,
            if(left_over, '', value)                         AS shown
        FROM valid
    )
    GROUP BY
        partner_id,
        day,
        dimension,
        left_over,
        shown
) AS side
GROUP BY
    partner_id,
    day,
    dimension,
    rest,
    value
HAVING stored != counted
ORDER BY
    partner_id,
    day,
    dimension,
    rest,
    value
SETTINGS max_bytes_before_external_group_by = 500000000

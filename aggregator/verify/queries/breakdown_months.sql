-- The breakdowns of a month that are not the sums of its days. The newest month has none.
WITH
    (
        SELECT max(toUInt32(_partition_id))
        FROM fairlead.breakdown_days
    ) AS newest,
    values AS
    (
        SELECT
            partner_id,
            dimension,
            rest,
            value,
            [sum(clicks), sum(visitors)] AS figures
        FROM fairlead.breakdown_days
        WHERE toYYYYMM(day) = {month:UInt32}
          AND intDiv(newest, 100) > {month:UInt32}
        GROUP BY
            partner_id,
            dimension,
            rest,
            value
    ),
    kept AS
    (
        SELECT
            partner_id,
            dimension,
            value
        FROM values
        WHERE NOT rest
        ORDER BY
            figures[1] DESC,
            value
        LIMIT {most:UInt64} BY partner_id, dimension
    )
SELECT
    side.partner_id              AS partner_id,
    toString(side.dimension)     AS dimension,
    side.rest                    AS rest,
    side.value                   AS value,
    sumForEach(side.stored)      AS stored,
    sumForEach(side.counted)     AS counted
FROM
(
    SELECT
        partner_id,
        dimension,
        rest,
        value,
        [clicks, visitors]             AS stored,
        [toUInt64(0), toUInt64(0)]     AS counted
    FROM fairlead.breakdown_months
    WHERE toYYYYMM(month) = {month:UInt32}
    UNION ALL
    SELECT
        partner_id,
        dimension,
        rest OR (partner_id, dimension, value) NOT IN kept AS left_over,
        if(left_over, '', value),
        [toUInt64(0), toUInt64(0)],
        figures
    FROM values
) AS side
GROUP BY
    partner_id,
    dimension,
    rest,
    value
HAVING stored != counted
ORDER BY
    partner_id,
    dimension,
    rest,
    value

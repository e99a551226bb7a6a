-- Figures in this order: referred, leads, sales, gross, refunds, refunded, held, review. What a decision adds to each of them
-- is written row by row here; the job counts column by column.
SELECT
    partner_id, link_id, day, currency,
    sumForEach(side.stored)   AS stored,
    sumForEach(side.counted)  AS counted,
    max(side.unsummed)        AS unsummed
FROM
(
    SELECT
        partner_id, link_id, day, toString(currency) AS currency,
        [toInt64(referred), toInt64(leads), toInt64(sales), gross, toInt64(refunds), refunded, toInt64(held), toInt64(review)] AS stored,
        arrayResize(emptyArrayInt64(), 8)                                                                                     AS counted,
        false                                                                                                                 AS unsummed
    FROM fairlead.sale_days
    WHERE toYYYYMM(day) = {month:UInt32}
    UNION ALL
    SELECT
        if(state = 'unattributed', 0, d.partner_id),
        if(state = 'unattributed', 0, d.link_id),
        {days:Array(Date)}[arrayCount(start -> start <= occurred_at, {starts:Array(DateTime64(3, 'UTC'))})],
        toString(d.currency),
        arrayResize(emptyArrayInt64(), 8),
        multiIf(
            state = 'held',     [toInt64(binds), 0, 0, 0, 0, 0, 1, 0],
            state = 'review',   [toInt64(binds), 0, 0, 0, 0, 0, 0, 1],
            kind = 'lead',      [toInt64(binds), 1, 0, 0, 0, 0, 0, 0],
            kind = 'sale',      [toInt64(binds), 0, 1, amount, 0, 0, 0, 0],
            kind = 'refund',    [toInt64(binds), 0, 0, 0, 1, amount, 0, 0],
            kind = 'restored',  [toInt64(binds), 0, 0, 0, 0, -amount, 0, 0],
                                [toInt64(binds), 0, 0, 0, 0, 0, 0, 0]),
        token > {summed:UInt64}
    FROM fairlead.attributions AS d FINAL
    WHERE occurred_at >= {from:DateTime64(3, 'UTC')}
      AND occurred_at < {to:DateTime64(3, 'UTC')}
      AND NOT test
      AND state NOT IN ('duplicate', 'conflict', 'waiting', 'test', 'noted')
) AS side
GROUP BY partner_id, link_id, day, currency
HAVING stored != counted
ORDER BY partner_id, link_id, day, currency
SETTINGS max_bytes_before_external_group_by = 500000000

-- Figures in this order: paid, holding, payable, processing, review, rewards. The job sums rows of the ledger; here it is
-- the view of rewards.
SELECT
    partner_id, link_id, day, currency,
    sumForEach(side.stored)   AS stored,
    sumForEach(side.counted)  AS counted
FROM
(
    SELECT
        partner_id, link_id, day, toString(currency) AS currency,
        [paid, holding, payable, processing, review, toInt64(rewards)]  AS stored,
        arrayResize(emptyArrayInt64(), 6)                               AS counted
    FROM fairlead.reward_days
    WHERE toYYYYMM(day) = {month:UInt32}
    UNION ALL
    SELECT
        r.partner_id,
        c.link_id,
        {days:Array(Date)}[arrayCount(start -> start <= r.earned_at, {starts:Array(DateTime64(3, 'UTC'))})],
        toString(r.currency),
        arrayResize(emptyArrayInt64(), 6),
        [r.paid, r.holding, r.payable, r.processing, r.review, toInt64(r.state != 'reversed')]
    FROM fairlead.rewards AS r
    LEFT JOIN
    (
        SELECT
            partner_id,
            conversion_id,
            max(link_id)  AS link_id
        FROM fairlead.attributions FINAL
        WHERE occurred_at >= {from:DateTime64(3, 'UTC')} - toIntervalDay(1)
          AND occurred_at < {to:DateTime64(3, 'UTC')} + toIntervalDay(1)
          AND NOT test
          AND conversion_id != ''
          AND state NOT IN ('duplicate', 'conflict', 'unattributed', 'waiting', 'test', 'noted')
        GROUP BY partner_id, conversion_id
    ) AS c ON c.partner_id = r.partner_id AND c.conversion_id = r.conversion_id
    WHERE r.earned_at >= {from:DateTime64(3, 'UTC')}
      AND r.earned_at < {to:DateTime64(3, 'UTC')}
) AS side
GROUP BY partner_id, link_id, day, currency
HAVING stored != counted
ORDER BY partner_id, link_id, day, currency
SETTINGS max_bytes_before_external_group_by = 500000000

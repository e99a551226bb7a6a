-- On which quarter-hours the rewards were earned of which rows are new, or whose conversion was decided anew.
SELECT
    partner_id,
    toUInt64(toUnixTimestamp(toStartOfFifteenMinutes(earned_at)))  AS quarter
FROM
(
    SELECT
        partner_id,
        minIf(at, kind IN ('earned', 'adjusted', 'added', 'reversed', 'opening'))  AS earned_at
    FROM fairlead.ledger
    WHERE (partner_id, reward_id) IN
    (
        SELECT partner_id, reward_id
        FROM fairlead.ledger
        WHERE token >= if(kind = 'payout', {paid:UInt64}, {booked:UInt64})
        UNION DISTINCT
        SELECT partner_id, reward_id
        FROM fairlead.ledger
        WHERE (partner_id, conversion_id) IN
        (
            SELECT partner_id, conversion_id
            FROM fairlead.attributions
            WHERE token > {attributions:UInt64}
              AND partner_id > 0
        )
    )
    GROUP BY partner_id, reward_id
)
GROUP BY partner_id, quarter

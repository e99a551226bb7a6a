-- On which quarter-hours the rewards were earned of which rows are new, or whose conversion was decided anew: by all that is
-- known, and by what was known before, where a new row lies before all others.
SELECT
    partner_id,
    toUInt64(toUnixTimestamp(toStartOfFifteenMinutes(arrayJoin(moments))))  AS quarter
FROM
(
    SELECT
        partner_id,
        if(max(known), [min(at), minIf(at, known)], [min(at)])  AS moments
    FROM
    (
        SELECT partner_id, reward_id, at, token < {booked:UInt64} AS known
        FROM fairlead.ledger
        WHERE kind IN ('earned', 'adjusted', 'added', 'reversed', 'opening')
          AND (partner_id, reward_id) IN
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
    )
    GROUP BY partner_id, reward_id
)
GROUP BY partner_id, quarter

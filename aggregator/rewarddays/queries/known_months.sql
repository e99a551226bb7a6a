SELECT
    month,
    max(source = 'ledger')   AS booked,
    max(source = 'figures')  AS figures
FROM
(
    SELECT DISTINCT toYYYYMM(at) AS month, 'ledger' AS source
    FROM fairlead.ledger
    WHERE kind IN ('earned', 'adjusted', 'added', 'reversed', 'opening')
    UNION ALL
    SELECT DISTINCT toUInt32(_partition_id), 'figures'
    FROM fairlead.reward_days
    UNION ALL -- those without figures, which are to know the zone all the same
    SELECT DISTINCT month, 'figures'
    FROM fairlead.reward_months
)
GROUP BY month
ORDER BY month

SELECT
    month,
    max(source = 'ledger')   AS booked,
    max(source = 'figures')  AS figures
FROM
(
    SELECT DISTINCT toYYYYMM(at) AS month, 'ledger' AS source
    FROM fairlead.ledger
    WHERE kind <= 'opening'
    UNION ALL
    SELECT DISTINCT toUInt32(_partition_id), 'figures'
    FROM fairlead.reward_days
)
GROUP BY month
ORDER BY month

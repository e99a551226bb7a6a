SELECT
    month,
    max(source = 'decisions')  AS decisions,
    max(source = 'figures')    AS figures
FROM
(
    SELECT DISTINCT toUInt32(_partition_id) AS month, 'decisions' AS source
    FROM fairlead.attributions
    UNION ALL
    SELECT DISTINCT toUInt32(_partition_id), 'figures'
    FROM fairlead.sale_days
)
GROUP BY month
ORDER BY month

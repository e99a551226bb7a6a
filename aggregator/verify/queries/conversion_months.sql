SELECT DISTINCT month
FROM
(
    SELECT DISTINCT toUInt32(_partition_id) AS month
    FROM fairlead.conversions
    UNION ALL
    SELECT DISTINCT month
    FROM fairlead.shipments
    WHERE month != 0
      AND fact = 'conversions'
)
WHERE month >= {since:UInt32}
ORDER BY month

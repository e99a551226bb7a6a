SELECT
    month,
    max(source = 'facts')    AS facts,
    max(source = 'shipped')  AS shipped,
    max(source = 'figures')  AS figures
FROM
(
    SELECT DISTINCT toUInt32(_partition_id) AS month, 'facts' AS source
    FROM fairlead.clicks
    UNION ALL
    SELECT DISTINCT month, 'shipped'
    FROM fairlead.shipments
    WHERE month != 0
      AND rows > 0
      AND fact = 'clicks'
    UNION ALL
    SELECT DISTINCT toUInt32(_partition_id), 'figures'
    FROM fairlead.link_days
    UNION ALL
    SELECT DISTINCT toUInt32(_partition_id), 'figures'
    FROM fairlead.partner_days
    UNION ALL
    SELECT DISTINCT toYYYYMM(month), 'figures'
    FROM fairlead.partner_months
    UNION ALL
    SELECT DISTINCT intDiv(toUInt32(_partition_id), 100), 'figures'
    FROM fairlead.breakdown_days
    UNION ALL
    SELECT DISTINCT toUInt32(_partition_id), 'figures'
    FROM fairlead.breakdown_months
)
GROUP BY month
ORDER BY month

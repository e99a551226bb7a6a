SELECT
    table,
    sum(rows)           AS rows,
    sum(bytes_on_disk)  AS bytes
FROM system.parts
WHERE active
  AND database = 'fairlead'
  AND table IN ('clicks', 'shipments', 'partner_days', 'partner_months', 'link_days', 'breakdown_days', 'breakdown_months')
GROUP BY table
ORDER BY bytes DESC

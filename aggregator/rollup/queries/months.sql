SELECT
    month,
    zone
FROM fairlead.rollup_months FINAL
ORDER BY month

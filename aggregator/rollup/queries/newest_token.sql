SELECT max(token)
FROM fairlead.rollup_months

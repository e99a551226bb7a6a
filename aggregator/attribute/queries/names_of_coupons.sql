SELECT DISTINCT arrayJoin(names)
FROM fairlead.conversions
WHERE notEmpty(coupons)
  AND arrayExists(code -> code IN (SELECT code FROM wanted), coupons)

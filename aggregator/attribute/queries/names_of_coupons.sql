SELECT DISTINCT arrayJoin(names)
FROM fairlead.conversions
WHERE notEmpty(coupons)
  AND arrayExists(code -> has({coupons:Array(String)}, upperUTF8(trimBoth(code))), coupons)

SELECT DISTINCT
    JSONExtractString(data, 'code')                AS code,
    toUInt32(JSONExtractUInt(data, 'partner_id'))  AS partner
FROM fairlead.directory
WHERE kind = 'coupon'
  AND NOT deleted
  AND has({codes:Array(String)}, upperUTF8(trimBoth(code)))

SELECT
    id,
    data
FROM fairlead.directory
WHERE kind = 'coupon'
  AND NOT deleted
  AND has({codes:Array(String)}, upperUTF8(trimBoth(JSONExtractString(data, 'code'))))

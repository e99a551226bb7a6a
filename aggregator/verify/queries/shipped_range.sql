SELECT
    count()                 AS found,
    groupBitXor(click_tag)  AS tags
FROM fairlead.clicks
WHERE node = {node:String}
  AND toYYYYMM(clicked_at) = {month:UInt32}
  AND seq >= {first:UInt64}
  AND seq <= {last:UInt64}

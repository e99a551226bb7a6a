SELECT DISTINCT arrayJoin(names)
FROM fairlead.conversions
WHERE node = {node:String}
  AND seq BETWEEN {first:UInt64} AND {last:UInt64}
  AND toYYYYMM(occurred_at) = {month:UInt32}

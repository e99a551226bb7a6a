SELECT DISTINCT arrayJoin(names)
FROM fairlead.conversions
WHERE node = {node:String}
  AND seq BETWEEN {first:UInt64} AND {last:UInt64}
  AND toYYYYMM(received_at) = {month:UInt32}
  AND received_at >= {from:DateTime64(3, 'UTC')}
  AND received_at < {to:DateTime64(3, 'UTC')}

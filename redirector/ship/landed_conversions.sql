SELECT
    seq,
    record_hash
FROM fairlead.conversions
WHERE node = @node
  AND seq BETWEEN @first AND @last
  AND received_at BETWEEN fromUnixTimestamp64Milli(toInt64(@from), 'UTC') AND fromUnixTimestamp64Milli(toInt64(@to), 'UTC')

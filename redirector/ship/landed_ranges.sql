SELECT
    month,
    first_seq,
    last_seq,
    s.rows,
    checksum,
    if(empty(quarters), toInt64(0), toInt64(toUnixTimestamp(arrayMin(quarters))) * 1000)         AS from_ms,
    if(empty(quarters), toInt64(0), toInt64(toUnixTimestamp(arrayMax(quarters))) * 1000 + 900000) AS to_ms
FROM fairlead.shipments AS s FINAL
WHERE node = @node
  AND month > 0
  AND first_seq <= @last
  AND last_seq >= @first

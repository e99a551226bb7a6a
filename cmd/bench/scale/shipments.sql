-- What redirectors would say of the clicks that no shipment tells of yet: their rows stand after all others'.
INSERT INTO fairlead.shipments
    (node, month, first_seq, last_seq, rows, checksum, quarters, complete_to)
SELECT
    node,
    toYYYYMM(clicked_at)                            AS month,
    {first:UInt64},
    {last:UInt64},
    count(),
    groupBitXor(click_tag),
    groupUniqArray(toStartOfFifteenMinutes(clicked_at)),
    max(clicked_at)
FROM fairlead.clicks
WHERE clicked_at >= (SELECT max(complete_to) FROM fairlead.shipments)
  AND seq BETWEEN {first:UInt64} AND {last:UInt64}
GROUP BY
    node,
    month

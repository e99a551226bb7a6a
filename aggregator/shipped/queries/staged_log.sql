INSERT INTO fairlead.{stage:Identifier}
    (node, month, first_seq, last_seq, rows, checksum, token)
SELECT
    node,
    month,
    first_seq,
    last_seq,
    rows,
    checksum,
    {token:UInt64}
FROM fairlead.shipments FINAL
WHERE month != 0
  AND fact = {fact:String}

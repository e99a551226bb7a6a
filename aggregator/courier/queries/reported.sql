SELECT
    node,
    seq,
    toString(source)  AS way,
    event,
    invoice,
    refund,
    amount,
    currency
FROM fairlead.conversions
WHERE (toDate(received_at), node, seq) IN (SELECT day, node, seq FROM wanted)

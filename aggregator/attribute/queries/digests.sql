SELECT
    toYYYYMM(occurred_at)          AS month,
    toString(node)                 AS node,
    intDiv(seq, {block:UInt64})    AS number,
    count()                        AS decisions,
    groupBitXor(xxHash64(arrayStringConcat(arrayMap(text -> concat(toString(length(text)), ':', text), [
        toString(node), toString(seq), toString(kind), toString(toUInt8(test)), conversion_id, customer_id,
        toString(toUnixTimestamp64Milli(received_at)), toString(toUnixTimestamp64Milli(occurred_at)),
        toString(state), toString(reason), toString(partner_id), toString(link_id), click_id, toString(toUnixTimestamp64Milli(clicked_at)),
        coupon, toString(claim_id), sale_id, toString(toUInt8(binds)), toString(amount), toString(currency), toString(rate)
    ]))))                          AS digest
FROM fairlead.attributions FINAL
WHERE toYYYYMM(occurred_at) >= {since:UInt32}
GROUP BY month, node, number

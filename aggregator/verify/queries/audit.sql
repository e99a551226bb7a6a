-- Promise 3: every hit that a journal numbered stands in clicks exactly once, or gaps says why it does not. One row a node.
-- The same holds for conversions, with that table's name, its received_at, and fact = 'conversions'.
-- gaps counts the numbers that are missing without a reason, doubles the rows that are one too many; both are 0.
WITH
    {since:UInt32} AS since_month, -- yyyymm; 0: from the beginning
    bounds AS
    (
        SELECT
            node,
            1 + maxIf(s.last_seq, s.month != 0 AND s.month < since_month)  AS first_seq,
            max(s.last_seq)                                                AS last_seq
        FROM fairlead.shipments AS s
        WHERE s.fact = 'clicks'
        GROUP BY node
        HAVING last_seq >= first_seq
    ),
    blocks AS -- of 65,536 numbers each, low and high are where the node's numbers begin and end in it
    (
        SELECT
            node,
            first_seq,
            last_seq,
            arrayJoin(range(intDiv(first_seq, 65536), intDiv(last_seq, 65536) + 1))           AS block,
            toUInt32(greatest(first_seq, block * 65536) - block * 65536)                      AS low,
            toUInt32(least(last_seq, block * 65536 + 65535) - block * 65536)                  AS high
        FROM bounds
    ),
    facts AS
    (
        SELECT
            node,
            intDiv(seq, 65536)                       AS block,
            count()                                  AS found,
            groupBitmapState(toUInt16(seq % 65536))  AS seen
        FROM fairlead.clicks
        WHERE toYYYYMM(clicked_at) >= since_month
        GROUP BY node, block
    ),
    reasons AS
    (
        SELECT
            node,
            block,
            max(whole)                                                                      AS all_explained,
            groupBitmapOrState(bitmapBuild(arrayMap(n -> toUInt16(n), range(low, if(whole, low, high + 1)))))  AS explained
        FROM
        (
            SELECT
                node,
                arrayJoin(range(intDiv(from_seq, 65536), intDiv(to_seq, 65536) + 1))          AS block,
                toUInt32(greatest(from_seq, block * 65536) - block * 65536)                   AS low,
                toUInt32(least(to_seq, block * 65536 + 65535) - block * 65536)                AS high,
                low = 0 AND high = 65535                                                      AS whole
            FROM fairlead.gaps
        )
        GROUP BY node, block
    ),
    audited AS
    (
        SELECT
            b.node                                                                           AS node,
            b.first_seq                                                                      AS first_seq,
            b.last_seq                                                                       AS last_seq,
            b.block                                                                          AS block,
            f.found                                                                          AS found,
            f.found - bitmapCardinality(f.seen)                                              AS doubles,
            bitmapSubsetInRange(f.seen, b.low, b.high + 1)                                   AS seen,
            bitmapSubsetInRange(bitmapOr(f.seen, r.explained), b.low, b.high + 1)            AS known,
            b.high - b.low + 1                                                               AS expected,
            if(r.all_explained, 0, expected - bitmapCardinality(known))                      AS gaps,
            expected - bitmapCardinality(seen) - gaps                                        AS explained,
            bitmapMin(bitmapAndnot(
                bitmapBuild(arrayMap(n -> toUInt16(n), range(b.low, if(gaps = 0, b.low, b.high + 1)))),
                known))                                                                      AS first_gap
        FROM blocks AS b
        LEFT JOIN facts AS f ON f.node = b.node AND f.block = b.block
        LEFT JOIN reasons AS r ON r.node = b.node AND r.block = b.block
    )
SELECT
    node,
    first_seq,
    last_seq,
    toUInt64(sum(found))                                                                           AS rows,
    toUInt64(sum(audited.explained))                                                                  AS explained,
    toUInt64(sum(audited.gaps))                                                                       AS gaps,
    toUInt64(sum(audited.doubles))                                                                    AS doubles,
    groupArrayIf(100)((toUInt64(block * 65536 + first_gap), toUInt64(audited.gaps)), audited.gaps > 0)           AS first_gaps,
    groupArrayIf(100)((toUInt64(block * 65536), toUInt64(audited.doubles)), audited.doubles > 0)                 AS double_blocks
FROM audited
GROUP BY node, first_seq, last_seq
ORDER BY gaps + doubles DESC, node

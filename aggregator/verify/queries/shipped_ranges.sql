WITH
    ranges AS
    (
        SELECT node, first_seq, last_seq, rows, checksum
        FROM fairlead.shipments FINAL
        WHERE node = {node:String}
          AND month = {month:UInt32}
          AND last_seq <= {bound:UInt64}
    ),
    facts AS
    (
        SELECT
            r.first_seq                                    AS first_seq,
            countIf(c.seq <= r.last_seq)                   AS found,
            groupBitXorIf(c.click_tag, c.seq <= r.last_seq) AS tags,
            countIf(c.seq > r.last_seq)                    AS strays,
            minIf(c.seq, c.seq > r.last_seq)               AS stray
        FROM
        (
            SELECT toString(node) AS node, seq, click_tag
            FROM fairlead.clicks
            WHERE node = {node:String}
              AND toYYYYMM(clicked_at) = {month:UInt32}
              AND seq <= {bound:UInt64}
        ) AS c
        ASOF LEFT JOIN
        (
            SELECT toString(node) AS node, first_seq, last_seq
            FROM ranges
        ) AS r ON c.node = r.node AND c.seq >= r.first_seq
        GROUP BY first_seq
    )
SELECT
    ranges.first_seq AS first_seq,
    last_seq,
    rows,
    checksum,
    found,
    tags,
    strays,
    stray
FROM ranges
FULL JOIN facts ON facts.first_seq = ranges.first_seq
WHERE rows != found
   OR checksum != tags
   OR strays > 0
ORDER BY first_seq
LIMIT 100

-- A partner's clicks of a span by one dimension: whole months where they are summed up, and the days beside them. The
-- most frequent values come one by one, all others as the rest.
SELECT
    left_over OR place > {limit:UInt32}  AS rest,
    if(rest, '', name)                   AS value,
    sum(of_value.1)                      AS clicks,
    sum(of_value.2)                      AS visitors
FROM
(
    SELECT
        rest                                             AS left_over,
        value                                            AS name,
        (sum(d.clicks), sum(d.visitors))                 AS of_value,
        row_number() OVER (ORDER BY rest, of_value.1 DESC, value)  AS place
    FROM
    (
        SELECT
            rest, value, clicks, visitors
        FROM fairlead.breakdown_months
        WHERE partner_id = {partner:UInt32}
          AND dimension = {dimension:String}
          AND month BETWEEN {first_month:Date} AND {last_month:Date}
        UNION ALL
        SELECT
            rest, value, clicks, visitors
        FROM fairlead.breakdown_days
        WHERE partner_id = {partner:UInt32}
          AND dimension = {dimension:String}
          AND (day BETWEEN {from:Date} AND {before:Date} OR day BETWEEN {after:Date} AND {to:Date})
    ) AS d
    GROUP BY
        rest,
        value
)
GROUP BY
    rest,
    value
ORDER BY
    rest,
    clicks DESC,
    value
SETTINGS local_filesystem_read_method = 'pread', allow_statistics_optimize = 0

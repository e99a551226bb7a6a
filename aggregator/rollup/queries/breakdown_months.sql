INSERT INTO fairlead.{stage:Identifier}
    (partner_id, dimension, month, rest, value, clicks, visitors, token)
SELECT
    partner_id,
    dimension,
    {first:Date},
    left_over          AS rest,
    if(rest, '', name) AS value,
    sum(of_value.1),
    sum(of_value.2),
    {token:UInt64}
FROM
(
    SELECT
        partner_id,
        dimension,
        value                                AS name,
        (sum(d.clicks), sum(d.visitors))     AS of_value,
        d.rest OR row_number() OVER (PARTITION BY partner_id, dimension ORDER BY d.rest, of_value.1 DESC, value) > {most:UInt64}  AS left_over
    FROM fairlead.breakdown_days AS d
    WHERE day >= {first:Date}
      AND day <= {last:Date}
    GROUP BY
        partner_id,
        dimension,
        d.rest,
        value
)
GROUP BY
    partner_id,
    dimension,
    rest,
    value
SETTINGS max_bytes_before_external_group_by = 500000000

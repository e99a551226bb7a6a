SELECT
    k.customer,
    %[2]s
FROM fairlead.ledger AS l FINAL
INNER JOIN
(
    SELECT
        conversion_id AS conversion,
        any(customer) AS customer
    FROM
    (
        WITH %[1]s AS customer
        SELECT conversion_id, customer
        FROM fairlead.attributions FINAL
        WHERE NOT test
          AND kind IN ('sale', 'lead')
          AND ({since:UInt32} = 0 OR customer IN (SELECT %[1]s FROM fairlead.attributions WHERE toYYYYMM(occurred_at) >= {since:UInt32}))
    )
    GROUP BY conversion_id
) AS k ON k.conversion = l.conversion_id
ORDER BY k.customer
SETTINGS join_algorithm = 'full_sorting_merge', max_bytes_before_external_sort = 500000000, max_bytes_before_external_group_by = 500000000

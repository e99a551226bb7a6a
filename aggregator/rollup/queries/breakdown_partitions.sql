SELECT
    toUInt32(_partition_id)                            AS day,
    toUInt32(0)                                        AS month
FROM fairlead.{days:Identifier}
GROUP BY _partition_id
UNION ALL
SELECT
    0,
    toUInt32(_partition_id)
FROM fairlead.{months:Identifier}
GROUP BY _partition_id

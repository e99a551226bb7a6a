SELECT name,
       id,
       last.1 AS version,
       last.2 AS deleted,
       last.3 AS unique_keys,
       last.4 AS data
FROM (
    SELECT toString(kind) AS name,
           id,
           argMax((version, deleted, unique_keys, data), (version, changed_at, data)) AS last
    FROM fairlead.directory_log
    GROUP BY kind, id
    HAVING NOT last.2
)
SETTINGS optimize_aggregation_in_order = 1

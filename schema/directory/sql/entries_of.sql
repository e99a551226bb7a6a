SELECT last.1 AS name,
       id,
       last.2 AS version,
       last.3 AS deleted,
       last.4 AS unique_keys,
       last.5 AS data
FROM (
    SELECT id,
           argMax((toString(kind), version, deleted, unique_keys, data), (version, changed_at, data)) AS last
    FROM fairlead.directory_log
    WHERE kind = @kind
      AND id IN (@ids)
    GROUP BY id
    HAVING NOT last.3
)
ORDER BY id

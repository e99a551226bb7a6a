SELECT name,
       id,
       last.1 AS version,
       last.2 AS deleted,
       last.3 AS unique_keys,
       last.4 AS data
FROM (
    SELECT toString(kind) AS name,
           id,
           argMax((version, deleted, unique_keys, data, changed_at), (version, changed_at, data)) AS last
    FROM fairlead.directory_log
    WHERE version <= @version
      AND (kind, id) IN (
        SELECT kind, id
        FROM fairlead.directory_log
        ARRAY JOIN unique_keys AS key
        WHERE version <= @version
          AND key IN (SELECT key FROM wanted)
    )
    GROUP BY kind, id
    HAVING NOT last.2
)
WHERE arrayExists(k -> k IN (SELECT key FROM wanted), unique_keys)
ORDER BY last.5, version

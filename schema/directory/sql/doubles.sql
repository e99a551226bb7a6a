SELECT toString(kind) AS name,
       id,
       version,
       deleted,
       unique_keys,
       data
FROM fairlead.directory_log
WHERE version IN (
    SELECT version
    FROM fairlead.directory_log
    GROUP BY version
    HAVING count() > 1
)
ORDER BY changed_at, version

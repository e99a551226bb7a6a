SELECT toString(kind) AS name,
       id,
       version,
       deleted,
       unique_keys,
       data
FROM (
    SELECT *
    FROM fairlead.directory_log
    WHERE kind = @kind
      AND version <= @version
    ORDER BY id, version DESC, changed_at DESC, data DESC
    LIMIT 1 BY id
)
WHERE NOT deleted
ORDER BY id

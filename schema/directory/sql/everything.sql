SELECT name,
       id,
       version,
       deleted,
       unique_keys,
       data
FROM (
    SELECT toString(kind) AS name,
           id,
           version,
           deleted,
           unique_keys,
           data
    FROM fairlead.directory_log
    ORDER BY kind, id, version DESC, changed_at DESC, data DESC
    LIMIT 1 BY kind, id
)
WHERE NOT deleted
SETTINGS optimize_read_in_order = 1

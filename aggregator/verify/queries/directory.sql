SELECT
    id,
    version,
    data,
    unique_keys
FROM
(
    SELECT
        id,
        version,
        data,
        unique_keys,
        deleted
    FROM fairlead.directory_log
    WHERE kind = {kind:String}
    ORDER BY kind, id, version DESC, changed_at DESC, data DESC
    LIMIT 1 BY id
)
WHERE NOT deleted

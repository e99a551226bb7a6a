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
    WHERE kind = 'partner'
      AND id > @after
    GROUP BY kind, id
    HAVING NOT last.2
)
WHERE positionCaseInsensitiveUTF8(JSONExtractString(data, 'name'), @search) > 0
   OR positionCaseInsensitiveUTF8(JSONExtractString(data, 'email'), @search) > 0
   OR toString(id) = @search
   OR id IN (
    SELECT JSONExtractUInt(data, 'partner_id')
    FROM fairlead.directory_log
    WHERE kind = 'link'
      AND arrayExists(k -> position(k, @slug) > 5, unique_keys)
)
ORDER BY id
LIMIT @limit

SELECT toString(kind) AS name,
       id,
       version,
       deleted,
       unique_keys,
       data
FROM fairlead.directory_log
WHERE kind = @kind
  AND id = @id
  AND NOT (version = @version AND data = @data)
ORDER BY version DESC, changed_at DESC, data DESC
LIMIT 1

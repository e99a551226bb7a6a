SELECT DISTINCT id
FROM fairlead.directory_log
WHERE kind = @kind
  AND id > @after
ORDER BY id
LIMIT @limit
SETTINGS optimize_read_in_order = 1,
         optimize_distinct_in_order = 1

SELECT changed_at,
       actor,
       reason,
       data
FROM fairlead.directory_log
WHERE kind = @kind
  AND id = @id
  AND NOT deleted
ORDER BY version,
         changed_at

SELECT count() > 0 AS landed
FROM fairlead.directory_log
WHERE kind = @kind
  AND id = @id
  AND version = @version
  AND toUnixTimestamp64Milli(changed_at) = @at
  AND data = @data

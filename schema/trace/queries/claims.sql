SELECT
    id,
    changed_at,
    actor,
    reason,
    data
FROM fairlead.directory_log
WHERE kind = 'claim'
  AND NOT deleted
  AND id IN (
      SELECT id
      FROM fairlead.directory_log
      WHERE kind = 'claim'
        AND has({aliases:Array(String)}, JSONExtractString(data, 'alias'))
  )
ORDER BY changed_at,
         version

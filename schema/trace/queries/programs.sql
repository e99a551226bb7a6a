SELECT
    changed_at,
    data
FROM fairlead.directory_log
WHERE kind = 'program'
ORDER BY version,
         changed_at

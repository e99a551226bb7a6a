SELECT kind,
       id,
       version,
       deleted,
       unique_keys,
       data
FROM fairlead.directory
WHERE kind = 'entry'
  AND NOT deleted
  AND JSONExtractString(data, 'reverses') = @reward
ORDER BY id

SELECT JSONExtractString(data, 'zone')
FROM fairlead.directory
WHERE kind = 'program'
  AND id = 1
  AND NOT deleted

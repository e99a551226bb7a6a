SELECT
    id,
    data
FROM fairlead.directory
WHERE kind = 'coupon'
  AND NOT deleted

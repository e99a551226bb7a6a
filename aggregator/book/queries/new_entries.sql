SELECT
    toString(kind)  AS kind,
    id,
    version,
    changed_at,
    data
FROM fairlead.directory_log
WHERE (kind, id) IN (
    SELECT kind, id
    FROM fairlead.directory_log
    WHERE kind IN ('program', 'rule', 'partner', 'entry')
      AND version > {after:UInt64}
      AND version <= {to:UInt64}
)
  AND version <= {to:UInt64}
ORDER BY kind, id, version, changed_at, data

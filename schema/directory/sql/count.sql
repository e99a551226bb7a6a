SELECT uniqExact(kind, id)
FROM fairlead.directory_log

SELECT kind,
       max(id)      AS id,
       max(version) AS version
FROM fairlead.directory_log
GROUP BY kind
